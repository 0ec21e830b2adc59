"""Elements of GML 3.2 and SWE 2.0 that several documents of WCS 2.0 have in common."""

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from lxml import etree

from renderers.crs import WGS84
from renderers.geobox import GeoBox
from renderers.sourcegrid import outline
from tileserver.coverages import Coverage, CoverageSummary, Field
from tileserver.crs import OgcCrs, parse_crs
from tileserver.protocols.wcs.axes import axes_of
from tileserver.protocols.wcs.formats import TIFF
from tileserver.protocols.wcs.offered import name_of
from tileserver.protocols.wcs.v20.scaling import GRID_AXES
from tileserver.timeaxis import iso
from tileserver.web.ows import OWS_2
from tileserver.web.xml import XLINK, XSI, Writer

WCS: Final = "http://www.opengis.net/wcs/2.0"
GML: Final = "http://www.opengis.net/gml/3.2"
GMLCOV: Final = "http://www.opengis.net/gmlcov/1.0"
SWE: Final = "http://www.opengis.net/swe/2.0"
EO: Final = "http://www.opengis.net/wcs/wcseo/1.0"
EOP: Final = "http://www.opengis.net/eop/2.0"
OM: Final = "http://www.opengis.net/om/2.0"
CRS: Final = "http://www.opengis.net/wcs/crs/1.0"
INTERPOLATION: Final = "http://www.opengis.net/wcs/interpolation/1.0"

WRITER: Final = Writer(
    {
        None: WCS, "ows": OWS_2, "gml": GML, "gmlcov": GMLCOV, "swe": SWE,
        "wcseo": EO, "eop": EOP, "om": OM, "crs": CRS, "int": INTERPOLATION, "xlink": XLINK,
        "xsi": XSI,
    }
)  # fmt: skip
_ID: Final = f"{{{GML}}}id"
_NIL: Final = "http://www.opengis.net/def/nil/OGC/0/unknown"
_NOT_UNIT = re.compile(r"[:\s]+")

Element = etree._Element


def gml_id(name: str, *parts: str) -> dict[str, str]:
    """Return the attribute that names an element in its document."""
    return {_ID: "_".join((name, *parts))}


def envelope(parent: Element, grid: GeoBox, crs: OgcCrs, summary: CoverageSummary) -> None:
    """Add gml:boundedBy; time, where there is any, is in it as a period."""
    axes = axes_of(crs)
    west, south, east, north = grid.bounds
    attributes = {
        "srsName": crs.uri,
        "axisLabels": " ".join(axes.labels),
        "uomLabels": f"{axes.uom} {axes.uom}",
        "srsDimension": "2",
    }
    tag = "gml:Envelope" if summary.time is None else "gml:EnvelopeWithTimePeriod"
    element = WRITER.add(WRITER.add(parent, "gml:boundedBy"), tag, attributes=attributes)
    WRITER.add(element, "gml:lowerCorner", axes.position(west, south))
    WRITER.add(element, "gml:upperCorner", axes.position(east, north))
    if summary.time is not None:
        for name, moment in zip(("begin", "end"), summary.time, strict=True):
            WRITER.add(element, f"gml:{name}Position", iso(moment))


def domain_set(parent: Element, name: str, grid: GeoBox, crs: OgcCrs) -> None:
    """Add gml:domainSet: the grid, by the centre of its north-western pixel and two vectors."""
    axes, t = axes_of(crs), grid.transform
    attributes = {**gml_id(name, "grid"), "dimension": "2"}
    element = WRITER.add(
        WRITER.add(parent, "gml:domainSet"), "gml:RectifiedGrid", attributes=attributes
    )
    limits = WRITER.add(WRITER.add(element, "gml:limits"), "gml:GridEnvelope")
    WRITER.add(limits, "gml:low", "0 0")
    WRITER.add(limits, "gml:high", f"{grid.width - 1} {grid.height - 1}")
    WRITER.add(element, "gml:axisLabels", " ".join(GRID_AXES))
    srs = {"srsName": crs.uri}
    point = WRITER.add(
        WRITER.add(element, "gml:origin"),
        "gml:Point",
        attributes={**gml_id(name, "origin"), **srs},
    )
    WRITER.add(point, "gml:pos", axes.position(t.c + t.a / 2, t.f + t.e / 2))
    for vector in ((t.a, 0.0), (0.0, t.e)):
        WRITER.add(element, "gml:offsetVector", axes.position(*vector), srs)


def grid_function(parent: Element, tag: str = "gml:coverageFunction") -> None:
    """Add how pixels are counted: first along `i`, then along `j`."""
    function = WRITER.add(WRITER.add(parent, tag), "gml:GridFunction")
    WRITER.add(function, "gml:sequenceRule", "Linear", {"axisOrder": "+1 +2"})
    WRITER.add(function, "gml:startPoint", "0 0")


def range_type(parent: Element, fields: Sequence[Field]) -> None:
    """Add gmlcov:rangeType: name, unit, nil value and range of each band, as stored."""
    record = WRITER.add(WRITER.add(parent, "gmlcov:rangeType"), "swe:DataRecord")
    for field in fields:
        _field(record, field)


def _field(record: Element, field: Field) -> None:
    element = WRITER.add(record, "swe:field", attributes={"name": field.name})
    quantity = WRITER.add(element, "swe:Quantity")
    WRITER.add(quantity, "swe:label", field.band.title or field.name)
    WRITER.add(quantity, "swe:description", _described(field))
    if field.nodata is not None:
        nil = WRITER.add(WRITER.add(quantity, "swe:nilValues"), "swe:NilValues")
        WRITER.add(nil, "swe:nilValue", number(field.nodata), {"reason": _NIL})
    stored = (field.scale, field.offset) != (1.0, 0.0)
    unit = "1" if stored else _NOT_UNIT.sub("_", field.band.unit) or "1"
    WRITER.add(quantity, "swe:uom", attributes={"code": unit})
    low, high = _limits(field.dtype)
    constraint = WRITER.add(WRITER.add(quantity, "swe:constraint"), "swe:AllowedValues")
    WRITER.add(constraint, "swe:interval", f"{low} {high}")


def _described(field: Field) -> str:
    told = field.band.title or field.name
    if field.band.wavelength is not None:
        told += f", {field.band.wavelength:g} micrometres"
    if (field.scale, field.offset) != (1.0, 0.0):
        unit = f" {field.band.unit}" if field.band.unit else ""
        told += f"; physical value{unit} = stored value * {field.scale:g} + {field.offset:g}"
    return told


def _limits(dtype: str) -> tuple[str, str]:
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return str(limits.min), str(limits.max)
    real = np.finfo(kind)
    return repr(float(real.min)), repr(float(real.max))


def number(value: float) -> str:
    """Return a number as XML Schema writes doubles; whole ones without a point."""
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "INF" if value > 0 else "-INF"
    return str(int(value)) if value == int(value) else repr(value)


def subtype(summary: CoverageSummary) -> str:
    """Return the kind of a coverage; those of items are datasets of the EO profile."""
    return "RectifiedGridCoverage" if summary.item is None else "RectifiedDataset"


def describe_coverage(parent: Element, coverage: Coverage) -> None:
    """Add a wcs:CoverageDescription."""
    summary = coverage.summary
    name = name_of(summary)
    element = WRITER.add(parent, "CoverageDescription", attributes=gml_id(name))
    if summary.collection.description:
        WRITER.add(element, "gml:description", summary.collection.description)
    WRITER.add(element, "gml:name", summary.collection.title)
    envelope(element, summary.grid, summary.crs, summary)
    WRITER.add(element, "CoverageId", name)
    grid_function(element)
    if summary.item is not None and summary.time is not None:
        _eo_metadata(element, summary)
    domain_set(element, name, summary.grid, summary.crs)
    range_type(element, coverage.fields)
    parameters = WRITER.add(element, "ServiceParameters")
    WRITER.add(parameters, "CoverageSubtype", subtype(summary))
    WRITER.add(parameters, "nativeFormat", TIFF.name)


def time_period(parent: Element, summary: CoverageSummary, part: str) -> None:
    """Add gml:TimePeriod, where there is any time."""
    if summary.time is None:
        return
    first, last = summary.time
    attributes = gml_id(name_of(summary), part, "period")
    period = WRITER.add(parent, "gml:TimePeriod", attributes=attributes)
    WRITER.add(period, "gml:beginPosition", iso(first))
    WRITER.add(period, "gml:endPosition", iso(last))


def _eo_metadata(parent: Element, summary: CoverageSummary) -> None:
    """Add what was observed, when and where (OGC 10-157r4): the EO profile asks it of datasets."""
    name = name_of(summary)
    extension = WRITER.add(WRITER.add(parent, "gmlcov:metadata"), "gmlcov:Extension")
    metadata = WRITER.add(extension, "wcseo:EOMetadata")
    eo = WRITER.add(metadata, "eop:EarthObservation", attributes=gml_id(name, "eop"))
    time_period(WRITER.add(eo, "om:phenomenonTime"), summary, "phen")
    instant = WRITER.add(
        WRITER.add(eo, "om:resultTime"), "gml:TimeInstant", attributes=gml_id(name, "result")
    )
    if summary.time is not None:
        WRITER.add(instant, "gml:timePosition", iso(summary.time[1]))
    WRITER.add(eo, "om:procedure")
    WRITER.add(eo, "om:observedProperty")
    _footprint(WRITER.add(eo, "om:featureOfInterest"), summary)
    WRITER.add(eo, "om:result")
    told = WRITER.add(WRITER.add(eo, "eop:metaDataProperty"), "eop:EarthObservationMetaData")
    WRITER.add(told, "eop:identifier", name)
    WRITER.add(told, "eop:parentIdentifier", summary.collection.id)
    WRITER.add(told, "eop:acquisitionType", "NOMINAL")
    WRITER.add(told, "eop:status", "ACQUIRED")


def _footprint(parent: Element, summary: CoverageSummary) -> None:
    """Add the outline of the grid, latitudes before longitudes."""
    name, geographic = name_of(summary), parse_crs("EPSG:4326")
    lon, lat = outline(summary.grid, WGS84, 6)
    ring = [f"{y!r} {x!r}" for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]
    element = WRITER.add(parent, "eop:Footprint", attributes=gml_id(name, "footprint"))
    srs = {"srsName": geographic.uri}
    surface = WRITER.add(
        WRITER.add(element, "eop:multiExtentOf"),
        "gml:MultiSurface",
        attributes={**gml_id(name, "surface"), **srs},
    )
    polygon = WRITER.add(
        WRITER.add(surface, "gml:surfaceMember"), "gml:Polygon", attributes=gml_id(name, "polygon")
    )
    exterior = WRITER.add(WRITER.add(polygon, "gml:exterior"), "gml:LinearRing")
    # Counter-clockwise, from the first corner to itself.
    closed = [*dict.fromkeys(reversed(ring))]
    WRITER.add(exterior, "gml:posList", " ".join([*closed, closed[0]]))
