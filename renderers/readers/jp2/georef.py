"""Where a JP2 file lies on Earth: GeoJP2 (a degenerate GeoTIFF) and GMLJP2 (OGC 05-047r3)."""

import re
import xml.etree.ElementTree as ET

from affine import Affine
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.crs import canonical_name, crs_object
from renderers.errors import SourceUnsupportedError
from renderers.readers.gdal import GeoTiffKeys, geotiff_keys
from renderers.readers.jp2.boxes import Jp2Boxes
from renderers.readers.jp2.errors import corrupt

Georeference = tuple[str, Affine]
"""Canonical CRS name, and the affine of pixel corners."""


def georeference(boxes: Jp2Boxes) -> Georeference | None:
    """Return CRS and affine of full resolution, None where the file does not tell.

    GeoJP2 goes before GMLJP2 where both are there, as in GDAL: it is the older and simpler of the
    two and the one whose axis order nobody disputes.

    Raises:
        SourceCorruptError: A georeference is there but cannot be read.
        SourceUnsupportedError: It is by control points.
    """
    for data in boxes.geotiff:
        found = _geojp2(geotiff_keys(data))
        if found is not None:
            return found
    return None if boxes.gml is None else gmljp2(boxes.gml)


def _geojp2(keys: GeoTiffKeys) -> Georeference | None:
    if keys.control_points:
        raise SourceUnsupportedError("JPEG 2000 placed by control points")
    return None if keys.crs is None or keys.transform is None else (keys.crs, keys.transform)


def gmljp2(data: bytes) -> Georeference | None:
    """Read the RectifiedGrid of a GMLJP2 root instance.

    Its origin is the centre of the first pixel; ours is that pixel's corner. Coordinates are in
    the axis order of the CRS definition where its name is a URN or URL, unless the grid's own
    axis names say otherwise, and in x/y order where the name is the plain `EPSG:n`.

    Returns:
        None where there is no rectified grid or its CRS is not one PROJ knows.

    Raises:
        SourceCorruptError: Not well-formed, or numbers that are none.
    """
    text = data.rstrip(b"\0").replace(b"\0", b"\n")
    try:
        root = fromstring(text)
    except (ET.ParseError, DefusedXmlException, ValueError) as error:
        raise corrupt("GML") from error
    grid = _find(root, "RectifiedGrid")
    point = None if grid is None else _find(grid, "Point")
    if grid is None or point is None:
        return None
    vectors = [e for e in grid if _name(e) == "offsetVector"]
    position = _find(point, "pos")
    if position is None:
        position = _find(point, "coordinates")
    if position is None or len(vectors) != 2:
        return None
    x, y = _numbers(position)
    (a, d), (b, e) = _numbers(vectors[0]), _numbers(vectors[1])
    transform = Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)
    name = point.get("srsName") or _envelope_name(root) or grid.get("srsName") or ""
    crs = _crs(name)
    if crs is None:
        return None
    if _northing_first(name, crs, grid):
        alternate = b"GDAL_JP2K_ALT_OFFSETVECTOR_ORDER=TRUE" in data
        transform = _swapped(transform, alternate)
    return None if transform.is_degenerate else (crs, transform)


def _name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _find(element: ET.Element, name: str) -> ET.Element | None:
    return next((e for e in element.iter() if _name(e) == name), None)


def _numbers(element: ET.Element) -> tuple[float, float]:
    words = re.split(r"[\s,]+", (element.text or "").strip())
    try:
        return float(words[0]), float(words[1])
    except (ValueError, IndexError) as error:
        raise corrupt("GML coordinates") from error


def _envelope_name(root: ET.Element) -> str | None:
    """Return srsName of the collection's envelope, where some producers put the only one."""
    bounded = next((e for e in root if _name(e) == "boundedBy"), None)
    envelope = None if bounded is None else _find(bounded, "Envelope")
    return None if envelope is None else envelope.get("srsName")


def _crs(name: str) -> str | None:
    """Return the canonical name of an srsName; dictionaries inside the file are not read."""
    lower = name.lower()
    known = lower.startswith(("epsg:", "http://www.opengis.net/def/crs/")) or (
        lower.startswith("urn:") and ":def:" in lower
    )
    if not known:
        return None
    try:
        return canonical_name(name)
    except SourceUnsupportedError:
        return None


def _northing_first(name: str, crs: str, grid: ET.Element) -> bool:
    if name.lower().startswith("epsg:"):
        return False
    axes = [axis.direction for axis in crs_object(crs).axis_info[:2]]
    if axes != ["north", "east"]:
        return False
    names = [(e.text or "").strip().upper() for e in grid if _name(e) == "axisName"][:2]
    explicit = (
        len(names) == 2
        and names[0].startswith(("EAST", "LONG"))
        and names[1].startswith(("NORTH", "LAT"))
    )
    return not explicit


def _swapped(t: Affine, alternate: bool) -> Affine:
    """Exchange the axes; `alternate` files also list their offset vectors in the other order."""
    if alternate:
        return Affine(t.e, t.d, t.f, t.b, t.a, t.c)
    return Affine(t.d, t.e, t.f, t.a, t.b, t.c)
