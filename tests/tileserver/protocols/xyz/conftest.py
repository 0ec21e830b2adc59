"""Tiles are asked twice: by the direct route, and by the one of FastAPI behind it."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from tileserver.app import Application, cors_options
from tileserver.metrics import Metrics
from tileserver.protocols.routers import direct_routes, routers
from tileserver.web.direct import DirectRoutes


@pytest.fixture(params=["direct", "fastapi"])
def app(request, pipeline, settings) -> FastAPI:
    app = Application()
    app.state.services = SimpleNamespace(
        pipeline=pipeline, settings=settings, metrics=Metrics(lambda: {})
    )
    for router in routers():
        app.include_router(router)
    if request.param == "direct":
        inner = app.without_direct_routes
        app.put_in_front(DirectRoutes(app, inner, direct_routes(), cors_options(settings)))
    return app
