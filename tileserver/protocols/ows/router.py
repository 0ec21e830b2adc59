"""Chooses the service by SERVICE, or by an operation that only one service has."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from tileserver.errors import InvalidParameterError, MissingParameterError
from tileserver.web.answers import Handler, add_get, reported
from tileserver.web.kvp import MAX_QUERY_BYTES, Kvp
from tileserver.web.ows import report
from tileserver.web.posted import MAX_BODY_BYTES, is_xml, posted
from tileserver.web.xml import local_name, parse

# WMS 1.3.0 does not define SERVICE for these, and clients leave it out (OGC 06-042, tables 8, 9).
_WMS_ONLY = frozenset(
    {
        "GETMAP",
        "MAP",
        "GETFEATUREINFO",
        "FEATURE_INFO",
        "GETLEGENDGRAPHIC",
        "GETSTYLES",
        "DESCRIBELAYER",
    }
)


def router(handlers: Mapping[str, Handler]) -> APIRouter:
    """Return `/ows`.

    Args:
        handlers: By the name of the service in capitals; each answers its own errors.
    """
    routes = APIRouter(tags=["OGC services"], route_class=reported(report))

    async def get_ows(request: Request) -> Response:
        """Answer any key-value service."""
        return await handlers[choose(Kvp(request.scope["query_string"]), handlers)](request)

    async def post_ows(request: Request) -> Response:
        """Answer a document, or parameters in a form."""
        kvp = _of_body(await posted(request), request.scope["query_string"])
        return await handlers[choose(kvp, handlers)](request)

    add_get(routes, "/ows", get_ows, response_class=Response)
    routes.add_api_route("/ows", post_ows, methods=["POST"], response_class=Response)
    return routes


def _of_body(body: bytes, query: bytes) -> Kvp:
    """Return the parameters that tell which service a body is for.

    Raises:
        InvalidParameterError: It is a document that cannot be read.
    """
    if not is_xml(body):
        return Kvp(query + b"&" + body, MAX_QUERY_BYTES + MAX_BODY_BYTES)
    try:
        root = parse(body)
    except ValueError as error:
        raise InvalidParameterError(str(error)) from error
    return Kvp.of([("service", root.get("service", "")), ("request", local_name(root))])


def choose(kvp: Kvp, handlers: Mapping[str, Handler]) -> str:
    """Return the name of the service that a request is for.

    Raises:
        MissingParameterError: No SERVICE, and the operation does not tell.
        InvalidParameterError: A service that is not offered.
    """
    name = kvp.text("service").upper()
    if not name and kvp.text("request").upper() in _WMS_ONLY and "WMS" in handlers:
        return "WMS"
    if not name:
        raise MissingParameterError("the parameter service is missing", parameter="service")
    if name not in handlers:
        message = f"no service {name[:20]!r}; there are {', '.join(handlers)}"
        raise InvalidParameterError(message, parameter="service")
    return name
