"""The whole application in the test's own process: lifespan, routes and middleware, no socket."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from renderers.geobox import GeoBox
from tileserver.app import create_app
from tileserver.ingest.add import Outcome, add
from tileserver.products.base import Hints
from tileserver.services import Services, open_tools
from tileserver.settings import Settings

#: Half the width of the world in EPSG:3857, metres.
HALF = 20037508.342789244


def mercator_tile(z: int, x: int, y: int, size: int = 256) -> GeoBox:
    """A tile of WebMercatorQuad."""
    side = 2 * HALF / 2**z
    west, north = x * side - HALF, HALF - y * side
    return GeoBox.from_bounds((west, north - side, west + side, north), size, size, "EPSG:3857")


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    """The tile of WebMercatorQuad that holds a point, as (z, x, y)."""
    x = (lon + 180.0) / 360.0 * 2**z
    y = (1.0 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2.0 * 2**z
    return z, int(x), int(y)


@dataclass
class Running:
    """A running application: a client for it, and its inside."""

    client: httpx.AsyncClient
    services: Services

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)


def make_settings(folder: Path, **values: Any) -> Settings:
    """Settings of a server that keeps all it writes in a folder."""
    places = {"data_dir": folder / "data", "cache_dir": folder / "cache"}
    return Settings(**{**places, **values})


async def fill(settings: Settings, hrefs: list[str], hints: Hints | None = None) -> list[Outcome]:
    """Add products to the catalogue that the settings name."""
    tools = open_tools(settings)
    try:
        return await add(hrefs, tools, hints)
    finally:
        tools.catalogue.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Run the application; what a handler raises shows as its answer, as it would to clients."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://maps.example") as client:
            yield Running(client, app.state.services)
