"""GetCapabilities of WCS 1.1 (OGC 07-067r5, 8)."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response

from tileserver.coverages import CoverageSummary
from tileserver.crs import parse_crs
from tileserver.errors import InvalidParameterError
from tileserver.protocols.wcs import VERSIONS
from tileserver.protocols.wcs.offered import listed, name_of
from tileserver.protocols.wcs.sequence import is_current, number_of
from tileserver.protocols.wcs.v11 import Version
from tileserver.protocols.wcs.v11.elements import FORMATS, Element, location, writer
from tileserver.settings import Settings
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.layers import UpdateSequence
from tileserver.web.xml import serialise

SECTIONS: Final = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents")


async def get_capabilities(
    request: Request, kvp: Kvp, sequence: UpdateSequence, version: Version
) -> Response:
    """Answer the document."""
    context = services(request)
    sections = _sections(kvp)
    coverages = await listed(context.pipeline, context.settings)
    number = number_of(sequence, coverages)
    if is_current(kvp, number):
        sections = frozenset()
    attributes = {"version": version.number, "updateSequence": str(number), **location(version)}
    root = writer(version).root("Capabilities", attributes)
    parts = _Parts(root, version, context.settings)
    if "ServiceIdentification" in sections:
        parts.identification()
    if "ServiceProvider" in sections:
        parts.provider()
    if "OperationsMetadata" in sections:
        parts.operations(f"{public_url(request, context.settings)}/wcs?")
    if "Contents" in sections:
        parts.contents(coverages)
    return document(request, serialise(root), "text/xml")


def _sections(kvp: Kvp) -> frozenset[str]:
    if not kvp.text("sections"):
        return frozenset(SECTIONS)
    known = {name.lower(): name for name in (*SECTIONS, "All")}
    wanted = names(kvp.text("sections"))
    unknown = [name for name in wanted if name.lower() not in known]
    if unknown:
        message = f"no section {unknown[0][:40]!r}; there are {', '.join(known.values())}"
        raise InvalidParameterError(message, parameter="sections")
    chosen = frozenset(known[name.lower()] for name in wanted)
    return frozenset(SECTIONS) if "All" in chosen else chosen


class _Parts:
    """Writes the parts of the document."""

    def __init__(self, root: Element, version: Version, settings: Settings) -> None:
        self._root = root
        self._writer = writer(version)
        self._settings = settings

    def identification(self) -> None:
        """Write what the service is."""
        add = self._writer.add
        part = add(self._root, "ows:ServiceIdentification")
        add(part, "ows:Title", self._settings.title)
        add(part, "ows:Abstract", self._settings.abstract)
        add(part, "ows:ServiceType", "WCS")
        for version in VERSIONS:
            add(part, "ows:ServiceTypeVersion", version)
        add(part, "ows:Fees", "NONE")
        add(part, "ows:AccessConstraints", "NONE")

    def provider(self) -> None:
        """Write who offers it."""
        add = self._writer.add
        part = add(self._root, "ows:ServiceProvider")
        add(part, "ows:ProviderName", self._settings.provider or self._settings.title)
        contact = add(part, "ows:ServiceContact")
        if self._settings.contact_email:
            address = add(add(contact, "ows:ContactInfo"), "ows:Address")
            add(address, "ows:ElectronicMailAddress", self._settings.contact_email)

    def operations(self, endpoint: str) -> None:
        """Write what it can do, and where."""
        part = self._writer.add(self._root, "ows:OperationsMetadata")
        for name in ("GetCapabilities", "DescribeCoverage", "GetCoverage"):
            operation = self._writer.add(part, "ows:Operation", attributes={"name": name})
            dcp = self._writer.add(operation, "ows:DCP")
            http = self._writer.add(dcp, "ows:HTTP")
            self._writer.link(http, "ows:Get", endpoint)
            post = self._writer.link(http, "ows:Post", endpoint)
            self._values(post, "ows:Constraint", "PostEncoding", "XML")
            if name == "GetCoverage":
                self._values(operation, "ows:Parameter", "store", "False")

    def _values(self, parent: Element, tag: str, name: str, value: str) -> None:
        element = self._writer.add(parent, tag, attributes={"name": name})
        allowed = self._writer.add(element, "ows:AllowedValues")
        self._writer.add(allowed, "ows:Value", value)

    def contents(self, coverages: Sequence[CoverageSummary]) -> None:
        """Write which coverages there are, and the systems and formats of any of them."""
        part = self._writer.add(self._root, "Contents")
        common = [parse_crs(name).urn for name in self._settings.crs]
        for summary in coverages:
            self._summary(part, summary, common)
        own = [summary.crs.urn for summary in coverages]
        for urn in dict.fromkeys((*common, *own)):
            self._writer.add(part, "SupportedCRS", urn)
        for one in FORMATS:
            self._writer.add(part, "SupportedFormat", one.name)

    def _summary(self, part: Element, summary: CoverageSummary, common: Sequence[str]) -> None:
        add = self._writer.add
        element = add(part, "CoverageSummary")
        name = name_of(summary)
        add(element, "ows:Title", name if summary.item else summary.collection.title)
        if summary.collection.description:
            add(element, "ows:Abstract", summary.collection.description)
        west, south, east, north = summary.bbox
        box = add(element, "ows:WGS84BoundingBox")
        add(box, "ows:LowerCorner", f"{west!r} {south!r}")
        add(box, "ows:UpperCorner", f"{east!r} {north!r}")
        for urn in dict.fromkeys((summary.crs.urn, *common)):
            add(element, "SupportedCRS", urn)
        for one in FORMATS:
            add(element, "SupportedFormat", one.name)
        add(element, "Identifier", name)
