"""Values at a point, by the rule of the mosaic: which scene they are of, or which dates they join.

The same that a map or a coverage shows there, computed from the scenes one by one, so that it is
known where each value comes from.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean, median
from typing import Final, NamedTuple

from renderers.draw import Renderer
from renderers.geobox import GeoBox
from renderers.job import Budget, CoverageJob
from renderers.rule import Compose, MosaicRule
from renderers.scene import Scene
from renderers.together import together
from renderers.values import computed
from styles.program import Program

#: Scenes of a point that are read at the same time, where all are needed.
_WAVE: Final = 8

_JOINED: Final[Mapping[Compose, Callable[[Sequence[float]], float]]] = {
    "mean": fmean,
    "median": median,
    "min": min,
    "max": max,
    "count": len,
}


class Origin(NamedTuple):
    """A scene that values come from: its id, and its time (UTC) or None."""

    scene: str
    datetime: datetime | None


@dataclass(frozen=True, slots=True)
class PointValue:
    """Physical values at one point, at least one of them; None where there is none of a band.

    Attributes:
        scene: Id of the scene they are of, "" where several dates were composed.
        datetime: Of that scene, UTC; None for timeless ones and several dates.
        point: As it was asked.
        values: Finite, by band name.
        compose: What became of the dates: `first` and `best` are values of one scene.
        origins: The scenes that values come from, in the order of the mosaic: that one, or of each
            date that counted those which gave a value.
    """

    scene: str
    datetime: datetime | None
    point: tuple[float, float]
    values: Mapping[str, float | None]
    compose: Compose = "first"
    origins: tuple[Origin, ...] = ()


class _Seen(NamedTuple):
    """What one scene holds at the point; `decides` is the value of the program of `best`."""

    scene: Scene
    values: dict[str, float | None]
    decides: float | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.scene.id, self.scene.datetime)


class PointReader:
    """Reads scenes at points."""

    def __init__(
        self,
        renderer: Renderer,
        bands: tuple[str, ...],
        rule: MosaicRule,
        budget: Budget,
        program: Program | None = None,
    ) -> None:
        """Begin.

        Args:
            renderer: Reads pixels.
            bands: Names of the bands.
            rule: Whose order the scenes have already.
            budget: What reading one band of one scene may cost.
            program: What is computed of the bands, which hold all that it takes; its values stand
                beside theirs.
        """
        self._renderer = renderer
        self._bands = bands
        self._rule = rule
        self._budget = budget
        self._program = program
        self._nothing = self._whole(dict.fromkeys(bands))

    async def read(
        self, scenes: Sequence[Scene], point: tuple[float, float], geobox: GeoBox, limit: int
    ) -> list[PointValue]:
        """Return the values at a point.

        Args:
            scenes: In order of the mosaic.
            point: As it was asked.
            geobox: A grid of one pixel there.
            limit: Most scenes with values, where dates are not composed.

        Raises:
            BudgetExceededError: It would cost too much.
            SourceError: A source file could not be read.
        """
        if self._rule.compose == "first":
            return await self._first(scenes, point, geobox, limit)
        seen: list[_Seen] = []
        for group in _groups(scenes, _WAVE):
            seen += await together(*(self._seen(scene, geobox) for scene in group))
        numbers = self._rule.date_numbers([s.scene for s in seen])
        dates = [[s for s, k in zip(seen, numbers, strict=True) if k == n] for n in set(numbers)]
        if self._rule.compose == "best":
            return await self._best(dates, point, geobox)
        return _composed(dates, tuple(self._nothing), self._rule.compose, point)

    async def _first(
        self, scenes: Sequence[Scene], point: tuple[float, float], geobox: GeoBox, limit: int
    ) -> list[PointValue]:
        found: list[PointValue] = []
        rest = list(scenes)
        while rest and len(found) < limit:
            group = rest[: min(limit - len(found), _WAVE)]
            del rest[: len(group)]
            read = await together(*(self._seen(scene, geobox) for scene in group))
            found += [_of_scene(seen, point) for seen in read if _has_values(seen.values)]
        return found

    async def _best(
        self, dates: Sequence[Sequence[_Seen]], point: tuple[float, float], geobox: GeoBox
    ) -> list[PointValue]:
        """Return the values of the date on which the program gives most, the first of equal ones.

        Of the scenes of a date the first counts that has a value of the program.
        """
        chosen: _Seen | None = None
        for date in dates:
            first = next((s for s in date if s.decides is not None), None)
            if first is not None and (chosen is None or first.decides > chosen.decides):  # type: ignore[operator]
                chosen = first
        if chosen is None:
            return []
        values = await self._values(chosen.scene, geobox)
        if not _has_values(values):
            return []
        return [_of_scene(chosen._replace(values=values), point, "best")]

    async def _seen(self, scene: Scene, geobox: GeoBox) -> _Seen:
        rule = self._rule
        if rule.best is not None:
            clear = MosaicRule(clear=rule.clear)
            job = CoverageJob((scene,), ("best",), geobox, self._budget, rule=clear)
            return _Seen(scene, {}, await self._pixel(replace(job, program=rule.best)))
        if rule.clear is not None:
            job = CoverageJob((scene,), (rule.clear.band,), geobox, self._budget)
            if await self._pixel(replace(job, rule=MosaicRule(clear=rule.clear))) is None:
                return _Seen(scene, self._nothing)
        return _Seen(scene, await self._values(scene, geobox))

    async def _values(self, scene: Scene, geobox: GeoBox) -> dict[str, float | None]:
        """Read the bands of one scene, all at the same time."""
        there = [band for band in self._bands if band in scene.bands]
        jobs = (CoverageJob((scene,), (band,), geobox, self._budget) for band in there)
        values = await together(*(self._pixel(job) for job in jobs))
        return self._whole(dict.fromkeys(self._bands) | dict(zip(there, values, strict=True)))

    def _whole(self, bands: dict[str, float | None]) -> dict[str, float | None]:
        if self._program is None:
            return bands
        values = computed(self._program, bands).items()
        return bands | {n: v if v is not None and math.isfinite(v) else None for n, v in values}

    async def _pixel(self, job: CoverageJob) -> float | None:
        """Return the physical value of a job of one pixel, None where it has none."""
        raster = (await self._renderer.coverage(job)).raster
        if not raster.valid[0, 0, 0]:
            return None
        value = float(raster.data[0, 0, 0]) * raster.scale[0] + raster.offset[0]
        return value if math.isfinite(value) else None


def _has_values(values: Mapping[str, float | None]) -> bool:
    return any(value is not None for value in values.values())


def _groups(scenes: Sequence[Scene], size: int) -> Iterator[Sequence[Scene]]:
    for first in range(0, len(scenes), size):
        yield scenes[first : first + size]


def _of_scene(seen: _Seen, point: tuple[float, float], compose: Compose = "first") -> PointValue:
    scene = seen.scene
    return PointValue(scene.id, scene.datetime, point, seen.values, compose, (seen.origin,))


def _composed(
    dates: Sequence[Sequence[_Seen]],
    names: Sequence[str],
    compose: Compose,
    point: tuple[float, float],
) -> list[PointValue]:
    """Join dates value by value; of the scenes of a date the first counts that has one."""
    join = _JOINED[compose]
    values: dict[str, float | None] = dict.fromkeys(names)
    origins: set[Origin] = set()
    for name in names:
        firsts = [
            next(((s.values[name], s.origin) for s in date if s.values[name] is not None), None)
            for date in dates
        ]
        counted = [first for first in firsts if first is not None]
        if counted:
            values[name] = float(join([value for value, _ in counted if value is not None]))
            origins |= {origin for _, origin in counted}
    if not origins:
        return []
    told = tuple(s.origin for date in dates for s in date if s.origin in origins)
    return [PointValue("", None, point, values, compose, told)]
