"""Which version and operation of WMS is asked, and the routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from tileserver.errors import InvalidParameterError, OperationNotSupportedError, Problem
from tileserver.protocols.wms import v11, v13
from tileserver.protocols.wms.bodies import read_parameters, with_document
from tileserver.protocols.wms.capabilities import Words, answer_capabilities
from tileserver.protocols.wms.describelayer import describe_layer
from tileserver.protocols.wms.getfeatureinfo import get_feature_info
from tileserver.protocols.wms.getlegendgraphic import get_legend_graphic
from tileserver.protocols.wms.getmap import get_map
from tileserver.protocols.wms.getstyles import get_styles
from tileserver.protocols.wms.v11 import exceptions as exceptions_11
from tileserver.protocols.wms.v11.capabilities import WORDS as WORDS_11
from tileserver.protocols.wms.v11.document import DTD_PATH, DTDS
from tileserver.protocols.wms.v13 import exceptions as exceptions_13
from tileserver.protocols.wms.v13.capabilities import WORDS as WORDS_13
from tileserver.protocols.wms.version import Version, asked_version, check_version, negotiate
from tileserver.web.answers import Reporter, add_get, document, guarded
from tileserver.web.kvp import Kvp
from tileserver.web.layers import CapabilitiesStore

Operation = Callable[[Request, Kvp, Version], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Edition:
    """A version with its documents."""

    version: Version
    words: Words
    report: Reporter


# Ascending, as negotiation wants them.
_EDITIONS = tuple(
    (edition.version.number, edition)
    for edition in (
        Edition(v11.VERSION, WORDS_11, exceptions_11.report),
        Edition(v13.VERSION, WORDS_13, exceptions_13.report),
    )
)

# By the names of clients old and new, in capitals; the second ones are WMS 1.0's.
_CAPABILITIES = frozenset({"GETCAPABILITIES", "CAPABILITIES"})
_OPERATIONS: dict[str, Operation] = {
    "GETMAP": get_map,
    "MAP": get_map,
    "GETFEATUREINFO": get_feature_info,
    "FEATURE_INFO": get_feature_info,
    "GETLEGENDGRAPHIC": get_legend_graphic,
    "GETSTYLES": get_styles,
    "DESCRIBELAYER": describe_layer,
}


class WmsService:
    """Answers WMS requests; one per application."""

    def __init__(self) -> None:
        self._layers = CapabilitiesStore()
        #: Answers one request, errors included.
        self.answer = guarded(_report, self._answer)

    async def _answer(self, request: Request) -> Response:
        kvp = await read_parameters(request)
        request.state.asked_version = asked_version(kvp)
        service = kvp.text("SERVICE", "WMS")
        if service.upper() != "WMS":
            raise InvalidParameterError(f"this is not a {service[:20]}", parameter="SERVICE")
        name = kvp.required("REQUEST", str).upper()
        edition = negotiate(asked_version(kvp), _EDITIONS)
        if name in _CAPABILITIES:
            return await answer_capabilities(request, kvp, self._layers, edition.words)
        operation = _OPERATIONS.get(name)
        if operation is None:
            message = f"the operation {name[:40]!r} is not supported"
            raise OperationNotSupportedError(message, parameter="REQUEST")
        check_version(kvp, edition.version)
        return await operation(request, await with_document(request, kvp), edition.version)


def _report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error in the form of the version that was asked; of one unread, the newest."""
    asked = getattr(request.state, "asked_version", "")
    return negotiate(asked, _EDITIONS).report(request, error, problem)


def router(service: WmsService) -> APIRouter:
    """Return `/wms`, whose errors are service exception reports, and the DTDs of WMS 1.1.1."""
    routes = APIRouter(tags=["OGC services"])

    async def get_wms(request: Request) -> Response:
        """Answer WMS 1.3.0 and 1.1.1: GetCapabilities, GetMap, GetFeatureInfo and styles."""
        return await service.answer(request)

    async def post_wms(request: Request) -> Response:
        """Answer the same with the parameters in a form, or GetMap as an XML document."""
        return await service.answer(request)

    add_get(routes, "/wms", get_wms, response_class=Response)
    routes.add_api_route("/wms", post_wms, methods=["POST"], response_class=Response)
    for name in DTDS:
        add_get(routes, f"{DTD_PATH}/{name}", _get_dtd, include_in_schema=False)
    return routes


async def _get_dtd(request: Request) -> Response:
    """Answer the DTD that the path names."""
    name = request.url.path.rpartition("/")[2]
    return document(request, DTDS[name], "application/xml-dtd")
