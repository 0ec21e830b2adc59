"""The web application: routes and the layers around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tileserver.incomplete import INCOMPLETE
from tileserver.protocols.routers import direct_routes, routers
from tileserver.services import Services
from tileserver.settings import Settings, load_settings
from tileserver.timetold import CHOICE, DAYS
from tileserver.web import health, page
from tileserver.web.direct import DirectRoutes
from tileserver.web.middleware import Measured, SecurityHeaders


async def _plain_problem(_: Request, error: Exception) -> Response:
    """Answer what no protocol was asked for (unknown paths, wrong methods) in the JSON form."""
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    phrase = HTTPStatus(status).phrase
    code = phrase.title().replace(" ", "")
    return JSONResponse({"code": code, "detail": phrase.lower()}, status, headers=headers)


class Application(FastAPI):
    """FastAPI with something in front: its own way in costs 10 us before the first middleware."""

    _front: ASGIApp | None = None

    def put_in_front(self, front: ASGIApp) -> None:
        """Let every request go through `front`, which passes on to `without_direct_routes`."""
        self._front = front

    async def without_direct_routes(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as FastAPI alone."""
        await super().__call__(scope, receive, send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (self._front or self.without_direct_routes)(scope, receive, send)


def create_app(settings: Settings | None = None) -> Application:
    """Return the application.

    Args:
        settings: None reads them from the environment (as worker processes do).
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = await asyncio.to_thread(Services, settings)
        app.state.services = services
        try:
            yield
        finally:
            await services.close()

    app = Application(
        title=settings.title,
        description=settings.abstract,
        version=version("tileserver"),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_exception_handler(HTTPException, _plain_problem)
    for router in routers(settings):
        app.include_router(router)
    app.include_router(health.router())
    app.include_router(page.router(settings))
    cors = cors_options(settings)
    app.add_middleware(CORSMiddleware, **cors)
    app.add_middleware(Measured)
    # Outside of it, so that what `Measured` answers for a fault is guarded as well.
    app.add_middleware(SecurityHeaders)
    app.put_in_front(DirectRoutes(app, app.without_direct_routes, direct_routes(), cors))
    return app


def cors_options(settings: Settings) -> dict[str, Any]:
    """Return who may call from other sites' pages, and what these pages may read."""
    return {
        "allow_origins": settings.cors_origins,
        # POST: areas of statistics, SLD and WCS documents. What writes is for other programs.
        "allow_methods": ["GET", "HEAD", "OPTIONS", "POST"],
        "allow_headers": ["If-None-Match", "Authorization", "Content-Type"],
        "expose_headers": ["ETag", "Warning", INCOMPLETE, DAYS, CHOICE],
        "max_age": 86400,
    }
