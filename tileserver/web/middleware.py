"""ASGI layers around the application: figures, security headers, the last line of defence."""

import logging
import time
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tileserver.errors import describe
from tileserver.httpserver import HeaderName
from tileserver.metrics import Metrics
from tileserver.web.reply import RawHeaders

log = logging.getLogger(__name__)

#: Policy of everything that is not a page: nothing may run, nobody may frame it.
STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'"

#: First path segments that are counted by name; all others count as `other`.
PROTOCOLS = frozenset(
    {"tiles", "wms", "wmts", "wcs", "ows", "api", "styles", "healthz", "readyz", "metrics"}
)


#: Names that go out in their own case: OGC CITE compares `Warning` with its capital letter, and
#: Starlette writes all names small.
_CASED = {b"warning": HeaderName(b"Warning")}


#: Headers of every answer that does not bring its own.
_GUARDS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Tiles and documents are made to be embedded elsewhere.
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"content-security-policy", STRICT_POLICY.encode("ascii")),
]


def guarded_headers(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return the headers of an answer with the strict ones that it lacks, in their right case.

    Args:
        headers: Names in small letters.
    """
    told = [(_CASED.get(name, name), value) for name, value in headers]
    names = {name for name, _ in told}
    told.extend(guard for guard in _GUARDS if guard[0] not in names)
    return told


class SecurityHeaders:
    """Sends strict headers with every answer; pages bring their own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = guarded_headers(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, guarded)


class Measured:
    """Notes every answer in the figures, and answers what nothing below caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            log.exception("a request to %s failed", scope["path"])
            if status:
                raise  # the answer has begun: only closing the connection tells the truth
            problem = describe(error)
            body = {"code": problem.code, "detail": problem.detail}
            await JSONResponse(body, problem.status)(scope, receive, noted)
        finally:
            services = getattr(scope["app"].state, "services", None) if "app" in scope else None
            if services is not None:
                metrics: Metrics = services.metrics
                first = scope["path"].split("/", 2)[1] or "page"
                protocol = first if first in PROTOCOLS or first == "page" else "other"
                metrics.note(protocol, status, time.perf_counter() - began)
