"""GetCapabilities of WCS 1.0.0 (OGC 03-065r6, 7): all of the document, or one section of it."""

from collections.abc import Callable, Sequence
from typing import Final

from fastapi import Request, Response

from tileserver.coverages import CoverageSummary
from tileserver.errors import InvalidParameterError
from tileserver.protocols.wcs.offered import listed
from tileserver.protocols.wcs.sequence import is_current, number_of
from tileserver.protocols.wcs.v10 import VERSION
from tileserver.protocols.wcs.v10.elements import WRITER, Element, brief, location
from tileserver.protocols.wcs.v10.exceptions import MEDIA_TYPE, CurrentUpdateSequenceError
from tileserver.settings import Settings
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp
from tileserver.web.layers import UpdateSequence
from tileserver.web.xml import serialise

_OPERATIONS: Final = ("GetCapabilities", "DescribeCoverage", "GetCoverage")


async def get_capabilities(request: Request, kvp: Kvp, sequence: UpdateSequence) -> Response:
    """Answer the document.

    Raises:
        CurrentUpdateSequenceError: The client has this one.
        InvalidUpdateSequenceError: It asks for a later one.
        InvalidParameterError: A section that there is not.
    """
    context = services(request)
    section = kvp.text("section", "/")
    if section not in ("/", *_SECTIONS):
        message = f"no section {section[:60]!r}"
        raise InvalidParameterError(message, parameter="section")
    coverages = await listed(context.pipeline, context.settings)
    number = number_of(sequence, coverages)
    if is_current(kvp, number):
        raise CurrentUpdateSequenceError("there is nothing newer", parameter="updateSequence")
    told = {"version": VERSION, "updateSequence": str(number)}
    parts = _Parts(context.settings, f"{public_url(request, context.settings)}/wcs?", coverages)
    if section == "/":
        root = WRITER.root("WCS_Capabilities", {**told, **location("wcsCapabilities")})
        for name, write in _SECTIONS.items():
            write(parts, WRITER.add(root, name.rpartition("/")[2]))
    else:
        root = WRITER.root(section.rpartition("/")[2], {**told, **location("wcsCapabilities")})
        _SECTIONS[section](parts, root)
    return document(request, serialise(root), "text/xml")


class _Parts:
    """Writes the parts of the document."""

    def __init__(
        self, settings: Settings, endpoint: str, coverages: Sequence[CoverageSummary]
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._coverages = coverages

    def service(self, part: Element) -> None:
        """Write what the service is."""
        WRITER.add(part, "description", self._settings.abstract)
        WRITER.add(part, "name", "WCS")
        WRITER.add(part, "label", self._settings.title)
        if self._settings.provider:
            party = WRITER.add(part, "responsibleParty")
            WRITER.add(party, "organisationName", self._settings.provider)
        WRITER.add(part, "fees", "NONE")
        WRITER.add(part, "accessConstraints", "NONE")

    def capability(self, part: Element) -> None:
        """Write what it can do, and where."""
        requests = WRITER.add(part, "Request")
        for name in _OPERATIONS:
            operation = WRITER.add(requests, name)
            for method in ("Get", "Post"):
                http = WRITER.add(WRITER.add(operation, "DCPType"), "HTTP")
                WRITER.link(WRITER.add(http, method), "OnlineResource", self._endpoint)
        WRITER.add(WRITER.add(part, "Exception"), "Format", MEDIA_TYPE)

    def contents(self, part: Element) -> None:
        """Write which coverages there are."""
        for summary in self._coverages:
            brief(WRITER.add(part, "CoverageOfferingBrief"), summary)


_SECTIONS: Final[dict[str, Callable[[_Parts, Element], None]]] = {
    "/WCS_Capabilities/Service": _Parts.service,
    "/WCS_Capabilities/Capability": _Parts.capability,
    "/WCS_Capabilities/ContentMetadata": _Parts.contents,
}
