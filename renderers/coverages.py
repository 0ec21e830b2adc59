"""Values on a grid, as the mosaic's rule says: stored ones, physical ones, those of many dates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.compose import Brush, dates_target, needed
from renderers.image import Raster
from renderers.job import CoverageJob, Left, Spent
from renderers.mosaic import Mosaic, Mosaicker, Wanted
from renderers.painter import values_painter
from renderers.planes import prepared
from renderers.together import together
from styles.program import Program, select

#: Pixels of all bands that are composed at the same time; each takes 12 bytes or more meanwhile.
_PIXELS_AT_ONCE = 4 * 1024 * 1024

_AS_STORED = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Values on a grid and which scene each came from.

    Attributes:
        raster: The values.
        source: int16, shape (height, width): number of the scene in the job, -1 for none; None
            where several dates were composed.
        complete: False when scenes were left out by the budget while pixels were still open.
    """

    raster: Raster
    source: NDArray[np.int16] | None
    complete: bool


async def coverage(job: CoverageJob, mosaic: Mosaicker, spent: Spent) -> Coverage:
    """Return values on a grid.

    Of bands, with the nearest pixel of the first valid scene: stored values, exactly, in the files'
    common type, with the scale and offset that make physical ones of them. Where scenes differ in
    these, and with every other resampling: physical values, float32.

    Of a program: its outputs, float32.

    Of many dates, float32: `mean`, `median`, `min` and `max` are those of physical values of each
    band by itself, over the dates that have this band; `count` is the number of these dates. Of a
    program, they are of each output, over the dates that have all of its bands. `best` gives the
    date that was chosen, among those that have all of the bands.

    Args:
        job: What is wanted.
        mosaic: Draws scenes.
        spent: What the job has cost so far; grows.

    Raises:
        BudgetExceededError: It would cost too much.
        SourceError: A source file could not be read.
        StyleError: More bands at once than a program takes.
    """
    if job.program is not None and job.program.planes:
        return await _of_planes(job, job.program, mosaic, spent)
    if job.rule.compose != "first":
        return await _of_dates(job, mosaic, spent)
    scaling = [_scaling(job, band) for band in job.bands]
    if job.program is None and job.resampling == "nearest" and None not in scaling:
        found = await mosaic.stored(job.scenes, job.bands, job.geobox, spent, job.rule.clear)
        return _first(job, found, [pair or _AS_STORED for pair in scaling])
    program = job.program or select(job.bands)
    found = await mosaic.computed(
        job.scenes, program, job.geobox, job.resampling, spent, job.rule.clear
    )
    return _first(job, found, [_AS_STORED] * len(job.bands))


@dataclass(frozen=True, slots=True)
class Form:
    """What a coverage will be, before it is read.

    Attributes:
        template: Type, names, nodata, scale and offset over the whole grid; the values are none.
        stored: They are the files' own.
    """

    template: Raster
    stored: bool


async def form(job: CoverageJob, mosaic: Mosaicker) -> Form:
    """Return what `coverage` will make of a job; files are opened, but no pixels are read.

    Its nodata is the one that all of the files have, where their values are given as stored.

    Raises:
        SourceError: A source file cannot be opened.
    """
    scaling = [_scaling(job, band) for band in job.bands]
    stored = (
        job.rule.compose == "first"
        and job.program is None
        and job.resampling == "nearest"
        and None not in scaling
    )
    dtype: np.dtype[Any] = np.dtype(np.float32)
    nodata = None
    if stored:
        dtype, nodata = await mosaic.stored_kind(job.scenes, job.bands)
    shape = len(job.bands), job.geobox.height, job.geobox.width
    pairs = [(pair if stored else None) or _AS_STORED for pair in scaling]
    template = Raster(
        np.broadcast_to(np.zeros((), dtype), shape),
        np.broadcast_to(np.False_, shape),
        job.bands,
        job.geobox,
        nodata,
        tuple(scale for scale, _ in pairs),
        tuple(offset for _, offset in pairs),
    )
    return Form(template, stored)


def _scaling(job: CoverageJob, band: str) -> tuple[float, float] | None:
    """Return the (scale, offset) that all scenes share for a band, or None.

    Values of several processing baselines mean different things as stored.
    """
    found = {(s.bands[band].scale, s.bands[band].offset) for s in job.scenes if band in s.bands}
    if len(found) > 1:
        return None
    return found.pop() if found else _AS_STORED


def _first(job: CoverageJob, found: Mosaic, scaling: list[tuple[float, float]]) -> Coverage:
    valid = np.broadcast_to(found.valid.view(np.bool_), found.data.shape)
    raster = Raster(
        found.data,
        valid,
        job.bands,
        job.geobox,
        None,
        tuple(scale for scale, _ in scaling),
        tuple(offset for _, offset in scaling),
    )
    return Coverage(raster, found.source, found.complete)


async def _of_planes(
    job: CoverageJob, program: Program, mosaic: Mosaicker, spent: Spent
) -> Coverage:
    spent.target(job.geobox)
    wanted = Wanted(job.scenes, program.bands, job.geobox, job.resampling)
    work, seen, wide = prepared(program, wanted, job.rule, mosaic)

    def finish(left: Left) -> tuple[NDArray[np.float32], NDArray[np.uint8], bool]:
        return *work.values(seen.seen()), left.complete

    values, there, complete = await mosaic.fill(wide, seen, spent, finish)
    values[:, there == 0] = 0.0
    shape = len(job.bands), job.geobox.height, job.geobox.width
    valid = np.broadcast_to(there.view(np.bool_).reshape(shape[1:]), shape)
    ones, zeros = (1.0,) * len(job.bands), (0.0,) * len(job.bands)
    raster = Raster(values.reshape(shape), valid, job.bands, job.geobox, None, ones, zeros)
    return Coverage(raster, None, complete)


async def _of_dates(job: CoverageJob, mosaic: Mosaicker, spent: Spent) -> Coverage:
    spent.target(job.geobox)
    shape = job.geobox.height, job.geobox.width
    programs = _programs(job)
    data = np.zeros((len(job.bands), *shape), np.float32)
    valid = np.zeros(data.shape, np.bool_)
    at_once = max(_PIXELS_AT_ONCE // max(shape[0] * shape[1], 1), 1)
    complete, row = True, 0
    for first in range(0, len(programs), at_once):
        group = programs[first : first + at_once]
        for values, there, whole in await together(
            *(_composed(job, program, mosaic, spent) for program in group)
        ):
            rows = slice(row, row + len(values))
            data[rows] = values.reshape(-1, *shape)
            valid[rows] = there.view(np.bool_).reshape(shape)
            data[rows][:, ~valid[row]] = 0.0
            complete, row = complete and whole, row + len(values)
    ones, zeros = (1.0,) * len(job.bands), (0.0,) * len(job.bands)
    raster = Raster(data, valid, job.bands, job.geobox, None, ones, zeros)
    return Coverage(raster, None, complete)


def _programs(job: CoverageJob) -> list[Program]:
    """Return what is composed, each for itself: bands do not wait for one another's data."""
    if job.program is not None:
        return [job.program]
    if job.rule.best is not None:
        return [select(job.bands)]
    return [select((band,)) for band in job.bands]


async def _composed(
    job: CoverageJob, program: Program, mosaic: Mosaicker, spent: Spent
) -> tuple[NDArray[np.float32], NDArray[np.uint8], bool]:
    """Return values, (outputs, pixels), 1 where there are some, and whether no scene is missing."""
    rule, box = job.rule, job.geobox
    screen = mosaic.screen(rule.clear, box)
    brush = Brush(box, values_painter(program), mosaic.painters, screen)
    dates = dates_target(brush, rule.date_numbers(job.scenes), rule.compose, rule.best)
    bands = needed(program, rule.best)
    wanted = Wanted(job.scenes, bands, box, job.resampling).seen_through(rule.clear)

    def finish(left: Left) -> tuple[NDArray[np.float32], NDArray[np.uint8], bool]:
        return *dates.values(), left.complete

    return await mosaic.fill(wanted, dates, spent, finish)
