"""Which scene shows where several lie: the order of a mosaic. Pure.

The place of a scene is found from the scene alone, never from the others that a tile happens to
touch: two tiles side by side order the scenes that they share alike, so that there is no seam.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from renderers.scene import Scene
from styles.program import Program

Priority = Literal["most-recent", "least-recent", "least-cloudy", "nearest"]
Grouping = Literal["day", "scene"]
Compose = Literal["first", "mean", "median", "min", "max", "count", "best"]

#: Largest value a class or a set of flags may have.
MAX_CLASS: Final = 65535

#: Degrees that the sun moves in an hour.
_DEGREES_PER_HOUR: Final = 15.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class ClassMask:
    """Which pixels of a scene count, by a band of classes or flags, as stored.

    A pixel without a value in that band, or with one that is no whole number of 0 to `MAX_CLASS`,
    does not count.

    Attributes:
        band: Its name, for example `SCL` or `qa_pixel`.
        classes: Values that do not count.
        bits: Numbers of flags, the lowest is 0: values with one of them set do not count.

    Raises:
        ValueError: A class or a bit that no band of 16 bits has, or none at all.
    """

    band: str
    classes: tuple[int, ...] = ()
    bits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (self.classes or self.bits):
            raise ValueError("a mask leaves out classes or bits")
        if any(not 0 <= value <= MAX_CLASS for value in self.classes):
            raise ValueError(f"classes are 0 to {MAX_CLASS}")
        if any(not 0 <= bit < MAX_CLASS.bit_length() for bit in self.bits):
            raise ValueError(f"bits are 0 to {MAX_CLASS.bit_length() - 1}")


@dataclass(frozen=True, slots=True)
class MosaicRule:
    """How scenes become one picture.

    Attributes:
        priority: Which of the scenes that are valid at a pixel shows.
        near: The day that `nearest` means; None with every other priority.
        by: Whether time is counted in solar days, so that all scenes of one pass of a satellite
            are equally recent, or exactly, each scene for itself.
        clear: Pixels that do not count though they have data, such as clouds; None counts all.
        compose: What becomes of the dates of a pixel: the first valid one shows, or the mean,
            median, least or greatest value of each channel, the number of dates, or the one on
            which a program gives most. A date is what `by` says: scenes of one fill one another's
            gaps and count once.
        dates: Only so many dates, in the order of the priority; None takes all.
        best: With `best`, the program, of one output.

    Raises:
        ValueError: `nearest` without a day, or a day without `nearest`; likewise `best`.
    """

    priority: Priority = "most-recent"
    near: date | None = None
    by: Grouping = "day"
    clear: ClassMask | None = None
    compose: Compose = "first"
    dates: int | None = None
    best: Program | None = None

    def __post_init__(self) -> None:
        if (self.compose == "best") != (self.best is not None):
            raise ValueError("a program belongs to `best`, and only to it")
        if (self.priority == "nearest") != (self.near is not None):
            raise ValueError("a day belongs to `nearest`, and only to it")

    @property
    def key(self) -> str:
        """What tells rules apart that give different pictures; "" for the plain one."""
        if self == PLAIN:
            return ""
        return repr(replace(self, compose="first", best=None)) + self.compose + self._best_key

    @property
    def _best_key(self) -> str:
        return "" if self.best is None else self.best.digest

    def ordered(self, scenes: Iterable[Scene]) -> list[Scene]:
        """Return scenes in the order of the mosaic, whatever order they come in.

        Scenes without a time, or without a cloud cover where that counts, come last; equal ones
        follow most recent first, then by id. With more than the first valid one, the scenes of a
        date follow one another.
        """
        order = sorted(scenes, key=self._place)
        if self.compose == "first" and self.dates is None:
            return order
        numbers = self.date_numbers(order)
        if self.compose != "first":
            order = [order[k] for k in sorted(range(len(order)), key=numbers.__getitem__)]
            numbers = sorted(numbers)
        most = len(order) if self.dates is None else self.dates
        return [scene for scene, number in zip(order, numbers, strict=True) if number < most]

    def date_numbers(self, scenes: Iterable[Scene]) -> list[int]:
        """Return of each scene the number of its date, in the order in which dates appear.

        Every timeless scene is a date of its own.
        """
        known: dict[object, int] = {}
        return [
            known.setdefault(
                scene.id if scene.datetime is None else _unit(scene, self.by), len(known)
            )
            for scene in scenes
        ]

    def _place(self, scene: Scene) -> tuple[float, ...] | tuple[float | str, ...]:
        recent = _recent(scene, self.by)
        if self.priority == "least-cloudy":
            cloud = scene.cloud_cover
            return (cloud is None, 0.0 if cloud is None else cloud, *recent)
        if scene.datetime is None or self.priority == "most-recent":
            return recent
        if self.priority == "least-recent":
            return (False, _unit(scene, self.by), _microseconds(scene.datetime), scene.id)
        return (False, self._distance(scene), *recent)

    def _distance(self, scene: Scene) -> int:
        """Return how far a scene lies from the wanted day: in days, or from its noon."""
        near = datetime.combine(self.near or date.min, datetime.min.time(), UTC)
        if self.by == "day":
            return abs(_unit(scene, self.by) - _microseconds(near) // _DAY)
        return abs(_unit(scene, self.by) - _microseconds(near) - _DAY // 2)


PLAIN: Final = MosaicRule()


def solar_day(scene: Scene) -> date | None:
    """Return the day of a scene by the sun where it lies; None for timeless ones.

    All tiles of one pass have the same one, though midnight UTC may lie between them (as over New
    Zealand and Fiji). The sun's mean time is taken, 15 degrees for an hour: it and the true one
    differ by at most 17 minutes, and satellites pass far from midnight.
    """
    if scene.datetime is None:
        return None
    return (_EPOCH + _unit(scene, "day") * timedelta(days=1)).date()


def _recent(scene: Scene, by: Grouping) -> tuple[float | str, ...]:
    """Return what sorts most recent first, timeless ones last."""
    if scene.datetime is None:
        return (True, 0, 0, scene.id)
    return (False, -_unit(scene, by), -_microseconds(scene.datetime), scene.id)


def _unit(scene: Scene, by: Grouping) -> int:
    """Return the time of a scene: its solar day since 1970, or microseconds."""
    if scene.datetime is None:
        return 0
    instant = _microseconds(scene.datetime)
    if by == "scene":
        return instant
    hours = (scene.longitude or 0.0) / _DEGREES_PER_HOUR
    return (instant + round(hours * (_DAY / 24))) // _DAY


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
