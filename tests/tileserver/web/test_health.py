from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from tileserver.web import health


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_are_answered_by_either_method(method, path):
    async def collections() -> list[object]:
        return []

    app = FastAPI()
    app.state.services = SimpleNamespace(catalogue=SimpleNamespace(collections=collections))
    app.include_router(health.router())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://maps.example") as client:
        assert (await client.request(method, path)).status_code == 200


async def test_a_server_that_starts_is_alive_and_not_ready():
    app = FastAPI()
    app.include_router(health.router())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://maps.example") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
