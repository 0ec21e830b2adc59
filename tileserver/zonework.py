"""Statistics of areas: of one mosaic, day by day, and how cloudy days are there.

All of it is asked of the pipeline's coverages, on one grid per request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from renderers.rule import ClassMask, solar_day
from renderers.scene import Scene
from renderers.together import together
from styles.model import Resampling, Style
from tileserver import timetold
from tileserver.catalogue.base import Collection, DateSummary, Footprint
from tileserver.errors import InvalidParameterError, TimedOutError, TooLargeError
from tileserver.incomplete import INCOMPLETE
from tileserver.mosaics import SETTING as MOSAIC_SETTING
from tileserver.mosaics import MosaicChoice, mask_of
from tileserver.pipeline import GridValues, Pipeline
from tileserver.request import CoverageRequest
from tileserver.summaries import PLAIN, Summary, Wanted, summarise
from tileserver.timeaxis import UNSAID, TimeRequest, TimeSpan
from tileserver.zones import Cells, Zone, cells

T = TypeVar("T")
R = TypeVar("R")

#: Most pixels around an area: of one mosaic, of each day of a series, and to look for clouds.
MOST_PIXELS: Final = 1_000_000
MOST_PIXELS_A_DAY: Final = 250_000
MOST_PIXELS_FOR_CLOUDS: Final = 4_096
#: Most values of all bands together for each of these pixels: all bands of a product are thirty.
MOST_BANDS: Final = 4
#: Most days of one answer, most days whose clouds are looked for, most images to choose days from.
MOST_DAYS: Final = 366
MOST_CLOUD_DAYS: Final = 100
MOST_IMAGES: Final = 5_000
#: Days that are read at the same time; their blocks are in memory together.
_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an area.

    Attributes:
        collection: Collection id.
        zone: The area.
        time: As for pictures.
        mosaic: As for pictures.
        bands: By any of their names; () is all, unless there is a style.
        style: Whose values are asked, by its id or whole; "" for those of bands.
        resampling: How source pixels become the area's.
        metres: Side of a pixel, None for the images' own as far as their number allows.
        wanted: Which statistics.
    """

    collection: str
    zone: Zone
    time: TimeRequest = UNSAID
    mosaic: MosaicChoice | None = None
    bands: tuple[str, ...] = ()
    style: str | Style = ""
    resampling: Resampling = "nearest"
    metres: float | None = None
    wanted: Wanted = PLAIN


class Band(NamedTuple):
    """Statistics of a band or an output, with its name and unit."""

    name: str
    unit: str
    summary: Summary


class Answer(NamedTuple):
    """Statistics of one mosaic.

    Attributes:
        cells: The pixels.
        bands: As they were asked.
        days: UTC, of the images that may show.
        incomplete: What the mosaic lacks, "" for nothing.
    """

    cells: Cells
    bands: tuple[Band, ...]
    days: tuple[str, ...]
    incomplete: str


class Clouds(NamedTuple):
    """What the mask says of an area.

    Attributes:
        cover: Percent of what was seen that the mask leaves out; None where nothing was seen.
        seen: Part of the area that was seen, 0 to 1.
    """

    cover: float | None
    seen: float


class Day(NamedTuple):
    """One day of a series.

    Attributes:
        day: Solar day.
        clouds: None where the collection has no mask.
        cloud_cover: Least of its images, percent; None where it is not known.
        images: Their ids.
        bands: As they were asked.
        incomplete: What the day's mosaic lacks, "" for nothing.
    """

    day: date
    clouds: Clouds | None
    cloud_cover: float | None
    images: tuple[str, ...]
    bands: tuple[Band, ...]
    incomplete: str


class Series(NamedTuple):
    """Days, oldest first; `more` tells whether others come after the last."""

    cells: Cells | None
    days: tuple[Day, ...]
    more: bool


async def statistics(pipeline: Pipeline, asked: Question, seconds: float) -> Answer:
    """Return statistics of one mosaic.

    Raises:
        RequestError: The request names what is not there, is too large, or takes longer.
        RenderError: A source file cannot be read.
    """
    try:
        async with asyncio.timeout(seconds):
            found = await _cells(pipeline, asked, MOST_PIXELS)
            values, bands = await _summaries(pipeline, asked, found)
    except TimeoutError as error:
        raise TimedOutError("the request took longer than the server allows") from error
    told = dict(values.headers)
    days = timetold.read(told.get(timetold.DAYS, ""))[0]
    return Answer(found, bands, tuple(days), told.get(INCOMPLETE, ""))


async def series(
    pipeline: Pipeline, asked: Question, after: date | None, limit: int, seconds: float
) -> Series:
    """Return statistics of each day with images of an area, oldest first.

    As many days as the time allows, at least one.

    Args:
        pipeline: Knows the values.
        asked: What is wanted of each day.
        after: Only later days.
        limit: Most days.
        seconds: After which no more days are begun.

    Raises:
        RequestError: As for `statistics`.
        RenderError: A source file cannot be read.
    """
    if not 1 <= limit <= MOST_DAYS:
        raise TooLargeError(f"limit is 1 to {MOST_DAYS} days", parameter="limit")
    collection = (await pipeline.layer(asked.collection)).collection
    mask = cloud_mask(collection)
    days = await _days(pipeline, asked)
    todo = [day for day in sorted(days) if after is None or day > after]
    if not todo:
        return Series(None, (), False)
    found = await _cells(pipeline, asked, MOST_PIXELS_A_DAY)

    async def of_day(day: date) -> Day:
        return await _day(pipeline, _on(asked, days[day]), found, mask, (day, days[day]))

    done = await _in_time(todo[:limit], of_day, seconds)
    if not done:
        raise TimedOutError("one day took longer than the server allows")
    return Series(found, tuple(done), len(done) < len(todo))


async def clouds(
    pipeline: Pipeline,
    collection: Collection,
    zone: Zone,
    days: Sequence[DateSummary],
    seconds: float,
) -> dict[date, Clouds]:
    """Return how cloudy UTC days are in an area, as the mask says, from few pixels.

    Args:
        pipeline: Knows the mask.
        collection: With or without a mask.
        zone: The area.
        days: With images there.
        seconds: After which no more days are begun.

    Returns:
        The days that were looked at: none where there is no mask.

    Raises:
        TooLargeError: More than `MOST_CLOUD_DAYS` days.
        RenderError: A source file cannot be read.
    """
    mask = cloud_mask(collection)
    if mask is None or not days:
        return {}
    if len(days) > MOST_CLOUD_DAYS:
        message = f"clouds of an area are looked for on at most {MOST_CLOUD_DAYS} days; of these "
        raise TooLargeError(f"{message}there are {len(days)}", parameter="time")
    first = datetime.combine(days[0].day, time(), UTC)
    last = datetime.combine(days[-1].day, time(), UTC) + timedelta(days=1)
    span = TimeRequest((TimeSpan(first, last),))
    asked = Question(collection.id, zone, span, bands=(mask.band,))
    found = await _cells(pipeline, asked, MOST_PIXELS_FOR_CLOUDS)

    async def of_day(day: DateSummary) -> Clouds:
        start = datetime.combine(day.day, time(), UTC)
        span = TimeRequest((TimeSpan(start, start + timedelta(days=1)),))
        return await _clouds(pipeline, replace(asked, time=span), found, mask)

    # The newest ones first: those are most likely wanted.
    newest = list(reversed(days))
    done = await _in_time(newest, of_day, seconds)
    return {day.day: seen for day, seen in zip(newest, done, strict=False)}


def cloud_mask(collection: Collection) -> ClassMask | None:
    """Return the mask of a collection, None where it has none."""
    document = collection.extra.get(MOSAIC_SETTING, {}).get("mask")
    return None if document is None else mask_of(document)


def cloudiness(
    values: NDArray[np.generic],
    valid: NDArray[np.bool_],
    weights: NDArray[np.float64],
    mask: ClassMask,
) -> Clouds:
    """Return what a mask says.

    Args:
        values: Of the mask's band, as stored, any shape.
        valid: Of that shape, False where there is none.
        weights: Of that shape: what each pixel counts.
        mask: What is not clear.
    """
    codes = np.where(valid, values, 0).astype(np.int64)
    flags = sum(1 << bit for bit in mask.bits)
    left_out = np.isin(codes, mask.classes) | (codes & flags != 0)
    seen = float(weights[valid].sum())
    if seen <= 0.0:
        return Clouds(None, 0.0)
    cover = 100.0 * float(weights[valid & left_out].sum()) / seen
    return Clouds(min(cover, 100.0), min(seen / float(weights.sum()), 1.0))


async def _cells(pipeline: Pipeline, asked: Question, most: int) -> Cells:
    """Return the pixels of an area: those of its newest image, else of the collection's grid.

    With more than `MOST_BANDS` bands there are fewer.
    """
    newest = await pipeline.coverages.items(asked.collection, asked.zone.area, asked.time, 1)
    summary = newest[0] if newest else await pipeline.coverages.summary(asked.collection)
    if not asked.style:
        bands = len(asked.bands or summary.collection.bands)
        most = min(most, most * MOST_BANDS // max(bands, 1))
    return await asyncio.to_thread(cells, asked.zone, summary.grid, most, asked.metres)


async def _summaries(
    pipeline: Pipeline, asked: Question, found: Cells
) -> tuple[GridValues, tuple[Band, ...]]:
    request = CoverageRequest(
        asked.collection,
        asked.bands,
        found.geobox,
        asked.time,
        asked.mosaic,
        asked.resampling,
        asked.style,
    )
    values = await pipeline.coverage(request)
    return values, await asyncio.to_thread(_bands, values, found, asked.wanted)


def _bands(values: GridValues, found: Cells, wanted: Wanted) -> tuple[Band, ...]:
    raster, weights = values.raster, found.weights
    return tuple(
        Band(
            name,
            values.units[k],
            summarise(
                raster.data[k].astype(np.float64) * raster.scale[k] + raster.offset[k],
                raster.valid[k],
                found.shares,
                weights,
                wanted,
            ),
        )
        for k, name in enumerate(raster.names)
    )


async def _clouds(pipeline: Pipeline, asked: Question, found: Cells, mask: ClassMask) -> Clouds:
    # Also where the collection's own rule is `clear`: what it leaves out is what is looked for.
    request = CoverageRequest(
        asked.collection, (mask.band,), found.geobox, asked.time, MosaicChoice()
    )
    raster = (await pipeline.coverage(request)).raster
    return cloudiness(raster.data[0], raster.valid[0], found.weights, mask)


async def _days(pipeline: Pipeline, asked: Question) -> dict[date, list[Scene]]:
    """Return the images of each solar day that touch an area."""
    listed = await pipeline.footprints(asked.collection, asked.zone.area, asked.time, MOST_IMAGES)
    if len(listed) > MOST_IMAGES:
        message = f"more than {MOST_IMAGES} images; ask a shorter time"
        raise TooLargeError(message, parameter="time")
    if any(footprint.scene.datetime is None for footprint in listed):
        message = f"collection {asked.collection} has no times"
        raise InvalidParameterError(message, parameter="collection")
    return await asyncio.to_thread(_by_day, asked.zone, listed)


def _by_day(zone: Zone, listed: Sequence[Footprint]) -> dict[date, list[Scene]]:
    days: dict[date, list[Scene]] = {}
    touched = zone.touches([footprint.outline for footprint in listed])
    for scene in (f.scene for f, touches in zip(listed, touched, strict=True) if touches):
        day = solar_day(scene)
        if day is not None:
            days.setdefault(day, []).append(scene)
    return days


def _on(asked: Question, scenes: Sequence[Scene]) -> Question:
    """Return a question about the times of some images alone."""
    times = [scene.datetime for scene in scenes if scene.datetime is not None]
    span = TimeSpan(min(times), max(times) + timedelta(microseconds=1))
    return replace(asked, time=TimeRequest((span,)))


async def _day(
    pipeline: Pipeline,
    asked: Question,
    found: Cells,
    mask: ClassMask | None,
    of: tuple[date, Sequence[Scene]],
) -> Day:
    values, bands = await _summaries(pipeline, asked, found)
    seen = None if mask is None else await _clouds(pipeline, asked, found, mask)
    day, scenes = of
    covers = [s.cloud_cover for s in scenes if s.cloud_cover is not None]
    lacking = dict(values.headers).get(INCOMPLETE, "")
    ids = tuple(scene.id for scene in scenes)
    return Day(day, seen, min(covers, default=None), ids, bands, lacking)


async def _in_time(todo: Sequence[T], work: Callable[[T], Awaitable[R]], seconds: float) -> list[R]:
    """Do as much as time allows, a few at a time, in order; what is cut off is not among it."""
    done: list[R] = []
    try:
        async with asyncio.timeout(seconds):
            for group in _groups(todo):
                done += await together(*(work(one) for one in group))
    except (TimeoutError, TimedOutError):
        return done
    return done


def _groups(todo: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(todo), _AT_ONCE):
        yield todo[first : first + _AT_ONCE]
