"""What stands in front of TiTiler's routes: the queue, bounds, and no way to other files."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from rio_tiler.errors import RioTilerError

from tileserver.adhoc.stac import SAFE_CRS
from tileserver.errors import InvalidCrsError, InvalidParameterError, TooLargeError
from tileserver.protocols.cog.errors import invalid, report, translated
from tileserver.settings import Settings
from tileserver.web.address import public_url
from tileserver.web.answers import guarded, short_lived
from tileserver.web.context import services

#: Largest GeoJSON in a request.
MAX_BODY = 4 * 1024 * 1024
#: Bounds of parameters that cost memory or time by themselves.
MAX_BANDS = 64
MAX_EXPRESSION = 1000
MAX_BLOCKS = 16
MAX_COLOURS = 1024
MAX_BINS = 4096

_CRS_PARAMETERS = ("crs", "coord_crs", "dst_crs", "bbox-crs")
_BODIES = frozenset({"POST", "PUT", "PATCH"})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route of TiTiler's within our bounds, with errors told and logged as everywhere here."""

    def get_route_handler(self) -> Handler:
        """Return the handler with everything around it."""
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            check(request)
            context = services(request)
            try:
                async with context.adhoc.gate.admit():
                    answer = await handler(presented(request, context.settings))
            except (RequestValidationError, HTTPException) as error:
                return invalid(error)
            except RioTilerError as error:
                raise translated(error) from error
            answer.headers.setdefault("Cache-Control", short_lived(context.settings))
            return answer

        return guarded(report, bounded)


def check(request: Request) -> None:
    """Refuse what would cost too much, or open other files, before anything looks at it.

    Raises:
        RequestError: It would.
    """
    query = request.query_params
    for name in _CRS_PARAMETERS:
        for value in query.getlist(name):
            # GDAL takes a CRS by the address or path of a file that holds it.
            if not SAFE_CRS.fullmatch(value):
                raise InvalidCrsError("a CRS is named like EPSG:4326 here", parameter=name)
    if (
        max(len(query.getlist(name)) for name in ("bidx", "assets", "rescale", "p", "c"))
        > MAX_BANDS
    ):
        raise TooLargeError(f"at most {MAX_BANDS} bands, assets and the like")
    for text in (*query.getlist("expression"), *query.getlist("assets")):
        if len(text) > MAX_EXPRESSION or text.count(";") >= MAX_BLOCKS:
            raise TooLargeError(
                f"expressions have at most {MAX_EXPRESSION} characters", parameter="expression"
            )
    if query.get("colormap", "").count(":") > MAX_COLOURS:
        raise TooLargeError(f"colour maps have at most {MAX_COLOURS} entries", parameter="colormap")
    _check_histogram(query.get("histogram_bins", ""))
    if request.method in _BODIES:
        _check_body(request)


def _check_histogram(bins: str) -> None:
    if bins.isascii() and bins.isdigit() and (len(bins) > 6 or int(bins) > MAX_BINS):
        raise TooLargeError(f"histograms have at most {MAX_BINS} bins", parameter="histogram_bins")


def _check_body(request: Request) -> None:
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise InvalidParameterError("the length of the body must be told (Content-Length)")
    if len(length) > 9 or int(length) > MAX_BODY:
        raise TooLargeError(f"a body has at most {MAX_BODY} bytes")


def presented(request: Request, settings: Settings) -> Request:
    """Return the request as its client sees it, so that addresses in documents are right."""
    public = urlsplit(public_url(request, settings))
    headers = [(k, v) for k, v in request.scope["headers"] if k != b"host"]
    scope = {
        **request.scope,
        "scheme": public.scheme,
        "headers": [*headers, (b"host", public.netloc.encode("latin-1"))],
        "app_root_path": public.path,
        "root_path": public.path,
    }
    return Request(scope, request.receive)


def inline(dependency: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dependency that runs on the event loop.

    FastAPI sends every plain one through a thread: 0.1 ms each, for eight of them per request.
    """

    async def call(**values: Any) -> Any:
        return dependency(**values)

    # What FastAPI reads parameters from.
    call.__signature__ = inspect.signature(dependency)  # type: ignore[attr-defined]
    return call
