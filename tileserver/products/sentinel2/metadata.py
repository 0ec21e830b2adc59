"""Sentinel-2 metadata: the product's MTD_MSIL1C/L2A.xml and the granule's MTD_TL.xml.

Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), issues 14 and 15. Elements
are found by local name, because every baseline has a namespace of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from affine import Affine
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.crs import canonical_name
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import FloatArray, GeoBox
from tileserver.catalogue.documents import parse_instant
from tileserver.products.sentinel2.bands import SPECTRAL, canonical_band

#: Root elements of the product metadata, and the level each means.
ROOTS = {"Level-1C_User_Product": "L1C", "Level-2A_User_Product": "L2A"}
_ROOT = re.compile(rb"<(?:\w+:)?(Level-(?:1C|2A)_User_Product)[\s>]")
_IMAGE_TAGS = frozenset({"IMAGE_FILE", "IMAGE_ID", "IMAGE_FILE_2A", "IMAGE_ID_2A"})
_ANGLE_GRIDS = ("Sun_Angles_Grid", "Viewing_Incidence_Angles_Grids")
_GRANULE_TAGS = frozenset({"Granule", "Granules"})


@dataclass(frozen=True, slots=True)
class GranuleEntry:
    """One tile in the product's list: its identifier and its image files without suffix."""

    id: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductMetadata:
    """What the product's metadata says.

    Attributes:
        level: `L1C` or `L2A`.
        id: Product name without `.SAFE`.
        time: Start of the product's sensing.
        platform: `sentinel-2a` and so on.
        relative_orbit: Number of the relative orbit.
        orbit_state: `ascending` or `descending`.
        baseline: Processing baseline, `05.09`.
        quantification: Divisor of the reflectance (L1C) or surface reflectance (L2A).
        aot_quantification: Divisor of the aerosol optical thickness.
        wvp_quantification: Divisor of the water vapour.
        offsets: Added to stored values before division, by band name; empty before 04.00.
        granules: Tiles, one in products since December 2016.
        footprint: (longitude, latitude) of the closed outline.
        cloud_cover: Percent, None where not told.
        generation_time: When it was made, as written.
        datatake: Identifier of the datatake, with its baseline; "" where not told.
    """

    level: str
    id: str
    time: datetime
    platform: str
    relative_orbit: int
    orbit_state: str
    baseline: str
    quantification: float
    aot_quantification: float
    wvp_quantification: float
    offsets: Mapping[str, float]
    granules: tuple[GranuleEntry, ...]
    footprint: tuple[FloatArray, FloatArray]
    cloud_cover: float | None
    generation_time: str
    datatake: str


@dataclass(frozen=True, slots=True)
class TileMetadata:
    """What the granule's metadata says.

    Attributes:
        tile: MGRS tile, `31TDH`.
        grids: Pixel grid by resolution in metres.
        cloud_cover: Percent, None where not told.
        sun: (azimuth, elevation) in degrees at the tile's centre, None where not told.
        angles: Whether it has grids of sun and view angles.
    """

    tile: str
    grids: Mapping[int, GeoBox]
    cloud_cover: float | None
    sun: tuple[float, float] | None
    angles: bool = False


def level_of(head: bytes) -> str | None:
    """Return the product level that the beginning of an XML file announces, None for neither."""
    found = _ROOT.search(head)
    return ROOTS[found.group(1).decode()] if found else None


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def _parse(data: bytes) -> Element:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the metadata is not well-formed XML") from error
    return root


def _named(root: Element, *names: str) -> Iterator[Element]:
    return (e for e in root.iter() if local_name(e) in names)


class _Reader:
    """First element of each name, and its text in the types we need."""

    def __init__(self, root: Element) -> None:
        self._texts: dict[str, str] = {}
        for element in root.iter():
            self._texts.setdefault(local_name(element), (element.text or "").strip())

    def text(self, *names: str) -> str:
        value = next((self._texts[n] for n in names if self._texts.get(n)), None)
        if value is None:
            raise SourceCorruptError(f"the metadata has no {names[0]}")
        return value

    def number(self, *names: str) -> float:
        try:
            return float(self.text(*names))
        except ValueError as error:
            raise SourceCorruptError(f"{names[0]} of the metadata is not a number") from error

    def number_or(self, default: float | None, *names: str) -> float | None:
        return self.number(*names) if any(self._texts.get(n) for n in names) else default

    def instant(self, *names: str) -> datetime:
        try:
            return parse_instant(self.text(*names))
        except ValueError as error:
            raise SourceCorruptError(f"{names[0]} of the metadata is not a time") from error


def parse_product(data: bytes) -> ProductMetadata:
    """Parse MTD_MSIL1C.xml or MTD_MSIL2A.xml of any baseline.

    Raises:
        SourceUnsupportedError: It is neither.
        SourceCorruptError: It lacks what every product has.
    """
    root = _parse(data)
    level = ROOTS.get(local_name(root))
    if level is None:
        raise SourceUnsupportedError("the document is no Sentinel-2 product metadata")
    values = _Reader(root)
    aot = values.number_or(1000.0, "AOT_QUANTIFICATION_VALUE", "L2A_AOT_QUANTIFICATION_VALUE")
    wvp = values.number_or(1000.0, "WVP_QUANTIFICATION_VALUE", "L2A_WVP_QUANTIFICATION_VALUE")
    return ProductMetadata(
        level=level,
        id=_product_id(values, level),
        time=values.instant("PRODUCT_START_TIME", "DATATAKE_SENSING_START"),
        platform=values.text("SPACECRAFT_NAME").lower(),
        relative_orbit=int(values.number("SENSING_ORBIT_NUMBER")),
        orbit_state=values.text("SENSING_ORBIT_DIRECTION").lower(),
        baseline=values.text("PROCESSING_BASELINE"),
        quantification=values.number(
            "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE"
        ),
        aot_quantification=aot or 1000.0,
        wvp_quantification=wvp or 1000.0,
        offsets=_offsets(root, level),
        granules=_granules(root),
        footprint=_ring(values.text("EXT_POS_LIST")),
        cloud_cover=values.number_or(None, "Cloud_Coverage_Assessment"),
        generation_time=values.text("GENERATION_TIME"),
        datatake=next((e.get("datatakeIdentifier", "") for e in _named(root, "Datatake")), ""),
    )


def _product_id(values: _Reader, level: str) -> str:
    # L2A products before baseline 02.07 name the L1C product in PRODUCT_URI_1C and themselves
    # in PRODUCT_URI_2A.
    names = ("PRODUCT_URI",) if level == "L1C" else ("PRODUCT_URI", "PRODUCT_URI_2A")
    uri = values.text(*names)
    return uri.rpartition("/")[2].removesuffix(".SAFE")


def _offsets(root: Element, level: str) -> dict[str, float]:
    names = {str(i): entry.name for i, entry in enumerate(SPECTRAL)}
    for element in _named(root, "Spectral_Information"):
        number, band = element.get("bandId"), element.get("physicalBand")
        if number is not None and band is not None:
            names[number] = canonical_band(band)
    tag = "RADIO_ADD_OFFSET" if level == "L1C" else "BOA_ADD_OFFSET"
    offsets = {}
    for element in _named(root, tag):
        try:
            offsets[names[element.get("band_id", "")]] = float(element.text or "")
        except (KeyError, ValueError) as error:
            raise SourceCorruptError(f"{tag} of the metadata cannot be read") from error
    return offsets


def _granules(root: Element) -> tuple[GranuleEntry, ...]:
    entries = []
    for element in _named(root, *_GRANULE_TAGS):
        images = tuple((e.text or "").strip() for e in _named(element, *_IMAGE_TAGS))
        entries.append(GranuleEntry(element.get("granuleIdentifier", ""), images))
    if not entries:
        raise SourceCorruptError("the metadata lists no granule")
    return tuple(entries)


def _ring(text: str) -> tuple[FloatArray, FloatArray]:
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError as error:
        raise SourceCorruptError("the product's footprint cannot be read") from error
    if numbers.size < 8 or numbers.size % 2:
        raise SourceCorruptError("the product's footprint cannot be read")
    return numbers[1::2], numbers[0::2]  # the list gives latitude first


def parse_tile(data: bytes) -> TileMetadata:
    """Parse MTD_TL.xml of any baseline.

    Raises:
        SourceUnsupportedError: It is no granule metadata.
        SourceCorruptError: It lacks what every granule has.
    """
    root = _parse(data)
    if not local_name(root).endswith("_Tile_ID"):
        raise SourceUnsupportedError("the document is no Sentinel-2 granule metadata")
    values = _Reader(root)
    found = re.search(r"_T(\d{2}[A-Z]{3})(?:_|$)", values.text("TILE_ID", "TILE_ID_2A"))
    if found is None:
        raise SourceCorruptError("the granule's tile cannot be read")
    return TileMetadata(
        tile=found.group(1),
        grids=_grids(root, canonical_name(values.text("HORIZONTAL_CS_CODE"))),
        cloud_cover=values.number_or(None, "CLOUDY_PIXEL_PERCENTAGE"),
        sun=_sun(root),
        angles=all(any(_named(root, name)) for name in _ANGLE_GRIDS),
    )


def _grids(root: Element, crs: str) -> dict[int, GeoBox]:
    sizes = {e.get("resolution"): _Reader(e) for e in _named(root, "Size")}
    grids = {}
    for element in _named(root, "Geoposition"):
        resolution, place = element.get("resolution"), _Reader(element)
        if resolution is None or not resolution.isdigit() or resolution not in sizes:
            raise SourceCorruptError("the granule's geocoding cannot be read")
        size = sizes[resolution]
        transform = Affine(
            place.number("XDIM"), 0.0, place.number("ULX"),
            0.0, place.number("YDIM"), place.number("ULY"),
        )  # fmt: skip
        grids[int(resolution)] = _geobox(size, transform, crs)
    if not grids:
        raise SourceCorruptError("the granule has no geocoding")
    return grids


def _geobox(size: _Reader, transform: Affine, crs: str) -> GeoBox:
    try:
        return GeoBox(int(size.number("NCOLS")), int(size.number("NROWS")), transform, crs)
    except ValueError as error:
        raise SourceCorruptError("the granule's geocoding cannot be read") from error


def _sun(root: Element) -> tuple[float, float] | None:
    element = next(_named(root, "Mean_Sun_Angle"), None)
    if element is None:
        return None
    angles = _Reader(element)
    return angles.number("AZIMUTH_ANGLE"), 90.0 - angles.number("ZENITH_ANGLE")
