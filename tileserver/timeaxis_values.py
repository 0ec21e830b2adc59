"""How capabilities tell the days of a collection: short, whatever their number. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

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
    gaps = np.diff(np.fromiter((day.toordinal() for day in days), np.int64, len(days)))
    # Where a gap differs from the one before, and an end behind the last one: 3,000 days that have
    # no rhythm take 0.3 ms so, against 2 ms one by one.
    changes = [*(np.flatnonzero(np.diff(gaps)) + 1).tolist(), len(gaps)]
    first = begin = 0
    for change in changes:
        # Days `begin` to `change` are evenly apart; the first may belong to the run before.
        start = max(begin, first)
        if change - start + 1 >= _SHORTEST_RUN:
            for single in range(first, start):
                yield days[single : single + 1]
            yield days[start : change + 1]
            first = change + 1
        begin = change
    for single in range(first, len(days)):
        yield days[single : single + 1]


def _run(days: Sequence[date]) -> str:
    if len(days) == 1:
        return days[0].isoformat()
    return period(days[0], days[-1], Duration(0, days[1] - days[0]))
