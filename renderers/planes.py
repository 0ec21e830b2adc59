"""Pictures of formulas that need more than a pixel: its neighbours, or all of its dates.

Bands are drawn on a grid with a margin as wide as all passes look away. Everything is computed
there as whole planes of float32, and the margin is cut off: a tile has the pixels of a larger one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderers.canvas import Canvas
from renderers.compose import STACK_BYTES, AllDates, Brush, DateLayer
from renderers.errors import BudgetExceededError
from renderers.geobox import GeoBox
from renderers.ground import pixel_metres
from renderers.image import Image
from renderers.kernels import output, reduce, terrain
from renderers.mosaic import Mosaicker, Wanted
from renderers.painter import Painter, coloured, values_painter
from renderers.programs import run
from renderers.rule import MosaicRule
from renderers.scene import Scene
from renderers.targets import CanvasTarget
from styles.program import Plane, Program, select

Floats = NDArray[np.float32]

_RELIEF = {
    "slope": terrain.SLOPE,
    "aspect": terrain.ASPECT,
    "hillshade": terrain.HILLSHADE,
}
_FOLDS = {
    "time_mean": reduce.MEAN,
    "time_min": reduce.LEAST,
    "time_max": reduce.GREATEST,
    "time_count": reduce.MEAN,
}
#: Planes of the size of the picture that stand beside bands and results: sizes on the ground, a
#: value on its way.
_OTHERS = 4


class Seen(NamedTuple):
    """What is known of a grid when all scenes are drawn.

    Attributes:
        bands: Values by name, shape (pixels,), NaN where there are none.
        reduced: What reductions over dates gave, by key, likewise.
        there: Shape (pixels,), 0 where there is no data.
    """

    bands: Mapping[str, Floats]
    reduced: Mapping[str, Floats]
    there: NDArray[np.uint8]


class Workshop:
    """Computes planes on a grid with a margin.

    Attributes:
        box: The grid of the picture.
        margin: Pixels that the grid of the planes has more on every side.
        wide: The grid of the planes.
    """

    def __init__(self, program: Program, box: GeoBox, dates: int = 1) -> None:
        """Begin.

        Args:
            program: Of the picture.
            box: Its grid.
            dates: How many there are.

        Raises:
            BudgetExceededError: It would take more memory than allowed.
        """
        self.program = program
        self.box = box
        self.margin = program.reach
        self.wide = box.padded(self.margin)
        kept = len(program.bands) + sum(
            dates if plane.kind == "time_median" else 3 for plane in program.every_plane
        )
        if 4 * (kept + _OTHERS) * self.pixels > STACK_BYTES:
            raise BudgetExceededError(
                "this formula takes more memory for so many pixels and dates than allowed; "
                "ask for a smaller picture or fewer dates"
            )

    @property
    def pixels(self) -> int:
        """Of the grid with its margin."""
        return self.wide.width * self.wide.height

    @cached_property
    def _metres(self) -> tuple[Floats, Floats]:
        return pixel_metres(self.wide)

    def inputs(
        self, program: Program, bands: Mapping[str, Floats], reduced: Mapping[str, Floats]
    ) -> Floats:
        """Return the inputs of a program, shape (inputs, pixels).

        Args:
            program: That of the picture, or of a plane of it.
            bands: Values by name, shape (pixels,), NaN where there are none.
            reduced: What reductions over dates gave, by key.
        """
        planes = {plane.key: plane for plane in program.planes}
        out = np.empty((len(program.inputs), self.pixels), np.float32)
        for row, name in zip(out, program.inputs, strict=True):
            if name not in planes:
                row[:] = bands[name]
            elif planes[name].over_time:
                row[:] = reduced[name]
            else:
                self._pass(planes[name], self.value(planes[name], bands, reduced), row)
        return out

    def value(
        self, plane: Plane, bands: Mapping[str, Floats], reduced: Mapping[str, Floats]
    ) -> Floats:
        """Return what a plane is computed from, shape (pixels,), NaN where there is nothing."""
        inputs = self.inputs(plane.program, bands, reduced)
        (value,) = run(plane.program, inputs, np.ones(self.pixels, np.uint8))
        return np.asarray(value)

    def _pass(self, plane: Plane, values: Floats, out: Floats) -> None:
        shape = self.wide.height, self.wide.width
        grid, target = values.reshape(shape), out.reshape(shape)
        if plane.kind == "focal_mean":
            terrain.focal_mean(int(plane.numbers[0]) // 2, grid, target)
            return
        azimuth, altitude, exaggeration = plane.numbers or (0.0, 90.0, 1.0)
        turn, rise = math.radians(azimuth), math.radians(altitude)
        light = math.cos(rise) * math.sin(turn), math.cos(rise) * math.cos(turn), math.sin(rise)
        terrain.relief(_RELIEF[plane.kind], grid, *self._metres, *light, exaggeration, target)

    def picture(self, painter: Painter, seen: Seen) -> Image | None:
        """Return the picture, None where no pixel has a value.

        Args:
            painter: Of the style.
            seen: What was drawn.
        """
        return coloured(painter, *self._finished(seen), self.box)

    def values(self, seen: Seen) -> tuple[Floats, NDArray[np.uint8]]:
        """Return the program's outputs, (outputs, pixels), and 1 where there are some, (pixels,).

        Args:
            seen: What was drawn.
        """
        inputs, there = self._finished(seen)
        there = there.copy()
        return run(self.program, inputs, there), there

    def _finished(self, seen: Seen) -> tuple[Floats, NDArray[np.uint8]]:
        inputs = self.inputs(self.program, seen.bands, seen.reduced)
        return self._cut(inputs), self._cut(seen.there[None])[0]

    def _cut(self, planes: NDArray[np.generic]) -> NDArray:  # type: ignore[type-arg]
        """Return planes (number, pixels) without their margin."""
        if not self.margin:
            return planes
        grids = planes.reshape(-1, self.wide.height, self.wide.width)
        inner = slice(self.margin, -self.margin)
        return np.ascontiguousarray(grids[:, inner, inner]).reshape(len(planes), -1)


class FormulaTarget(CanvasTarget):
    """Bands of the scenes that show, for a formula without reductions over dates."""

    def __init__(self, workshop: Workshop, brush: Brush) -> None:
        """Begin.

        Args:
            workshop: Of the program.
            brush: On the grid with its margin.
        """
        self._workshop = workshop
        self._drawn = Canvas(brush.box, brush.painter, brush.painters)
        super().__init__(self._drawn, brush.box, brush.screen)

    def seen(self) -> Seen:
        """Return what was drawn."""
        there = np.equal(self._drawn.state.reshape(-1), output.DRAWN).view(np.uint8)
        values = self._drawn.values.reshape(-1, there.size)
        return Seen(_named(self._workshop.program, _only(values, there)), {}, there)


def _named(program: Program, values: Floats) -> dict[str, Floats]:
    return dict(zip(program.bands, values, strict=True))


def _only(values: Floats, there: NDArray[np.uint8]) -> Floats:
    """Leave NaN where there are no values."""
    values[:, there == 0] = np.nan
    return values


class FormulaDates(AllDates):
    """Bands of all dates, for a formula that reduces them; its plain bands are of the first one."""

    def __init__(
        self, workshop: Workshop, brush: Brush, dates: Sequence[int], ranks: Sequence[int]
    ) -> None:
        """Begin.

        Args:
            workshop: Of the program.
            brush: On the grid with its margin.
            dates: Of every scene the number of its date, from 0; scenes of one follow one another.
            ranks: Of every date its place in time, from 0.
        """
        program = workshop.program
        super().__init__(brush, select(program.bands), dates)
        self._workshop = workshop
        self._ranks = ranks
        self._planes = [plane for plane in program.every_plane if plane.over_time]
        count = len(ranks)
        self._reductions = {p.key: _Reduction(p.kind, brush.pixels, count) for p in self._planes}
        self._first = np.full((len(program.bands), brush.pixels), np.nan, np.float32)
        self._there = np.zeros(brush.pixels, np.uint8)

    def seen(self) -> Seen:
        """Return what was drawn."""
        self.end_date()
        reduced = {key: reduction.result() for key, reduction in self._reductions.items()}
        return Seen(_named(self._workshop.program, self._first), reduced, self._there)

    def _add(self, layer: DateLayer) -> None:
        there = layer.there
        values = _only(layer.values, there)
        bands = _named(self._workshop.program, values)
        for plane in self._planes:
            value = self._workshop.value(plane, bands, {})
            self._reductions[plane.key].add(value, self._ranks[self._date])
        new = (there == 1) & (self._there == 0)
        np.copyto(self._first, values, where=new)
        self._there[new] = 1


def prepared(
    program: Program, wanted: Wanted, rule: MosaicRule, mosaic: Mosaicker
) -> tuple[Workshop, FormulaTarget | FormulaDates, Wanted]:
    """Return what is drawn for a program with planes, into what, and what is made of it.

    Args:
        program: Of a picture or coverage.
        wanted: Its scenes in the order of the rule, on the target grid; bands do not count.
        rule: Without composing: the formula says itself what becomes of dates.
        mosaic: Draws.

    Raises:
        BudgetExceededError: It would take more memory than allowed.
    """
    scenes = list(wanted.scenes)
    dates = rule.date_numbers(scenes)
    if program.over_time:
        # The scenes of a date have to follow one another.
        order = sorted(range(len(scenes)), key=dates.__getitem__)
        scenes, dates = [scenes[k] for k in order], sorted(dates)
    workshop = Workshop(program, wanted.box, len(set(dates)))
    wide = workshop.wide
    drawn = replace(wanted, scenes=scenes, bands=program.bands, box=wide).seen_through(rule.clear)
    painter = values_painter(select(program.bands))
    brush = Brush(wide, painter, mosaic.painters, mosaic.screen(rule.clear, wide))
    if not program.over_time:
        return workshop, FormulaTarget(workshop, brush), drawn
    return workshop, FormulaDates(workshop, brush, dates, _ranks(scenes, dates)), drawn


def _ranks(scenes: Sequence[Scene], dates: Sequence[int]) -> list[int]:
    """Return the place in time of each date; timeless ones come first."""
    when: dict[int, float] = {}
    for scene, date in zip(scenes, dates, strict=True):
        instant = -math.inf if scene.datetime is None else scene.datetime.timestamp()
        when[date] = min(instant, when.get(date, math.inf))
    order = sorted(when, key=lambda date: (when[date], -date))
    return [order.index(date) for date in range(len(order))]


class _Reduction:
    """The values of one plane at all dates, as far as they are needed."""

    def __init__(self, kind: str, pixels: int, dates: int) -> None:
        self._kind = kind
        self._seen = np.zeros(pixels, np.int32)
        self._number = 0
        if kind == "time_median":
            self._stack = np.full((dates, pixels), np.nan, np.float32)
        elif kind in _FOLDS:
            self._total = np.zeros((1, pixels))
        else:
            self._rank = np.full(pixels, -1, np.int32)
            self._value = np.full(pixels, np.nan, np.float32)

    def add(self, value: Floats, rank: int) -> None:
        """Take in a date, by its place in time; NaN is no value."""
        there = ~np.isnan(value)
        if self._kind == "time_median":
            self._stack[self._number] = value
            self._number += 1
        elif self._kind in _FOLDS:
            kind = _FOLDS[self._kind]
            reduce.fold(kind, value[None], there.view(np.uint8), self._total, self._seen)
        else:
            earlier, later = rank < self._rank, rank > self._rank
            better = earlier if self._kind == "time_first" else later
            new = there & (better | (self._rank < 0))
            self._rank[new] = rank
            self._value[new] = value[new]

    def result(self) -> Floats:
        """Return one value per pixel, NaN where no date has one; of a count 0."""
        if self._kind == "time_median":
            out = np.full(self._seen.shape, np.nan, np.float32)
            if self._number:
                reduce.median(self._stack[: self._number], out)
            return out
        if self._kind == "time_count":
            return self._seen.astype(np.float32)
        if self._kind not in _FOLDS:
            return self._value
        total = self._total[0]
        if self._kind == "time_mean":
            total = total / np.maximum(self._seen, 1)
        return np.where(self._seen > 0, total, np.nan).astype(np.float32)
