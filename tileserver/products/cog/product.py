"""Describes one georeferenced raster file, whatever it shows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from renderers.errors import SourceError, SourceUnsupportedError
from renderers.readers.base import RasterInfo
from renderers.readers.registry import SIGNATURES
from tileserver.catalogue.base import BandInfo, ClassInfo, Collection
from tileserver.catalogue.footprint import grid_footprint
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    files_beginning,
    name_of,
    stem_of,
)
from tileserver.products.cog.statistics import read_statistics
from tileserver.products.item import Asset, Band, band_name, bands_of, make_item, ncname
from tileserver.products.zooms import native_zoom

#: Files that belong to a raster of the same name before the suffix: masks and overviews.
_SIDECARS = (".msk", ".ovr")
_RGB = ("Red", "Green", "Blue")
_MEDIA_TYPES = {
    "tiff": "image/tiff; application=geotiff",
    "jp2": "image/jp2",
}


class CogProduct:
    """Any raster with a georeference, one item per file."""

    id = "cog"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find rasters by their first bytes; see `Product.find`."""
        if alone:
            return [Candidate(self.id, f, (f,)) for f in files]
        names = frozenset(files)
        wanted = [f for f in files if not _is_sidecar(f, names)]
        starts = tuple(start for start, readers in SIGNATURES if len(readers) > 1)
        return await files_beginning(self.id, starts, wanted, access)

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the file; see `Product.describe`."""
        href = candidate.href
        file = await access.indexed(href)
        info = file.raster.info
        grid = info.grid
        if grid is None:
            raise SourceUnsupportedError("the raster has no georeference")
        if np.dtype(info.dtype).kind == "c":
            raise SourceUnsupportedError("rasters of complex numbers are not drawn")
        footprint = grid_footprint(grid)
        bands = await _bands(href, info, access)
        media_type = _MEDIA_TYPES.get(file.reader.id, "")
        asset = Asset("data", href, bands, info.geobox, media_type, roles=("data",))
        item = make_item(stem_of(href), footprint, hints.time, [asset], {})
        item["collection"] = hints.collection or _collection_id(href)
        template = Collection(
            id=item["collection"],
            title=hints.title or item["collection"].replace("_", " "),
            bands=tuple(bands_of(item)),
            max_zoom=native_zoom(grid, footprint),
        )
        return [ProductItem(item, template, own_collection=not hints.collection)]


def _is_sidecar(href: str, names: frozenset[str]) -> bool:
    return any(href.endswith(s) and href.removesuffix(s) in names for s in _SIDECARS)


def _collection_id(href: str) -> str:
    try:
        return ncname(stem_of(href))
    except ValueError:
        raise SourceUnsupportedError(
            "the file's name makes no collection id; name one", detail=name_of(href)
        ) from None


async def _bands(href: str, info: RasterInfo, access: Access) -> tuple[Band, ...]:
    infos = _band_infos(info)
    if info.colour_table is not None:
        infos[0] = replace(infos[0], classes=classes_of(info.colour_table))
    elif not is_picture(info):
        try:
            stretches = await read_statistics(href, access)
        except SourceError as error:
            raise type(error)(f"its pixels cannot be read: {error}", detail=error.detail) from error
        infos = [replace(i, statistics=s) for i, s in zip(infos, stretches, strict=True)]
    return tuple(
        Band(
            band,
            scale=info.scales[i] if i < len(info.scales) else 1.0,
            offset=info.offsets[i] if i < len(info.offsets) else 0.0,
            nodata=info.nodata,
            data_type=info.dtype,
        )
        for i, band in enumerate(infos)
    )


def _band_infos(info: RasterInfo) -> list[BandInfo]:
    # No common names: styles made for reflectances would take these bytes for such.
    titles = _RGB if is_picture(info) else ()
    infos: list[BandInfo] = []
    for number in range(1, info.count + 1):
        text = info.descriptions[number - 1] if number <= len(info.descriptions) else ""
        name = band_name(text, number)
        if any(b.name == name for b in infos):
            name = f"b{number}"
        title = text or (titles[number - 1] if number <= len(titles) else "")
        infos.append(BandInfo(name, title=title))
    return infos


def is_picture(info: RasterInfo) -> bool:
    """Tell whether the file is painted already: three bands of bytes, or more."""
    return info.dtype == "uint8" and info.count >= 3


def classes_of(table: Sequence[tuple[int, int, int, int]]) -> tuple[ClassInfo, ...]:
    """Return the classes of a colour table: its visible entries.

    Tables always have 256 entries; the values that no class uses are all the same, mostly black,
    and stand out by being repeated.
    """
    colours = [tuple(c) for c in table]
    filler = {c for c in colours if colours.count(c) > max(8, len(colours) // 4)}
    return tuple(
        ClassInfo(value, str(value), (red, green, blue, alpha))
        for value, (red, green, blue, alpha) in enumerate(table)
        if alpha > 0 and (red, green, blue, alpha) not in filler
    )
