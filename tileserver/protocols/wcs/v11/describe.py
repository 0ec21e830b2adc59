"""DescribeCoverage of WCS 1.1 (OGC 07-067r5, 9)."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response

from renderers.together import together
from tileserver.coverages import Coverage
from tileserver.crs import parse_crs
from tileserver.errors import TooLargeError
from tileserver.protocols.wcs.axes import axes_of
from tileserver.protocols.wcs.offered import coverage_of, days_of, name_of
from tileserver.protocols.wcs.v11 import Version
from tileserver.protocols.wcs.v11.elements import (
    BANDS,
    FIELD,
    FORMATS,
    INTERPOLATIONS,
    Element,
    location,
    writer,
)
from tileserver.protocols.wcs.v20.elements import number
from tileserver.settings import Settings
from tileserver.timeaxis import iso
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.xml import serialise

_MOST: Final = 100
_SIMPLE: Final = "urn:ogc:def:method:WCS:1.1:2dSimpleGrid"
_SQUARE: Final = "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS"
_GML: Final = "{http://www.opengis.net/gml}"


async def describe(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer DescribeCoverage."""
    context = services(request)
    wanted = kvp.required("identifiers", names)
    if len(wanted) > _MOST:
        raise TooLargeError(f"at most {_MOST} coverages at once", parameter="identifiers")
    coverages = await together(
        *(coverage_of(context.pipeline, name) for name in dict.fromkeys(wanted))
    )
    root = writer(version).root("CoverageDescriptions", location(version))
    for coverage in coverages:
        days = await days_of(context.pipeline, coverage.summary)
        _Description(root, version, coverage).write(days, context.settings)
    return document(request, serialise(root), "text/xml")


class _Description:
    """Writes one description."""

    def __init__(self, root: Element, version: Version, coverage: Coverage) -> None:
        self._root = root
        self._add = writer(version).add
        self._coverage = coverage

    def write(self, days: Sequence[str], settings: Settings) -> None:
        """Add it to the document."""
        add, summary = self._add, self._coverage.summary
        element = add(self._root, "CoverageDescription")
        name = name_of(summary)
        add(element, "ows:Title", name if summary.item else summary.collection.title)
        if summary.collection.description:
            add(element, "ows:Abstract", summary.collection.description)
        add(element, "Identifier", name)
        domain = add(element, "Domain")
        self._space(add(domain, "SpatialDomain"))
        if summary.time is not None:
            self._time(add(domain, "TemporalDomain"), days)
        self._range(add(add(element, "Range"), "Field"))
        for urn in dict.fromkeys((summary.crs.urn, *(parse_crs(n).urn for n in settings.crs))):
            add(element, "SupportedCRS", urn)
        for one in FORMATS:
            add(element, "SupportedFormat", one.name)

    def _box(self, part: Element, urn: str, low: str, high: str) -> None:
        attributes = {"crs": urn, "dimensions": "2"}
        box = self._add(part, "ows:BoundingBox", attributes=attributes)
        self._add(box, "ows:LowerCorner", low)
        self._add(box, "ows:UpperCorner", high)

    def _space(self, part: Element) -> None:
        """Write the boxes and the grid.

        The box of the coverage's own CRS is that of the pixels' centres, which are the grid's
        points (OGC 07-067r5, 7.4): GDAL counts them from it.
        """
        summary, add = self._coverage.summary, self._add
        grid, axes = summary.grid, axes_of(summary.crs)
        west, south, east, north = summary.bbox
        self._box(part, "urn:ogc:def:crs:OGC:2:84", f"{west!r} {south!r}", f"{east!r} {north!r}")
        t, (left, bottom, right, top) = grid.transform, grid.bounds
        self._box(
            part,
            summary.crs.urn,
            axes.position(left + t.a / 2, bottom - t.e / 2),
            axes.position(right - t.a / 2, top + t.e / 2),
        )
        crs = add(part, "GridCRS")
        add(crs, "GridBaseCRS", summary.crs.urn)
        add(crs, "GridType", _SIMPLE)
        add(crs, "GridOrigin", axes.position(left + t.a / 2, top + t.e / 2))
        add(crs, "GridOffsets", axes.position(t.a, t.e))
        add(crs, "GridCS", _SQUARE)

    def _time(self, part: Element, days: Sequence[str]) -> None:
        for day in days:
            element = part.makeelement(f"{_GML}timePosition", nsmap={"gml": _GML[1:-1]})
            element.text = day
            part.append(element)
        if not days and self._coverage.summary.time is not None:
            period = self._add(part, "TimePeriod")
            first, last = self._coverage.summary.time
            self._add(period, "BeginPosition", iso(first))
            self._add(period, "EndPosition", iso(last))

    def _range(self, field: Element) -> None:
        add, fields = self._add, self._coverage.fields
        told = ", ".join(f"{place} {one.name}" for place, one in enumerate(fields, 1))
        add(field, "ows:Abstract", f"Bands by number or name: {told}")
        add(field, "Identifier", FIELD)
        add(add(field, "Definition"), "ows:AnyValue")
        nodata = {one.nodata for one in fields}
        if len(nodata) == 1 and (value := nodata.pop()) is not None:
            add(field, "NullValue", number(value))
        methods = add(field, "InterpolationMethods")
        for method in INTERPOLATIONS:
            add(methods, "InterpolationMethod", method)
        add(methods, "Default", INTERPOLATIONS[0])
        axis = add(field, "Axis", attributes={"identifier": BANDS})
        keys = add(axis, "AvailableKeys")
        for place in range(len(fields)):
            add(keys, "Key", str(place + 1))
