"""Clients that close the connection before their picture is drawn."""

import asyncio
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from renderers.geobox import GeoBox
from tileserver.app import Application
from tileserver.metrics import Metrics
from tileserver.pipeline import Picture
from tileserver.request import LayerRequest, PictureRequest
from tileserver.settings import Settings
from tileserver.web.answers import (
    CLIENT_GONE,
    Asker,
    add_get,
    picture_answer,
    picture_reply,
    reported,
)
from tileserver.web.direct import DirectRoute, DirectRoutes
from tileserver.web.gone import ClientGoneError, while_client_waits
from tileserver.web.jsonform import report
from tileserver.web.reply import Reply

BOX = GeoBox.from_bounds((0.0, 0.0, 1.0, 1.0), 8, 8, "EPSG:4326")
ASKED = PictureRequest((LayerRequest("a"),), BOX)
SCOPE = {
    "type": "http", "method": "GET", "path": "/picture", "raw_path": b"/picture", "headers": [],
    "query_string": b"", "scheme": "http", "root_path": "", "server": ("127.0.0.1", 80),
}  # fmt: skip


class Slow:
    """A pipeline that draws until it is let, and notes when it was told to stop."""

    def __init__(self) -> None:
        self.drawing, self.go, self.stopped = asyncio.Event(), asyncio.Event(), False

    async def picture(self, request, if_none_match=None) -> Picture:
        self.drawing.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return Picture(b"png", "image/png", '"tag"', not_modified=False)


def application(pipeline: Slow, way: str = "fastapi") -> FastAPI:
    async def picture(request: Request) -> Response:
        return await picture_answer(request, ASKED)

    async def answer(asker: Asker, asked: PictureRequest) -> Reply:
        return await picture_reply(asker, asked)

    routes = APIRouter(route_class=reported(report))
    add_get(routes, "/picture", picture)
    app = Application()
    app.state.services = SimpleNamespace(
        pipeline=pipeline, settings=Settings(), metrics=Metrics(lambda: {})
    )
    app.include_router(routes)
    if way == "direct":
        route = DirectRoute("tiles", "/picture", lambda path, query: ASKED, answer, report)
        app.put_in_front(DirectRoutes(app, app.without_direct_routes, [route], {}))
    return app


class Client:
    """One connection: sends a request, keeps what comes back, and may hang up."""

    def __init__(self) -> None:
        self.left, self.heard, self._sent = asyncio.Event(), [], False

    async def receive(self):
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message) -> None:
        self.heard.append(message)


@pytest.mark.parametrize("way", ["direct", "fastapi"])
async def test_drawing_stops_when_the_client_leaves(caplog, way):
    pipeline, client = Slow(), Client()
    call = asyncio.ensure_future(application(pipeline, way)(SCOPE, client.receive, client.send))
    await pipeline.drawing.wait()
    client.left.set()
    await asyncio.wait_for(call, 10)
    assert pipeline.stopped
    assert client.heard[0]["status"] == CLIENT_GONE
    assert caplog.records == []


@pytest.mark.parametrize("way", ["direct", "fastapi"])
async def test_a_client_that_stays_is_answered_however_long_it_takes(way):
    pipeline, client = Slow(), Client()
    call = asyncio.ensure_future(application(pipeline, way)(SCOPE, client.receive, client.send))
    await asyncio.sleep(0.2)
    pipeline.go.set()
    await call
    assert client.heard[0]["status"] == 200
    assert client.heard[1]["body"] == b"png"


@pytest.mark.parametrize("way", ["direct", "fastapi"])
async def test_a_stopping_server_is_no_client_that_left(way):
    pipeline, client = Slow(), Client()
    call = asyncio.ensure_future(application(pipeline, way)(SCOPE, client.receive, client.send))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_leaving_is_told_by_an_error_of_its_own():
    client = Client()
    client.left.set()
    with pytest.raises(ClientGoneError):
        async with while_client_waits(Request(SCOPE, client.receive)):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
