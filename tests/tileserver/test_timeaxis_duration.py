from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.timeaxis_duration import Duration


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "months", "rest", "written"),
    [
        ("P1D", 0, timedelta(days=1), "P1D"),
        ("p2w", 0, timedelta(days=14), "P14D"),
        ("P1Y2M3DT4H5M6S", 14, timedelta(days=3, hours=4, minutes=5, seconds=6), "P1Y2M3DT4H5M6S"),
        ("P12M", 12, timedelta(), "P1Y"),
        ("PT36H", 0, timedelta(hours=36), "P1DT12H"),
        ("PT1M", 0, timedelta(minutes=1), "PT1M"),
        ("P1M", 1, timedelta(), "P1M"),
    ],
)
def test_forms(text, months, rest, written):
    duration = Duration.parse(text)
    assert duration == Duration(months, rest)
    assert str(duration) == written


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1", "1D", "P0D", "PT0S", "P1DT", "P-1D", "P1.5D", "P1D1Y", "P1H", "P99999Y",
     "P\uff11D"],
)  # fmt: skip
def test_refused(text):
    with pytest.raises(ValueError, match="duration"):
        Duration.parse(text)


def test_months_keep_to_the_calendar():
    month = Duration.parse("P1M")
    start = utc(2024, 1, 31, 10)
    assert [month.after(start, k) for k in range(4)] == [
        start,
        utc(2024, 2, 29, 10),
        utc(2024, 3, 31, 10),
        utc(2024, 4, 30, 10),
    ]
    assert month.after(utc(2024, 3, 31), -1) == utc(2024, 2, 29)
    assert Duration.parse("P1Y").after(utc(2024, 2, 29)) == utc(2025, 2, 28)
    with pytest.raises(OverflowError):
        month.after(utc(9999, 12, 1))


durations = st.builds(
    Duration,
    st.integers(0, 40),
    st.timedeltas(timedelta(), timedelta(days=60)).map(lambda d: timedelta(d.days, d.seconds)),
).filter(lambda d: d != Duration(0, timedelta()))


@given(durations)
def test_what_is_written_is_read_as_it_was(duration):
    assert Duration.parse(str(duration)) == duration


instants = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(durations, instants, instants)
def test_steps_are_as_many_as_go_in(duration, one, other):
    start, end = sorted((one, other))
    if start == end:
        end += timedelta(seconds=1)
    steps = duration.steps(start, end)
    assert duration.after(start, steps) < end <= duration.after(start, steps + 1)
