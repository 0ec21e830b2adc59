"""Describes Sentinel-5P Level-2 files: the swaths of their group PRODUCT.

Source: Sentinel-5 precursor/TROPOMI Level 2 Product User Manuals, chapter "Overview of the product
format": variables are (time, scanline, ground_pixel), with longitude and latitude beside them and
`qa_value`, which tells how far a pixel may be trusted.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from shapely.geometry.base import BaseGeometry

from renderers.errors import SourceError, SourceMissingError, SourceUnsupportedError
from renderers.readers.netcdf.reader import HDF5, Contents
from renderers.readers.netcdf.variables import Variable
from tileserver.catalogue.base import Collection
from tileserver.catalogue.documents import parse_instant
from tileserver.catalogue.footprint import grid_footprint, ring_footprint
from tileserver.products.base import Access, Candidate, Hints, ProductItem
from tileserver.products.item import bands_of, make_item
from tileserver.products.netcdf.rasters import assets_of, contents_of, rasters_of
from tileserver.products.zooms import native_zoom

_ATTRIBUTION: Final = "Contains modified Copernicus Sentinel data"
_ID: Final = re.compile(r"S5P_(?P<stream>[A-Z0-9]{4})_(?P<type>L2__[A-Z0-9_]{6})_.*")
_GROUP: Final = "PRODUCT/"
_OUTLINE: Final = (
    "METADATA/EOP_METADATA/om:featureOfInterest/eop:multiExtentOf/gml:surfaceMembers/gml:exterior"
)
#: Quality of each pixel, stored as 0 to 100.
_QUALITY: Final = "qa_value"
#: Least quality of pixels to be used, by product, as the products' user manuals advise.
_LEAST: Final = {"no2": 75, "aer_ai": 80}
_LEAST_OF_OTHERS: Final = 50
#: Arrays of the group that are no measurements.
_PLACES: Final = frozenset({"latitude", "longitude"})


class Sentinel5pProduct:
    """Level-2 files of all trace gases, aerosols and clouds."""

    id = "sentinel5p"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find files by their global attributes; see `Product.find`."""
        del alone
        found = []
        for file in files:
            if not (await access.head(file)).startswith(HDF5):
                continue
            try:
                contents = await contents_of(file, access)
            except SourceError:  # described, and refused, as any NetCDF file
                continue
            if _ID.match(_text(contents, "id")):
                found.append(Candidate(self.id, file, (file,)))
        return found

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the file; see `Product.describe`."""
        href = candidate.href
        contents = await contents_of(href, access)
        matched = _ID.match(_text(contents, "id"))
        if matched is None:
            raise SourceUnsupportedError("the Sentinel-5P file does not say what it is")
        variables = [v for v in contents.variables if _measures(v)]
        rasters = await rasters_of(href, variables, access, ["[0]"] * len(variables))
        outline = await _outline(href, access)
        footprint = grid_footprint(rasters[0].grid) if outline is None else outline
        kind = matched["type"].strip("_").replace("L2__", "").strip("_").lower()
        try:
            time = parse_instant(_text(contents, "time_coverage_start"))
        except ValueError as error:
            raise SourceUnsupportedError("the Sentinel-5P file does not say its time") from error
        item = make_item(
            matched[0].removesuffix(".nc"), footprint, time, assets_of(rasters),
            _properties(contents, matched["stream"]),
        )  # fmt: skip
        item["collection"] = hints.collection or f"sentinel-5p-l2-{kind}"
        template = Collection(
            id=item["collection"],
            title=hints.title or f"Sentinel-5P L2 {kind.upper()}",
            description=_text(contents, "summary"),
            attribution=_ATTRIBUTION,
            bands=tuple(bands_of(item)),
            max_zoom=native_zoom(rasters[0].grid, footprint),
            extra=_mask(kind, item),
        )
        return [ProductItem(item, template)]


def _mask(kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return which pixels count, for mosaics: those of the quality that users are told to take."""
    if _QUALITY not in item["assets"]:
        return {}
    least = _LEAST.get(kind, _LEAST_OF_OTHERS)
    return {"mosaic": {"mask": {"band": _QUALITY, "classes": list(range(least))}}}


def _text(contents: Contents, name: str) -> str:
    value = contents.attributes.get(name, "")
    return value if isinstance(value, str) else ""


def _measures(variable: Variable) -> bool:
    """Tell whether a variable of the group is a swath of measurements."""
    path = variable.path.removeprefix(_GROUP)
    inside = path != variable.path and "/" not in path
    return inside and len(variable.shape) == 3 and path not in _PLACES


async def _outline(href: str, access: Access) -> BaseGeometry | None:
    """Return the outline that the metadata tells: latitudes and longitudes in turn."""
    try:
        contents = await contents_of(href, access, _OUTLINE)
        values = np.array(_text(contents, "gml:posList").split(), np.float64)
    except (SourceMissingError, ValueError):
        return None
    if len(values) < 8 or len(values) % 2:
        return None
    return ring_footprint(np.unwrap(values[1::2], period=360.0), values[::2])


def _properties(contents: Contents, stream: str) -> Mapping[str, Any]:
    orbit = contents.attributes.get("orbit")
    number = orbit[0] if isinstance(orbit, tuple) and orbit else orbit
    return {
        "platform": "sentinel-5p",
        "constellation": "sentinel-5p",
        "instruments": ["tropomi"],
        "s5p:processing_mode": stream,
        "s5p:processor_version": _text(contents, "processor_version"),
        **({"sat:absolute_orbit": int(number)} if isinstance(number, (int, float)) else {}),
    }
