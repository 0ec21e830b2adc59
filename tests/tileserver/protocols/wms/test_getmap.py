import asyncio
from dataclasses import replace
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from renderers.rule import MosaicRule
from tileserver.errors import TimedOutError
from tileserver.mosaics import MosaicChoice
from tileserver.timeaxis import CURRENT, UNSAID, parse_time
from tileserver.timetold import DAYS

OGC = "{http://www.opengis.net/ogc}"
MAP = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetMap",
    "LAYERS": "sentinel-2-l2a",
    "STYLES": "",
    "CRS": "EPSG:4326",
    "BBOX": "50.5,10.5,51.5,11.25",
    "WIDTH": "300",
    "HEIGHT": "400",
    "FORMAT": "image/png",
}


def url(path: str = "/wms", drop: tuple[str, ...] = (), **changes: str) -> str:
    kept = {k: v for k, v in (MAP | changes).items() if k not in drop}
    return f"{path}?{urlencode(kept)}"


def exception(answer) -> tuple[str | None, str | None]:
    root = etree.fromstring(answer.content)
    assert root.tag == f"{OGC}ServiceExceptionReport"
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return root[0].get("code"), root[0].get("locator")


async def test_a_mosaic_is_a_vendor_parameter(client, pipeline):
    assert (await client.get(url(mosaic="least-recent"))).status_code == 200
    assert pipeline.asked[0].mosaic == MosaicChoice(MosaicRule("least-recent"))
    assert exception(await client.get(url(MOSAIC="worst"))) == ("InvalidParameterValue", "MOSAIC")


async def test_latitude_comes_first_in_epsg_4326(client, pipeline):
    answer = await client.get(url())
    assert answer.status_code == 200
    (asked,) = pipeline.asked
    assert asked.geobox.bounds == (10.5, 50.5, 11.25, 51.5)
    assert (asked.geobox.width, asked.geobox.height) == (300, 400)
    assert asked.geobox.crs == "EPSG:4326"
    assert not asked.transparent
    assert asked.background == (255, 255, 255)
    assert asked.time == UNSAID


@pytest.mark.parametrize(
    ("crs", "bbox", "bounds"),
    [
        ("CRS:84", "10.5,50.5,11.25,51.5", (10.5, 50.5, 11.25, 51.5)),
        ("EPSG:3857", "0,1024,2048,4096", (0, 1024, 2048, 4096)),
        ("EPSG:900913", "0,1024,2048,4096", (0, 1024, 2048, 4096)),
        ("EPSG:3035", "1024,0,4096,2048", (0, 1024, 2048, 4096)),
        ("EPSG:3413", "0,1024,2048,4096", (0, 1024, 2048, 4096)),
        ("EPSG:2193", "1024,0,4096,2048", (0, 1024, 2048, 4096)),
        ("EPSG:3857", "-.0005E1,+5E-3,2%2B05E-3", None),
    ],
)
async def test_axis_order_is_the_definition_s(client, pipeline, crs, bbox, bounds):
    answer = await client.get(url(CRS=crs, BBOX=bbox))
    if bounds is None:
        assert exception(answer) == ("InvalidParameterValue", "BBOX")
    else:
        assert pipeline.asked[0].geobox.bounds == pytest.approx(bounds, rel=1e-12)


async def test_names_and_escapes_in_any_form(client, pipeline):
    query = "&".join(
        f"{''.join(f'%{ord(c):02X}' for c in k.swapcase())}={quote(v)}"
        for k, v in reversed(MAP.items())
    )
    one = await client.get(f"/wms?{query}&DPI=96&TILED=true&foo")
    two = await client.get(url(drop=("SERVICE",)))
    assert one.status_code == two.status_code == 200
    assert pipeline.asked[0] == pipeline.asked[1]


async def test_layers_are_painted_in_their_order(client, pipeline):
    await client.get(url(LAYERS="blue-marble,sentinel-2-l2a", STYLES=",ndvi"))
    layers = [(layer.collection, layer.style) for layer in pipeline.asked[0].layers]
    assert layers == [("blue-marble", ""), ("sentinel-2-l2a", "ndvi")]


async def test_look(client, pipeline):
    await client.get(url(TRANSPARENT="tRuE", BGCOLOR="0x0080fF", FORMAT="image/webp"))
    asked = pipeline.asked[0]
    assert asked.transparent
    assert asked.background == (0, 128, 255)
    assert asked.media_type == "image/webp"


async def test_time(client, pipeline):
    told = await client.get(url(TIME="2024-06-11T10:00:00Z"))
    assert "warning" not in told.headers
    assert pipeline.asked[0].time.spans == parse_time("2024-06-11").spans
    silent = await client.get(url())
    assert silent.headers["warning"] == "99 Default value used: time=current ISO8601"
    timeless = await client.get(url(LAYERS="blue-marble", TIME="1999"))
    assert timeless.status_code == 200
    assert "warning" not in timeless.headers
    gap = await client.get(url(TIME="2024-06-05"))
    assert gap.status_code == 200
    elsewhere = await client.get(url(LAYERS="remote", TIME="2026-01-01"))
    assert elsewhere.status_code == 200


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
@pytest.mark.parametrize(
    "text",
    [
        "2024-06-11,2024-06-21",
        "2024-06-01/2024-06-11",
        "2024-06-01/2024-06-21/P10D",
        "2024-06-11/..",
        "2024-06",
        "2020,2024-06-21",
    ],
)
async def test_several_times(client, pipeline, version, text):
    told = await client.get(url(TIME=text, VERSION=version, SRS="EPSG:4326"))
    assert told.status_code == 200
    assert "warning" not in told.headers
    assert pipeline.asked[0].time == parse_time(text)


def collection_with(pipeline, number: int = 0, **settings: str) -> None:
    pipeline.collections[number] = replace(pipeline.collections[number], extra={"time": settings})


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("latest", "current"),
        ("earliest", "2024-06-01"),
        ("2024-06-11", "2024-06-11"),
        ("least-cloudy/P10D", "2024-06-12/2024-06-21"),
    ],
)
async def test_a_default_is_told(client, pipeline, version, default, value):
    collection_with(pipeline, default=default)
    told = await client.get(url(VERSION=version, SRS="EPSG:4326"))
    assert told.headers["warning"] == f"99 Default value used: time={value} ISO8601"
    root = etree.fromstring(
        (await client.get(f"/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION={version}")).content
    )
    (attributes,) = root.xpath(
        "//*[local-name()='Layer'][*[local-name()='Name']='sentinel-2-l2a']/*[@multipleValues]"
    )
    assert attributes.get("default") == value
    assert (attributes.get("multipleValues"), attributes.get("nearestValue")) == ("1", "0")
    asked = await client.get(url(VERSION=version, SRS="EPSG:4326", TIME=value))
    assert (asked.status_code, "warning" in asked.headers) == (200, False)


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        ("2024-06-12", "99 Nearest value used: time=2024-06-12 ISO8601"),
        ("2024-06-11 2024-06-12", "99 Nearest value used: time=2024-06-11,2024-06-12 ISO8601"),
        ("2024-06-11", None),
        ("none", None),
    ],
)
async def test_the_nearest_is_told(client, pipeline, days, warning):
    collection_with(pipeline, tolerance="P3D")
    pipeline.headers = ((DAYS, f"none, {days}"),)
    answer = await client.get(url(LAYERS="blue-marble,sentinel-2-l2a", TIME="2024-06-11T15:05:00Z"))
    assert answer.status_code == 200
    assert answer.headers.get("warning") == warning
    exact = await client.get(url(TIME="2024-06-11/2024-06-11"))
    assert "warning" not in exact.headers
    ruled = await client.get(url(TIME="2024-06-11", MOSAIC="most-recent"))
    assert "warning" not in ruled.headers


async def test_a_tolerance_reaches_beyond_the_extent(client, pipeline):
    collection_with(pipeline, tolerance="P3D")
    assert (await client.get(url(TIME="2024-06-24"))).status_code == 200
    assert exception(await client.get(url(TIME="2024-06-25"))) == ("InvalidDimensionValue", "TIME")


async def test_layers_with_several_defaults(client, pipeline):
    collection_with(pipeline, 3, default="earliest")
    told = await client.get(url(LAYERS="sentinel-2-l2a,remote,blue-marble"))
    assert told.headers["warning"] == (
        "99 Default value used: time=current ISO8601, "
        "99 Default value used: time=2024-06-01 ISO8601"
    )
    assert (await client.get(url(TIME="current"))).headers.get("warning") is None
    assert pipeline.asked[1].time == CURRENT


@pytest.mark.parametrize(
    ("changes", "code", "locator"),
    [
        ({"VERSION": "1.3.1"}, "OperationNotSupported", "VERSION"),
        ({"REQUEST": "DescribeNothing"}, "OperationNotSupported", "REQUEST"),
        ({"SERVICE": "WFS"}, "InvalidParameterValue", "SERVICE"),
        ({"LAYERS": "none"}, "LayerNotDefined", "LAYERS"),
        ({"LAYERS": "fiji,none"}, "LayerNotDefined", "LAYERS"),
        ({"LAYERS": ",".join(["fiji"] * 9)}, "InvalidParameterValue", "LAYERS"),
        ({"STYLES": "none"}, "StyleNotDefined", "STYLES"),
        ({"STYLES": "ndvi,ndvi"}, "StyleNotDefined", "STYLES"),
        ({"CRS": "UndefinedCRS"}, "InvalidCRS", "CRS"),
        ({"CRS": "EPSG:0"}, "InvalidCRS", "CRS"),
        ({"BBOX": "50,10,50,11"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "51,10,50,11"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "50,10,51"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "nan,10,51,11"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "0,0,5e-324,5e-324"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "0,0,1,1e-300", "CRS": "EPSG:3031"}, "InvalidParameterValue", "BBOX"),
        ({"BBOX": "-1e300,-1e300,1e300,1e300"}, "InvalidParameterValue", "BBOX"),
        ({"WIDTH": "0"}, "InvalidParameterValue", "WIDTH"),
        ({"WIDTH": "2001"}, "InvalidParameterValue", "WIDTH"),
        ({"HEIGHT": "1e3"}, "InvalidParameterValue", "HEIGHT"),
        ({"HEIGHT": "9" * 5000}, "InvalidParameterValue", "HEIGHT"),
        ({"FORMAT": "image/bmp"}, "InvalidFormat", "FORMAT"),
        ({"TRANSPARENT": "yes"}, "InvalidParameterValue", "TRANSPARENT"),
        ({"BGCOLOR": "red"}, "InvalidParameterValue", "BGCOLOR"),
        ({"TIME": "soon"}, "InvalidDimensionValue", "TIME"),
        ({"TIME": "2023"}, "InvalidDimensionValue", "TIME"),
        ({"TIME": "2024-06-11,soon"}, "InvalidDimensionValue", "TIME"),
        ({"TIME": "2023-06-11,2025-06-11"}, "InvalidDimensionValue", "TIME"),
        ({"TIME": "2024-06-11,"}, "InvalidDimensionValue", "TIME"),
        ({"TIME": "1900-01-01/2024-12-31/P2D"}, "InvalidDimensionValue", "TIME"),
    ],
)
async def test_exceptions(client, schema, changes, code, locator):
    answer = await client.get(url(**changes))
    assert exception(answer) == (code, locator)
    assert answer.status_code == 400
    schema("wms/1.3.0/exceptions_1_3_0.xsd").assertValid(etree.fromstring(answer.content))


@pytest.mark.parametrize(
    "name", ["VERSION", "REQUEST", "LAYERS", "CRS", "BBOX", "WIDTH", "HEIGHT", "FORMAT"]
)
async def test_missing(client, name):
    assert exception(await client.get(url(drop=(name,)))) == ("MissingParameterValue", name)


async def test_characters_that_xml_cannot_hold(client):
    answer = await client.get(url(CRS="\x00\x0b<&\ufffe"))
    assert exception(answer) == ("InvalidCRS", "CRS")


async def test_blank_exceptions_are_pictures_of_nothing(client, pipeline):
    pipeline.failure = TimedOutError("too slow")
    answer = await client.get(url(EXCEPTIONS="blank", TRANSPARENT="TRUE"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    (asked,) = pipeline.asked
    assert asked.layers == ()
    assert (asked.geobox.width, asked.geobox.height) == (300, 400)
    assert asked.transparent
    unknown = await client.get(url(EXCEPTIONS="BLANK", LAYERS="none"))
    assert unknown.headers["content-type"] == "image/png"
    no_size = await client.get(url(EXCEPTIONS="BLANK", WIDTH="0"))
    assert exception(no_size) == ("InvalidParameterValue", "WIDTH")


async def test_internal_failures(client, pipeline, schema, caplog):
    pipeline.failure = RuntimeError("/secret/path")
    answer = await client.get(url())
    assert answer.status_code == 500
    assert exception(answer) == (None, None)
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    schema("wms/1.3.0/exceptions_1_3_0.xsd").assertValid(etree.fromstring(answer.content))


async def test_conditional(client):
    first = await client.get(url())
    again = await client.get(url(), headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert first.status_code == 200
    assert again.status_code == 200  # the pipeline compares, and this one only knows whole headers
    same = await client.get(url(), headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304


words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["1.3.0", "fiji", "EPSG:3857", "0,0,1,1", "256", "image/png", "BLANK", "TRUE"]),
)
keys = st.sampled_from([*MAP, "TIME", "EXCEPTIONS", "BGCOLOR", "TRANSPARENT", "UPDATESEQUENCE"])


@given(st.dictionaries(keys, words, max_size=5), st.sampled_from(["GetMap", "GetCapabilities"]))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_parameters_are_answered(app, changes, operation):
    """Whatever is sent, there is an answer in one of the protocol's forms, and never a 5xx."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            text = urlencode(MAP | {"REQUEST": operation} | changes, errors="surrogatepass")
            return await client.get(f"/wms?{text}")

    answer = asyncio.run(ask())
    assert answer.status_code in {200, 400}
    if "xml" in answer.headers["content-type"]:
        etree.fromstring(answer.content)
