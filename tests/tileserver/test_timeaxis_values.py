import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.timeaxis import parse_time
from tileserver.timeaxis_duration import Duration
from tileserver.timeaxis_values import LONGEST_LIST, SHORTEST_PERIOD, axis_values, period


def every(step: int, count: int, first: date = date(2015, 7, 4)) -> list[date]:
    return [first + timedelta(days=step * k) for k in range(count)]


def told(values: tuple[str, ...]) -> list[date]:
    """The days that values stand for, step by step."""
    found = []
    for value in values:
        first, *rest = value.split("/")
        days = [date.fromisoformat(first)]
        if rest:
            last, step = date.fromisoformat(rest[0]), Duration.parse(rest[1])
            start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
            while days[-1] < last:
                days.append(step.after(start, len(days)).date())
        found += days
    return found


def test_regular_axes_are_periods():
    assert axis_values(every(1, 5000)) == ("2015-07-04/2029-03-11/P1D",)
    assert axis_values(every(16, 30)) == ("2015-07-04/2016-10-10/P16D",)
    months = [date(2010 + k // 12, k % 12 + 1, 1) for k in range(120)]
    assert axis_values(months) == ("2010-01-01/2019-12-01/P1M",)
    years = [date(year, 12, 31) for year in range(1985, 2025)]
    assert axis_values(years) == ("1985-12-31/2024-12-31/P1Y",)


def test_few_days_are_a_list_even_where_they_are_regular():
    assert axis_values(every(10, SHORTEST_PERIOD - 1)) == tuple(
        day.isoformat() for day in every(10, SHORTEST_PERIOD - 1)
    )
    assert axis_values([]) == ()
    assert axis_values([date(2024, 1, 1)]) == ("2024-01-01",)


def test_irregular_days_are_a_list():
    days = [date(2024, 1, 1), date(2024, 1, 3), *every(5, 100, date(2024, 1, 6))]
    assert axis_values(days) == tuple(day.isoformat() for day in days)


def test_too_many_days_in_regular_pieces_are_told_exactly():
    days = [*every(10, 200, date(2015, 1, 1)), *every(5, 300, date(2021, 1, 1)), date(2026, 1, 1)]
    values = axis_values(days)
    assert values == ("2015-01-01/2020-06-13/P10D", "2021-01-01/2025-02-04/P5D", "2026-01-01")
    assert told(values) == days


def test_of_many_irregular_days_the_newest_are_listed():
    rng = random.Random(7)  # noqa: S311 - only scattered
    days = sorted(rng.sample(every(1, 9000), 5000))
    values = axis_values(days)
    assert len(values) <= LONGEST_LIST
    first, last, step = values[0].split("/")
    assert (first, step) == (days[0].isoformat(), "P1D")
    exact = told(values[1:])
    assert exact == days[-len(exact) :]
    assert last == days[-len(exact) - 1].isoformat()
    assert sum(map(len, values)) + len(values) < 16_384


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), min_size=1, max_size=60),
    st.integers(2, 40),
)
def test_any_axis_is_short_and_tells_every_day(pieces, longest):
    days = [date(2015, 7, 4)]
    for step, count in pieces:
        days += every(step, count, days[-1] + timedelta(days=step))
    values = axis_values(days, longest)
    assert len(values) <= longest
    found = told(values)
    assert found == sorted(set(found))
    assert set(found) >= set(days)
    assert (found[0], found[-1]) == (days[0], days[-1])
    if len(days) <= longest:
        assert found == days


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, LONGEST_LIST))
def test_a_period_is_read_as_it_is_told(step, count):
    days = every(step, count)
    spans = parse_time(period(days[0], days[-1], Duration(0, timedelta(days=step)))).spans
    assert sum((span.end - span.start).days for span in spans) == count


@pytest.mark.parametrize("count", [2, SHORTEST_PERIOD, LONGEST_LIST + 1])
def test_days_that_no_step_makes(count):
    days = [*every(7, count - 1), every(7, count)[-1] + timedelta(days=1)]
    assert "/" not in axis_values(days)[-1]
