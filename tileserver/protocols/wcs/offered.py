"""Which coverages there are, in the order of the setting, and which one a name means."""

from collections.abc import Sequence
from typing import Final

from tileserver import area as areas
from tileserver.coverages import Coverage, CoverageSummary
from tileserver.errors import NoDataError
from tileserver.pipeline import Pipeline
from tileserver.protocols.wcs.ids import coverage_id, parse_coverage_id
from tileserver.settings import Settings
from tileserver.timeaxis import iso


def name_of(summary: CoverageSummary) -> str:
    """Return a coverage's identifier."""
    return coverage_id(summary.collection.id, summary.item.id if summary.item else "")


async def listed(pipeline: Pipeline, settings: Settings) -> list[CoverageSummary]:
    """Return the coverages of all collections that hold something, in the order of listing.

    Those that `coverage_order` names come first, in its order; then, of each collection in turn,
    its own coverage and those of its `coverage_items` newest items.
    """
    found: list[CoverageSummary] = []
    first = {name: place for place, name in enumerate(settings.coverage_order)}
    for info in await pipeline.layers():
        collection = info.collection
        try:
            found.append(await pipeline.coverages.summary(collection.id))
        except NoDataError:
            continue
        if settings.coverage_items:
            found += await pipeline.coverages.newest(collection.id, settings.coverage_items)
    last = len(first)
    return sorted(found, key=lambda summary: first.get(name_of(summary), last))


async def summary_of(pipeline: Pipeline, name: str) -> CoverageSummary:
    """Return what capabilities tell of a coverage.

    Raises:
        UnknownCollectionError: There is none of that name.
    """
    known = parse_coverage_id(name, await _ids(pipeline))
    return await pipeline.coverages.summary(*known)


async def coverage_of(pipeline: Pipeline, name: str) -> Coverage:
    """Return a coverage with its bands.

    Raises:
        UnknownCollectionError: There is none of that name.
    """
    known = parse_coverage_id(name, await _ids(pipeline))
    return await pipeline.coverages.coverage(*known)


async def _ids(pipeline: Pipeline) -> Sequence[str]:
    return [info.collection.id for info in await pipeline.layers()]


#: Most days that a document lists; of more, it tells first and last.
MOST_DAYS: Final = 400


async def days_of(pipeline: Pipeline, summary: CoverageSummary) -> list[str]:
    """Return the days of a coverage, oldest first; () for more than `MOST_DAYS`, and elsewhere's.

    Another server's catalogue is not walked to write a document.
    """
    if summary.time is None or summary.collection.remote:
        return []
    if summary.item is not None:
        return [iso(summary.time[0])]
    area = areas.from_bbox(summary.collection.bbox)
    days = [str(found.day) for found in await pipeline.dates(summary.collection.id, area)]
    return days if len(days) <= MOST_DAYS else []
