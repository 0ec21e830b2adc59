"""Where and when a collection is shown in a small picture of a style."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from cache.memory import SizedLru
from renderers.geobox import Bounds, GeoBox
from tileserver import area as areas
from tileserver.catalogue.base import Footprint
from tileserver.pipeline import Pipeline
from tileserver.timeaxis import UNSAID, TimeRequest, parse_time

#: Pixels of a side.
SIZE: Final = 256
#: Most recent scenes of which the least cloudy is shown.
_CANDIDATES: Final = 40
#: Share of a scene's shorter side that is shown: a tilted swath fills that much of its box.
_SHARE: Final = 0.6

_RADIUS: Final = 6_378_137.0
#: Latitude up to which a square of the world map lies in it.
_HIGHEST: Final = 84.0


class View(NamedTuple):
    """A place and time."""

    geobox: GeoBox
    time: TimeRequest


class Thumbnails:
    """Chooses views of collections, and keeps the choice until a collection changes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._views: SizedLru[tuple[str, str], View] = SizedLru(4096, lambda _: 1)

    async def view(self, pipeline: Pipeline, collection_id: str) -> View:
        """Return the middle of the least cloudy of a collection's most recent scenes.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceError: A catalogue elsewhere failed.
        """
        key = collection_id, await pipeline.version(collection_id)
        known = self._views.get(key)
        if known is None:
            known = await self._choose(pipeline, collection_id)
            self._views.set(key, known)
        return known

    async def _choose(self, pipeline: Pipeline, collection_id: str) -> View:
        collection = (await pipeline.layer(collection_id)).collection
        found = await pipeline.footprints(
            collection_id, areas.from_bbox(collection.bbox), parse_time("current"), _CANDIDATES
        )
        if not found:
            return View(square(collection.bbox), UNSAID)
        best = least_cloudy(found)
        day = best.scene.datetime
        west, south, east, north = best.outline.bounds
        middle = best.outline.centroid
        time = UNSAID if day is None else parse_time(day.date().isoformat())
        return View(square((west, south, east, north), (middle.x, middle.y)), time)


def least_cloudy(found: Sequence[Footprint]) -> Footprint:
    """Return the scene with the least known cloud cover, the first of equal ones."""
    return min(found, key=lambda f: _cover(f.scene.cloud_cover))


def _cover(percent: float | None) -> float:
    return math.inf if percent is None else percent


def square(bbox: Bounds, middle: tuple[float, float] | None = None) -> GeoBox:
    """Return a square of the world map in a box.

    Args:
        bbox: West, south, east, north in degrees; west may exceed east across 180 degrees, and east
            may lie beyond 180.
        middle: Longitude and latitude; without, the middle of the box.
    """
    west, south, east, north = bbox
    east += 360.0 if east < west else 0.0
    left, right = (math.radians(v) * _RADIUS for v in (west, east))
    bottom, top = (_northing(v) for v in (south, north))
    whole = 2.0 * math.pi * _RADIUS
    side = max(min(right - left, top - bottom) * _SHARE, 1.0)
    if right - left >= 0.999 * whole:  # all of the Earth
        side = top - bottom
    x, y = (left + right) / 2.0, (bottom + top) / 2.0
    if middle is not None:
        x, y = math.radians(middle[0]) * _RADIUS, _northing(middle[1])
    x -= whole * round(x / whole)
    half = min(side, whole) / 2.0
    return GeoBox.from_bounds((x - half, y - half, x + half, y + half), SIZE, SIZE, "EPSG:3857")


def _northing(latitude: float) -> float:
    kept = math.radians(min(max(latitude, -_HIGHEST), _HIGHEST))
    return _RADIUS * math.log(math.tan(math.pi / 4.0 + kept / 2.0))
