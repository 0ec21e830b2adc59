"""Who may write, and how much."""

from types import SimpleNamespace

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tileserver.settings import Settings
from tileserver.web.admin import Admin, read_body
from tileserver.web.answers import reported
from tileserver.web.jsonform import ADMIN_RESPONSES, report

TOKEN = "a-token-of-more-than-16-letters"  # noqa: S105 - of this test's own server


def application(token: str | None) -> FastAPI:
    app = FastAPI()
    app.state.services = SimpleNamespace(settings=Settings(admin_token=token))
    routes = APIRouter(route_class=reported(report), responses=ADMIN_RESPONSES)

    @routes.put("/thing", dependencies=[Admin])
    async def put(request: Request) -> int:
        return len(await read_body(request, 1000))

    app.include_router(routes)
    return app


async def put(app, header=None, content=b"body"):
    headers = {} if header is None else {"Authorization": header}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
        return await client.put("/thing", content=content, headers=headers)


@pytest.mark.parametrize("token", [None, ""])
async def test_without_a_token_writing_is_off(token):
    for header in (None, "Bearer ", "Bearer x", "Bearer None"):
        answer = await put(application(token), header)
        assert answer.status_code == 403
        assert answer.json()["code"] == "NotAuthorised"
        assert "admin_token" in answer.json()["detail"]


async def test_the_token_opens():
    for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        answer = await put(application(TOKEN), header)
        assert (answer.status_code, answer.json()) == (200, 4)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x",
     f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}", f"Bearer  {TOKEN} {TOKEN}"],
)  # fmt: skip
async def test_anything_else_does_not(header):
    answer = await put(application(TOKEN), header)
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert TOKEN not in answer.text


@given(st.binary(max_size=60))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_header_is_answered(header):
    app = application(TOKEN)
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": "PUT", "path": "/thing", "raw_path": b"/thing",
        "query_string": b"", "headers": [(b"authorization", header)], "http_version": "1.1",
        "scheme": "http", "root_path": "", "server": ("a", 80), "client": ("b", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_a_body_has_a_bound():
    app, header = application(TOKEN), f"Bearer {TOKEN}"
    asked = 0

    async def endless():
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 400

    answer = await put(app, header, endless())
    assert (answer.status_code, answer.json()["code"]) == (400, "TooLarge")
    assert asked < 10  # the rest is not read
    assert (await put(app, header, b"")).json()["code"] == "InvalidParameter"
    assert (await put(app, header, b"x" * 1000)).json() == 1000


async def test_openapi_tells_of_the_token():
    document = application(TOKEN).openapi()
    assert document["paths"]["/thing"]["put"]["security"] == [{"admin token": []}]
    scheme = document["components"]["securitySchemes"]["admin token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
