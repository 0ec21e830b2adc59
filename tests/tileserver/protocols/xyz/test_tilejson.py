from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from renderers.rule import MosaicRule
from tileserver.mosaics import MosaicChoice

PATH = "/tiles/sentinel-2-l2a/ndvi/tilejson.json"


async def test_document(client):
    answer = await client.get(f"{PATH}?time=2024-06-11")
    body = answer.json()
    assert body["tilejson"] == "3.0.0"
    assert body["scheme"] == "xyz"
    assert (body["minzoom"], body["maxzoom"]) == (8, 14)
    assert body["bounds"] == [10.1, 50.3, 11.7000000001, 51.9]
    assert body["attribution"] == "Contains modified Copernicus data"
    (template,) = body["tiles"]
    parts = urlsplit(template)
    assert (parts.scheme, parts.netloc) == ("http", "maps.example")
    assert parts.path == "/tiles/sentinel-2-l2a/ndvi/WebMercatorQuad/{z}/{x}/{y}.png"
    assert parse_qs(parts.query) == {"time": ["2024-06-11"], "v": ["sentinel-2-l2a-7"]}
    again = await client.get(
        f"{PATH}?time=2024-06-11", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_its_tiles_are_there_and_never_expire(client):
    (template,) = (await client.get(f"{PATH}?scale=2&format=webp&tms=GlobalGeodetic")).json()[
        "tiles"
    ]
    answer = await client.get(template.format(z=8, x=271, y=55))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]


async def test_its_tiles_are_of_the_asked_mosaic(client, pipeline):
    answer = await client.get(f"{PATH}?mosaic=nearest:2024-06-11,by:scene")
    (template,) = answer.json()["tiles"]
    assert (await client.get(template.format(z=8, x=135, y=85))).status_code == 200
    rule = MosaicRule("nearest", date(2024, 6, 11), "scene")
    assert pipeline.asked[0].mosaic == MosaicChoice(rule)


async def test_zooms_of_other_grids_are_of_the_same_resolution(client):
    body = (await client.get(f"{PATH}?tms=WorldCRS84Quad")).json()
    assert (body["minzoom"], body["maxzoom"]) == (7, 13)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/tiles/none/ndvi/tilejson.json", 404, "UnknownCollection"),
        ("/tiles/fiji/none/tilejson.json", 404, "UnknownStyle"),
        (f"{PATH}?tms=None", 404, "UnknownGrid"),
        (f"{PATH}?format=tif", 400, "InvalidFormat"),
        (f"{PATH}?time=soon", 400, "InvalidTime"),
        (f"{PATH}?mosaic=best", 400, "InvalidParameter"),
        (f"{PATH}?scale=3", 400, "InvalidParameter"),
    ],
)
async def test_errors(client, path, status, code):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_bounds_never_cross_180(client):
    body = (await client.get("/tiles/fiji/natural/tilejson.json")).json()
    assert body["bounds"] == [-180.0, -20.0, 180.0, -12.0]
