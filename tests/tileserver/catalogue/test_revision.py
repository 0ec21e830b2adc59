"""Revisions move for what they touch and stay for what is far away."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.catalogue.revision import Change, ChangeGrid, covering
from tileserver.timeaxis import ALWAYS, TimeSpan

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@st.composite
def boxes(draw):
    west, south = draw(st.floats(-180, 179)), draw(st.floats(-90, 89))
    width = draw(st.one_of(st.floats(0, 0.05), st.floats(0, 5), st.floats(0, 360)))
    height = draw(st.one_of(st.floats(0, 0.05), st.floats(0, 5), st.floats(0, 180)))
    return west, south, min(180.0, west + width), min(90.0, south + height)


def touch(a, b):
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


@st.composite
def changes(draw):
    day = draw(st.one_of(st.none(), st.integers(0, 60)))
    days = draw(st.sampled_from([0, 0, 0, 3, 40]))
    start = None if day is None else day * DAY + draw(st.integers(0, DAY - 1))
    return draw(boxes()), start, None if start is None else start + days * DAY


@st.composite
def spans(draw):
    if draw(st.booleans()):
        return ALWAYS
    first = draw(st.integers(0, 60))
    return TimeSpan(
        EPOCH + timedelta(days=first), EPOCH + timedelta(days=first + draw(st.integers(1, 30)))
    )


def overlaps(change, span):
    _, start, stop = change
    if start is None:
        return True
    low = 0 if span.start is None else (span.start - EPOCH) // timedelta(microseconds=1)
    high = 1 << 60 if span.end is None else (span.end - EPOCH) // timedelta(microseconds=1)
    return start < high and stop >= low


@settings(max_examples=300)
@given(st.lists(changes(), max_size=12), boxes(), spans())
def test_every_change_that_touches_is_seen(made, area, span):
    grid, asked_often = ChangeGrid(), ChangeGrid()
    expected = 0
    for number, change in enumerate(made, start=1):
        box, start, stop = change
        grid.note(Change(number, "c", *box, start, stop))
        asked_often.note(Change(number, "c", *box, start, stop))
        if touch(box, area) and overlaps(change, span):
            expected = number
        for _ in range(2):
            assert asked_often.latest("c", (area,), span) >= expected
    assert grid.latest("c", (area,), span) == asked_often.latest("c", (area,), span) >= expected


@given(boxes(), st.integers(0, 60))
def test_a_change_of_another_collection_or_far_away_is_not_seen(box, day):
    grid = ChangeGrid()
    grid.note(Change(1, "c", 10.0, 10.0, 11.0, 11.0, day * DAY, day * DAY))
    assert grid.latest("other", (box,), ALWAYS) == 0
    assert grid.latest("c", ((-60.0, -20.0, -59.9, -19.9),), ALWAYS) == 0
    other = EPOCH + timedelta(days=day + 2)
    assert grid.latest("c", ((10.2, 10.2, 10.3, 10.3),), TimeSpan(other, other + timedelta(1))) == 0
    same = EPOCH + timedelta(days=day)
    assert grid.latest("c", ((10.2, 10.2, 10.3, 10.3),), TimeSpan(same, same + timedelta(1))) == 1


def test_a_small_change_leaves_a_tile_a_degree_away_alone():
    grid = ChangeGrid()
    grid.note(Change(5, "c", 14.0, 45.0, 14.05, 45.05, None, None))
    assert grid.latest("c", ((14.01, 45.01, 14.02, 45.02),), ALWAYS) == 5
    assert grid.latest("c", ((15.0, 45.0, 15.02, 45.02),), ALWAYS) == 0


@given(boxes(), st.sampled_from([0.1, 0.35, 5.0]))
def test_covering_cells_hold_the_box(box, smallest):
    west, south, east, north = covering(box, smallest)
    assert west <= box[0] + 1e-9
    assert south <= box[1] + 1e-9
    assert east >= box[2] - 1e-9
    assert north >= box[3] - 1e-9
