"""The web application: routes and the layers around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from tileserver.protocols.routers import routers
from tileserver.services import Services
from tileserver.settings import Settings, load_settings
from tileserver.web import health, page
from tileserver.web.middleware import Measured, SecurityHeaders


async def _plain_problem(_: Request, error: Exception) -> Response:
    """Answer what no protocol was asked for (unknown paths, wrong methods) in the JSON form."""
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    phrase = HTTPStatus(status).phrase
    code = phrase.title().replace(" ", "")
    return JSONResponse({"code": code, "detail": phrase.lower()}, status, headers=headers)


def create_app(settings: Settings | None = None) -> FastAPI:
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

    app = FastAPI(
        title=settings.title,
        description=settings.abstract,
        version=version("tileserver"),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_exception_handler(HTTPException, _plain_problem)
    for router in routers():
        app.include_router(router)
    app.include_router(health.router())
    app.include_router(page.router(settings))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "HEAD", "OPTIONS"],
        allow_headers=["If-None-Match", "Authorization"],
        expose_headers=["ETag", "Warning", "X-Tileserver-Incomplete"],
        max_age=86400,
    )
    app.add_middleware(Measured)
    # Outermost, so that what `Measured` answers for a fault is guarded as well.
    app.add_middleware(SecurityHeaders)
    return app
