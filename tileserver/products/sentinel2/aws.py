"""Sentinel-2 tiles as the archives on AWS keep them: `tileInfo.json` beside the original images.

Source: the registry pages of the buckets `sentinel-s2-l1c` and `sentinel-s2-l2a`. L1C images lie
beside the document (`B04.jp2`), those of L2A in a folder per resolution (`R10m/B04.jp2`), masks in
`qi`, the granule's metadata in `metadata.xml`. The product's metadata lies elsewhere in the bucket,
so what it says is taken from its name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from affine import Affine

from renderers.crs import transform_points
from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from renderers.geobox import FloatArray, GeoBox
from tileserver.catalogue.documents import parse_instant
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    folders_with,
    name_of,
)
from tileserver.products.http import parse_object
from tileserver.products.item import Asset, make_item
from tileserver.products.sentinel2.bands import BY_NAME, MASKS, SPECTRAL
from tileserver.products.sentinel2.metadata import ProductMetadata, TileMetadata
from tileserver.products.sentinel2.product import (
    DEFAULT_RESOLUTION,
    TEMPLATES,
    angles_of,
    asset_of,
    footprint_of,
    mask_of,
    placed,
    properties_of,
)

_DOCUMENT = "tileInfo.json"
_GRANULE = "metadata.xml"
_NAME = re.compile(
    r"(S2[A-D])_MSI(L1C|L2A)_\d{8}T\d{6}_N(\d\d)(\d\d)_R(\d{3})_T(\d\d[A-Z]{3})_\d{8}T\d{6}"
)
_IMAGE = re.compile(r"(?:R(10|20|60)m/)?(B\d\d|B8A|TCI|SCL|AOT|WVP)\.jp2")
_CRS = re.compile(r"urn:ogc:def:crs:EPSG:[0-9.]*:(32[67]\d\d)")
#: Metres along a side of a tile, and pixels by resolution.
_SIDE = 109_800
_SIZES = {10: 10980, 20: 5490, 60: 1830}
#: Every band of every product since this baseline; see the Products Specification, issue 14.9.
_OFFSET, _FIRST_WITH_OFFSET = -1000.0, 4


class Sentinel2AwsProduct:
    """Tiles of the Sentinel-2 archives on AWS."""

    id = "sentinel2-aws"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find tiles by their `tileInfo.json`; see `Product.find`."""
        documents = [f for f in files if alone or name_of(f) == _DOCUMENT]
        return await folders_with(self.id, documents, _is_tile_info, files, access)

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the tile; see `Product.describe`."""
        content = parse_object(await access.document(candidate.href))
        try:
            metadata, tile = parse_tile_info(content)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise SourceCorruptError("the tile's tileInfo.json cannot be read") from error
        found = await _files(candidate, metadata.level, access)
        item = _item(metadata, tile, found)
        return [placed(item, TEMPLATES[metadata.level], hints)]


def parse_tile_info(content: Mapping[str, Any]) -> tuple[ProductMetadata, TileMetadata]:
    """Read a tile's document.

    Raises:
        SourceUnsupportedError: A product in the format before December 2016, whose name does not
            tell its level and baseline.
        SourceCorruptError: Grid or outline cannot be read.
        KeyError, TypeError, ValueError: Something is missing or of another kind.
    """
    name = _NAME.fullmatch(str(content["productName"]))
    if name is None:
        raise SourceUnsupportedError("products with names from before December 2016 are not read")
    mission, level, major, minor, orbit, tile = name.groups()
    geometry = content["tileGeometry"]
    crs = _CRS.fullmatch(str(geometry["crs"]["properties"]["name"]))
    if crs is None:
        raise SourceCorruptError("the tile's CRS cannot be read")
    code = f"EPSG:{crs.group(1)}"
    corners = np.array(geometry["coordinates"][0], np.float64)
    west, north = float(corners[:, 0].min()), float(corners[:, 1].max())
    outline = content.get("tileDataGeometry") or geometry
    raised = int(major) >= _FIRST_WITH_OFFSET
    metadata = ProductMetadata(
        level=level,
        id=name.group(0),
        time=parse_instant(str(content["timestamp"])),
        platform=f"sentinel-2{mission[-1].lower()}",
        relative_orbit=int(orbit),
        orbit_state="",
        baseline=f"{major}.{minor}",
        quantification=10_000.0,
        aot_quantification=1000.0,
        wvp_quantification=1000.0,
        offsets={entry.name: _OFFSET for entry in SPECTRAL} if raised else {},
        granules=(),
        footprint=_ring(outline["coordinates"][0], code),
        cloud_cover=_percent(content.get("cloudyPixelPercentage")),
        generation_time="",
        datatake="",
    )
    grids = {
        step: GeoBox(size, size, Affine(step, 0, west, 0, -step, north), code)
        for step, size in _SIZES.items()
    }
    return metadata, TileMetadata(tile, grids, metadata.cloud_cover, None)


def _ring(coordinates: Sequence[Sequence[float]], crs: str) -> tuple[FloatArray, FloatArray]:
    """Return longitudes and latitudes of an outline in the tile's CRS.

    Raises:
        SourceCorruptError: It has too few points, or one that lies nowhere.
    """
    points = np.array(coordinates, np.float64)
    if points.ndim != 2 or len(points) < 4 or not np.isfinite(points).all():
        raise SourceCorruptError("the tile's outline cannot be read")
    longitudes, latitudes = transform_points(crs, "EPSG:4326", points[:, 0], points[:, 1])
    if not (np.isfinite(longitudes).all() and np.isfinite(latitudes).all()):
        raise SourceCorruptError("the tile's outline cannot be read")
    return longitudes, latitudes


def _percent(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) else None
    return number if number is not None and 0.0 <= number <= 100.0 else None


def _is_tile_info(head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"gridSquare"' in head and b'"utmZone"' in head


async def _files(candidate: Candidate, level: str, access: Access) -> dict[str, str]:
    """Return the tile's files by their path in its folder; web servers are asked one by one."""
    folder = folder_of(candidate.href)
    if not folder.startswith(("http://", "https://")):
        listed = await access.files(folder + "/")
        return {f.removeprefix(folder + "/"): f for f in listed}
    places = {p: f"{folder}/{p}" for p in _possible(level)}
    found = await access.present(places.values())
    return {p: href for p, href in places.items() if href in found}


def _possible(level: str) -> Iterable[str]:
    """Return where images of a level may lie."""
    names = [*BY_NAME, *DEFAULT_RESOLUTION]
    yield _GRANULE
    if level == "L1C":
        yield from (f"{name}.jp2" for name in names)
        return
    yield from (f"R{step}m/{name}.jp2" for name in names for step in _SIZES)
    yield from (f"qi/{mask.key}_{mask.resolution}m.jp2" for mask in MASKS.values())


def _item(
    metadata: ProductMetadata, tile: TileMetadata, found: Mapping[str, str]
) -> dict[str, Any]:
    best: dict[str, tuple[str, int]] = {}
    for path, href in found.items():
        parts = _IMAGE.fullmatch(path)
        if parts is None:
            continue
        band = parts.group(2)
        entry = BY_NAME.get(band)
        if entry is None and band not in DEFAULT_RESOLUTION:
            continue
        known = DEFAULT_RESOLUTION[band] if entry is None else entry.resolution
        resolution = int(parts.group(1) or known)
        if band not in best or resolution < best[band][1]:
            best[band] = (href, resolution)
    if not best:
        raise SourceMissingError("the tile has none of its image files")
    assets: list[Asset] = [
        asset_of(band, href, resolution, metadata, tile.grids[resolution])
        for band, (href, resolution) in sorted(best.items())
    ]
    for mask in MASKS.values():
        path = f"qi/{mask.key}_{mask.resolution}m.jp2"
        if path in found:
            assets.append(mask_of(mask, found[path], tile))
    if _GRANULE in found:
        assets.append(angles_of(found[_GRANULE]))
    footprint = footprint_of(metadata, tile, several=False)
    properties = properties_of(metadata, tile)
    return make_item(metadata.id, footprint, metadata.time, assets, properties)
