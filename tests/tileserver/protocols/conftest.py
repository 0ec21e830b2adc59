"""The protocols over a pipeline that draws nothing, and remembers what it was asked."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import rasterio
from fastapi import FastAPI
from support.demo import Server

from styles.model import Style
from styles.registry import StyleRegistry, stretch_style
from tileserver.catalogue.base import Area, Collection, DateSummary
from tileserver.errors import UnknownCollectionError, UnknownStyleError
from tileserver.legends import Legends
from tileserver.ownstyles import OwnStyles
from tileserver.pipeline import Picture
from tileserver.protocols.routers import routers
from tileserver.request import PictureRequest, cache_key
from tileserver.settings import Settings
from tileserver.timeaxis import CURRENT, TimeRequest
from tileserver.timeaxis_choice import TimeChoice, choose

LIBRARY = StyleRegistry.load_library()


def style(name: str) -> Style:
    made = stretch_style(name, "b1", 0.0, 1.0, title=name.title())
    return replace(made, description=f"About <{name}> & more")


@dataclass
class FakePipeline:
    """Collections of any kind; pictures are their own request in words."""

    collections: list[Collection]
    days: dict[str, list[DateSummary]]
    asked: list[PictureRequest] = field(default_factory=list)
    areas: list[tuple[Area, TimeRequest]] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    failure: Exception | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def _info(self, collection: Collection) -> Any:
        return SimpleNamespace(
            collection=collection, styles=tuple(style(name) for name in collection.styles)
        )

    async def layers(self) -> list[Any]:
        return [self._info(c) for c in self.collections]

    async def layer(self, collection_id: str) -> Any:
        for collection in self.collections:
            if collection.id == collection_id:
                return self._info(collection)
        raise UnknownCollectionError("no such collection", parameter="collection")

    async def style(self, collection_id: str, asked: str | Style) -> Style:
        found = (await self.layer(collection_id)).styles
        if isinstance(asked, Style):
            return asked
        for one in found:
            if one.id == asked or asked in ("", "default"):
                return one
        raise UnknownStyleError("no such style", parameter="style")

    async def styles(self, collection_id: str = "") -> tuple[Style, ...]:
        return (await self.layer(collection_id)).styles if collection_id else tuple(LIBRARY)

    def library_style(self, style_id: str) -> Style:
        if style_id not in LIBRARY:
            raise UnknownStyleError("no such style", parameter="style")
        return LIBRARY.get(style_id)

    async def version(self, collection_id: str, style: str | Style = "") -> str:
        info = await self.layer(collection_id)
        style_id = style if isinstance(style, str) else style.digest
        if isinstance(style, str) and style and style not in info.collection.styles:
            raise UnknownStyleError("no such style", parameter="style")
        return f"{collection_id}-7{style_id}"

    async def times(
        self, collection_id: str, time: TimeRequest, *, ruled: bool = False
    ) -> TimeChoice:
        collection = (await self.layer(collection_id)).collection
        return choose(time, collection, date(2026, 1, 1), ruled=ruled)

    async def dates(
        self, collection_id: str, area: Area, time: TimeRequest = CURRENT
    ) -> list[DateSummary]:
        self.areas.append((area, time))
        await self.layer(collection_id)
        return self.days.get(collection_id, [])

    async def all_days(self, collection_id: str) -> list[date]:
        self.listed.append(collection_id)
        return [summary.day for summary in self.days.get(collection_id, [])]

    async def picture(self, request: PictureRequest, if_none_match: str | None = None) -> Picture:
        if self.failure is not None and request.layers:
            raise self.failure
        for layer in request.layers:
            await self.version(layer.collection, layer.style)
        self.asked.append(request)
        etag = f'"{cache_key(request, [], [], [repr(request.time)])}"'
        if if_none_match == etag:
            return Picture(b"", request.media_type, etag, True)
        return Picture(repr(request).encode(), request.media_type, etag, False, self.headers)

    async def notice(self, text: str, request: PictureRequest) -> Picture:
        self.asked.append(request)
        return Picture(text.encode(), request.media_type, "", False)


def collections() -> list[Collection]:
    start, end = datetime(2024, 6, 1, 10, tzinfo=UTC), datetime(2024, 6, 21, 10, tzinfo=UTC)
    return [
        Collection(
            "sentinel-2-l2a",
            "Sentinel-2 <L2A>",
            description="Surface reflectance & classes",
            attribution="Contains modified Copernicus data",
            bbox=(10.1, 50.3, 11.7000000001, 51.9),
            time=(start, end),
            styles=("true-color", "ndvi"),
            min_zoom=8,
            max_zoom=14,
        ),
        Collection("blue-marble", "Blue Marble", styles=("natural",), max_zoom=6),
        Collection("fiji", "Fiji", bbox=(176.0, -20.0, -178.0, -12.0), styles=("natural",)),
        Collection(
            "remote",
            "Elsewhere",
            bbox=(5.0, 45.0, 15.0, 55.0),
            time=(start, end),
            styles=("true-color",),
            remote="https://stac.example/v1",
        ),
        Collection("point", "One point", bbox=(7.0, 46.0, 7.0, 46.0), styles=("natural",)),
    ]


@pytest.fixture
def pipeline() -> FakePipeline:
    days = [DateSummary(date(2024, 6, day), 10.0 * day, 2) for day in (1, 11, 21)]
    return FakePipeline(collections(), {"sentinel-2-l2a": days})


@pytest.fixture
def settings() -> Settings:
    return Settings(
        title="Test & service", provider="Us", contact_email="us@example.com", max_width=2000
    )


@pytest.fixture
def app(pipeline: FakePipeline, settings: Settings, tmp_path: Path) -> Iterator[FastAPI]:
    app = FastAPI()
    with ThreadPoolExecutor(1) as pool:
        app.state.services = SimpleNamespace(
            pipeline=pipeline,
            settings=settings,
            legends=Legends(pool),
            own_styles=OwnStyles(tmp_path / "styles.sqlite", LIBRARY),
        )
        for router in routers():
            app.include_router(router)
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://maps.example") as client:
        yield client


@pytest.fixture
def gdal_cache(tmp_path: Path) -> Iterator[None]:
    """A folder for the tiles that GDAL keeps, which are in the working folder unless told where."""
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        yield


@pytest.fixture(scope="module")
def demo_bbox(demo_server: Server) -> tuple[float, float, float, float]:
    """The middle of the demo's data, a quarter of its side; degrees."""
    answer = httpx.get(f"{demo_server.url}/api/collections/sentinel-2-l2a")
    west, south, east, north = answer.raise_for_status().json()["bbox"]
    half_x, half_y = (east - west) / 8, (north - south) / 8
    x, y = (west + east) / 2, (south + north) / 2
    return x - half_x, y - half_y, x + half_x, y + half_y
