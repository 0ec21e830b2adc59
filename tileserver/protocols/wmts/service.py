"""Which operation of WMTS is asked, and the routes of both encodings."""

from fastapi import APIRouter, Request, Response

from tileserver.errors import (
    InvalidParameterError,
    MissingParameterError,
    UnknownCollectionError,
    UnknownStyleError,
)
from tileserver.errors import OperationNotSupportedError as NotSupported
from tileserver.protocols.wmts.v10.capabilities import get_capabilities
from tileserver.protocols.wmts.v10.gettile import GetTile, answer_tile
from tileserver.web.answers import add_get, guarded, reported
from tileserver.web.kvp import Kvp
from tileserver.web.layers import CapabilitiesStore
from tileserver.web.ows import reporter

#: The pipeline's errors know no protocol's names.
report = reporter({UnknownCollectionError: "Layer", UnknownStyleError: "Style"})

_TILE = "{tms}/{matrix}/{row}/{column}.{extension}"


class WmtsService:
    """Answers WMTS requests; one per application."""

    def __init__(self) -> None:
        self._layers = CapabilitiesStore()
        #: Answers one key-value request, errors included.
        self.answer = guarded(report, self._answer)

    async def _answer(self, request: Request) -> Response:
        kvp = Kvp(request.scope["query_string"])
        service = kvp.required("service", str)
        if service.upper() != "WMTS":
            raise InvalidParameterError(f"this is not a {service[:20]}", parameter="service")
        name = kvp.text("request")
        match name.upper():
            case "GETCAPABILITIES":
                return await get_capabilities(request, kvp, self._layers)
            case "GETTILE":
                return await answer_tile(request, GetTile.decode(kvp), kvp.text("v"))
            case "GETFEATUREINFO":
                raise NotSupported("no layer can be queried", parameter="GetFeatureInfo")
            case "":
                raise MissingParameterError("the parameter request is missing", parameter="request")
        raise InvalidParameterError(f"no operation {name[:40]!r}", parameter="request")

    async def document(self, request: Request) -> Response:
        """Answer the capabilities of the REST encoding: those of the other one."""
        return await get_capabilities(request, Kvp(b""), self._layers)


async def _tile(request: Request) -> Response:
    """Answer a WMTS tile; without a time, the newest on top."""
    query = request.query_params
    asked = GetTile.from_path(request.path_params, query.get("mosaic", ""))
    return await answer_tile(request, asked, query.get("v", ""))


def router(service: WmtsService) -> APIRouter:
    """Return `/wmts` and the REST addresses below it; errors are ows:ExceptionReports."""
    routes = APIRouter(tags=["OGC services"], route_class=reported(report))

    async def get_wmts(request: Request) -> Response:
        """Answer WMTS 1.0.0: GetCapabilities, GetTile."""
        return await service.answer(request)

    async def get_document(request: Request) -> Response:
        """Answer the WMTS 1.0.0 capabilities document."""
        return await service.document(request)

    add_get(routes, "/wmts", get_wmts, response_class=Response)
    add_get(routes, "/wmts/1.0.0/WMTSCapabilities.xml", get_document, response_class=Response)
    start = "/wmts/1.0.0/{layer}/{style}/"
    add_get(routes, start + _TILE, _tile, name="wmts tile", response_class=Response)
    add_get(
        routes,
        # An interval has a slash of its own, sent as it is or escaped.
        f"{start}{{time:path}}/{_TILE}",
        _tile,
        name="wmts tile of a time",
        response_class=Response,
    )
    return routes
