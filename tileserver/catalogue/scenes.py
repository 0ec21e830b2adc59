"""From a stored item document to a scene and to the rows that find it.

Items are kept in one canonical form, which the products write (`tileserver.products.item`): STAC
1.1 with a `bands` list, `proj:code` (or `proj:wkt2`), `proj:shape` and `proj:transform` in every
asset that is read, and scale, offset, nodata in its bands.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import shapely
from affine import Affine
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from renderers.errors import SourceCorruptError
from renderers.geobox import Bounds, GeoBox
from renderers.scene import BandAsset, Scene
from renderers.stores import StoreRegistry
from tileserver.catalogue.bandnames import second_names
from tileserver.catalogue.documents import parse_instant
from tileserver.catalogue.footprint import boxes_of, geojson_footprint, straight_in, wrap

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Search footprints are grown by this many degrees (about 100 m): products round their corners,
#: and no pixel at an edge may be lost for that.
MARGIN = 0.001
#: Start and end that items without any time carry, because STAC wants an interval.
TIMELESS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")

#: Those of STAC's data types that rasters here have; NumPy calls them the same.
_TYPES = frozenset(
    ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
)


class StoredIndex(NamedTuple):
    """A read index of the file behind one asset, with the identity the file had.

    Attributes:
        asset: Asset key.
        reader: Id of the reader that made it.
        etag: ETag of the file, None where its store has none.
        size: Bytes of the file.
        data: What `RasterIndex.to_bytes` wrote.
    """

    asset: str
    reader: str
    etag: str | None
    size: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What finds an item: its times in microseconds since 1970, boxes and search footprint."""

    start: int | None
    stop: int | None
    cloud_cover: float | None
    boxes: tuple[Bounds, ...]
    footprint: BaseGeometry


def microseconds(instant: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return _EPOCH + value * _MICROSECOND


def item_times(item: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return first and last instant of an item, None for timeless.

    Raises:
        SourceCorruptError: A time cannot be read.
    """
    properties = item["properties"]
    first = properties.get("start_datetime") or properties.get("datetime")
    last = properties.get("end_datetime") or properties.get("datetime")
    if first is None or last is None or (first, last) == TIMELESS:
        return None
    try:
        when = properties.get("datetime")
        if when is not None:  # an acquisition: its nominal time is what it is found by
            return (parse_instant(when),) * 2
        return parse_instant(first), parse_instant(last)
    except ValueError as error:
        raise SourceCorruptError("the item's time cannot be read") from error


def item_row(item: Mapping[str, Any]) -> ItemRow:
    """Return what finds an item.

    Raises:
        SourceUnsupportedError: The item has no footprint.
        SourceCorruptError: A time cannot be read.
    """
    footprint = geojson_footprint(item["geometry"])
    grid = next((g for g in map(asset_grid, data_assets(item).values()) if g is not None), None)
    if grid is not None:
        # about 64 pieces along a side, as the edges of the grid itself are densified
        extent = max(abs(grid.bounds[2] - grid.bounds[0]), abs(grid.bounds[3] - grid.bounds[1]))
        footprint = straight_in(footprint, grid.crs, extent / 64)
    grown = footprint.buffer(MARGIN, join_style="mitre").simplify(MARGIN / 10)
    footprint = wrap(shapely.intersection(grown, box(-540, -90, 540, 90)))
    times = item_times(item)
    cloud = item["properties"].get("eo:cloud_cover")
    return ItemRow(
        start=None if times is None else microseconds(times[0]),
        stop=None if times is None else microseconds(times[1]),
        cloud_cover=None if cloud is None else float(cloud),
        boxes=boxes_of(footprint),
        footprint=footprint,
    )


def digest(item: Mapping[str, Any], indexes: Sequence[StoredIndex]) -> str:
    """Return a digest of an item and of its files' identities: same digest, same pixels."""
    files = sorted((i.asset, i.etag, i.size) for i in indexes)
    text = json.dumps([item, files], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def data_assets(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the assets that are read for their pixels: those with a list of bands."""
    return {k: a for k, a in item["assets"].items() if a.get("bands")}


def asset_grid(asset: Mapping[str, Any]) -> GeoBox | None:
    """Return the pixel grid of an asset, None where the item does not tell."""
    crs = asset.get("proj:code") or asset.get("proj:wkt2")
    shape, transform = asset.get("proj:shape"), asset.get("proj:transform")
    if crs is None or shape is None or transform is None:
        return None
    return GeoBox(int(shape[1]), int(shape[0]), Affine(*transform[:6]), crs)


def scene_of(
    item: Mapping[str, Any], stores: StoreRegistry, indexes: Mapping[str, StoredIndex]
) -> Scene:
    """Build the scene of an item.

    Args:
        item: In canonical form.
        stores: Turns addresses into objects.
        indexes: Stored read indexes by asset key.

    Raises:
        SourceForbiddenError: A file lies in a store that is not configured.
    """
    bands: dict[str, BandAsset] = {}
    common: dict[str, BandAsset] = {}
    told: dict[str, float | None] = {}
    for key, asset in data_assets(item).items():
        for name, common_name, band in _bands(asset, stores, indexes.get(key)):
            bands.setdefault(name, band)
            if common_name:
                common.setdefault(common_name, band)
        for document in asset["bands"]:
            for name in (document.get("eo:common_name"), document["name"]):
                if name:
                    told[name] = document.get("eo:center_wavelength")
    named = common | bands
    times = item_times(item)
    cloud = item["properties"].get("eo:cloud_cover")
    return Scene(
        id=item["id"],
        collection=item["collection"],
        datetime=None if times is None else times[0],
        bands=named | {new: named[name] for new, name in second_names(told).items()},
        cloud_cover=None if cloud is None else float(cloud),
        longitude=middle_of(item.get("bbox")),
    )


def middle_of(bbox: Sequence[float] | None) -> float | None:
    """Return the longitude of the middle of a bounding box, which may cross 180 degrees."""
    if not bbox:
        return None
    west, east = bbox[0], bbox[len(bbox) // 2]
    middle = (west + east + (360.0 if west > east else 0.0)) / 2.0
    return middle - 360.0 if middle > 180.0 else middle


def _bands(
    asset: Mapping[str, Any], stores: StoreRegistry, index: StoredIndex | None
) -> Iterator[tuple[str, str, BandAsset]]:
    ref = stores.resolve(asset["href"])
    if index is not None:
        ref = replace(ref, etag=index.etag, size=index.size)
    grid = asset_grid(asset)
    for number, band in enumerate(asset["bands"], start=1):
        nodata = band.get("nodata")
        yield (
            band["name"],
            band.get("eo:common_name", ""),
            BandAsset(
                ref=ref,
                reader="" if index is None else index.reader,
                band=number,
                scale=float(band.get("raster:scale", 1.0)),
                offset=float(band.get("raster:offset", 0.0)),
                nodata=None if nodata is None else float(nodata),
                grid=grid,
                index=None if index is None else index.data,
                dtype=_dtype(band),
            ),
        )


def _dtype(band: Mapping[str, Any]) -> str:
    """Return the type of a band's stored values by its NumPy name, "" where STAC's is no such."""
    told = band.get("data_type")
    return told if told in _TYPES else ""
