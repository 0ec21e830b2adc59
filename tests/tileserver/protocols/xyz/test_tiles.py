import morecantile
import pytest

from renderers.errors import SourceForbiddenError
from renderers.rule import MosaicRule
from tileserver.errors import OverloadedError
from tileserver.formulas import PARAMETERS
from tileserver.mosaics import MosaicChoice
from tileserver.request import AUTO
from tileserver.timeaxis import parse_time

TILE = "/tiles/sentinel-2-l2a/ndvi/WebMercatorQuad/12/2162/1364"


async def test_a_tile_is_decoded(client, pipeline):
    answer = await client.get(f"{TILE}.png?time=2024-06-11")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    (asked,) = pipeline.asked
    assert [(layer.collection, layer.style) for layer in asked.layers] == [
        ("sentinel-2-l2a", "ndvi")
    ]
    tms = morecantile.tms.get("WebMercatorQuad")
    bounds = tuple(tms.xy_bounds(morecantile.Tile(2162, 1364, 12)))
    assert asked.geobox.bounds == pytest.approx(bounds, abs=1e-6)
    assert (asked.geobox.width, asked.geobox.height) == (256, 256)
    assert asked.geobox.crs == "EPSG:3857"
    assert asked.time == parse_time("2024-06-11")


async def test_a_mosaic_is_decoded(client, pipeline):
    for query in ("", "?mosaic=", "?mosaic=least-cloudy"):
        assert (await client.get(f"{TILE}.png{query}")).status_code == 200
    choice = MosaicChoice(MosaicRule("least-cloudy"))
    assert [asked.mosaic for asked in pipeline.asked] == [None, None, choice]
    wrong = await client.get(f"{TILE}.png?mosaic=nearest:soon")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "InvalidParameter")


async def test_double_resolution_is_the_same_ground(client, pipeline):
    await client.get(f"{TILE}.png")
    await client.get(f"{TILE}@2x.png")
    one, two = (asked.geobox for asked in pipeline.asked)
    assert (two.width, two.height) == (512, 512)
    assert two.bounds == one.bounds


@pytest.mark.parametrize(
    ("extension", "media_type", "transparent"),
    [
        ("png", "image/png", True),
        ("webp", "image/webp", True),
        ("jpg", "image/jpeg", False),
        ("jpeg", "image/jpeg", False),
        ("avif", "image/avif", True),
    ],
)
async def test_formats(client, pipeline, extension, media_type, transparent):
    answer = await client.get(f"{TILE}.{extension}")
    assert answer.headers["content-type"] == media_type
    assert pipeline.asked[0].transparent is transparent
    assert pipeline.asked[0].background == (255, 255, 255)


async def test_without_a_format_the_server_chooses(client, pipeline):
    for name in (TILE, f"{TILE}.auto", f"{TILE}@2x"):
        assert (await client.get(name)).status_code == 200
    plain, named, double = pipeline.asked
    assert plain == named
    assert (plain.media_type, plain.transparent) == (AUTO, True)
    assert double.geobox.width == 512


async def test_only_the_current_version_token_is_immutable(client):
    fresh = await client.get(f"{TILE}.png?v=sentinel-2-l2a-7")
    assert fresh.headers["cache-control"] == "public, max-age=31536000, immutable"
    for query in ("", "?v=", "?v=sentinel-2-l2a-6"):
        answer = await client.get(f"{TILE}.png{query}")
        assert answer.headers["cache-control"] == "public, max-age=60"


async def test_a_known_etag_is_answered_without_a_body(client):
    first = await client.get(f"{TILE}.png")
    again = await client.get(f"{TILE}.png", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=60"


async def test_head(client):
    answer = await client.head(f"{TILE}.png")
    assert answer.status_code == 200
    assert answer.headers["etag"]


async def test_headers_of_the_picture_are_passed_on(client, pipeline):
    pipeline.headers = (("X-Tileserver-Incomplete", "scenes=64"),)
    answer = await client.get(f"{TILE}.png")
    assert answer.headers["x-tileserver-incomplete"] == "scenes=64"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/tiles/none/ndvi/WebMercatorQuad/0/0/0.png", 404, "UnknownCollection"),
        ("/tiles/fiji/none/WebMercatorQuad/0/0/0.png", 404, "UnknownStyle"),
        ("/tiles/fiji/natural/None/0/0/0.png", 404, "UnknownGrid"),
        ("/tiles/fiji/natural/WebMercatorQuad/25/0/0.png", 404, "UnknownGrid"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/2/0.png", 404, "TileOutOfRange"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/2.png", 404, "TileOutOfRange"),
        ("/tiles/fiji/natural/WebMercatorQuad/-1/0/0.png", 400, "InvalidParameter"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/x/0.png", 400, "InvalidParameter"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/0.", 400, "InvalidParameter"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/.png", 400, "InvalidParameter"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/0@3x.png", 400, "InvalidParameter"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/0.tif", 400, "InvalidFormat"),
        ("/tiles/fiji/natural/WebMercatorQuad/1/0/0.png?time=soon", 400, "InvalidTime"),
    ],
)
async def test_errors_are_json(client, path, status, code):
    answer = await client.get(path)
    assert answer.status_code == status
    body = answer.json()
    assert body["code"] == code
    assert body["detail"]
    assert set(body) == {"code", "detail"}
    assert answer.headers["cache-control"] == "no-store"


async def test_unknown_failures_tell_nothing(client, pipeline, caplog):
    pipeline.failure = RuntimeError("secret s3://bucket/key")
    answer = await client.get(f"{TILE}.png")
    assert answer.status_code == 500
    assert answer.json()["code"] == "InternalError"
    assert "secret" not in answer.text
    assert "secret" in caplog.text


async def test_a_full_queue_says_when_to_come_back(client, pipeline):
    pipeline.failure = OverloadedError("the queue is full")
    answer = await client.get(f"{TILE}.png")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_the_object_behind_a_source_error_is_for_the_log_only(client, pipeline, caplog):
    pipeline.failure = SourceForbiddenError("refused", detail="s3://bucket/key")
    answer = await client.get(f"{TILE}.png")
    assert answer.status_code == 502
    assert "bucket" not in answer.text
    assert "s3://bucket/key" in caplog.text


async def test_openapi_knows_the_parameters(client):
    document = (await client.get("/openapi.json")).json()
    path = document["paths"]["/tiles/{collection}/{style}/{tms}/{z}/{x}/{y}"]
    names = [parameter["name"] for parameter in path["get"]["parameters"]]
    first = ["collection", "style", "tms", "z", "x", "y", "time", "mosaic"]
    assert names == [*first, *PARAMETERS, "v"]
    assert "head" not in path
