from datetime import UTC, datetime, timedelta

from renderers.scene import Scene
from tileserver.timetold import MOST_DAYS, read, written


def scenes(*days: int) -> list[Scene]:
    start = datetime(2024, 6, 1, 10, tzinfo=UTC)
    return [Scene(f"s{k}", "c", start + timedelta(days=d), {}) for k, d in enumerate(days)]


def test_days_are_told_in_the_order_of_the_mosaic_each_once():
    timeless = Scene("t", "c", None, {})
    text = written([scenes(9, 9, 0, 9), [timeless], [], scenes(1)])
    assert text == "2024-06-10 2024-06-01, none, none, 2024-06-02"
    assert read(text) == [["2024-06-10", "2024-06-01"], [], [], ["2024-06-02"]]


def test_many_days_are_told_in_part():
    assert written([scenes(*range(MOST_DAYS))]).split()[-1] == "2024-06-08"
    text = written([scenes(*range(20))])
    assert text.split()[MOST_DAYS:] == ["..."]
    assert len(read(text)[0]) == MOST_DAYS
