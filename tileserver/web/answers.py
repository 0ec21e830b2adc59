"""Answers of every protocol: documents and pictures with their caching, errors by status."""

import hashlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from isal import igzip
from starlette.types import Receive

from tileserver.errors import (
    DOMAIN_ERRORS,
    InvalidParameterError,
    OverloadedError,
    Problem,
    describe,
)
from tileserver.etag import etag_matches
from tileserver.pipeline import Picture
from tileserver.request import PictureRequest
from tileserver.settings import Settings
from tileserver.web.address import address_headers
from tileserver.web.context import Services, services
from tileserver.web.gone import ClientGoneError, while_client_waits
from tileserver.web.reply import RawResponse, Reply, encoded

log = logging.getLogger(__name__)

#: For addresses with the current version token: what they name never changes.
IMMUTABLE = "public, max-age=31536000, immutable"
#: Bytes of a document from which gzip saves a packet.
_WORTH_ZIPPING = 1400
#: Status that figures and logs show where the client left first (nginx's word for it); nobody
#: receives it.
CLIENT_GONE = 499

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

#: Returns the headers that a protocol adds to a picture.
More = Callable[[Picture], dict[str, str]]

#: Turns an error into the form of one protocol.
Reporter = Callable[[Request, Exception, Problem], Response]


def short_lived(settings: Settings) -> str:
    """Return the Cache-Control of addresses without a version token.

    New scenes show within the time of the settings, and a 304 costs no rendering.
    """
    return f"public, max-age={settings.tile_max_age}"


class Stored:
    """A document that may be answered many times: its bytes, their digest, and gzipped.

    Attributes:
        body: As it is.
        digest: Of the body, hexadecimal.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._zipped: bytes | None = None

    @property
    def zipped(self) -> bytes:
        """The body in gzip (RFC 1952), made when it is first asked; equal for equal bodies."""
        if self._zipped is None:
            self._zipped = igzip.compress(self.body, 1, mtime=0)
        return self._zipped


def document(
    request: Request,
    body: bytes | Stored,
    media_type: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """Answer a whole document with a strong ETag from its bytes; 304 where the client has it.

    Clients that take gzip get it so, where that saves a packet.
    """
    stored = body if isinstance(body, Stored) else Stored(body)
    zipped = len(stored.body) >= _WORTH_ZIPPING and takes_gzip(request)
    etag = f'"{stored.digest}{"-gzip" if zipped else ""}"'
    settings = services(request).settings
    told = {
        "ETag": etag,
        "Cache-Control": short_lived(settings),
        # Addresses inside come from these headers: a cache between must not give one client a
        # document that another one's header was written into.
        "Vary": ", ".join((*address_headers(settings), "Accept-Encoding")),
        **(headers or {}),
    }
    if etag_matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=told)
    if zipped:
        told["Content-Encoding"] = "gzip"
    return Response(stored.zipped if zipped else stored.body, media_type=media_type, headers=told)


def takes_gzip(request: Request) -> bool:
    """Tell whether a client takes gzip (RFC 9110, 12.5.3)."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Asker(NamedTuple):
    """Who asks for a picture.

    Attributes:
        services: What the application keeps for protocols.
        if_none_match: The request's If-None-Match header.
        receive: What the server tells of the connection, when asked.
    """

    services: Services
    if_none_match: str | None
    receive: Receive


def asker_of(request: Request) -> Asker:
    """Return who sent a request."""
    return Asker(services(request), request.headers.get("if-none-match"), request.receive)


async def picture_answer(
    request: Request, asked: PictureRequest, token: str = "", more: More | None = None
) -> Response:
    """Draw and answer a picture, or 304 where the client has it; see `picture_reply`."""
    return RawResponse(await picture_reply(asker_of(request), asked, token, more))


async def picture_reply(
    asker: Asker, asked: PictureRequest, token: str = "", more: More | None = None
) -> Reply:
    """Draw and answer a picture, or 304 where the client has it.

    Args:
        asker: Whose If-None-Match counts, and who may go away.
        asked: What to draw.
        token: The version token of the address; with the current one of the first layer's
            collection the answer never expires.
        more: Makes more headers of the picture.

    Raises:
        ClientGoneError: The client went away meanwhile.
        RequestError: See `Pipeline.picture`.
        RenderError: See `Pipeline.picture`.
    """
    pipeline, settings = asker.services.pipeline, asker.services.settings
    async with while_client_waits(asker):
        picture = await pipeline.picture(asked, asker.if_none_match)
    # After the picture: a scene that comes in between makes the token old, never the picture.
    current = token and token == await pipeline.version(asked.layers[0].collection, "")
    if picture.provisional:  # without an ETag: what comes in its place has the same one
        told = [(b"cache-control", b"no-store")]
    else:
        kept = IMMUTABLE if current else short_lived(settings)
        told = [
            (b"etag", picture.etag.encode("ascii")),
            (b"cache-control", kept.encode("ascii")),
        ]
    told += [
        *encoded(picture.headers),
        *encoded(more(picture).items() if more else ()),
    ]
    if picture.not_modified:
        return Reply(304, told)
    told.append((b"content-length", b"%d" % len(picture.body)))
    told.append((b"content-type", picture.media_type.encode("ascii")))
    return Reply(200, told, picture.body)


def problem_headers(error: Exception, problem: Problem) -> dict[str, str]:
    """Return the headers of an error: never kept by caches, and when to try again."""
    headers = {"Cache-Control": "no-store"}
    if problem.status == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after", OverloadedError.retry_after))
    elif problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, section 11.6.1
    return headers


def guarded(report: Reporter, handler: Handler) -> Handler:
    """Return a handler that may raise anything, and answers errors in a protocol's form.

    Domain errors go to `report` as they are. Everything else is logged with its traceback, and
    the client is told an internal error in the same form, without a word of what went wrong.
    """

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:  # the edge: nothing may pass it
            return answer_error(request, error, report)

    return answer


def reported(report: Reporter) -> type[APIRoute]:
    """Return the route class of a protocol: its handlers are `guarded`."""

    class ReportedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            return guarded(report, super().get_route_handler())

    return ReportedRoute


def add_get(router: APIRouter, path: str, handler: Callable[..., Any], **options: Any) -> None:
    """Add a GET route, and the HEAD route that goes with it, which OpenAPI need not list.

    Args:
        router: The protocol's.
        path: With its `{parameters}`.
        handler: As for `APIRouter.get`.
        options: As for `APIRouter.get`.
    """
    router.add_api_route(path, handler, methods=["GET"], **options)
    router.add_api_route(path, handler, methods=["HEAD"], **options | {"include_in_schema": False})


def answer_error(request: Request, error: Exception, report: Reporter) -> Response:
    """Answer one error in a protocol's form; see `guarded`."""
    if isinstance(error, ClientGoneError):
        return Response(status_code=CLIENT_GONE)
    if isinstance(error, RequestValidationError):
        error = _first_of(error)
    problem = describe(error)
    if not isinstance(error, DOMAIN_ERRORS):
        log.error("a request to %s failed", request.url.path, exc_info=error)
    elif problem.status >= 500:
        detail = getattr(error, "detail", "")
        log.warning("%s: %s %s", problem.code, problem.detail, detail)
    return report(request, error, problem)


def _first_of(error: RequestValidationError) -> InvalidParameterError:
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first["loc"] else ""
    return InvalidParameterError(f"{name}: {first['msg']}", parameter=name)
