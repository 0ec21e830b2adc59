"""DescribeCoverage of WCS 1.0.0 (OGC 03-065r6, 8)."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response

from renderers.together import together
from tileserver.coverages import Coverage
from tileserver.crs import parse_crs
from tileserver.errors import TooLargeError
from tileserver.protocols.wcs.formats import COG, JPEG, NETCDF, PNG, TIFF, Format
from tileserver.protocols.wcs.offered import coverage_of, days_of
from tileserver.protocols.wcs.v10 import VERSION
from tileserver.protocols.wcs.v10.elements import WRITER, Element, brief, location
from tileserver.protocols.wcs.v20.elements import number
from tileserver.settings import Settings
from tileserver.timeaxis import iso
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.xml import serialise

#: Formats by the names that clients of this version look for.
FORMATS: Final[tuple[tuple[str, Format], ...]] = (
    ("GeoTIFF", TIFF), ("COG", COG), ("NetCDF", NETCDF), ("PNG", PNG), ("JPEG", JPEG),
)  # fmt: skip
INTERPOLATIONS: Final = ("nearest neighbor", "bilinear", "bicubic", "lost area", "none")
#: Name of the axis of bands, and of the parameter that chooses some of them.
BANDS: Final = "bands"
_MOST: Final = 100


async def describe(request: Request, kvp: Kvp) -> Response:
    """Answer DescribeCoverage; without a name, of all that capabilities list."""
    context = services(request)
    wanted = kvp.required("coverage", names)
    if len(wanted) > _MOST:
        raise TooLargeError(f"at most {_MOST} coverages at once", parameter="coverage")
    coverages = await together(
        *(coverage_of(context.pipeline, name) for name in dict.fromkeys(wanted))
    )
    root = WRITER.root("CoverageDescription", {"version": VERSION, **location("describeCoverage")})
    for coverage in coverages:
        days = await days_of(context.pipeline, coverage.summary)
        _offering(WRITER.add(root, "CoverageOffering"), coverage, days, context.settings)
    return document(request, serialise(root), "text/xml")


def _offering(
    element: Element, coverage: Coverage, days: Sequence[str], settings: Settings
) -> None:
    brief(element, coverage.summary)
    domain = WRITER.add(element, "domainSet")
    _space(WRITER.add(domain, "spatialDomain"), coverage)
    _times(domain, coverage, days)
    _range(WRITER.add(WRITER.add(element, "rangeSet"), "RangeSet"), coverage)
    own = coverage.summary.crs.name
    systems = WRITER.add(element, "supportedCRSs")
    for name in dict.fromkeys((own, *(parse_crs(n).name for n in settings.crs))):
        WRITER.add(systems, "requestResponseCRSs", name)
    WRITER.add(systems, "nativeCRSs", own)
    formats = WRITER.add(element, "supportedFormats", attributes={"nativeFormat": "GeoTIFF"})
    for name, _ in FORMATS:
        WRITER.add(formats, "formats", name)
    methods = WRITER.add(
        element, "supportedInterpolations", attributes={"default": INTERPOLATIONS[0]}
    )
    for method in INTERPOLATIONS:
        WRITER.add(methods, "interpolationMethod", method)


def _space(part: Element, coverage: Coverage) -> None:
    grid, srs = coverage.summary.grid, {"srsName": coverage.summary.crs.name}
    west, south, east, north = grid.bounds
    box = WRITER.add(part, "gml:Envelope", attributes=srs)
    WRITER.add(box, "gml:pos", f"{west!r} {south!r}")
    WRITER.add(box, "gml:pos", f"{east!r} {north!r}")
    element = WRITER.add(part, "gml:RectifiedGrid", attributes={"dimension": "2", **srs})
    limits = WRITER.add(WRITER.add(element, "gml:limits"), "gml:GridEnvelope")
    WRITER.add(limits, "gml:low", "0 0")
    WRITER.add(limits, "gml:high", f"{grid.width - 1} {grid.height - 1}")
    for axis in ("x", "y"):
        WRITER.add(element, "gml:axisName", axis)
    t = grid.transform
    origin = WRITER.add(element, "gml:origin")
    WRITER.add(origin, "gml:pos", f"{t.c + t.a / 2!r} {t.f + t.e / 2!r}")
    WRITER.add(element, "gml:offsetVector", f"{t.a!r} 0.0")
    WRITER.add(element, "gml:offsetVector", f"0.0 {t.e!r}")


def _times(domain: Element, coverage: Coverage, days: Sequence[str]) -> None:
    """Write the days; a period where there are too many, or nobody knows them."""
    if coverage.summary.time is None:
        return
    part = WRITER.add(domain, "temporalDomain")
    for day in days:
        WRITER.add(part, "gml:timePosition", day)
    if not days:
        period = WRITER.add(part, "timePeriod")
        first, last = coverage.summary.time
        WRITER.add(period, "beginPosition", iso(first))
        WRITER.add(period, "endPosition", iso(last))


def _range(part: Element, coverage: Coverage) -> None:
    WRITER.add(part, "name", BANDS)
    WRITER.add(part, "label", "Bands")
    axis = WRITER.add(WRITER.add(part, "axisDescription"), "AxisDescription")
    told = ", ".join(f"{n} {field.name}" for n, field in enumerate(coverage.fields, 1))
    WRITER.add(axis, "description", f"Bands by number or name: {told}")
    WRITER.add(axis, "name", BANDS)
    WRITER.add(axis, "label", "Bands")
    values = WRITER.add(axis, "values")
    # Numbers from 1 on, which GDAL knows to choose by.
    for place in range(len(coverage.fields)):
        WRITER.add(values, "singleValue", str(place + 1))
    WRITER.add(values, "default", "1")
    nodata = {field.nodata for field in coverage.fields}
    if len(nodata) == 1 and (value := nodata.pop()) is not None:
        WRITER.add(WRITER.add(part, "nullValues"), "singleValue", number(value))
