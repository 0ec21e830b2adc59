"""GetCoverage of WCS 1.1 (OGC 07-067r5, 10): a box, a grid, and a manifest beside the file."""

import math
import re
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from renderers.crs import is_geographic
from styles.model import Resampling
from tileserver.coverages import Coverage
from tileserver.crs import OgcCrs, parse_crs
from tileserver.errors import InvalidParameterError
from tileserver.mosaics import parse_mosaic
from tileserver.protocols.wcs import ranges
from tileserver.protocols.wcs.formats import Format, parse_format
from tileserver.protocols.wcs.multipart import Part, enclosed
from tileserver.protocols.wcs.offered import coverage_of, name_of
from tileserver.protocols.wcs.output import Output, payload, respond
from tileserver.protocols.wcs.spool import Spool
from tileserver.protocols.wcs.times import chosen_time
from tileserver.protocols.wcs.v10.getcoverage import numbered_bands
from tileserver.protocols.wcs.v11 import Version
from tileserver.protocols.wcs.v11.elements import BANDS, FIELD, FORMATS, location, writer
from tileserver.protocols.wcs.v11.gridcrs import GridCrs
from tileserver.protocols.wcs.windows import Span, Window
from tileserver.request import CoverageRequest
from tileserver.timeaxis import UNSAID, parse_time
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, boolean
from tileserver.web.xml import serialise

_WGS84: Final = "urn:ogc:def:crs:OGC:2:84"
_FIELD = re.compile(
    r"(?P<field>[^:;\[\]]+)(?::(?P<method>[^:;\[\]]+))?"
    r"(?:\[(?P<axis>[^:;\[\]]+)\[(?P<keys>[^:;\[\]]+)\]\])?"
)


@dataclass(frozen=True, slots=True)
class RangeSubset:
    """Which bands, and how they are interpolated."""

    keys: str = ""
    resampling: Resampling = "nearest"


def parse_range(text: str) -> RangeSubset:
    """Read `field:method[axis[key,key]]` (OGC 07-067r5, 10.2.1).

    Raises:
        InvalidParameterError: Outside of this grammar, or there is no such field or axis.
    """
    match = _FIELD.fullmatch(text)
    if match is None:
        message = f"cannot read {text[:80]!r}; expected field:method[axis[key,key]]"
        raise InvalidParameterError(message, parameter="RangeSubset")
    if match["field"].lower() != FIELD or (match["axis"] or BANDS).lower() != BANDS.lower():
        message = f"there is the field {FIELD} with the axis {BANDS}"
        raise InvalidParameterError(message, parameter="RangeSubset")
    try:
        method = ranges.parse_interpolation(match["method"] or "nearest")
    except InvalidParameterError as error:
        raise InvalidParameterError(str(error), parameter="RangeSubset") from error
    return RangeSubset(match["keys"] or "", method)


def parse_box(text: str) -> tuple[Window, OgcCrs]:
    """Read `x1,y1,x2,y2,urn`; the numbers are in the order of the CRS's axes.

    Raises:
        ValueError: These are not four numbers.
        InvalidCrsError: The CRS is not offered.
    """
    parts = text.split(",")
    name = ",".join(parts[4:]).strip() or _WGS84
    crs = parse_crs("CRS:84" if name == _WGS84 else name, parameter="BoundingBox")
    values = [float(part) for part in parts[:4]]
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise ValueError("expected four numbers and a CRS")
    west, south, east, north = crs.to_xy((values[0], values[1], values[2], values[3]))
    if south > north:
        raise ValueError("the lower corner is above the upper one")
    if west > east:
        if not is_geographic(crs.canonical):
            raise ValueError("the lower corner is right of the upper one")
        # Across 180 degrees: as no coverage goes on there, its western or its eastern part.
        west, east = (west, 180.0) if 180.0 - west >= east + 180.0 else (-180.0, east)
    return Window(crs.canonical, Span(west, east), Span(south, north)), crs


def _format(text: str) -> Format:
    return parse_format(text, FORMATS)


def _not_stored(text: str) -> bool:
    if boolean(text):
        raise ValueError("results are not stored")
    return False


async def get_coverage(request: Request, kvp: Kvp, spool: Spool, version: Version) -> Response:
    """Answer GetCoverage."""
    name = kvp.required("identifier", str)
    window, _ = kvp.required("BoundingBox", parse_box)
    kind = kvp.required("format", _format)
    time = kvp.optional(
        "TimeSequence", lambda text: parse_time(text, parameter="TimeSequence"), UNSAID
    )
    chosen = kvp.optional("RangeSubset", parse_range, RangeSubset())
    kvp.optional("store", _not_stored, False)
    coverage = await coverage_of(services(request).pipeline, name)
    summary = coverage.summary
    grid = GridCrs.decode(kvp, summary.crs).points(summary.grid, window)
    bands = numbered_bands(chosen.keys, coverage, "RangeSubset")
    values = CoverageRequest(
        summary.collection.id,
        bands,
        grid,
        chosen_time(summary, time),
        kvp.optional("mosaic", parse_mosaic, None),
        chosen.resampling,
        item=summary.item.id if summary.item else "",
    )
    size = grid.width * grid.height * len(bands) * coverage.dtype.itemsize
    output = Output(values, size, kind, name=name_of(summary))
    file = Part(kind.name, f"{output.name}.{kind.extension}")
    # Made first: nothing may fail between the file and its sending, which gives its room back.
    manifest = _manifest(coverage, file, version)
    sent = await payload(request, output, spool)
    return respond(
        request, enclosed(sent, manifest, Part("text/xml", "manifest.xml"), file), output
    )


def _manifest(coverage: Coverage, file: Part, version: Version) -> bytes:
    """Return the document that names the file (OGC 07-067r5, 10.3)."""
    write = writer(version)
    root = write.root("Coverages", location(version))
    element = write.add(root, "Coverage")
    write.add(element, "ows:Title", coverage.summary.collection.title)
    write.add(element, "ows:Identifier", name_of(coverage.summary))
    attributes = {
        "{http://www.w3.org/1999/xlink}href": f"cid:{file.content_id}",
        "{http://www.w3.org/1999/xlink}role": "urn:ogc:def:role:WCS:1.1:coverage",
    }
    reference = write.add(element, "ows:Reference", attributes=attributes)
    write.add(reference, "ows:Format", file.media_type)
    return serialise(root)
