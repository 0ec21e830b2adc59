"""Runs jobs: reads, mosaics, paints. The only door to pixels for the layers above."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from renderers.canvas import Canvas
from renderers.compose import Brush, dates_target, needed
from renderers.coverages import Coverage, Form, coverage, form
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.job import CoverageJob, DrawJob, LayerJob, Left, OutlinesJob, Spent
from renderers.labels import labelled
from renderers.masks import Screen
from renderers.mosaic import IndexSaver, Mosaicker, Wanted
from renderers.outlines import filled, stroked
from renderers.paint import composite
from renderers.planes import prepared
from renderers.targets import CanvasTarget
from renderers.together import together

T = TypeVar("T")

#: Pixels of all layers of one picture that are drawn at the same time: enough for eight layers of
#: a screen's tile, and of a picture of 4096 x 4096 one layer, which takes up to 1 GB while drawn.
PIXELS_AT_ONCE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Drawn(Generic[T]):
    """A picture and how it came about.

    Attributes:
        result: What was made of the picture.
        left: What its layers lack, those that lack something.
        footprints: How many scenes are there by their footprints alone.
    """

    result: T
    left: tuple[Left, ...] = ()
    footprints: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is lacking."""
        return not self.left


class _Unfinished(NamedTuple):
    """A layer that lacks something, and what there is of it."""

    image: Image | None
    left: Left


class Renderer:
    """Runs draw and coverage jobs on one event loop and one pool of threads."""

    def __init__(
        self,
        files: FileCache,
        pool: ThreadPoolExecutor,
        save_index: IndexSaver | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Begin; see `Mosaicker` for the arguments."""
        self.files = files
        self._pool = pool
        self._mosaic = Mosaicker(files, pool, save_index, alone=alone)

    async def picture(self, job: DrawJob, finish: Callable[[Image | None], T]) -> Drawn[T]:
        """Draw a picture.

        Args:
            job: What to draw.
            finish: Makes of the picture what is wanted, for example its file; None where no layer
                has a single pixel of data. Called in the pool: of one layer whose blocks are in
                memory everything is one piece of work for one thread.

        Raises:
            BudgetExceededError: It would cost too much.
            SourceError: A source file could not be read.
            TimeoutError: The budget's seconds ran out.
        """
        spent = Spent(job.budget)
        async with asyncio.timeout(job.budget.seconds):
            if len(job.layers) == 1:
                return await self._layer(job.layers[0], job.geobox, spent, finish)
            return await self._layers(job, spent, finish)

    async def _layers(
        self, job: DrawJob, spent: Spent, finish: Callable[[Image | None], T]
    ) -> Drawn[T]:
        pixels = max(job.geobox.width * job.geobox.height, 1)
        at_once = max(PIXELS_AT_ONCE // pixels, 1)
        image: Image | None = None
        left: list[Left] = []
        footprints = 0
        loop = asyncio.get_running_loop()
        for first in range(0, len(job.layers), at_once):
            group = job.layers[first : first + at_once]
            drawn = await together(
                *(self._layer(layer, job.geobox, spent, lambda i: i) for layer in group)
            )
            left += [lack for layer in drawn for lack in layer.left]
            footprints += sum(layer.footprints for layer in drawn)
            images = [image, *(layer.result for layer in drawn)]
            image = await loop.run_in_executor(self._pool, _painted, images)
        result = await loop.run_in_executor(self._pool, finish, image)
        return Drawn(result, tuple(left), footprints)

    async def coverage(self, job: CoverageJob) -> Coverage:
        """Return values on a grid; see `renderers.coverages.coverage`.

        Raises:
            BudgetExceededError: It would cost too much.
            SourceError: A source file could not be read.
            TimeoutError: The budget's seconds ran out.
        """
        async with asyncio.timeout(job.budget.seconds):
            return await coverage(job, self._mosaic, Spent(job.budget))

    async def form(self, job: CoverageJob) -> Form:
        """Return what `coverage` will make of a job; see `renderers.coverages.form`.

        Raises:
            SourceError: A source file could not be opened.
            TimeoutError: The budget's seconds ran out.
        """
        async with asyncio.timeout(job.budget.seconds):
            return await form(job, self._mosaic)

    async def _layer(
        self,
        layer: LayerJob | OutlinesJob,
        box: GeoBox,
        spent: Spent,
        finish: Callable[[Image | None], T],
    ) -> Drawn[T]:
        spent.target(box)
        if isinstance(layer, OutlinesJob):
            return Drawn(await self._in_pool(lambda: finish(_outlines(layer, box))))

        def end(image: Image | None, left: Left) -> T | _Unfinished:
            if left.complete:
                return finish(image)
            return _Unfinished(image, left)

        done = await self._scenes(layer, box, spent, end)
        if not isinstance(done, _Unfinished):
            return Drawn(done)
        image, left = done
        beyond, shapes = layer.beyond, None
        if beyond is not None and (left.cut or left.skipped):
            shapes = await beyond.find(left)

        def fill() -> T:
            if beyond is None or shapes is None:
                return finish(image)
            return finish(_painted([filled(shapes, box, beyond.colour), image]))

        found = 0 if shapes is None else len(shapes.shapes)
        return Drawn(await self._in_pool(fill), (left,), found)

    async def _scenes(
        self,
        layer: LayerJob,
        box: GeoBox,
        spent: Spent,
        end: Callable[[Image | None, Left], T],
    ) -> T:
        """Draw the scenes of a layer; `end` is called with the picture and what it lacks."""
        style, rule, painters = layer.style, layer.rule, self._mosaic.painters
        painter = painters.of(style)
        program, composed = style.program, rule.compose != "first"
        wanted = Wanted(
            layer.scenes, needed(program, rule.best), box, style.resampling,
            lenient=True, every=composed or program.over_time,
        )  # fmt: skip
        if program.planes:
            work, seen, wide = prepared(program, wanted, rule, self._mosaic)
            return await self._mosaic.fill(
                wide, seen, spent, lambda left: end(work.picture(painter, seen.seen()), left)
            )
        screen = None
        if rule.clear is not None:
            wanted = wanted.seen_through(rule.clear)
            screen = Screen(rule.clear, box, painters)
        if not composed:
            canvas = Canvas(box, painter, painters)
            target = CanvasTarget(canvas, box, screen)
            return await self._mosaic.fill(
                wanted, target, spent, lambda left: end(canvas.image(), left)
            )
        brush = Brush(box, painter, painters, screen)
        dates = dates_target(brush, rule.date_numbers(layer.scenes), rule.compose, rule.best)
        return await self._mosaic.fill(wanted, dates, spent, lambda left: end(dates.image(), left))

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _outlines(layer: OutlinesJob, box: GeoBox) -> Image | None:
    lines = stroked(layer.shapes, layer.kinds, layer.palette, layer.width, box)
    return _painted([lines, labelled(layer.labels, box)])


def _painted(images: Sequence[Image | None]) -> Image | None:
    """Paint pictures over one another, the first at the bottom."""
    below: Image | None = None
    for image in images:
        if image is not None:
            below = composite(below, image)
    return below
