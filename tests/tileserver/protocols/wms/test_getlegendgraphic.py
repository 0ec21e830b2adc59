import io
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from lxml import etree
from owslib.wms import WebMapService
from PIL import Image

OGC = "{http://www.opengis.net/ogc}"
XLINK = "{http://www.w3.org/1999/xlink}"
LEGEND = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetLegendGraphic",
    "LAYER": "sentinel-2-l2a",
    "STYLE": "ndvi",
    "FORMAT": "image/png",
}


def url(drop: tuple[str, ...] = (), **changes: str) -> str:
    return f"/wms?{urlencode({k: v for k, v in (LEGEND | changes).items() if k not in drop})}"


def size(answer):
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).size


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
async def test_legends_are_as_large_as_capabilities_say(client, version):
    answer = await client.get(
        "/wms", params={"SERVICE": "WMS", "VERSION": version, "REQUEST": "GetCapabilities"}
    )
    root = etree.fromstring(answer.content)
    found = root.findall(".//{*}LegendURL")
    assert len(found) == len(root.findall(".//{*}Style")) == 6
    for legend in found:
        href = legend.find("{*}OnlineResource").get(f"{XLINK}href")
        assert legend.findtext("{*}Format") == "image/png"
        assert parse_qs(urlsplit(href).query)["VERSION"] == [version]
        picture = await client.get(href)
        assert size(picture) == (int(legend.get("width")), int(legend.get("height")))


async def test_wmts_legends_are_as_large_as_capabilities_say(client, schema):
    answer = await client.get("/wmts/1.0.0/WMTSCapabilities.xml")
    root = etree.fromstring(answer.content)
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(root)
    found = root.findall(".//{*}LegendURL")
    assert len(found) == len(root.findall(".//{*}Style")) == 6
    for legend in found:
        picture = await client.get(legend.get(f"{XLINK}href"))
        assert picture.headers["content-type"] == legend.get("format")
        assert size(picture) == (int(legend.get("width")), int(legend.get("height")))


async def test_owslib_finds_the_legend(client):
    answer = await client.get("/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities")
    service = WebMapService("http://maps.example/wms", version="1.3.0", xml=answer.content)
    legend = service["sentinel-2-l2a"].styles["ndvi"]
    picture = await client.get(legend["legend"])
    assert size(picture) == (int(legend["legend_width"]), int(legend["legend_height"]))
    assert legend["legend_format"] == "image/png"


@pytest.mark.parametrize(
    ("media_type", "begin"),
    [
        ("image/png", b"\x89PNG"),
        ("image/svg+xml", b"<svg"),
        ("application/json", b"{"),
        ("image/jpeg", b"\xff\xd8"),
        ("image/webp", b"RIFF"),
    ],
)
async def test_formats(client, media_type, begin):
    answer = await client.get(url(FORMAT=media_type))
    assert answer.headers["content-type"] == media_type
    assert answer.content.startswith(begin)


async def test_what_may_be_left_out(client):
    answer = await client.get(url(drop=("STYLE", "FORMAT")))
    default = await client.get(url(STYLE="true-color"))
    assert answer.content == default.content


async def test_look(client):
    width, height = size(await client.get(url()))
    assert size(await client.get(url(SCALE_FACTOR="2"))) == (2 * width, 2 * height)
    assert size(await client.get(url(LEGEND_OPTIONS="dpi:180"))) == (2 * width, 2 * height)
    lying = size(await client.get(url(ORIENTATION="Horizontal")))
    assert lying == size(await client.get(url(LEGEND_OPTIONS="layout:horizontal;fontSize:9")))
    assert lying[0] > lying[1]
    assert size(await client.get(url(WIDTH="300", HEIGHT="400"))) == (300, 400)
    # Hints that leave no room for the text, and the size of a map.
    assert size(await client.get(url(WIDTH="20", HEIGHT="20"))) == (width, height)
    assert size(await client.get(url(WIDTH="900", HEIGHT="900", BBOX="0,0,1,1"))) == (width, height)
    clear = await client.get(url(TRANSPARENT="TRUE"))
    assert Image.open(io.BytesIO(clear.content)).convert("RGBA").getpixel((0, 0))[3] == 0


async def test_a_formula_has_a_legend(client):
    answer = await client.get(url(EXPRESSION="b1 + 1", RESCALE="0,7", FORMAT="application/json"))
    assert answer.json()["range"] == [0.0, 7.0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"LAYER": "nothing"}, "LayerNotDefined"),
        ({"LAYER": ""}, "MissingParameterValue"),
        ({"STYLE": "nothing"}, "StyleNotDefined"),
        ({"FORMAT": "image/gif"}, "InvalidFormat"),
        ({"WIDTH": "9999"}, "InvalidParameterValue"),
        ({"WIDTH": "-5"}, "InvalidParameterValue"),
        ({"SCALE_FACTOR": "0"}, "InvalidParameterValue"),
        ({"THEME": "red"}, "InvalidParameterValue"),
        ({"RULE": "one"}, "OperationNotSupported"),
    ],
)
async def test_what_is_asked_wrongly_is_told(client, changes, code):
    answer = await client.get(url(**changes))
    root = etree.fromstring(answer.content)
    assert (answer.status_code, root.tag) == (400, f"{OGC}ServiceExceptionReport")
    assert root[0].get("code") == code


async def test_the_operation_is_advertised(client):
    answer = await client.get("/wms?SERVICE=WMS&REQUEST=GetCapabilities")
    root = etree.fromstring(answer.content)
    operation = root.find(".//{http://www.opengis.net/sld}GetLegendGraphic")
    assert [f.text for f in operation.findall("{*}Format")][:2] == ["image/png", "image/svg+xml"]
