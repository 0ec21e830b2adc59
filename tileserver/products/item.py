"""The canonical form of items: what every product writes and the catalogue reads.

STAC 1.1 (`bands`), with the extensions projection 2.0, eo 2.0, raster 2.0 and classification 2.0.
An asset that is read for its pixels has `bands`, in the order of the file's bands; the key of a
one-band asset is its band's name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from renderers.geobox import GeoBox
from renderers.readers.base import RasterInfo
from tileserver.catalogue.base import BandInfo
from tileserver.catalogue.documents import STAC_VERSION, band_from_stac, band_to_stac, finite
from tileserver.catalogue.footprint import bbox_of
from tileserver.catalogue.scenes import TIMELESS, data_assets
from tileserver.timeaxis import iso

_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
)
_CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"


@dataclass(frozen=True, slots=True)
class Band:
    """One band of an asset: what people see of it, and how stored values become physical ones."""

    info: BandInfo
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    data_type: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """One raster file of an item."""

    key: str
    href: str
    bands: tuple[Band, ...]
    grid: GeoBox | None = None
    media_type: str = ""
    title: str = ""
    roles: tuple[str, ...] = ("data",)
    fields: Mapping[str, Any] = field(default_factory=dict)


def make_item(
    item_id: str,
    geometry: BaseGeometry,
    time: datetime | None,
    assets: Sequence[Asset],
    properties: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the item document of a scene.

    Args:
        item_id: Item id.
        geometry: Footprint in longitude and latitude, cut at 180 degrees.
        time: Acquisition time, None for timeless data.
        assets: Its raster files.
        properties: More properties, by their STAC names.
    """
    times: dict[str, Any] = {"datetime": None if time is None else iso(time)}
    if time is None and not properties.get("start_datetime"):
        times |= {"start_datetime": TIMELESS[0], "end_datetime": TIMELESS[1]}
    written = {a.key: asset_document(a) for a in assets}
    extensions = list(_EXTENSIONS)
    if any("classification:classes" in b for a in written.values() for b in a["bands"]):
        extensions.append(_CLASSIFICATION)
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions,
        "id": item_id,
        "geometry": json.loads(shapely.to_geojson(geometry)),
        "bbox": list(bbox_of(geometry)),
        "properties": {**properties, **times},
        "links": [],
        "assets": written,
    }


def asset_document(asset: Asset) -> dict[str, Any]:
    """Write an asset."""
    document: dict[str, Any] = {"href": asset.href, "roles": list(asset.roles), **asset.fields}
    if asset.media_type:
        document["type"] = asset.media_type
    if asset.title:
        document["title"] = asset.title
    document["bands"] = [band_document(b) for b in asset.bands]
    return document | (grid_fields(asset.grid) if asset.grid is not None else {})


def grid_fields(grid: GeoBox) -> dict[str, Any]:
    """Write a pixel grid in the fields of the projection extension."""
    return {
        **_crs_fields(grid.crs),
        "proj:shape": [grid.height, grid.width],
        "proj:transform": [finite(v) for v in grid.transform[:6]],
    }


def _crs_fields(crs: str) -> dict[str, Any]:
    authority = re.fullmatch(r"[A-Za-z0-9_.]+:[A-Za-z0-9_.]+", crs)
    return {"proj:code": crs} if authority else {"proj:code": None, "proj:wkt2": crs}


def band_document(band: Band) -> dict[str, Any]:
    """Write a band."""
    document = band_to_stac(band.info)
    if band.data_type:
        document["data_type"] = band.data_type
    if band.nodata is not None:
        document["nodata"] = finite(band.nodata)
    if (band.scale, band.offset) != (1.0, 0.0):
        document["raster:scale"] = band.scale
        document["raster:offset"] = band.offset
    return document


def with_file_fields(document: Mapping[str, Any], info: RasterInfo) -> dict[str, Any]:
    """Return an asset document with what its file says, where the product did not say it.

    Where the pixels lie is the file's own matter: items are copied with reduced files beside them.
    A file without georeference takes the item's grid, scaled to its own size. Of a grid that no
    affine describes only CRS and size are told: the file's read index has it.
    """
    grid = info.geobox
    shape, transform = document.get("proj:shape"), document.get("proj:transform")
    crs = document.get("proj:code") or document.get("proj:wkt2")
    if info.grid is None and shape and transform and crs:
        whole = GeoBox(int(shape[1]), int(shape[0]), Affine(*transform[:6]), crs)
        grid = whole.zoomed(info.width, info.height)
    bands = []
    for band in document["bands"][: info.count]:
        merged = {**band, "data_type": info.dtype}
        if band.get("nodata") is None and info.nodata is not None:
            merged["nodata"] = finite(info.nodata)
        bands.append(merged)
    told = {**document, "bands": bands}
    if grid is not None:
        told |= grid_fields(grid)
    elif info.model is not None and info.crs is not None:
        told |= {**_crs_fields(info.crs), "proj:shape": [info.height, info.width]}
        told.pop("proj:transform", None)
    return told


def bands_of(item: Mapping[str, Any]) -> list[BandInfo]:
    """Return the bands of an item's assets, in order, each name once."""
    found: dict[str, BandInfo] = {}
    for asset in data_assets(item).values():
        for band in asset["bands"]:
            found.setdefault(band["name"], band_from_stac(band))
    return list(found.values())


def ncname(text: str) -> str:
    """Map any text to an NCName of ASCII letters, digits, `_`, `-` and `.`.

    Raises:
        ValueError: The text has none of these.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text)
    if not re.search(r"[A-Za-z0-9]", name):
        raise ValueError("no letter or digit to make a name of")
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def band_name(text: str, number: int) -> str:
    """Map a band's description to an identifier; `b<number>` where nothing is left of it."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not name or len(name) > 40:
        return f"b{number}"
    return name if name[0].isalpha() else f"b_{name}"
