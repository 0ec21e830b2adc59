"""GetCapabilities of WCS 2.0.1 (OGC 09-110r4, 8.2), with the EO profile's part (10-140r1)."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response

from tileserver.coverages import CoverageSummary
from tileserver.crs import parse_crs
from tileserver.errors import InvalidParameterError
from tileserver.protocols.wcs import VERSIONS, ranges
from tileserver.protocols.wcs.axes import axes_of
from tileserver.protocols.wcs.formats import FORMATS
from tileserver.protocols.wcs.offered import listed, name_of
from tileserver.protocols.wcs.sequence import is_current, number_of
from tileserver.protocols.wcs.v20 import VERSION
from tileserver.protocols.wcs.v20.elements import WRITER, Element, subtype
from tileserver.protocols.wcs.v20.eo import COUNT_DEFAULT, series_summary
from tileserver.settings import Settings
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.layers import UpdateSequence
from tileserver.web.xml import XSI, serialise

#: Parts of the document; `All` is all of them, and two more name parts of `Contents`.
SECTIONS: Final = (
    "ServiceIdentification",
    "ServiceProvider",
    "OperationsMetadata",
    "ServiceMetadata",
    "Languages",
    "Contents",
)
_IN_CONTENTS: Final = ("CoverageSummary", "DatasetSeriesSummary")

_SPEC: Final = "http://www.opengis.net/spec/"
PROFILES: Final = tuple(
    _SPEC + name
    for name in (
        "WCS/2.0/conf/core",
        "WCS_protocol-binding_get-kvp/1.0/conf/get-kvp",
        "WCS_protocol-binding_post-xml/1.0/conf/post-xml",
        "WCS_service-extension_crs/1.0/conf/crs",
        "WCS_service-extension_crs/1.0/conf/crs-gridded-coverage",
        "WCS_service-extension_scaling/1.0/conf/scaling",
        "WCS_service-extension_range-subsetting/1.0/conf/record-subsetting",
        "WCS_service-extension_interpolation/1.0/conf/interpolation",
        "WCS_coverage-encoding_geotiff/1.0/conf/geotiff-coverage",
        "WCS_application-profile_earth-observation/1.0/conf/eowcs",
        "WCS_application-profile_earth-observation/1.0/conf/eowcs_get-kvp",
        "GMLCOV_geotiff-coverages/1.0/conf/geotiff-coverage",
    )
)
_OPERATIONS: Final = (
    "GetCapabilities", "DescribeCoverage", "GetCoverage", "DescribeEOCoverageSet",
)  # fmt: skip


async def get_capabilities(request: Request, kvp: Kvp, sequence: UpdateSequence) -> Response:
    """Answer the document."""
    context = services(request)
    sections = _sections(kvp)
    coverages = await listed(context.pipeline, context.settings)
    number = number_of(sequence, coverages)
    if is_current(kvp, number):
        sections = frozenset()
    base = public_url(request, context.settings)
    root = WRITER.root(
        "Capabilities",
        {
            "version": VERSION,
            "updateSequence": str(number),
            f"{{{XSI}}}schemaLocation": (
                "http://www.opengis.net/wcs/2.0 http://schemas.opengis.net/wcs/2.0/wcsAll.xsd"
            ),
        },
    )
    if "ServiceIdentification" in sections:
        _identification(root, context.settings)
    if "ServiceProvider" in sections:
        _provider(root, context.settings)
    if "OperationsMetadata" in sections:
        _operations(root, base)
    if "ServiceMetadata" in sections:
        _service_metadata(root, context.settings)
    if sections & {"Contents", *_IN_CONTENTS}:
        _contents(root, coverages, sections)
    return document(request, serialise(root), "application/xml")


def _sections(kvp: Kvp) -> frozenset[str]:
    if not kvp.text("sections"):
        return frozenset(SECTIONS)
    wanted = names(kvp.text("sections"))
    known = {name.lower(): name for name in (*SECTIONS, *_IN_CONTENTS, "All")}
    unknown = [name for name in wanted if name.lower() not in known]
    if unknown:
        message = f"no section {unknown[0][:40]!r}; there are {', '.join(known.values())}"
        raise InvalidParameterError(message, parameter="sections")
    chosen = frozenset(known[name.lower()] for name in wanted)
    return frozenset(SECTIONS) if "All" in chosen else chosen


def _identification(root: Element, settings: Settings) -> None:
    part = WRITER.add(root, "ows:ServiceIdentification")
    WRITER.add(part, "ows:Title", settings.title)
    WRITER.add(part, "ows:Abstract", settings.abstract)
    WRITER.add(part, "ows:ServiceType", "OGC WCS", {"codeSpace": "OGC"})
    for version in VERSIONS:
        WRITER.add(part, "ows:ServiceTypeVersion", version)
    for profile in PROFILES:
        WRITER.add(part, "ows:Profile", profile)
    WRITER.add(part, "ows:Fees", "none")
    WRITER.add(part, "ows:AccessConstraints", "none")


def _provider(root: Element, settings: Settings) -> None:
    part = WRITER.add(root, "ows:ServiceProvider")
    WRITER.add(part, "ows:ProviderName", settings.provider or settings.title)
    contact = WRITER.add(part, "ows:ServiceContact")
    if settings.contact_email:
        address = WRITER.add(WRITER.add(contact, "ows:ContactInfo"), "ows:Address")
        WRITER.add(address, "ows:ElectronicMailAddress", settings.contact_email)


def _operations(root: Element, base: str) -> None:
    part = WRITER.add(root, "ows:OperationsMetadata")
    for name in _OPERATIONS:
        operation = WRITER.add(part, "ows:Operation", attributes={"name": name})
        http = WRITER.add(WRITER.add(operation, "ows:DCP"), "ows:HTTP")
        WRITER.link(http, "ows:Get", f"{base}/wcs?")
        WRITER.link(http, "ows:Post", f"{base}/wcs")
    _constraint(part, "PostEncoding", "XML")
    _constraint(part, "CountDefault", default=str(COUNT_DEFAULT))


def _constraint(parent: Element, name: str, *values: str, default: str = "") -> None:
    element = WRITER.add(parent, "ows:Constraint", attributes={"name": name})
    if values:
        allowed = WRITER.add(element, "ows:AllowedValues")
        for value in values:
            WRITER.add(allowed, "ows:Value", value)
    else:
        WRITER.add(element, "ows:NoValues")
    if default:
        WRITER.add(element, "ows:DefaultValue", default)


def _service_metadata(root: Element, settings: Settings) -> None:
    part = WRITER.add(root, "ServiceMetadata")
    for one in FORMATS:
        WRITER.add(part, "formatSupported", one.name)
    extension = WRITER.add(part, "Extension")
    systems = WRITER.add(extension, "crs:CrsMetadata")
    for name in settings.crs:
        WRITER.add(systems, "crs:crsSupported", parse_crs(name).uri)
    methods = WRITER.add(extension, "int:InterpolationMetadata")
    for method in ranges.ADVERTISED:
        WRITER.add(methods, "int:InterpolationSupported", ranges.URI + method)


def _contents(
    root: Element, coverages: Sequence[CoverageSummary], sections: frozenset[str]
) -> None:
    part = WRITER.add(root, "Contents")
    if sections & {"Contents", "CoverageSummary"}:
        for summary in coverages:
            _summary(part, summary)
    series = [summary for summary in coverages if summary.item is None and summary.time]
    if series and sections & {"Contents", "DatasetSeriesSummary"}:
        extension = WRITER.add(part, "Extension")
        for summary in series:
            series_summary(extension, summary)


def _summary(part: Element, summary: CoverageSummary) -> None:
    element = WRITER.add(part, "CoverageSummary")
    if summary.item is None:
        WRITER.add(element, "ows:Title", summary.collection.title)
        if summary.collection.description:
            WRITER.add(element, "ows:Abstract", summary.collection.description)
    wgs84_box(element, summary)
    WRITER.add(element, "CoverageId", name_of(summary))
    WRITER.add(element, "CoverageSubtype", subtype(summary))
    axes = axes_of(summary.crs)
    west, south, east, north = summary.grid.bounds
    box = WRITER.add(
        element, "ows:BoundingBox", attributes={"crs": summary.crs.uri, "dimensions": "2"}
    )
    WRITER.add(box, "ows:LowerCorner", axes.position(west, south))
    WRITER.add(box, "ows:UpperCorner", axes.position(east, north))


def wgs84_box(parent: Element, summary: CoverageSummary) -> None:
    """Add ows:WGS84BoundingBox."""
    west, south, east, north = summary.bbox
    box = WRITER.add(parent, "ows:WGS84BoundingBox")
    WRITER.add(box, "ows:LowerCorner", f"{west!r} {south!r}")
    WRITER.add(box, "ows:UpperCorner", f"{east!r} {north!r}")
