"""What a coverage is to clients: values of a collection, or of one item, on a grid of its own.

An item's own grid is that of its finest band, pixel for pixel. A collection's is chosen: the CRS
that most of its newest items have and their finest pixels, aligned with one of them, unless its
setting says otherwise (`SETTING`). So a request on that grid gives stored values as they are.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import numpy as np
from affine import Affine

from cache.memory import SizedLru
from renderers.crs import is_geographic, metres_per_unit
from renderers.files import FileCache, grid_of
from renderers.geobox import Bounds, GeoBox
from renderers.scene import BandAsset, Scene
from renderers.sourcegrid import SourceGrid, outline
from renderers.together import together
from tileserver import area as areas
from tileserver import timesearch
from tileserver.catalogue.base import Area, BandInfo, Catalogue, Collection
from tileserver.crs import OgcCrs, envelope, normal_bbox, parse_crs
from tileserver.errors import InvalidCrsError, NoDataError, UnknownItemError
from tileserver.timeaxis import ALWAYS, TimeRequest
from tileserver.timeaxis_choice import choose

#: Member of `Collection.extra` that may hold `crs` (such as `EPSG:32632`) and `resolution` (in its
#: units) of the collection's own grid, and `bands`, the names of those that its coverage has.
SETTING: Final = "coverage"

#: Newest items that are looked at for a collection's own grid.
_LOOKED_AT: Final = 64
_KEPT: Final = 4096
#: Part of a pixel by which corners of grids with the same pixels may differ: what doubles lose.
_SLACK: Final = 1e-6

_GEOGRAPHIC: Final = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class Field:
    """One band of a coverage.

    Attributes:
        band: What the catalogue says of it.
        dtype: NumPy name of its stored values.
        nodata: Stored value that means "no data", or None.
        scale: Physical value = stored value * scale + offset.
        offset: See `scale`.
    """

    band: BandInfo
    dtype: str
    nodata: float | None
    scale: float
    offset: float

    @property
    def name(self) -> str:
        """The band's own name."""
        return self.band.name


@dataclass(frozen=True, slots=True)
class CoverageSummary:
    """What capabilities tell of a coverage; known without opening a file.

    Attributes:
        collection: It is this one's, or of one of its items.
        item: That item, or None.
        grid: Its own pixels, north up; the CRS has an EPSG code.
        bbox: (west, south, east, north) in degrees, west < east.
        time: First and last instant, or None for timeless data.
    """

    collection: Collection
    item: Scene | None
    grid: GeoBox
    bbox: Bounds
    time: tuple[datetime, datetime] | None

    @property
    def crs(self) -> OgcCrs:
        """The CRS of the grid, with its axis order."""
        return parse_crs(self.grid.crs)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A coverage with its bands, as their files have them."""

    summary: CoverageSummary
    fields: tuple[Field, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that holds the stored values of all bands."""
        return np.result_type(*(field.dtype for field in self.fields))


class _Placed(Protocol):
    """The part of the renderer that is needed here."""

    @property
    def files(self) -> FileCache:
        """Open files."""


class Coverages:
    """Describes coverages; one per pipeline."""

    def __init__(self, catalogue: Catalogue, renderer: _Placed) -> None:
        self._catalogue = catalogue
        self._renderer = renderer
        self._summaries: SizedLru[tuple[str, str], CoverageSummary]
        self._summaries = SizedLru(_KEPT, lambda _: 1)

    async def summary(self, collection_id: str, item_id: str = "") -> CoverageSummary:
        """Return what capabilities tell of a collection's coverage, or of an item's.

        Raises:
            UnknownCollectionError: There is no such collection.
            UnknownItemError: There is no such item in it.
            NoDataError: The collection is empty.
            SourceError: A file had to be opened, as the catalogue does not tell its grid, and could
                not be.
        """
        collection = await self._catalogue.collection(collection_id)
        if item_id:
            return await self.of_item(collection, await self.scene(collection_id, item_id))
        revision = self._catalogue.revision(collection_id, areas.WORLD, ALWAYS)
        key = collection_id, revision
        known = self._summaries.get(key)
        if known is None or known.collection is not collection:
            known = await self._of_collection(collection)
            self._summaries.set(key, known)
        return known

    async def newest(self, collection_id: str, most: int) -> list[CoverageSummary]:
        """Return what is told of the newest items of a collection, the newest first.

        Raises:
            UnknownCollectionError: There is no such collection.
            NoDataError: It is empty.
        """
        collection = await self._catalogue.collection(collection_id)
        scenes = await self._newest(collection, most)
        return [await self.of_item(collection, scene) for scene in scenes[:most]]

    async def items(
        self, collection_id: str, area: Area, time: TimeRequest, most: int
    ) -> list[CoverageSummary]:
        """Return what is told of items that touch an area at some times, the newest first.

        Raises:
            UnknownCollectionError: There is no such collection.
            InvalidTimeError: The collection's settings of time cannot be read.
        """
        collection = await self._catalogue.collection(collection_id)
        spans = choose(time, collection, datetime.now(UTC).date(), ruled=True).spans
        scenes = await timesearch.search(self._catalogue, collection, area, spans, most)
        return [await self.of_item(collection, scene) for scene in scenes[:most]]

    async def of_item(self, collection: Collection, scene: Scene) -> CoverageSummary:
        """Return what is told of the coverage of a scene that is known already."""
        grid = north_up(await self._finest(scene))
        time = None if scene.datetime is None else (scene.datetime, scene.datetime)
        return CoverageSummary(collection, scene, grid, bbox_of(grid), time)

    async def scene(self, collection_id: str, item_id: str) -> Scene:
        """Return the scene of an item.

        Raises:
            UnknownCollectionError: There is no such collection.
            UnknownItemError: There is no such item in it.
        """
        found = await self._catalogue.scene(collection_id, item_id)
        if found is None:
            raise UnknownItemError("there is no such coverage", parameter="coverage")
        return found

    async def newest_scene(self, collection_id: str) -> Scene:
        """Return the newest scene of a collection, whose files tell what its values are.

        Raises:
            UnknownCollectionError: There is no such collection.
            NoDataError: It is empty.
        """
        collection = await self._catalogue.collection(collection_id)
        return (await self._newest(collection, 1))[0]

    async def coverage(self, collection_id: str, item_id: str = "") -> Coverage:
        """Return a coverage with its bands; see `summary` for the errors."""
        summary = await self.summary(collection_id, item_id)
        scene = summary.item or await self.newest_scene(collection_id)
        bands = [band for band in summary.collection.bands if band.name in scene.bands]
        fields = await together(*(self._field(band, scene.bands[band.name]) for band in bands))
        return Coverage(summary, chosen_fields(fields, summary.collection))

    async def _field(self, band: BandInfo, asset: BandAsset) -> Field:
        if asset.dtype and asset.nodata is not None:
            return Field(band, asset.dtype, asset.nodata, asset.scale, asset.offset)
        info = (await self._renderer.files.open(asset)).index.info
        nodata = info.nodata if asset.nodata is None else asset.nodata
        return Field(band, info.dtype, nodata, asset.scale, asset.offset)

    async def _newest(self, collection: Collection, most: int) -> Sequence[Scene]:
        found = await self._catalogue.search(collection.id, areas.WORLD, ALWAYS, most)
        if not found:
            message = f"collection {collection.id} has no items yet"
            raise NoDataError(message, parameter="coverage")
        return found

    async def _finest(self, scene: Scene) -> SourceGrid:
        """Return the grid of the band with the most pixels."""
        grids = await together(*(self._grid(asset) for asset in _files(scene)))
        return max(grids, key=lambda grid: grid.width * grid.height)

    async def _grid(self, asset: BandAsset) -> SourceGrid:
        grid = asset.grid or grid_of(asset, await self._renderer.files.open(asset))
        if grid is None:
            raise NoDataError("a source file has no georeference", parameter="coverage")
        return grid

    async def _of_collection(self, collection: Collection) -> CoverageSummary:
        scenes = await self._newest(collection, _LOOKED_AT)
        grids = [north_up(await self._finest(scene)) for scene in scenes[:_LOOKED_AT]]
        grid = common_grid(grids, collection, whole=len(scenes) <= _LOOKED_AT)
        bbox = normal_bbox(collection.bbox)
        return CoverageSummary(collection, None, grid, bbox, collection.time)


def chosen_fields(fields: Sequence[Field], collection: Collection) -> tuple[Field, ...]:
    """Return the bands of a coverage: those of the setting, else all that suit the first one.

    All values of a file are of one type: angles as fractions among stored integers would make all
    of them fractions, so that either all bands are of integers, or of fractions.
    """
    own = (collection.extra.get(SETTING) or {}).get("bands")
    if own:
        named = {field.name: field for field in fields}
        return tuple(named[name] for name in own if name in named)
    whole = [np.dtype(field.dtype).kind in "iu" for field in fields]
    return tuple(f for f, suits in zip(fields, whole, strict=True) if suits == whole[0])


def _files(scene: Scene) -> list[BandAsset]:
    """Return one band of each file."""
    return list({asset.ref.key: asset for asset in scene.bands.values()}.values())


def common_grid(grids: Sequence[GeoBox], collection: Collection, *, whole: bool) -> GeoBox:
    """Return the grid of a collection.

    Args:
        grids: Those of its newest items, north up.
        collection: With its setting and its extent.
        whole: These are all of its items.
    """
    own = collection.extra.get(SETTING) or {}
    counted = Counter(grid.crs for grid in grids)
    crs = parse_crs(str(own.get("crs") or counted.most_common(1)[0][0])).canonical
    fitting = [grid for grid in grids if grid.crs == crs]
    if fitting:
        model = min(fitting, key=lambda grid: math.prod(grid.resolution))
    else:
        model = _in_crs(min(grids, key=lambda g: g.resolution[0] * metres_per_unit(g.crs)), crs)
    if own.get("resolution"):
        side = float(own["resolution"])
        t = model.transform
        model = GeoBox(1, 1, Affine(side, 0.0, t.c, 0.0, -side, t.f), crs)
    boxes = [grid.bounds for grid in fitting]
    if not (whole and len(fitting) == len(grids)):
        told = envelope(normal_bbox(collection.bbox), parse_crs(crs))
        boxes += [told] if told is not None else []
    return aligned(model, _around(boxes or [model.bounds]))


def aligned(model: GeoBox, bounds: Bounds) -> GeoBox:
    """Return the grid with the pixels of another one that holds a box, north up."""
    t = model.transform
    west, south, east, north = bounds
    first = math.floor((west - t.c) / t.a + _SLACK), math.floor((north - t.f) / t.e + _SLACK)
    last = math.ceil((east - t.c) / t.a - _SLACK), math.ceil((south - t.f) / t.e - _SLACK)
    width, height = max(last[0] - first[0], 1), max(last[1] - first[1], 1)
    return model.crop(first[0], first[1], width, height)


def north_up(grid: SourceGrid) -> GeoBox:
    """Return the north-up grid of a file in a CRS with a code: its own pixels where that can be.

    A file that is rotated, curved, or in a CRS of its own gets longitudes and latitudes, or its own
    CRS, with pixels of its size.
    """
    try:
        crs = parse_crs(grid.crs).canonical
    except InvalidCrsError:
        crs = _GEOGRAPHIC
    if isinstance(grid, GeoBox) and crs == grid.crs:
        t = grid.transform
        if t.b == 0.0 and t.d == 0.0:
            west, south, east, north = grid.bounds
            if t.a > 0.0 and t.e < 0.0:
                return grid
            return GeoBox.from_bounds((west, south, east, north), grid.width, grid.height, crs)
    return _in_crs(grid, crs)


def _in_crs(grid: SourceGrid, crs: str) -> GeoBox:
    """Return a north-up grid in a CRS around another grid, with square pixels of its size."""
    x, y = outline(grid, crs)
    if not x.size:
        raise NoDataError(f"the data does not lie in {crs}", parameter="coverage")
    bounds = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    metres = min(grid.resolution) * metres_per_unit(grid.crs)
    side = metres / metres_per_unit(crs)
    width = max(math.ceil((bounds[2] - bounds[0]) / side - _SLACK), 1)
    height = max(math.ceil((bounds[3] - bounds[1]) / side - _SLACK), 1)
    return GeoBox(width, height, Affine(side, 0.0, bounds[0], 0.0, -side, bounds[3]), crs)


def _around(boxes: Iterable[Bounds]) -> Bounds:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def bbox_of(grid: GeoBox) -> Bounds:
    """Return the longitude/latitude box of a grid, west < east: all round across 180 degrees."""
    if is_geographic(grid.crs):
        west, south, east, north = grid.bounds
    else:
        west, south, east, north = _envelope_of(areas.of_geobox(grid))
    if west < -180.0 or east > 180.0:
        west, east = -180.0, 180.0
    return west, max(south, -90.0), east, min(north, 90.0)


def _envelope_of(area: Area) -> Bounds:
    return _around(area.boxes or ((-180.0, -90.0, 180.0, 90.0),))
