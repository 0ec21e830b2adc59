"""How capabilities tell the days of a collection: short, whatever their number. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tileserver.timeaxis_duration import Duration

#: Most values of an axis: clients die of huge lists, and in WMTS each takes 30 bytes.
LONGEST_LIST: Final = 400
#: Fewer days than this are listed even where they are regular: every client reads a list.
SHORTEST_PERIOD: Final = 10
#: Days in a row, evenly apart, that are told as a period inside of a list.
_SHORTEST_RUN: Final = 4
_EVERY_DAY: Final = Duration(0, timedelta(days=1))


def axis_values(days: Sequence[date], longest: int = LONGEST_LIST) -> tuple[str, ...]:
    """Return how capabilities tell a time axis.

    A regular axis is one `start/end/period`. An irregular one is a list of its days; one with more
    days than a list may have, a list of days and of periods where days come evenly; and where that
    is still too long, its newest part so, after one period of single days for all that is older.

    Args:
        days: Ascending, each once.
        longest: Most values, at least 2.

    Returns:
        `YYYY-MM-DD` and `YYYY-MM-DD/YYYY-MM-DD/PnD` (or months, years), ascending; () without days.
    """
    if len(days) >= SHORTEST_PERIOD:
        step = _regular(days)
        if step is not None:
            return (period(days[0], days[-1], step),)
    if len(days) <= longest:
        return tuple(day.isoformat() for day in days)
    runs = list(_runs(days))
    if len(runs) <= longest:
        return tuple(map(_run, runs))
    old = runs[: 1 - longest]
    return (period(old[0][0], old[-1][-1]), *map(_run, runs[1 - longest :]))


def period(first: date, last: date, step: Duration = _EVERY_DAY) -> str:
    """Return `first/last/step`; by itself, an axis of which only its ends are known."""
    return f"{first.isoformat()}/{last.isoformat()}/{step}"


def _regular(days: Sequence[date]) -> Duration | None:
    """Return the step that makes all days from the first one, None where none does."""
    first, second = days[0], days[1]
    months = 12 * (second.year - first.year) + second.month - first.month
    start = _midnight(first)
    for step in (Duration(0, second - first), *([Duration(months, timedelta())] if months else [])):
        if all(step.after(start, k) == _midnight(day) for k, day in _outside_in(days)):
            return step
    return None


def _outside_in(days: Sequence[date]) -> Iterator[tuple[int, date]]:
    """Yield days with their numbers, the last one first: it alone refutes most steps."""
    yield len(days) - 1, days[-1]
    yield from enumerate(days)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _runs(days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Yield days in order, those that come evenly together, others one by one."""
    first = 0
    while first < len(days):
        last = first + 1
        while last + 1 < len(days) and days[last + 1] - days[last] == days[last] - days[last - 1]:
            last += 1
        if last - first + 1 >= _SHORTEST_RUN and last < len(days):
            yield days[first : last + 1]
            first = last + 1
        else:
            yield days[first : first + 1]
            first += 1


def _run(days: Sequence[date]) -> str:
    if len(days) == 1:
        return days[0].isoformat()
    return period(days[0], days[-1], Duration(0, days[1] - days[0]))
