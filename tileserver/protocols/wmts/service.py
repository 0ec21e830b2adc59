"""Which operation of WMTS is asked, and the routes of both encodings."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from tileserver.errors import (
    InvalidFormatError,
    InvalidParameterError,
    MissingParameterError,
    UnknownCollectionError,
    UnknownStyleError,
)
from tileserver.protocols.wmts.v10 import FORMATS
from tileserver.protocols.wmts.v10.capabilities import get_capabilities
from tileserver.protocols.wmts.v10.getfeatureinfo import GetFeatureInfo, answer_feature_info
from tileserver.protocols.wmts.v10.gettile import GetTile, tile_reply
from tileserver.web.answers import Asker, add_get, asker_of, guarded, reported
from tileserver.web.direct import DirectRoute
from tileserver.web.infoformats import INFO_EXTENSIONS
from tileserver.web.kvp import Kvp
from tileserver.web.layers import CapabilitiesStore
from tileserver.web.ows import reporter
from tileserver.web.reply import RawResponse, Reply

#: The pipeline's errors know no protocol's names.
report = reporter({UnknownCollectionError: "Layer", UnknownStyleError: "Style"})

_START = "/wmts/1.0.0/{layer}/{style}/"
#: Parts of the address of a point behind layer and style, without a time.
_INFO_PARTS = 6
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
                asked = GetTile.decode(kvp)
                return RawResponse(await tile_reply(asker_of(request), asked, kvp.text("v")))
            case "GETFEATUREINFO":
                return await answer_feature_info(request, GetFeatureInfo.decode(kvp))
            case "":
                raise MissingParameterError("the parameter request is missing", parameter="request")
        raise InvalidParameterError(f"no operation {name[:40]!r}", parameter="request")

    async def document(self, request: Request) -> Response:
        """Answer the capabilities of the REST encoding: those of the other one."""
        return await get_capabilities(request, Kvp(b""), self._layers)


class Addressed(NamedTuple):
    """A tile of a REST address, and the version token of that."""

    tile: GetTile
    token: str


async def _tile(request: Request) -> Response:
    """Answer a WMTS tile, without a time the newest on top; or the values behind a pixel of it."""
    path, query = request.path_params, request.query_params
    if path["extension"] in INFO_EXTENSIONS:
        return await answer_feature_info(request, _info(path, query))
    asked = _addressed(path, query)
    return RawResponse(await _reply(asker_of(request), asked))


def _addressed(path: Mapping[str, Any], query: QueryParams) -> Addressed:
    return Addressed(GetTile.from_path(path, query), query.get("v", ""))


async def _reply(asker: Asker, asked: Addressed) -> Reply:
    return await tile_reply(asker, asked.tile, asked.token)


def _info(path: Mapping[str, str], query: QueryParams) -> GetFeatureInfo:
    """Read the address of a point: two more parts behind those of a tile, before them a time."""
    names = ("time", "tms", "matrix", "row", "column")
    parts = "/".join(path[name] for name in names if name in path).split("/")
    if len(parts) < _INFO_PARTS:
        raise InvalidFormatError("no such format", parameter="Format")
    told = dict(zip(("tms", "matrix", "row", "column", "j", "i"), parts[-6:], strict=True))
    kept = {name: path[name] for name in ("layer", "style", "extension")}
    return GetFeatureInfo.from_path({**kept, **told, "time": "/".join(parts[:-6])}, query)


def direct_routes() -> list[DirectRoute[Addressed]]:
    """Return the routes of tiles past FastAPI, with a time of one part or without."""
    return [
        DirectRoute(
            "wmts",
            f"{_START}{time}{_TILE.replace('{extension}', extension)}",
            partial(_decode, extension),
            _reply,
            report,
        )
        for extension in FORMATS.values()
        for time in ("", "{time}/")
    ]


def _decode(extension: str, path: Mapping[str, Any], query: QueryParams) -> Addressed:
    return _addressed({**path, "extension": extension}, query)


def router(service: WmtsService) -> APIRouter:
    """Return `/wmts` and the REST addresses below it; errors are ows:ExceptionReports."""
    routes = APIRouter(tags=["OGC services"], route_class=reported(report))

    async def get_wmts(request: Request) -> Response:
        """Answer WMTS 1.0.0: GetCapabilities, GetTile, GetFeatureInfo."""
        return await service.answer(request)

    async def get_document(request: Request) -> Response:
        """Answer the WMTS 1.0.0 capabilities document."""
        return await service.document(request)

    add_get(routes, "/wmts", get_wmts, response_class=Response)
    add_get(routes, "/wmts/1.0.0/WMTSCapabilities.xml", get_document, response_class=Response)
    add_get(routes, _START + _TILE, _tile, name="wmts tile", response_class=Response)
    add_get(
        routes,
        # An interval has a slash of its own, sent as it is or escaped.
        f"{_START}{{time:path}}/{_TILE}",
        _tile,
        name="wmts tile of a time",
        response_class=Response,
    )
    return routes
