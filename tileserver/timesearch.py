"""Asks a catalogue, which knows single spans, for several at once."""

from collections.abc import Sequence
from typing import Final

from renderers.scene import Scene
from tileserver.catalogue.base import (
    Area,
    Catalogue,
    Collection,
    DateSummary,
    Footprint,
    Place,
)
from tileserver.errors import TooLargeError
from tileserver.timeaxis import TimeSpan

#: Most spans that are asked for where each is a question to another server; and most whose
#: revisions are looked up one by one, for more that of all time between them counts.
MOST_QUESTIONS: Final = 16


async def search(
    catalogue: Catalogue,
    collection: Collection,
    area: Area,
    spans: Sequence[TimeSpan],
    limit: int,
) -> list[Scene]:
    """Return scenes of several spans, most recent first, timeless ones last.

    Args:
        catalogue: What is asked.
        collection: Of which scenes are wanted.
        area: That they touch.
        spans: Ascending, with gaps between them.
        limit: At most so many are wanted; one more is returned where there are more.

    Raises:
        TooLargeError: More than `MOST_QUESTIONS` spans of a collection elsewhere.
        SourceError: A catalogue elsewhere failed, or a file lies in a store that is not configured.
    """
    if len(spans) == 1:
        return list(await catalogue.search(collection.id, area, spans[0], limit))
    _check(collection, spans)
    found: dict[str, Scene] = {}
    timeless: dict[str, Scene] = {}
    for span in reversed(spans):
        for scene in await catalogue.search(collection.id, area, span, limit):
            (timeless if scene.datetime is None else found).setdefault(scene.id, scene)
        if len(found) > limit:
            break
    return [*found.values(), *timeless.values()][: limit + 1]


async def footprints(
    catalogue: Catalogue,
    collection: Collection,
    area: Area,
    spans: Sequence[TimeSpan],
    limit: int,
    after: Place | None = None,
) -> list[Footprint]:
    """Return where the scenes of several spans lie, most recent first; see `search`.

    Args:
        catalogue: What is asked.
        collection: Of which scenes are wanted.
        area: That they touch.
        spans: Ascending, with gaps between them.
        limit: At most so many are wanted; one more is returned where there are more.
        after: Only those that come after this one.

    Raises:
        TooLargeError: More than `MOST_QUESTIONS` spans of a collection elsewhere.
        SourceError: A catalogue elsewhere failed.
    """
    _check(collection, spans)
    found: dict[str, Footprint] = {}
    for span in spans:
        for footprint in await catalogue.footprints(collection.id, area, span, limit, after):
            found.setdefault(footprint.scene.id, footprint)
    return sorted(found.values(), key=lambda f: f.place.order)[: limit + 1]


def _check(collection: Collection, spans: Sequence[TimeSpan]) -> None:
    if collection.remote and len(spans) > MOST_QUESTIONS:
        raise TooLargeError(
            f"at most {MOST_QUESTIONS} times with gaps between them, of a collection elsewhere",
            parameter="time",
        )


async def dates(
    catalogue: Catalogue, collection: Collection, area: Area, spans: Sequence[TimeSpan]
) -> list[DateSummary]:
    """Return the days of several spans with items that touch the area, oldest first.

    Raises:
        TooLargeError: More than `MOST_QUESTIONS` spans of a collection elsewhere.
        SourceError: A catalogue elsewhere failed.
    """
    _check(collection, spans)
    merged: dict[str, DateSummary] = {}
    for span in spans:
        for summary in await catalogue.dates(collection.id, area, span):
            key = summary.day.isoformat()
            merged[key] = _joined(merged[key], summary) if key in merged else summary
    return [merged[key] for key in sorted(merged)]


def _joined(one: DateSummary, other: DateSummary) -> DateSummary:
    clouds = [c for c in (one.cloud_cover, other.cloud_cover) if c is not None]
    return DateSummary(one.day, min(clouds, default=None), one.items + other.items)


def revision(
    catalogue: Catalogue, collection_id: str, area: Area, spans: Sequence[TimeSpan]
) -> str:
    """Return a token that changes when an item of that area and those times comes or goes."""
    if len(spans) > MOST_QUESTIONS:
        spans = (TimeSpan(spans[0].start, spans[-1].end),)
    return "+".join(dict.fromkeys(catalogue.revision(collection_id, area, span) for span in spans))
