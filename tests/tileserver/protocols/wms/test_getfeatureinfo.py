import asyncio
import json
from dataclasses import replace
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree, html

from tileserver.mosaics import parse_mosaic
from tileserver.timeaxis import UNSAID, parse_time

QUERY = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetFeatureInfo",
    "LAYERS": "blue-marble,sentinel-2-l2a",
    "STYLES": "",
    "CRS": "EPSG:4326",
    "BBOX": "50,10,51,12",
    "WIDTH": "200",
    "HEIGHT": "100",
    "QUERY_LAYERS": "sentinel-2-l2a",
    "INFO_FORMAT": "application/json",
    "I": "0",
    "J": "99",
}
OLD = {
    k: v for k, v in QUERY.items() if k not in {"CRS", "I", "J", "INFO_FORMAT", "VERSION", "BBOX"}
} | {"VERSION": "1.1.1", "SRS": "EPSG:4326", "BBOX": "10,50,12,51", "X": "0", "Y": "99"}


def url(base: dict[str, str] = QUERY, drop: tuple[str, ...] = (), **changes: str) -> str:
    return f"/wms?{urlencode({k: v for k, v in (base | changes).items() if k not in drop})}"


def exception(answer) -> tuple[str | None, str | None]:
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "ServiceExceptionReport"
    return root[0].get("code"), root[0].get("locator")


async def test_the_centre_of_the_pixel_is_asked(client, values, pipeline):
    answer = await client.get(url(TIME="2024-06-21"))
    assert answer.status_code == 200
    (asked,) = values.asked
    assert asked.collection == "sentinel-2-l2a"
    assert asked.points[0] == pytest.approx((10.005, 50.005))
    assert (asked.crs, asked.bands, asked.limit) == ("EPSG:4326", (), 1)
    assert asked.time == parse_time("2024-06-21")
    assert pipeline.asked == []  # no map is drawn


async def test_both_versions_ask_for_the_same_point(client, values):
    await client.get(url())
    await client.get(url(OLD))
    assert values.asked[0] == values.asked[1]
    assert values.asked[0].time == UNSAID


async def test_json(client):
    answer = await client.get(url())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["warning"].startswith("99 Default value used: time=current")
    document = json.loads(answer.content)
    (feature,) = document["features"]
    assert feature["geometry"]["coordinates"] == pytest.approx([10.005, 50.005])
    assert feature["properties"] == {
        "layer": "sentinel-2-l2a",
        "scene": "S2_<new>",
        "datetime": "2024-06-21T10:00:00Z",
        "chosen": "default latest",
        "style": "true-color",
        "B04": 0.1 + 0.2,
        "SCL": 4.0,
        "8a <&> layer": None,
    }
    other = await client.get(url(INFO_FORMAT="application/geo+json"))
    assert other.headers["content-type"] == "application/geo+json"
    assert other.content == answer.content


@pytest.mark.parametrize("base", [QUERY, OLD])
async def test_how_the_time_was_chosen(client, pipeline, base):
    first = pipeline.collections[0]
    pipeline.collections[0] = replace(first, extra={"time": {"tolerance": "P5D"}})
    text = {"INFO_FORMAT": "text/plain"}
    near = await client.get(url(base, TIME="2024-06-19", **text))
    assert "chosen = nearest P5D" in near.text.splitlines()
    assert near.headers["warning"] == "99 Nearest value used: time=2024-06-21 ISO8601"
    exact = await client.get(url(base, TIME="2024-06-21", **text))
    assert "warning" not in exact.headers
    asked = await client.get(url(base, TIME="2024-06", **text))
    assert "chosen = asked" in asked.text.splitlines()
    assert "warning" not in asked.headers


async def test_text_is_the_default_of_1_1_1(client):
    answer = await client.get(url(OLD))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert "B04 = 0.3 1" in lines
    assert "scene = S2_<new>" in lines
    assert "8a <&> layer = no data" in lines


async def test_html_is_escaped(client):
    answer = await client.get(url(INFO_FORMAT="text/html"))
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "S2_&lt;new&gt;" in answer.text
    assert "<new>" not in answer.text
    cells = {row[0].text: row[1].text for row in html.fromstring(answer.content).iter("tr")}
    assert cells["scene"] == "S2_<new>"
    assert cells["8a <&> layer"] == "no data"


async def test_gml(client):
    answer = await client.get(url(INFO_FORMAT="application/vnd.ogc.gml"))
    assert answer.headers["content-type"] == "application/vnd.ogc.gml"
    root = etree.fromstring(answer.content)
    assert root.tag == "{http://www.opengis.net/wfs}FeatureCollection"
    (feature,) = root.iterfind("{http://www.opengis.net/gml}featureMember/sentinel-2-l2a")
    assert feature.get("fid") == "sentinel-2-l2a.S2_<new>"
    assert feature.findtext("B04") == "0.3"
    lon, lat = feature.findtext(".//{http://www.opengis.net/gml}coordinates").split(",")
    assert (float(lon), float(lat)) == pytest.approx((10.005, 50.005))
    two = await client.get(url(INFO_FORMAT="application/vnd.ogc.gml", FEATURE_COUNT="2"))
    assert b"<_8a_____layer>1</_8a_____layer>" in two.content


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("2", 2), ("0", 1), ("-3", 1), ("x", 1), ("", 1), ("99999999", 2), ("1.5", 1)],
)
async def test_feature_count(client, values, text, count):
    answer = await client.get(url(FEATURE_COUNT=text))
    assert len(json.loads(answer.content)["features"]) == count
    assert all(asked.limit <= 10 for asked in values.asked)


async def test_the_rule_of_the_map_is_that_of_the_values(client, values):
    await client.get(url(MOSAIC="least-cloudy,dates:3"))
    assert values.asked[-1].mosaic == parse_mosaic("least-cloudy,dates:3")
    document = json.loads((await client.get(url(MOSAIC="median"))).content)
    (feature,) = document["features"]
    assert feature["id"] == "sentinel-2-l2a.median"
    told = feature["properties"]
    assert (told["mosaic"], told["scene"]) == ("median", "S2_<new> S2_old")
    assert told["datetime"] == "2024-06-21T10:00:00Z 2024-06-21T10:00:00Z"
    bad = await client.get(url(MOSAIC="newest"))
    assert exception(bad) == ("InvalidParameterValue", "MOSAIC")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/html", "application/json", "application/geo+json",
     "application/vnd.ogc.gml"],
)  # fmt: skip
async def test_nothing_there_is_an_empty_answer(client, values, kind):
    values.scenes = []
    answer = await client.get(url(INFO_FORMAT=kind))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    ("crs", "bbox"),
    [("EPSG:4326", "89,10,95,12"), ("EPSG:4326", "-1000,-1000,-900,1000"),
     ("EPSG:3035", "-1e11,-1e11,1e11,1e11")],
)  # fmt: skip
async def test_points_off_the_earth_are_empty(client, crs, bbox):
    answer = await client.get(url(CRS=crs, BBOX=bbox, J="0"))
    assert answer.status_code == 200
    assert json.loads(answer.content)["features"] == []


@pytest.mark.parametrize(
    ("changes", "code", "locator"),
    [
        ({"I": "200"}, "InvalidPoint", "I"),
        ({"I": "-1"}, "InvalidPoint", "I"),
        ({"J": "100"}, "InvalidPoint", "J"),
        ({"J": "1.5"}, "InvalidPoint", "J"),
        ({"J": "x"}, "InvalidPoint", "J"),
        ({"J": ""}, "MissingParameterValue", "J"),
        ({"INFO_FORMAT": "application/vnd.ogc.gml/9"}, "InvalidFormat", "INFO_FORMAT"),
        ({"INFO_FORMAT": ""}, "MissingParameterValue", "INFO_FORMAT"),
        ({"QUERY_LAYERS": ""}, "MissingParameterValue", "QUERY_LAYERS"),
        ({"QUERY_LAYERS": "none"}, "LayerNotDefined", "QUERY_LAYERS"),
        ({"QUERY_LAYERS": "sentinel-2-l2a,fiji"}, "LayerNotDefined", "QUERY_LAYERS"),
        ({"QUERY_LAYERS": "blue-marble"}, "LayerNotQueryable", "QUERY_LAYERS"),
        ({"LAYERS": "none", "QUERY_LAYERS": "none"}, "LayerNotDefined", "LAYERS"),
        ({"CRS": "EPSG:0"}, "InvalidCRS", "CRS"),
        ({"TIME": "1999"}, "InvalidDimensionValue", "TIME"),
    ],
)
async def test_exceptions(client, schema, changes, code, locator):
    answer = await client.get(url(**changes))
    assert answer.status_code == 400
    assert exception(answer) == (code, locator)
    schema("wms/1.3.0/exceptions_1_3_0.xsd").assertValid(etree.fromstring(answer.content))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"X": "200"}, "InvalidPoint"),
        ({"Y": "x"}, "InvalidPoint"),
        ({"QUERY_LAYERS": "blue-marble"}, "LayerNotQueryable"),
        ({"INFO_FORMAT": "text/none"}, "InvalidFormat"),
    ],
)
async def test_exceptions_of_1_1_1(client, changes, code):
    answer = await client.get(url(OLD, **changes))
    assert answer.headers["content-type"] == "application/vnd.ogc.se_xml"
    assert exception(answer) == (code, None)


async def test_it_ends_in_time(client, values, settings, app):
    app.state.services.settings = settings.model_copy(update={"max_seconds": 0.01})
    values.pause = 60.0
    answer = await client.get(url())
    assert answer.status_code == 504
    assert exception(answer) == (None, None)


async def test_through_the_common_endpoint(client, values):
    answer = await client.get(url(drop=("SERVICE",)).replace("/wms", "/ows"))
    assert answer.status_code == 200
    assert len(values.asked) == 1


words = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(["1.3.0", "1.1.1", "fiji", "EPSG:3857", "0,0,1,1", "text/html", "1e9"]),
)
keys = st.sampled_from(sorted({*QUERY, *OLD, "TIME", "FEATURE_COUNT", "EXCEPTIONS", "WMTVER"}))


@given(st.dictionaries(keys, words, max_size=5), st.sampled_from([QUERY, OLD]),
       st.sampled_from(["GetMap", "GetFeatureInfo", "GetCapabilities"]))  # fmt: skip
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_parameters_are_answered(app, changes, base, operation):
    """Whatever is sent, there is an answer in one of the protocol's forms, and never a 5xx."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            asked = base | {"REQUEST": operation, "FORMAT": "image/png"} | changes
            return await client.get(f"/wms?{urlencode(asked, errors='surrogatepass')}")

    answer = asyncio.run(ask())
    assert answer.status_code in {200, 400}
    kind = answer.headers["content-type"]
    if "xml" in kind or "gml" in kind:
        etree.fromstring(answer.content)
    if "json" in kind:
        json.loads(answer.content)
