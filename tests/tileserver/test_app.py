"""What every answer carries, whatever it is of."""

import pytest
from support.application import running
from support.rasters import ramp, tile_url

from tileserver.pipeline import Pipeline

PATHS = (
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/api/collections", "/nothing",
    "/wms?SERVICE=WMS&REQUEST=GetCapabilities", "/wms?REQUEST=Nonsense",
    "/wmts/1.0.0/WMTSCapabilities.xml", "/tiles/nothing/at/all/0/0/0.png", tile_url(),
)  # fmt: skip


@pytest.fixture
async def app(stock):
    await stock.add(stock.raster("a.tif", ramp()), 1)
    async with running(stock.settings) as app:
        yield app


@pytest.mark.parametrize("path", PATHS)
async def test_strict_headers_and_cors(app, path):
    answer = await app.get(path, headers={"Origin": "https://elsewhere.example"})
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert "set-cookie" not in headers
    assert "server" not in headers


async def test_pages_bring_their_own_policy(app):
    for path in ("/", "/docs"):
        answer = await app.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe-eval" not in policy
        assert "script-src 'self'" in policy or answer.status_code == 503


async def test_preflight_lets_pages_elsewhere_ask_with_their_etag(app):
    answer = await app.client.options(
        tile_url(),
        headers={
            "Origin": "https://elsewhere.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "If-None-Match",
        },
    )
    assert answer.status_code == 200
    allowed = answer.headers["access-control-allow-methods"]
    assert "GET" in allowed
    assert "POST" in allowed
    assert "PUT" not in allowed
    tile = await app.get(tile_url(), headers={"Origin": "https://elsewhere.example"})
    assert "ETag" in tile.headers["access-control-expose-headers"]


async def test_origins_can_be_limited(stock):
    await stock.add(stock.raster("a.tif", ramp()), 1)
    async with running(stock.with_settings(cors_origins=["https://maps.example"])) as app:
        for origin, allowed in (("https://maps.example", True), ("https://evil.example", False)):
            answer = await app.get(tile_url(), headers={"Origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/collections", tile_url(), "/healthz"])
async def test_nothing_can_be_written(app, method, path):
    answer = await app.client.request(method, path)
    assert answer.status_code in (404, 405)


async def test_a_fault_of_ours_tells_nothing(app, monkeypatch, caplog):
    async def broken(*_args, **_more):
        raise ZeroDivisionError("s3://secret-bucket/path")

    monkeypatch.setattr(Pipeline, "picture", broken)
    answer = await app.get(tile_url())
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "ZeroDivisionError" in caplog.text, "the log must have it"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_fault_outside_of_the_protocols_is_answered_as_well(app, monkeypatch):
    def broken() -> None:
        raise ZeroDivisionError("s3://secret-bucket/path")

    monkeypatch.setattr(app.services.metrics, "text", broken)
    answer = await app.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_catalogue_that_does_not_answer_makes_the_process_unready(app, monkeypatch, caplog):
    async def broken() -> None:
        raise OSError("disk I/O error in /secret/path")

    monkeypatch.setattr(app.services.catalogue, "collections", broken)
    answer = await app.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    assert "disk I/O error" in caplog.text
    assert (await app.get("/healthz")).status_code == 200


async def test_figures_count_requests_and_caches(app):
    await app.get(tile_url())
    await app.get(tile_url())
    await app.get("/invented/by/a/client")
    text = (await app.get("/metrics")).text
    assert 'tileserver_requests_total{protocol="tiles",status="200"} 2.0' in text
    assert "invented" not in text
    rows = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(rows['tileserver_tile_cache{what="entries"}']) == 1
    assert float(rows['tileserver_block_cache{what="bytes"}']) > 0
    assert float(rows['tileserver_stores{what="requests"}']) > 0
