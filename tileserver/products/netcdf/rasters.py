"""The rasters of a NetCDF file: which variables are drawn, and how they become assets."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from renderers.errors import SourceUnsupportedError
from renderers.readers.base import RasterIndex
from renderers.readers.netcdf.index import WORD_BITS, NetcdfIndex
from renderers.readers.netcdf.reader import Contents, read_contents
from renderers.readers.netcdf.variables import Variable
from renderers.sourcegrid import SourceGrid
from renderers.stores import part_href
from tileserver.catalogue.base import BandInfo, ClassInfo
from tileserver.products.base import Access, IndexedFile
from tileserver.products.item import Asset, Band, band_name
from tileserver.products.netcdf.flags import flags_of, hue

#: Variables of one file that become bands.
MAX_VARIABLES: Final = 64
_MEDIA_TYPE: Final = "application/x-netcdf"
#: Words of units that say nothing.
_NO_UNIT: Final = frozenset({"1", "dl", "none", "-", "unitless", "dimensionless"})


class Raster(NamedTuple):
    """One slice of a variable: the variable, its address, what was found there."""

    variable: Variable
    href: str
    file: IndexedFile
    grid: SourceGrid


async def contents_of(href: str, access: Access, group: str = "") -> Contents:
    """Return what a file holds; see `read_contents`."""
    source = await access.stores.open(access.stores.resolve(href)).pinned()
    return await read_contents(source, group)


async def rasters_of(
    href: str, variables: Sequence[Variable], access: Access, slices: Sequence[str]
) -> list[Raster]:
    """Return those slices of variables that lie on Earth, in the order of the file.

    Args:
        href: Address of the file.
        variables: To look at.
        access: How to reach it.
        slices: For each variable, which slice of its leading dimensions, "" for one without.

    Raises:
        SourceUnsupportedError: None of them can be drawn; the message is that of the first.
        SourceError: Other kinds, by what the store or the file says.
    """

    async def look(variable: Variable, chosen: str) -> Raster | SourceUnsupportedError:
        address = part_href(href, variable.path + chosen)
        try:
            file = await access.indexed(address)
        except SourceUnsupportedError as error:
            return error
        grid = file.raster.info.grid
        if grid is None:
            return SourceUnsupportedError("no variable of the NetCDF file lies on Earth")
        return Raster(variable, address, file, grid)

    pairs = list(zip(variables, slices, strict=True))[:MAX_VARIABLES]
    found = await asyncio.gather(*(look(v, s) for v, s in pairs))
    rasters = [r for r in found if isinstance(r, Raster)]
    if not rasters:
        refusals = [r for r in found if isinstance(r, SourceUnsupportedError)]
        message = "the NetCDF file has no variable that can be drawn"
        raise refusals[0] if refusals else SourceUnsupportedError(message)
    return rasters


def assets_of(rasters: Sequence[Raster]) -> list[Asset]:
    """Return an asset of one band for each raster."""
    names: set[str] = set()
    assets = []
    for number, raster in enumerate(rasters, start=1):
        name = band_name(raster.variable.path.rpartition("/")[2], number)
        name = name if name not in names else f"{name}_{number}"
        names.add(name)
        bands = bands_from(name, raster.variable, raster.file.raster)
        title = band_info(name, raster.variable).title
        assets.append(Asset(name, raster.href, bands, media_type=_MEDIA_TYPE, title=title))
    return assets


def bands_from(name: str, variable: Variable, index: RasterIndex) -> tuple[Band, ...]:
    """Return the band of one slice of a variable, or its words where it is of packed bits."""
    told, info = band_info(name, variable), index.info
    words = index.words if isinstance(index, NetcdfIndex) else 1
    if words == 1:
        flagged = replace(told, flags=flags_of(variable))
        return (Band(flagged, info.scales[0], info.offsets[0], info.nodata, info.dtype),)
    bits = [(word * WORD_BITS, (word + 1) * WORD_BITS - 1) for word in range(words)]
    infos = [
        replace(
            told,
            name=f"{name}_{first}",
            title=f"{told.title or name}, bits {first} to {last}",
            flags=flags_of(variable, word),
        )
        for word, (first, last) in enumerate(bits)
    ]
    return tuple(Band(i, data_type=info.dtype) for i in infos)


def band_info(name: str, variable: Variable) -> BandInfo:
    """Return what is told of a variable: its title, unit, wavelength and classes."""
    unit = variable.text("units").strip()
    wavelength = variable.number("wavelength") or variable.number("radiation_wavelength")
    return BandInfo(
        name,
        title=variable.text("long_name") or variable.text("standard_name").replace("_", " "),
        unit="" if unit.lower() in _NO_UNIT else unit,
        # products of the Sentinels and of SNAP tell it in nanometres
        wavelength=wavelength / 1000.0 if wavelength and wavelength > 100.0 else wavelength or None,
        classes=_classes(variable),
    )


def _classes(variable: Variable) -> tuple[ClassInfo, ...]:
    """Return the classes of `flag_values` (CF 3.5), in colours all around the circle."""
    values = variable.attributes.get("flag_values")
    names = variable.text("flag_meanings").split()
    packed = "flag_masks" in variable.attributes
    if packed or not isinstance(values, tuple) or len(values) != len(names):
        return ()
    return tuple(
        ClassInfo(int(value), name.replace("_", " "), hue(number, len(names)))
        for number, (value, name) in enumerate(zip(values, names, strict=True))
    )
