"""The direct routes answer, byte for byte, what FastAPI answers without them."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.application import running
from support.rasters import TILE, Stock, tile_url

from tileserver.errors import OverloadedError
from tileserver.pipeline import Pipeline
from tileserver.web import direct

BOUNDED = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Heard(NamedTuple):
    """A whole answer; headers in the order of their names."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def get(self, name: bytes) -> bytes:
        return dict(self.headers)[name]


async def ask(
    app: Any, path: str, query: bytes = b"", headers: Any = (), method: str = "GET", **more: Any
) -> Heard:
    """Send a request as the HTTP server would, without anything of a client's tidying up."""
    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message)

    async def receive() -> Any:
        if asked:
            await asyncio.Event().wait()
        asked.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    asked: list[int] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode(), "root_path": "",
        "query_string": query, "headers": [(b"host", b"maps.example"), *headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await app(scope | more, receive, send)
    body = b"".join(message.get("body", b"") for message in heard[1:])
    return Heard(heard[0]["status"], sorted(heard[0]["headers"]), body)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The application over two small rasters, one a day, on a loop for the whole module."""
    stock = Stock(tmp_path_factory.mktemp("direct"))
    low, high = (np.full((64, 64), value, np.uint16) for value in (100, 60_000))
    options = {"cors_origins": ["https://maps.example", "https://eo.example"]}
    with asyncio.Runner() as runner:
        runner.run(stock.add(stock.raster("a.tif", low), 1))
        runner.run(stock.add(stock.raster("b.tif", high), 2))
        application = running(stock.with_settings(**options))
        app = runner.run(application.__aenter__())
        yield runner.run, app.client._transport.app, app.services
        runner.run(application.__aexit__(None, None, None))


async def both(app: Any, *args: Any, **more: Any) -> Heard:
    """Ask FastAPI alone, then the direct route, twice: from the address and as kept."""
    behind = await ask(app.without_direct_routes, *args, **more)
    for _ in range(2):
        assert await ask(app, *args, **more) == behind
    return behind


Z, X, Y = map(str, TILE)
ODD = st.sampled_from(
    ["", "%00", "..", "%2e%2e", "%2F", "a/b", "%0A", "%C3%A9", "x" * 600, "0", "{z}", "default"]
)
NUMBER = st.one_of(st.just("0"), st.integers(-1, 30).map(str), st.sampled_from(["9" * 20, "1_0"]))
LAST = st.builds(
    "".join,
    st.tuples(
        st.one_of(st.just(Y), NUMBER),
        st.sampled_from(["", "", "@2x", "@3x", "%40" + "2x"]),
        st.sampled_from([".png", ".jpg", ".jpeg", ".webp", "", ".auto", ".tif", ".PNG", ".png%0A"]),
    ),
)
TILES = st.tuples(
    st.sampled_from(["heights"] * 6 + ["nothing", "%68eights"]),
    st.sampled_from(["values", "default"] * 3 + ["ndvi", "no"]),
    st.sampled_from(["WebMercatorQuad"] * 6 + ["WorldCRS84Quad", "None"]),
    st.one_of(st.just(Z), NUMBER),
    st.one_of(st.just(X), NUMBER),
    st.one_of(st.just(f"{Y}.png"), LAST),
)
SEGMENTS = st.one_of(
    TILES,
    TILES.map(lambda parts: (*parts, "")),
    st.lists(st.one_of(ODD, NUMBER), max_size=8).map(tuple),
    st.tuples(st.just("heights"), st.just("values"), st.just("tilejson.json")),
)
WMTS_TILES = st.tuples(
    st.sampled_from(["heights"] * 6 + ["nothing", "%68eights"]),
    st.sampled_from(["values", "default"] * 3 + ["no"]),
    st.sampled_from(["", "", "2024-06-01", "2024-06-02", "current", "soon", "2024/2025", "%2e%2e"]),
    st.sampled_from(["WebMercatorQuad"] * 6 + ["None"]),
    st.one_of(st.just(Z), NUMBER),
    st.one_of(st.just(Y), NUMBER),
    st.one_of(st.just(f"{X}.png"), LAST, st.just(f"{X}/1/2.json")),
).map(lambda parts: tuple(part for part in parts if part))
WMTS_SEGMENTS = st.one_of(
    WMTS_TILES,
    WMTS_TILES.map(lambda parts: (*parts, "")),
    st.lists(st.one_of(ODD, NUMBER), max_size=9).map(tuple),
)
QUERIES = st.lists(
    st.one_of(
        st.tuples(
            st.just("time"), st.sampled_from(["", "2024-06-01", "2024-06-02", "soon", "../.."])
        ),
        st.tuples(st.just("v"), st.sampled_from(["", "1", "current token"])),
        st.tuples(st.sampled_from(["TIME", "x", ""]), st.text(max_size=5)),
    ),
    max_size=3,
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(
            st.just(b"origin"),
            st.sampled_from([b"https://maps.example", b"https://evil.example", b"null", b"", b"*"]),
        ),
        st.tuples(st.just(b"if-none-match"), st.sampled_from([b"*", b'"a"', b'W/"b", c', b"\xff"])),
        st.tuples(st.sampled_from([b"cookie", b"accept", b"range"]), st.just(b"bytes=0-1")),
    ),
    max_size=3,
)
METHODS = st.sampled_from(["GET"] * 6 + ["HEAD", "HEAD", "POST", "OPTIONS", "BREW"])


@BOUNDED
@given(segments=SEGMENTS, pairs=QUERIES, headers=HEADERS, method=METHODS)
def test_any_request_is_answered_the_same_both_ways(server, segments, pairs, headers, method):
    run, app, _ = server
    query = urlencode(pairs).encode()
    run(both(app, "/tiles/" + "/".join(segments), query, headers, method))


@BOUNDED
@given(segments=WMTS_SEGMENTS, pairs=QUERIES, headers=HEADERS, method=METHODS)
def test_any_address_of_wmts_is_answered_the_same_both_ways(
    server, segments, pairs, headers, method
):
    run, app, _ = server
    query = urlencode(pairs).encode()
    run(both(app, "/wmts/1.0.0/" + "/".join(segments), query, headers, method))


def test_tiles_of_wmts_are_drawn_by_the_direct_route(server):
    run, app, _ = server
    for time in ("", "2024-06-01/"):
        path = f"/wmts/1.0.0/heights/values/{time}WebMercatorQuad/{Z}/{Y}/{X}.png"
        assert run(both(app, path)).get(b"content-type") == b"image/png"


@BOUNDED
@given(query=st.binary(max_size=40))
def test_any_query_is_read_the_same_both_ways(server, query):
    run, app, _ = server
    run(both(app, tile_url(), query))


def test_what_was_answered(server):
    run, app, services = server
    known = run(both(app, tile_url()))
    assert (known.status, known.get(b"content-type")) == (200, b"image/png")
    assert int(known.get(b"content-length")) == len(known.body) > 50
    assert known.get(b"x-content-type-options") == b"nosniff"
    again = run(both(app, tile_url(), b"", [(b"if-none-match", known.get(b"etag"))]))
    assert (again.status, again.body) == (304, b"")
    head = run(both(app, tile_url(), method="HEAD"))
    assert head.headers == known.headers
    token = run(services.pipeline.version("heights"))
    forever = run(both(app, tile_url(), f"v={token}".encode()))
    assert b"immutable" in forever.get(b"cache-control")
    for origin, allowed in ((b"https://maps.example", True), (b"https://evil.example", False)):
        told = run(both(app, tile_url(), b"", [(b"origin", origin)]))
        assert (dict(told.headers).get(b"access-control-allow-origin") == origin) is allowed


def test_tiles_do_not_pass_fastapi_and_odd_requests_do(server, monkeypatch):
    run, app, _ = server
    passed = []
    original = app.without_direct_routes

    async def counted(scope, receive, send):
        passed.append(scope["path"])
        await original(scope, receive, send)

    monkeypatch.setattr(app._front, "_inner", counted)
    for path in (tile_url(), tile_url(style="no"), tile_url(ext="tif"), tile_url(ext="x" * 600)):
        run(ask(app, path))
        run(ask(app, path, method="HEAD"))
    assert passed == []
    run(ask(app, tile_url(), root_path="/maps"))
    run(ask(app, tile_url(), method="POST"))
    run(ask(app, "/tiles/heights/values/tilejson.json"))
    run(ask(app, tile_url() + "/"))
    assert len(passed) == 4


def test_faults_and_refusals_are_told_the_same_both_ways(server, monkeypatch, caplog):
    run, app, _ = server
    for error, status in ((OverloadedError("full"), 503), (ZeroDivisionError("secret"), 500)):

        async def broken(*_args: Any, failure: Exception = error, **_more: Any) -> None:
            raise failure

        with monkeypatch.context() as patch:
            patch.setattr(Pipeline, "picture", broken)
            heard = run(both(app, tile_url()))
        assert heard.status == status
        assert b"secret" not in heard.body
        assert heard.get(b"cache-control") == b"no-store"
    assert "secret" in caplog.text


def test_answers_are_counted_as_fastapi_counts_them(server):
    run, app, services = server

    def counted() -> dict[str, float]:
        text = services.metrics.text().decode()
        rows = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        return {k: float(v) for k, v in rows.items() if 'protocol="tiles"' in k}

    def added(way: Any) -> dict[str, float]:
        before = counted()
        for path in (tile_url(), tile_url(style="no"), tile_url(ext="tif")):
            run(ask(way, path))
        after = counted()
        names = [k for k in after if "_count" in k or "_total" in k]
        return {k: after[k] - before.get(k, 0) for k in names}

    assert added(app) == added(app.without_direct_routes)


def test_addresses_and_origins_are_kept_within_bounds(server, monkeypatch):
    run, app, _ = server
    front = app._front
    monkeypatch.setattr(direct, "_ORIGINS", 4)
    for number in range(10):
        run(ask(app, tile_url(), b"", [(b"origin", f"https://{number}.example".encode())]))
    assert len(front._allowed) <= 4
    before = front._kept.cache_info()
    run(ask(app, tile_url(query=""), b"x=" + b"y" * 600))
    assert front._kept.cache_info() == before
    assert before.maxsize == direct._KEPT
    run(ask(app, tile_url(ext="tif")))
    assert front._kept.cache_info().currsize == before.currsize


@BOUNDED
@given(text=st.text(max_size=8))
def test_any_character_in_an_address(server, text):
    run, app, _ = server
    run(both(app, f"/tiles/{quote(text, safe='')}/values/WebMercatorQuad/{Z}/{X}/{Y}.png"))
