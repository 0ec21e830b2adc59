"""Which change last touched an area: counters in memory on a hierarchical longitude/latitude grid.

A change is kept at every level from the whole Earth down to the one whose cells are just larger
than its box, so at most four cells a level. A question goes to the level whose cells are just
larger than the asked box and takes the greatest sequence number of the few cells there, and, of the
levels above it, of those changes that went no deeper. Both cost a bounded number of dictionary
look-ups, whatever the number of items.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from renderers.geobox import Bounds
from tileserver.timeaxis import TimeSpan

#: Cell sizes in degrees; the last is about 10 km, a web map tile of zoom 12.
_SIZES = tuple(360.0 / 4**level for level in range(7))
#: Time spans of more days than this are answered from the counters of all times.
_MAX_DAYS = 16
_ANY_DAY = -1 << 40
_DAY_US = 86_400_000_000
#: Most questions whose answers are kept.
_QUESTIONS = 16_384

_Question = tuple[str, tuple[Bounds, ...], TimeSpan]


class Change(NamedTuple):
    """One row of the change log; times in microseconds since 1970, None for timeless."""

    sequence: int
    collection: str
    west: float
    south: float
    east: float
    north: float
    start: int | None
    stop: int | None


def _level(bounds: Bounds) -> int:
    extent = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    level = 0
    while level + 1 < len(_SIZES) and _SIZES[level + 1] >= extent:
        level += 1
    return level


def _cells(bounds: Bounds, level: int) -> Iterator[tuple[int, int, int]]:
    size = _SIZES[level]
    for column in range(math.floor(bounds[0] / size), math.floor(bounds[2] / size) + 1):
        for row in range(math.floor(bounds[1] / size), math.floor(bounds[3] / size) + 1):
            yield level, column, row


def covering(bounds: Bounds, smallest: float) -> Bounds:
    """Return the box of whole cells around a box, of cells no smaller than given degrees."""
    extent = max(bounds[2] - bounds[0], bounds[3] - bounds[1], smallest)
    size = min((s for s in _SIZES if s >= extent), default=_SIZES[0])
    west, south = (math.floor(v / size) * size for v in bounds[:2])
    east, north = (math.ceil(v / size) * size for v in bounds[2:])
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def _change_days(change: Change) -> Sequence[int | None]:
    if change.start is None or change.stop is None:
        return (None, _ANY_DAY)
    first, last = change.start // _DAY_US, change.stop // _DAY_US
    if last - first >= _MAX_DAYS:
        return (None, _ANY_DAY)
    return (None, *range(first, last + 1))


def _asked_days(time: TimeSpan) -> Sequence[int | None]:
    if time.start is None or time.end is None:
        return (None,)
    first = math.floor(time.start.timestamp()) // 86400
    last = math.ceil(time.end.timestamp() / 86400) - 1
    return (None,) if last - first >= _MAX_DAYS else (_ANY_DAY, *range(first, last + 1))


class ChangeGrid:
    """The greatest sequence number of the changes that touch an area and time."""

    def __init__(self) -> None:
        # By (cell, day or None for all times), one pair of tables per collection: of changes that
        # reach this level, and of those whose deepest level it is.
        self._reach: defaultdict[str, dict[tuple[tuple[int, int, int], int | None], int]]
        self._reach = defaultdict(dict)
        self._end: defaultdict[str, dict[tuple[tuple[int, int, int], int | None], int]]
        self._end = defaultdict(dict)
        # By question: the answer, and the sequence number up to which it holds.
        self._known: dict[_Question, tuple[int, int]] = {}
        self.sequence = 0

    def note(self, change: Change) -> None:
        """Take in one change. Sequence numbers only grow."""
        bounds = change.west, change.south, change.east, change.north
        deepest = _level(bounds)
        days = _change_days(change)
        reach, end = self._reach[change.collection], self._end[change.collection]
        for level in range(deepest + 1):
            for cell in _cells(bounds, level):
                for day in days:
                    reach[cell, day] = change.sequence
                    if level == deepest:
                        end[cell, day] = change.sequence
        self.sequence = max(self.sequence, change.sequence)

    def latest(self, collection: str, boxes: tuple[Bounds, ...], time: TimeSpan) -> int:
        """Return the sequence number of the last change that touches, 0 for none."""
        question = collection, boxes, time
        known = self._known.get(question)
        if known is not None and known[0] == self.sequence:
            return known[1]
        # The number before the count: a change that comes meanwhile makes the answer void.
        sequence = self.sequence
        last = self._count(collection, boxes, time)
        if len(self._known) >= _QUESTIONS:
            self._known.clear()
        self._known[question] = sequence, last
        return last

    def _count(self, collection: str, boxes: Sequence[Bounds], time: TimeSpan) -> int:
        reach, end = self._reach.get(collection, {}), self._end.get(collection, {})
        days = _asked_days(time)
        last = 0
        for west, south, east, north in boxes:
            level = _level((west, south, east, north))
            size = _SIZES[level]
            left, right = math.floor(west / size), math.floor(east / size)
            low, high = math.floor(south / size), math.floor(north / size)
            table = reach
            while level >= 0:
                for column in range(left, right + 1):
                    for row in range(low, high + 1):
                        for day in days:
                            last = max(last, table.get(((level, column, row), day), 0))
                # Sizes are 360 over powers of two: the cells above are exactly those of a quarter.
                left, right, low, high = left >> 2, right >> 2, low >> 2, high >> 2
                table, level = end, level - 1
        return last
