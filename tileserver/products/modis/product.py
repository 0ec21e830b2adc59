"""Finds MODIS tiles among rasters and describes them, the files of one granule as one item."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rasterio.env import Env

from renderers.errors import SourceError, SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.readers.base import RasterInfo
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.catalogue.footprint import grid_footprint
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    name_of,
    stem_of,
)
from tileserver.products.item import Asset, Band, band_name, bands_of, make_item, ncname
from tileserver.products.modis.fields import Field, known_field
from tileserver.products.modis.granule import Granule, by_name, by_tags
from tileserver.products.zooms import native_zoom
from tileserver.timeaxis import iso

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JP2 = b"\0\0\0\x0cjP  "
_HDF4 = b"\x0e\x03\x13\x01"
_ATTRIBUTION = "MODIS data courtesy of NASA EOSDIS"


class _File(NamedTuple):
    """One file: its address, what granule and field it is, what it says of itself, its grid."""

    href: str
    granule: Granule
    info: RasterInfo
    grid: GeoBox
    media_type: str


class ModisProduct:
    """Tiles of MODIS land products, level 3, converted to GeoTIFF or JPEG 2000.

    GeoTIFF files are known by the granule's metadata that converters copy into them. The name of a
    file only counts where its pixels lie in the tile of the sinusoidal grid that the name says.
    """

    id = "modis"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find tiles by their metadata or their place; see `Product.find`."""
        heads = await asyncio.gather(*(access.head(f) for f in files))
        granules: dict[tuple[str, str], list[str]] = {}
        found = []
        for href, head in zip(files, heads, strict=True):
            if head.startswith(_HDF4):
                found.append(Candidate(self.id, href, (href,)))
            elif head.startswith((*_TIFF, _JP2)) and (alone or _hinted(href, head)):
                file = await _known(href, access)
                if file is not None:
                    key = (folder_of(href), file.granule.id)
                    granules.setdefault(key, []).append(href)
        return [*found, *(Candidate(self.id, g[0], tuple(g)) for g in granules.values())]

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the granule; see `Product.describe`."""
        if (await access.head(candidate.href)).startswith(_HDF4):
            raise SourceUnsupportedError(_hdf4_message())
        found = await asyncio.gather(*(_known(f, access) for f in candidate.files))
        files = [f for f in found if f is not None]
        if not files:
            raise SourceUnsupportedError("the file is no MODIS tile any more")
        granule = files[0].granule
        assets = _distinct(files)
        footprint = grid_footprint(files[0].grid)
        item = make_item(granule.id, footprint, granule.time, assets, _properties(granule))
        template = _template(granule, [b.info for a in assets for b in a.bands])
        item["collection"] = hints.collection or template.id
        placed = replace(
            template,
            id=item["collection"],
            title=hints.title or template.title,
            bands=tuple(bands_of(item)),
            max_zoom=max(native_zoom(f.grid, footprint) for f in files),
        )
        return [ProductItem(item, placed)]


def _hinted(href: str, head: bytes) -> bool:
    """Tell whether a raster in a folder is worth a look at its whole header."""
    name = name_of(href)
    return b"MODIS" in head or "MODIS" in name or name.startswith(("MOD", "MYD", "MCD"))


async def _known(href: str, access: Access) -> _File | None:
    """Return what a raster is, None for one that is not of MODIS or cannot be read."""
    try:
        info = (await access.indexed(href)).raster.info
        grid = info.geobox
        if grid is None:
            return None
        tiff = (await access.head(href)).startswith(_TIFF)
        granule = by_tags(await access.tags(href), stem_of(href)) if tiff else None
    except SourceError:
        return None  # whoever takes single rasters says what is wrong with it
    granule = granule or by_name(stem_of(href), grid)
    if granule is None:
        return None
    kind = "image/tiff; application=geotiff" if tiff else "image/jp2"
    return _File(href, granule, info, grid, kind)


def _hdf4_message() -> str:
    with Env() as environment:
        driver = "HDF4" in environment.drivers()
    reason = "has one, but grids inside HDF4 are not read" if driver else "has no driver for it"
    return f"an HDF4 granule: the installed GDAL {reason}; convert its fields to GeoTIFF"


def _distinct(files: Sequence[_File]) -> list[Asset]:
    assets: dict[str, Asset] = {}
    for file in files:
        asset = _asset(file)
        if asset.key in assets:
            raise SourceUnsupportedError("two files of the granule hold the same field")
        assets[asset.key] = asset
    return list(assets.values())


def _asset(file: _File) -> Asset:
    info = file.info
    names = (*info.descriptions[:1], file.granule.field)
    if info.count != 1:
        raise SourceUnsupportedError("a file of a MODIS granule holds more than one field")
    field = known_field(file.granule.product, [n for n in names if n])
    field = field or Field(_plain(names))
    told = info.scales[0] if info.scales else 1.0
    scale, offset = (told, info.offsets[0]) if told != 1.0 else (field.scale, 0.0)
    nodata = field.nodata if info.nodata is None else info.nodata
    return Asset(
        key=field.info.name,
        href=file.href,
        bands=(Band(field.info, scale, offset, nodata, info.dtype),),
        grid=file.grid,
        media_type=file.media_type,
        title=field.info.title,
    )


def _plain(names: Sequence[str]) -> BandInfo:
    title = next((n for n in names if n), "")
    return BandInfo(band_name(title, 1), title=title)


def _properties(granule: Granule) -> dict[str, Any]:
    told = {
        "platform": granule.platform or None,
        "eo:cloud_cover": granule.cloud_cover,
        "start_datetime": iso(granule.start) if granule.start and granule.stop else None,
        "end_datetime": iso(granule.stop) if granule.start and granule.stop else None,
        "modis:product": granule.product or None,
    }
    return {
        "instruments": ["modis"],
        "grid:code": f"MODIS-{granule.tile}",
        **{k: v for k, v in told.items() if v is not None},
    }


def _template(granule: Granule, bands: Sequence[BandInfo]) -> Collection:
    """Return the collection of a granule: its product's, or its platform's and field's."""
    named = granule.product or f"{granule.platform}-{bands[0].name}"
    return Collection(
        id=ncname(f"modis-{named.lower()}"),
        title=f"MODIS {granule.product or f'{granule.platform.title()} {bands[0].title}'}",
        description=granule.title,
        attribution=_ATTRIBUTION,
    )
