"""Angle grids in the metadata of a Sentinel-2 granule (`MTD_TL.xml`).

Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), issue 14.9, Tile_Angles:
`Sun_Angles_Grid`, and for each band and detector `Viewing_Incidence_Angles_Grids`; nodes stand
`ROW_STEP` and `COL_STEP` metres apart from the tile's upper left corner on. Elements are found by
local name, because every baseline has a namespace of its own.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from affine import Affine
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.crs import canonical_name
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.readers.angles.nodes import Directions, filled, mean

#: Nodes along a side; products have 23. Grids of bands and detectors; products have up to 156.
_MAX_NODES: Final = 256
_MAX_GRIDS: Final = 1000
#: Metres along the pixels as which the angles are shown: 109,800 m are 366 of them. A pixel's
#: middle is then so near that nearest neighbours are right to a hundredth of a degree of zenith.
PIXEL: Final = 300.0


class AngleGrids(NamedTuple):
    """Angles of a granule.

    Attributes:
        grid: Pixels as which they are shown, over the whole tile.
        step: Metres between nodes, along columns and along rows; the first node is the grid's
            upper left corner.
        sun: Where the sun stands.
        view: Where the instrument stands, the mean of all detectors and then of all bands.
    """

    grid: GeoBox
    step: tuple[float, float]
    sun: Directions
    view: Directions


def parse(data: bytes) -> AngleGrids:
    """Parse the metadata of a granule.

    Raises:
        SourceUnsupportedError: It is another document, or one without angles.
        SourceCorruptError: It is not well-formed, or its numbers make no grid.
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the XML document is not well-formed") from error
    if not _local(root).endswith("_Tile_ID"):
        raise SourceUnsupportedError("an XML document that holds no raster")
    try:
        return _grids(root)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        message = "the granule's angles cannot be read"
        raise SourceCorruptError(message, detail=str(error)) from error


def _grids(root: Element) -> AngleGrids:
    sun = next(_named(root, "Sun_Angles_Grid"), None)
    bands: dict[str, list[Element]] = {}
    for element in _named(root, "Viewing_Incidence_Angles_Grids"):
        bands.setdefault(element.get("bandId", ""), []).append(element)
    if sun is None or not bands:
        raise SourceUnsupportedError("the granule's metadata has no grids of angles")
    if sum(map(len, bands.values())) > _MAX_GRIDS:
        raise ValueError("too many grids")
    steps = {_step(e) for e in (sun, *(e for grids in bands.values() for e in grids))}
    if len(steps) != 1:
        raise ValueError("grids of different steps")
    view = mean([mean([_directions(e) for e in grids]) for grids in bands.values()])
    return AngleGrids(_geobox(root), steps.pop(), _directions(sun), filled(view))


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _named(root: Element, name: str) -> Iterator[Element]:
    return (e for e in root.iter() if _local(e) == name)


def _text(root: Element, name: str) -> str:
    found = next(_named(root, name), None)
    if found is None or not (found.text or "").strip():
        raise ValueError(f"no {name}")
    return str(found.text).strip()


def _geobox(root: Element) -> GeoBox:
    """Return the tile's extent in pixels of about 300 m, by its coarsest grid."""
    sizes = {e.get("resolution"): e for e in _named(root, "Size")}
    places = [(int(e.get("resolution", "")), e) for e in _named(root, "Geoposition")]
    _, place = max(places, key=lambda p: p[0])
    size = sizes.get(place.get("resolution"))
    if size is None:
        raise ValueError("no size of the tile")
    across = int(_text(size, "NCOLS")) * float(_text(place, "XDIM"))
    down = int(_text(size, "NROWS")) * float(_text(place, "YDIM"))
    if not (0.0 < across <= 1e6 and 0.0 < -down <= 1e6):
        raise ValueError("a tile of no size, or too large")
    width, height = max(1, round(across / PIXEL)), max(1, round(-down / PIXEL))
    corner = float(_text(place, "ULX")), float(_text(place, "ULY"))
    if not np.isfinite(corner).all():
        raise ValueError("a tile without a place")
    transform = Affine(across / width, 0.0, corner[0], 0.0, down / height, corner[1])
    return GeoBox(width, height, transform, canonical_name(_text(root, "HORIZONTAL_CS_CODE")))


def _step(element: Element) -> tuple[float, float]:
    step = float(_text(element, "COL_STEP")), float(_text(element, "ROW_STEP"))
    if not all(0.0 < s < 1e6 for s in step):
        raise ValueError("a grid of no step")
    return step


def _directions(element: Element) -> Directions:
    zenith, azimuth = (_values(element, name) for name in ("Zenith", "Azimuth"))
    if zenith.shape != azimuth.shape:
        raise ValueError("zenith and azimuth of different shapes")
    missing = np.isnan(zenith) | np.isnan(azimuth)
    return Directions(np.where(missing, np.nan, zenith), np.where(missing, np.nan, azimuth))


def _values(element: Element, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    grid = next(_named(element, name), None)
    rows = [] if grid is None else [(e.text or "").split() for e in _named(grid, "VALUES")]
    if not 2 <= len(rows) <= _MAX_NODES or {len(r) for r in rows} - {len(rows[0])}:
        raise ValueError(f"{name} is no grid")
    if not 2 <= len(rows[0]) <= _MAX_NODES:
        raise ValueError(f"{name} is no grid")
    values = np.array(rows, np.float64)
    if (np.abs(values) > 360.0).any():
        raise ValueError(f"{name} beyond 360 degrees")
    return values
