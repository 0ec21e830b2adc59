"""Routes in front of FastAPI, for the addresses that maps ask by the thousand.

A tile that lies ready costs less than FastAPI's own way to its handler: routing, parameters, four
layers of middleware. A direct route shares everything that decides what is answered with the route
of the same path in FastAPI (decoding, the answer, the form of errors, headers), so that both give
the same bytes; FastAPI's is what OpenAPI lists, and what is asked in any unusual way.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from fastapi import Request
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tileserver.metrics import Metrics
from tileserver.web.answers import Asker, Reporter, answer_error
from tileserver.web.middleware import guarded_headers
from tileserver.web.reply import RawHeaders, Reply, reply_of

T = TypeVar("T")

#: Most addresses whose meaning is kept, and the longest of them.
_KEPT = 8192
_LONGEST = 512
#: Most origins whose headers are kept.
_ORIGINS = 256

_NO_QUERY = QueryParams()


@dataclass(frozen=True)
class DirectRoute(Generic[T]):
    """A path that can be answered without FastAPI.

    Attributes:
        protocol: Name in the figures.
        path: As the route of FastAPI has it, with `{parameters}` that end at slashes.
        decode: Reads the path's parameters and the query; pure, because its results are kept and
            shared: the same address means the same.
        answer: Answers what was decoded.
        report: Writes errors.
    """

    protocol: str
    path: str
    decode: Callable[[Mapping[str, Any], QueryParams], T]
    answer: Callable[[Asker, T], Awaitable[Reply]]
    report: Reporter


class DirectRoutes:
    """ASGI layer that answers direct routes and passes everything else on."""

    def __init__(
        self,
        app: Starlette,
        inner: ASGIApp,
        routes: Sequence[DirectRoute[Any]],
        cors: Mapping[str, Any],
    ) -> None:
        """Make the layer.

        Args:
            app: The application, for its state.
            inner: The way into it without this layer; it has the same routes.
            routes: Of which no path matches another one's addresses, or those of an earlier route
                of the application.
            cors: Options of the application's `CORSMiddleware`.
        """
        self._app = app
        self._inner = inner
        self._routes = [(compile_path(route.path)[0], route) for route in routes]
        self._starts = tuple({route.path.partition("{")[0] for route in routes})
        self._kept = lru_cache(_KEPT)(self._decoded)
        self._cors = CORSMiddleware(inner, **cors)
        self._allowed: dict[str | None, RawHeaders] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        began = time.perf_counter()
        services = getattr(self._app.state, "services", None) if self._plain(scope) else None
        found = None if services is None else self._find(scope["path"], scope["query_string"])
        if services is None or found is None:
            await self._inner(scope, receive, send)
            return
        if_none_match, origin = _conditions(scope["headers"])
        status = 0
        try:
            if found.error is not None:
                reply = self._refusal(found.route, found.error, scope, receive)
            else:
                reply = await self._reply(found, scope, Asker(services, if_none_match, receive))
            status = reply.status
            headers = guarded_headers([*reply.headers, *await self._cors_headers(origin)])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})
        finally:
            metrics: Metrics = services.metrics
            metrics.note(found.route.protocol, status, time.perf_counter() - began)

    def _plain(self, scope: Scope) -> bool:
        """Tell whether a request may be of a direct route."""
        return (
            scope["type"] == "http"
            and scope["method"] in {"GET", "HEAD"}
            and scope["path"].startswith(self._starts)
            and not scope.get("root_path")
        )

    def _find(self, path: str, query: bytes) -> "_Found | None":
        """Return what an address means, None where it is of no direct route."""
        decode = self._kept if len(path) + len(query) <= _LONGEST else self._decoded
        try:
            return decode(path, query)
        except Exception as error:  # the edge: told as all errors are; not kept
            route, _ = self._match(path)
            if route is None:
                raise
            return _Found(route, None, error)

    def _decoded(self, path: str, query: bytes) -> "_Found | None":
        route, parameters = self._match(path)
        return (
            None if route is None else _Found(route, route.decode(parameters, QueryParams(query)))
        )

    def _match(self, path: str) -> tuple[DirectRoute[Any] | None, dict[str, str]]:
        for pattern, route in self._routes:
            # To the very end: `$` alone would leave a newline behind an extension unseen.
            match = pattern.fullmatch(path)
            if match:
                return route, match.groupdict()
        return None, {}

    async def _reply(self, found: "_Found", scope: Scope, asker: Asker) -> Reply:
        try:
            return await found.route.answer(asker, found.asked)
        except Exception as error:  # the edge: nothing may pass it
            return self._refusal(found.route, error, scope, asker.receive)

    def _refusal(
        self, route: DirectRoute[Any], error: Exception, scope: Scope, receive: Receive
    ) -> Reply:
        request = Request({**scope, "app": self._app}, receive)
        return reply_of(answer_error(request, error, route.report))

    async def _cors_headers(self, origin: str | None) -> RawHeaders:
        """Return what the application's CORS layer adds to an answer; it alone decides."""
        known = self._allowed.get(origin)
        if known is None:
            told: list[Message] = []

            async def hear(message: Message) -> None:
                told.append(message)

            asked = Headers({} if origin is None else {"origin": origin})
            start = {"type": "http.response.start", "status": 200, "headers": []}
            await self._cors.send(start, hear, asked)
            known = told[0]["headers"]
            if len(self._allowed) >= _ORIGINS:
                self._allowed.clear()
            self._allowed[origin] = known
        return known


class _Found(NamedTuple):
    """What an address means.

    Attributes:
        route: Whose path it is.
        asked: What the route decoded.
        error: Why it could not be decoded, else None.
    """

    route: DirectRoute[Any]
    asked: Any
    error: Exception | None = None


def _conditions(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """Return If-None-Match and Origin; of several the first counts, as for Starlette."""
    if_none_match = origin = None
    for name, value in headers:
        if name == b"if-none-match" and if_none_match is None:
            if_none_match = value.decode("latin-1")
        elif name == b"origin" and origin is None:
            origin = value.decode("latin-1")
    return if_none_match, origin
