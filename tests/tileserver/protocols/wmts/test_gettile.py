import asyncio
from urllib.parse import quote, urlencode

import httpx
import morecantile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tileserver.mosaics import parse_mosaic
from tileserver.timeaxis import CURRENT, UNSAID, parse_time

OWS = "{http://www.opengis.net/ows/1.1}"
TILE = {
    "Service": "WMTS",
    "Request": "GetTile",
    "Version": "1.0.0",
    "Layer": "sentinel-2-l2a",
    "Style": "ndvi",
    "Format": "image/png",
    "TileMatrixSet": "WebMercatorQuad",
    "TileMatrix": "12",
    "TileRow": "1364",
    "TileCol": "2166",
}
REST = "/wmts/1.0.0/sentinel-2-l2a/ndvi/2024-06-11/WebMercatorQuad/12/1364/2166"


def url(drop: tuple[str, ...] = (), **changes: str) -> str:
    kept = {k: v for k, v in (TILE | changes).items() if k not in drop}
    return f"/wmts?{urlencode(kept)}"


def exception(answer) -> tuple[str, str | None]:
    root = etree.fromstring(answer.content)
    assert root.tag == f"{OWS}ExceptionReport"
    assert "/xml" in answer.headers["content-type"]
    return root[0].get("exceptionCode"), root[0].get("locator")


async def test_kvp(client, pipeline):
    answer = await client.get(url(Time="2024-06-11"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    (asked,) = pipeline.asked
    tms = morecantile.tms.get("WebMercatorQuad")
    bounds = tuple(tms.xy_bounds(morecantile.Tile(2166, 1364, 12)))
    assert asked.geobox.bounds == pytest.approx(bounds, abs=1e-6)
    assert asked.layers[0].style == "ndvi"
    assert asked.time == parse_time("2024-06-11")
    assert asked.transparent


async def test_mosaic_is_our_own_parameter_in_both_encodings(client, pipeline):
    await client.get(url(Time="2024-06-11", MOSAIC="median,clear"))
    await client.get(f"{REST}.png?mosaic=median,clear")
    assert pipeline.asked[0] == pipeline.asked[1]
    assert pipeline.asked[0].mosaic == parse_mosaic("median,clear")
    for bad in (url(mosaic="newest"), f"{REST}.png?mosaic=newest"):
        answer = await client.get(bad)
        assert answer.status_code == 400
        assert exception(answer) == ("InvalidParameterValue", "mosaic")


async def test_rest_asks_the_same(client, pipeline):
    await client.get(url(Time="2024-06-11"))
    await client.get(f"{REST}.png")
    await client.get(REST.replace("/2024-06-11", "") + ".png")
    assert pipeline.asked[0] == pipeline.asked[1]
    assert pipeline.asked[2].time == UNSAID


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-01/2024-06-30",
        "2024-06-01/2024-06-21/P10D",
        "2024-06-11,2024-06-21",
        "2024-06-11/..",
        "P5D/current",
        "default",
    ],
)
async def test_every_form_of_time_in_both_encodings(client, pipeline, text):
    await client.get(url(Time=text))
    await client.get(REST.replace("2024-06-11", quote(text, safe="")) + ".png")
    if not text.endswith(".."):  # which clients resolve
        await client.get(REST.replace("2024-06-11", text) + ".png")
    assert {asked.time for asked in pipeline.asked} == {parse_time(text)}
    assert len(pipeline.asked) == (2 if text.endswith("..") else 3)


async def test_any_case_and_order(client, pipeline):
    query = urlencode({k.upper(): v for k, v in reversed(TILE.items())})
    answer = await client.get(f"/wmts?{query}&time=current&unknown=1")
    assert answer.status_code == 200
    assert pipeline.asked[0].time == CURRENT


async def test_an_empty_style_is_the_default(client, pipeline):
    assert (await client.get(url(Style=""))).status_code == 200
    assert pipeline.asked[0].layers[0].style == ""


async def test_jpeg_is_not_transparent(client, pipeline):
    await client.get(f"{REST}.jpg")
    assert pipeline.asked[0].media_type == "image/jpeg"
    assert not pipeline.asked[0].transparent


@pytest.mark.parametrize("tms", ["WorldCRS84Quad", "GlobalGeodetic"])
async def test_geodetic_grids_lie_the_same(client, pipeline, tms):
    answer = await client.get(url(TileMatrixSet=tms, TileMatrix="3", TileRow="1", TileCol="8"))
    assert answer.status_code == 200
    assert pipeline.asked[0].geobox.bounds == (0.0, 45.0, 22.5, 67.5)
    assert pipeline.asked[0].geobox.crs == "EPSG:4326"


async def test_version_token(client):
    assert (
        "immutable" in (await client.get(f"{REST}.png?v=sentinel-2-l2a-7")).headers["cache-control"]
    )
    assert "immutable" not in (await client.get(f"{REST}.png?v=old")).headers["cache-control"]
    assert "immutable" in (await client.get(url(V="sentinel-2-l2a-7"))).headers["cache-control"]


@pytest.mark.parametrize("name", [n for n in TILE if n not in {"Service", "Request"}])
async def test_missing(client, name):
    answer = await client.get(url(drop=(name,)))
    assert answer.status_code == 400
    assert exception(answer) == ("MissingParameterValue", name)


@pytest.mark.parametrize(
    ("changes", "code", "locator", "status"),
    [
        ({"Service": "BOGUS"}, "InvalidParameterValue", "service", 400),
        ({"Service": ""}, "MissingParameterValue", "service", 400),
        ({"Request": "Bogus"}, "InvalidParameterValue", "request", 400),
        ({"Request": "GetFeatureInfo"}, "MissingParameterValue", "I", 400),
        ({"Version": "2.0.0"}, "InvalidParameterValue", "Version", 400),
        ({"Layer": "none"}, "InvalidParameterValue", "Layer", 400),
        ({"Style": "none"}, "InvalidParameterValue", "Style", 400),
        ({"Format": "image/gif"}, "InvalidParameterValue", "Format", 400),
        ({"TileMatrixSet": "none"}, "InvalidParameterValue", "TileMatrixSet", 400),
        ({"TileMatrix": "99"}, "InvalidParameterValue", "TileMatrix", 400),
        ({"TileRow": "x"}, "InvalidParameterValue", "TileRow", 400),
        ({"TileRow": "1500"}, "TileOutOfRange", "TileRow", 400),
        ({"TileRow": "9999"}, "TileOutOfRange", "TileRow", 400),
        ({"TileCol": "2000"}, "TileOutOfRange", "TileCol", 400),
        ({"TileCol": "999999999"}, "TileOutOfRange", "TileCol", 400),
        ({"Time": "soon"}, "InvalidParameterValue", "Time", 400),
        ({"Time": "1999"}, "InvalidParameterValue", "Time", 400),
        ({"Time": "1998,1999"}, "InvalidParameterValue", "Time", 400),
        ({"Time": "2024-06-11,soon"}, "InvalidParameterValue", "Time", 400),
    ],
)
async def test_exceptions(client, schema, changes, code, locator, status):
    answer = await client.get(url(**changes))
    assert exception(answer) == (code, locator)
    assert answer.status_code == status
    schema("ows/1.1.0/owsExceptionReport.xsd").assertValid(etree.fromstring(answer.content))


@pytest.mark.parametrize(
    ("path", "locator"),
    [
        ("/wmts/1.0.0/none/ndvi/WebMercatorQuad/12/1364/2166.png", "Layer"),
        ("/wmts/1.0.0/fiji/none/WebMercatorQuad/0/0/0.png", "Style"),
        ("/wmts/1.0.0/fiji/natural/none/0/0/0.png", "TileMatrixSet"),
        ("/wmts/1.0.0/fiji/natural/WebMercatorQuad/x/0/0.png", "TileMatrix"),
        ("/wmts/1.0.0/fiji/natural/WebMercatorQuad/0/x/0.png", "TileRow"),
        ("/wmts/1.0.0/fiji/natural/WebMercatorQuad/0/0/x.png", "TileCol"),
        ("/wmts/1.0.0/fiji/natural/WebMercatorQuad/0/0/0.gif", "Format"),
        ("/wmts/1.0.0/fiji/natural/soon/WebMercatorQuad/0/0/0.png", "Time"),
    ],
)
async def test_exceptions_of_rest(client, path, locator):
    answer = await client.get(path)
    assert answer.status_code == 400
    assert exception(answer) == ("InvalidParameterValue", locator)


async def test_garbage_has_no_request(client):
    answer = await client.get("/wmts?service=WMTS&request~GetCapabilities!version~1.0.0")
    assert exception(answer) == ("MissingParameterValue", "request")


words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["1.0.0", "fiji", "natural", "0", "-1", "image/png", "All"]),
)
keys = st.sampled_from([*TILE, "Time", "Sections", "AcceptVersions", "UpdateSequence", "v"])


@given(st.dictionaries(keys, words, max_size=5), st.sampled_from(["GetTile", "GetCapabilities"]))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_parameters_are_answered(app, changes, operation):
    """Whatever is sent, there is an answer in one of the protocol's forms, and never a 5xx."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            return await client.get(f"/wmts?{urlencode(TILE | {'Request': operation} | changes)}")

    answer = asyncio.run(ask())
    assert answer.status_code in {200, 400}
    if "xml" in answer.headers["content-type"]:
        etree.fromstring(answer.content)
