"""Finds Sentinel-3 OLCI and SLSTR products and describes them.

Every band lies in a file of its own, and the positions of its pixels in another one: for OLCI
`geo_coordinates.nc`, for SLSTR the `geodetic` file of the band's grid and view (`an`: nadir at
500 m, stripe A; `in`: nadir at 1 km). They are read once, when the product is added.

Quality flags lie in files of several variables (`qualityFlags.nc`, `wqsf.nc`, `lqsf.nc`,
`flags_in.nc`, `flags_an.nc`): those that tell their bits (`flag_masks`) are bands.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.geolocation import GeolocationArray
from renderers.readers.netcdf.index import NetcdfIndex
from renderers.readers.netcdf.reader import read_array
from renderers.readers.netcdf.variables import Variable
from renderers.stores import part_href
from tileserver.catalogue.base import Collection
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    folders_with,
    name_of,
)
from tileserver.products.item import Asset, Band, bands_of, make_item
from tileserver.products.netcdf.rasters import band_info, bands_from, contents_of
from tileserver.products.sentinel3.bands import COMMON, OLCI, SLSTR
from tileserver.products.sentinel3.metadata import MARK, Manifest, parse_manifest
from tileserver.products.zooms import native_zoom

_MEDIA_TYPE: Final = "application/x-netcdf"
_ATTRIBUTION: Final = "Contains modified Copernicus Sentinel data"
_OLCI: Final = re.compile(r"(?P<band>Oa\d\d)_(?P<what>radiance|reflectance)\.nc\Z")
_SLSTR: Final = re.compile(r"(?P<band>[SF]\d)_(?P<what>radiance|BT)_(?P<grid>an|in|fn)\.nc\Z")
#: Files of quality flags; of SLSTR those of the grids whose bands are read.
_FLAGS: Final = re.compile(r"(?:qualityFlags|wqsf|lqsf|flags_(?P<grid>an|in|fn))\.nc\Z")


class _File(NamedTuple):
    """A band's file: its band, the variable, and file and suffix of its positions."""

    name: str
    band: str
    variable: str
    places: str
    suffix: str


class Sentinel3Product:
    """OLCI L1 and L2 (reflectances), SLSTR L1 in nadir view, with their quality flags."""

    id = "sentinel3"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find folders with a manifest; see `Product.find`."""
        documents = [f for f in files if alone or f.lower().endswith(".xml")]
        return await folders_with(self.id, documents, _is_manifest, files, access)

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the product; see `Product.describe`."""
        manifest = parse_manifest(await access.document(candidate.href))
        folder = folder_of(candidate.href)
        files = [f for f in map(_file, manifest.files) if f is not None]
        if not files:
            raise SourceUnsupportedError(f"products of type {manifest.type} are not read")
        grids: dict[str, GeolocationArray] = {}
        for places in dict.fromkeys((f.places, f.suffix) for f in files):
            grids[places[0]] = await _grid(f"{folder}/{places[0]}", places[1], access)
        assets = [await _asset(folder, file, grids[file.places], access) for file in files]
        for name in manifest.files:
            grid = grids.get(_places_of_flags(name))
            if grid is not None:
                assets += await _flags(f"{folder}/{name}", grid, access)
        item = make_item(
            manifest.name, manifest.footprint, manifest.time, assets, _properties(manifest, grids)
        )
        kind = manifest.type.strip("_").replace("_", "-").lower()
        item["collection"] = hints.collection or f"sentinel-3-{kind}"
        finest = min(grids.values(), key=lambda grid: min(grid.resolution))
        template = Collection(
            id=item["collection"],
            title=hints.title or f"Sentinel-3 {manifest.type.strip('_')}",
            attribution=_ATTRIBUTION,
            bands=tuple(bands_of(item)),
            max_zoom=native_zoom(finest, manifest.footprint),
        )
        return [ProductItem(item, template)]


def _is_manifest(head: bytes) -> bool:
    return MARK in head and b"XFDU" in head


def _file(name: str) -> _File | None:
    olci, slstr = _OLCI.match(name), _SLSTR.match(name)
    if olci is not None:
        return _File(name, olci["band"], name.removesuffix(".nc"), "geo_coordinates.nc", "")
    if slstr is not None:
        suffix = f"_{slstr['grid']}"
        return _File(name, slstr["band"], name.removesuffix(".nc"), f"geodetic{suffix}.nc", suffix)
    return None


async def _grid(href: str, suffix: str, access: Access) -> GeolocationArray:
    """Return the positions of a grid from their file."""
    source = await access.stores.open(access.stores.resolve(href)).pinned()
    arrays = []
    for name in ("longitude", "latitude"):
        file = await access.indexed(part_href(href, name + suffix))
        if not isinstance(file.raster, NetcdfIndex):
            raise SourceUnsupportedError("the positions of the product are in no NetCDF file")
        arrays.append(await read_array(source, file.raster))
    return await asyncio.to_thread(GeolocationArray.thinned, *arrays)


async def _asset(folder: str, file: _File, grid: GeolocationArray, access: Access) -> Asset:
    href = f"{folder}/{file.name}"
    address = part_href(href, file.variable)
    info = (await _placed(address, grid, access)).info
    contents = await contents_of(href, access)
    variable = next(v for v in contents.variables if v.path == file.variable)
    told = replace(
        band_info(file.band, variable),
        common_name=COMMON.get(file.band, "") if "reflectance" in file.name else "",
        wavelength=(OLCI | SLSTR).get(file.band),
    )
    band = Band(told, info.scales[0], info.offsets[0], info.nodata, info.dtype)
    return Asset(file.band, address, (band,), media_type=_MEDIA_TYPE, title=told.title)


async def _placed(address: str, grid: GeolocationArray, access: Access) -> NetcdfIndex:
    """Have a variable read as lying on a grid; return its index.

    Raises:
        SourceUnsupportedError: It is of another size than the grid.
        SourceError: Other kinds, by what the store or the file says.
    """
    indexed = await access.indexed(address)
    index = indexed.raster
    if not isinstance(index, NetcdfIndex):
        raise SourceUnsupportedError("a band of the product is in no NetCDF file")
    if (index.info.width, index.info.height) != (grid.width, grid.height):
        name = name_of(address.partition("#")[0])
        raise SourceUnsupportedError(f"{name} is of another size than its positions")
    placed = replace(index, raster=replace(index.info, crs=grid.crs, model=grid))
    access.identified(address, indexed._replace(raster=placed))
    return placed


def _places_of_flags(name: str) -> str:
    """Return the file with the positions of a file of flags, "" for other files."""
    found = _FLAGS.match(name)
    if found is None:
        return ""
    return "geo_coordinates.nc" if found["grid"] is None else f"geodetic_{found['grid']}.nc"


async def _flags(href: str, grid: GeolocationArray, access: Access) -> list[Asset]:
    """Return the variables of a file whose bits are flags; none where the file is not there."""
    try:
        contents = await contents_of(href, access)
    except SourceMissingError:
        return []
    told = [v for v in contents.variables if "flag_masks" in v.attributes and len(v.shape) == 2]
    return [await _flag_asset(href, variable, grid, access) for variable in told]


async def _flag_asset(
    href: str, variable: Variable, grid: GeolocationArray, access: Access
) -> Asset:
    address = part_href(href, variable.path)
    index = await _placed(address, grid, access)
    bands = bands_from(variable.path, variable, index)
    title = variable.text("long_name") or variable.path
    return Asset(
        variable.path, address, bands, media_type=_MEDIA_TYPE, title=title,
        roles=("data", "quality"),
    )  # fmt: skip


def _properties(manifest: Manifest, grids: dict[str, GeolocationArray]) -> dict[str, object]:
    return {
        "platform": manifest.platform,
        "constellation": "sentinel-3",
        "instruments": ["olci" if manifest.type.startswith("OL") else "slstr"],
        "s3:product_type": manifest.type,
        "s3:geolocation_error": round(max(grid.error for grid in grids.values()), 3),
        **({} if manifest.orbit is None else {"sat:relative_orbit": manifest.orbit}),
    }
