"""What OGC 06-042 and 01-068r3 ask of any server, on the data of the suites.

The statements are those of the standards' clauses; the official suites (`scripts/conformance`) ask
the same and more. Documents are validated with the schemas of the test data.
"""

from collections.abc import Callable
from io import BytesIO
from urllib.parse import urlsplit

import numpy as np
import pytest
from httpx import Response
from lxml import etree
from PIL import Image
from rasterio.io import MemoryFile
from support.application import Running
from support.reports import exception_code, rgba

pytestmark = pytest.mark.asyncio(loop_scope="module")

WMS = "{http://www.opengis.net/wms}"
XLINK = "{http://www.w3.org/1999/xlink}href"
BOX = "-0.0042,-0.0024,0.0042,0.0024"
ALL = "Forests,Lakes,Ponds,NamedPlaces,Streams,RoadSegments,DividedRoutes,Bridges"

Validate = Callable[[bytes], None]


@pytest.fixture(scope="module")
def validate(schema: Callable[[str], etree.XMLSchema]) -> Validate:
    """Validate a document with the schema of its namespace, and those that this one extends."""
    schemas = {
        "http://www.opengis.net/wms": "sld/1.1.0/sld_capabilities.xsd",
        "http://www.opengis.net/ogc": "wms/1.3.0/exceptions_1_3_0.xsd",
    }

    def check(body: bytes) -> None:
        root = etree.fromstring(body)
        schema(schemas[etree.QName(root).namespace or ""]).assertValid(root)

    return check


async def ask(cite: Running, request: str, version: str = "1.3.0", **more: str) -> Response:
    """GetMap, GetFeatureInfo and others with all that they need, but for what is changed."""
    crs = "CRS" if version == "1.3.0" else "SRS"
    query = {"SERVICE": "WMS", "VERSION": version, "REQUEST": request}
    if request in ("GetMap", "GetFeatureInfo"):
        query |= {"LAYERS": "Lakes", "STYLES": "", "BBOX": BOX, "WIDTH": "84", "HEIGHT": "48"}
        query |= {crs: "CRS:84" if version == "1.3.0" else "EPSG:4326", "FORMAT": "image/png"}
    if request == "GetFeatureInfo":
        column, row = ("I", "J") if version == "1.3.0" else ("X", "Y")
        query |= {"QUERY_LAYERS": "Lakes", column: "70", row: "36", "INFO_FORMAT": "text/plain"}
    query |= more
    return await cite.get("/ows", params={k: v for k, v in query.items() if v is not None})


async def capabilities(cite: Running, version: str = "1.3.0", **more: str) -> etree._Element:
    answer = await ask(cite, "GetCapabilities", version, **more)
    return etree.fromstring(answer.content, etree.XMLParser(load_dtd=False))


# GetCapabilities


async def test_the_document_of_1_3_0_is_valid(cite: Running, validate: Validate):
    answer = await ask(cite, "GetCapabilities")
    assert answer.headers["content-type"].split(";")[0] == "text/xml"
    validate(answer.content)


async def test_the_document_of_1_1_1_is_valid_with_the_dtd_that_it_names(cite: Running):
    answer = await ask(cite, "GetCapabilities", "1.1.1")
    assert answer.headers["content-type"] == "application/vnd.ogc.wms_xml"
    root = etree.fromstring(answer.content)
    dtd = await cite.get(urlsplit(root.getroottree().docinfo.system_url).path)
    assert etree.DTD(BytesIO(dtd.content)).validate(root)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("1.3.0", "1.3.0"),
        ("1.1.1", "1.1.1"),
        ("1.1.0", "1.1.1"),
        ("1.0.0", "1.1.1"),
        ("100.0.0", "1.3.0"),
        ("0.0.0", "1.1.1"),
        ("1.2.0", "1.1.1"),
        (None, "1.3.0"),
    ],
)
async def test_versions_are_negotiated(cite: Running, asked: str, answered: str):
    assert (await capabilities(cite, VERSION=asked)).get("version") == answered


async def test_wmtver_counts_where_version_is_missing(cite: Running):
    told = await cite.get("/ows?WMTVER=1.1.1&SERVICE=WMS&REQUEST=capabilities")
    assert etree.fromstring(told.content).get("version") == "1.1.1"
    for query in ("WMTVER=1.3.0&VERSION=1.1.1", "VERSION=1.1.1&WMTVER=1.3.0"):
        both = await cite.get(f"/ows?{query}&SERVICE=WMS&REQUEST=GetCapabilities")
        assert etree.fromstring(both.content).get("version") == "1.1.1"


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
async def test_update_sequences(cite: Running, version: str):
    root = await capabilities(cite, version)
    now = int(root.get("updateSequence", ""))
    same = await ask(cite, "GetCapabilities", version, UPDATESEQUENCE=str(now))
    assert exception_code(same.content) == "CurrentUpdateSequence"
    newer = await ask(cite, "GetCapabilities", version, UPDATESEQUENCE=str(now + 1))
    assert exception_code(newer.content) == "InvalidUpdateSequence"
    older = await capabilities(cite, version, UPDATESEQUENCE=str(now - 1))
    assert older.tag == root.tag


async def test_an_unknown_format_of_the_document_is_ignored(cite: Running):
    answer = await ask(cite, "GetCapabilities", FORMAT="invalid")
    assert etree.fromstring(answer.content).tag == f"{WMS}WMS_Capabilities"


async def test_addresses_are_prefixes_and_names_of_styles_and_layers_are_unique(cite: Running):
    root = await capabilities(cite)
    request = root.find(f".//{WMS}Request")
    assert request is not None
    for operation in request:
        links = [link.get(XLINK, "") for link in operation.iter(f"{WMS}OnlineResource")]
        assert links
        assert all(link.endswith("?") for link in links)
    names = [e.text for e in root.iterfind(f".//{WMS}Layer/{WMS}Name")]
    assert len(set(names)) == len(names) >= 14
    for layer in root.iter(f"{WMS}Layer"):
        styles = [e.text for e in layer.iterfind(f"{WMS}Style/{WMS}Name")]
        assert len(set(styles)) == len(styles)


async def test_boxes_are_of_offered_systems_and_the_geographic_ones_are_equal(cite: Running):
    root = await capabilities(cite)
    for layer in root.iter(f"{WMS}Layer"):
        offered = [e.text for e in layer.iterfind(f"{WMS}CRS")]
        boxes = {b.get("CRS"): b for b in layer.iterfind(f"{WMS}BoundingBox")}
        assert "CRS:84" in offered
        assert set(boxes) <= set(offered)
        geographic = layer.find(f"{WMS}EX_GeographicBoundingBox")
        assert geographic is not None
        west, east, south, north = (float(e.text or "") for e in geographic)
        assert west < east
        assert south < north
        degrees, swapped = boxes["CRS:84"], boxes["EPSG:4326"]
        assert (float(degrees.get("minx", "")), float(degrees.get("miny", ""))) == (west, south)
        assert (float(swapped.get("minx", "")), float(swapped.get("miny", ""))) == (south, west)


async def test_legends_have_the_size_and_type_that_are_told(cite: Running):
    root = await capabilities(cite)
    legends = list(root.iter(f"{WMS}LegendURL"))
    assert len(legends) >= 14
    for legend in legends[:4]:
        (link,) = legend.iter(f"{WMS}OnlineResource")
        parts = urlsplit(link.get(XLINK, ""))
        answer = await cite.get(f"{parts.path}?{parts.query}")
        assert answer.headers["content-type"] == legend.findtext(f"{WMS}Format")
        size = Image.open(BytesIO(answer.content)).size
        assert size == (int(legend.get("width", "")), int(legend.get("height", "")))


# GetMap


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
async def test_every_format_that_is_told_works(cite: Running, version: str):
    root = await capabilities(cite, version)
    operation = root.find(".//{*}GetMap")
    assert operation is not None
    formats = [e.text or "" for e in operation.iterfind("{*}Format")]
    assert len(formats) == 6
    for kind in formats:
        answer = await ask(cite, "GetMap", version, FORMAT=kind)
        assert answer.headers["content-type"] == kind
        if kind != "image/geotiff":
            assert Image.open(BytesIO(answer.content)).size == (84, 48)


async def test_jpeg_or_png_is_chosen_by_the_picture_where_either_will_do(cite: Running):
    kind = "image/vnd.jpeg-png"
    clear = await ask(cite, "GetMap", FORMAT=kind, TRANSPARENT="TRUE")
    # Layers over one another are no palette any more; these have no pixel without colour.
    opaque = await ask(cite, "GetMap", FORMAT=kind, LAYERS="Terrain,Lakes", BBOX="0,-0.1,0.1,0")
    types = [answer.headers["content-type"] for answer in (clear, opaque)]
    assert types == ["image/png", "image/jpeg"]


async def test_a_geotiff_lies_where_it_was_asked(cite: Running):
    answer = await ask(
        cite, "GetMap", FORMAT="image/geotiff", CRS="EPSG:3857", BBOX="-470,-270,470,270"
    )
    with MemoryFile(answer.content) as memory, memory.open() as picture:
        assert picture.crs.to_epsg() == 3857
        assert picture.bounds == pytest.approx((-470, -270, 470, 270))
        assert picture.count == 3
        shown = np.moveaxis(picture.read(), 0, 2)
    png = await ask(cite, "GetMap", CRS="EPSG:3857", BBOX="-470,-270,470,270")
    assert np.array_equal(shown, rgba(png.content)[..., :3])


async def test_palettes_show_what_full_colours_show(cite: Running):
    whole = rgba((await ask(cite, "GetMap", LAYERS="Terrain", BBOX="-0.5,-0.5,0.5,0.5")).content)
    for kind in ("image/png; mode=8bit", "image/png8", "image/gif"):
        few = await ask(cite, "GetMap", LAYERS="Terrain", BBOX="-0.5,-0.5,0.5,0.5", FORMAT=kind)
        assert Image.open(BytesIO(few.content)).mode == "P"
        assert np.abs(rgba(few.content).astype(int) - whole).max() <= 32
    clear = await ask(cite, "GetMap", FORMAT="image/gif", TRANSPARENT="TRUE")
    png = await ask(cite, "GetMap", TRANSPARENT="TRUE")
    assert np.array_equal(rgba(clear.content)[..., 3], rgba(png.content)[..., 3])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"LAYERS": "no-such-layer"}, "LayerNotDefined"),
        ({"LAYERS": "Lakes,no-such-layer"}, "LayerNotDefined"),
        ({"LAYERS": None}, "MissingParameterValue"),
        ({"STYLES": "no-such-style"}, "StyleNotDefined"),
        ({"LAYERS": "Lakes,Ponds", "STYLES": "plain,no-such-style"}, "StyleNotDefined"),
        ({"CRS": "UndefinedCRS"}, "InvalidCRS"),
        ({"FORMAT": "image/invalid"}, "InvalidFormat"),
        ({"BBOX": "1,-1,0,1"}, "InvalidParameterValue"),
        ({"BBOX": "0,0,0,1"}, "InvalidParameterValue"),
        ({"BBOX": "0,1,1,0"}, "InvalidParameterValue"),
        ({"BBOX": "a,b,c,d"}, "InvalidParameterValue"),
        ({"WIDTH": "0"}, "InvalidParameterValue"),
        ({"WIDTH": "-5"}, "InvalidParameterValue"),
        ({"HEIGHT": "many"}, "InvalidParameterValue"),
        ({"TRANSPARENT": "perhaps"}, "InvalidParameterValue"),
        ({"BGCOLOR": "blue"}, "InvalidParameterValue"),
        ({"VERSION": None}, "MissingParameterValue"),
        ({"VERSION": "1.2.3"}, "OperationNotSupported"),
        ({"REQUEST": "GetNothing"}, "OperationNotSupported"),
    ],
)
async def test_errors_have_their_code_and_are_valid(
    cite: Running, validate: Validate, wrong: dict[str, str], code: str
):
    answer = await ask(cite, **({"request": "GetMap"} | wrong))
    assert answer.status_code == 400
    if wrong.get("VERSION") != "1.2.3":  # which is answered in the words of 1.1.1
        assert answer.headers["content-type"].split(";")[0] == "text/xml"
        validate(answer.content)
    assert exception_code(answer.content) == code


async def test_errors_of_1_1_1_are_of_its_type_and_dtd(cite: Running):
    answer = await ask(cite, "GetMap", "1.1.1", SRS="UndefinedSRS")
    assert answer.headers["content-type"] == "application/vnd.ogc.se_xml"
    root = etree.fromstring(answer.content)
    dtd = await cite.get(urlsplit(root.getroottree().docinfo.system_url).path)
    assert etree.DTD(BytesIO(dtd.content)).validate(root)
    assert exception_code(answer.content) == "InvalidSRS"


@pytest.mark.parametrize(
    ("version", "blank", "inside"),
    [
        ("1.3.0", "BLANK", "INIMAGE"),
        ("1.1.1", "application/vnd.ogc.se_blank", "application/vnd.ogc.se_inimage"),
    ],
)
async def test_errors_as_pictures(cite: Running, version: str, blank: str, inside: str):
    wrong = {"LAYERS": "no-such-layer", "WIDTH": "300", "HEIGHT": "60"}
    empty = await ask(cite, "GetMap", version, EXCEPTIONS=blank, BGCOLOR="0x0000FF", **wrong)
    assert (rgba(empty.content) == (0, 0, 255, 255)).all()
    clear = await ask(cite, "GetMap", version, EXCEPTIONS=blank, TRANSPARENT="TRUE", **wrong)
    assert (rgba(clear.content)[..., 3] == 0).all()
    told = await ask(cite, "GetMap", version, EXCEPTIONS=inside, **wrong)
    assert told.headers["content-type"] == "image/png"
    assert told.headers["cache-control"] == "no-store"
    picture = rgba(told.content)
    assert picture.shape == (60, 300, 4)
    ink = (picture[..., :3] != 255).any(axis=-1)
    assert 0.01 < ink.mean() < 0.5
    unreadable = await ask(cite, "GetMap", version, EXCEPTIONS=inside, WIDTH="-1")
    assert exception_code(unreadable.content) == "InvalidParameterValue"


async def test_boxes_go_round_the_outside_of_the_pixels(cite: Running):
    answer = await ask(cite, "GetMap", BBOX="0.0016,-0.0012,0.0026,-0.0005", WIDTH="10", HEIGHT="7")
    white = (rgba(answer.content)[..., :3] == 255).all(axis=-1)
    assert white[1:-1, 1:-1].all()
    assert white.sum() == 5 * 8


async def test_numbers_may_have_exponents_and_signs(cite: Running):
    plain = await ask(cite, "GetMap", LAYERS=ALL, BBOX="-0.005,-0.0025,0.005,0.0025")
    odd = await ask(cite, "GetMap", LAYERS=ALL, BBOX="-.0005E1,-25E-4,+05E-3,.00025E+1")
    assert odd.content == plain.content


async def test_axes_follow_the_definition_in_1_3_0_and_never_in_1_1_1(cite: Running):
    degrees = await ask(cite, "GetMap", LAYERS=ALL)
    swapped = await ask(
        cite, "GetMap", LAYERS=ALL, CRS="EPSG:4326", BBOX="-0.0024,-0.0042,0.0024,0.0042"
    )
    old = await ask(cite, "GetMap", "1.1.1", LAYERS=ALL)
    assert swapped.content == degrees.content == old.content


async def test_a_background_and_none(cite: Running):
    blue = rgba((await ask(cite, "GetMap", BGCOLOR="0x0000FF")).content)
    assert (blue[0, 0] == (0, 0, 255, 255)).all()
    assert (rgba((await ask(cite, "GetMap", TRANSPARENT="FALSE")).content)[..., 3] == 255).all()
    assert rgba((await ask(cite, "GetMap", TRANSPARENT="tRuE")).content)[0, 0, 3] == 0


async def test_a_box_outside_of_everything_is_blank_and_no_error(cite: Running):
    for crs, box in (
        ("CRS:84", "100,10,101,11"),
        ("CRS:84", "-500,-300,-400,-200"),
        ("CRS:84", "-190,-100,190,100"),
        ("EPSG:3857", "9e7,9e7,1e8,1e8"),
        ("EPSG:3413", "-9e6,8e6,-8e6,9e6"),
    ):
        answer = await ask(cite, "GetMap", CRS=crs, BBOX=box)
        assert answer.headers["content-type"] == "image/png", answer.text


async def test_the_largest_map_and_the_most_layers_that_are_told_are_served(cite: Running):
    root = await capabilities(cite)
    service = root.find(f"{WMS}Service")
    assert service is not None
    width, height = service.findtext(f"{WMS}MaxWidth"), service.findtext(f"{WMS}MaxHeight")
    large = await ask(cite, "GetMap", WIDTH=width, HEIGHT=height)
    assert Image.open(BytesIO(large.content)).size == (int(width or 0), int(height or 0))
    limit = int(service.findtext(f"{WMS}LayerLimit") or 0)
    many = await ask(cite, "GetMap", LAYERS=",".join(["Lakes"] * limit))
    assert many.headers["content-type"] == "image/png"
    more = await ask(cite, "GetMap", LAYERS=",".join(["Lakes"] * (limit + 1)))
    assert more.status_code == 400


async def test_parameters_in_any_case_and_order_and_unknown_ones(cite: Running):
    plain = await ask(cite, "GetMap")
    query = {
        **{"lAyErS": "Lakes", "sTyLeS": "", "bBoX": BOX, "wIdTh": "84", "hEiGhT": "48"},
        **{"cRs": "CRS:84", "fOrMaT": "image/png", "vErSiOn": "1.3.0", "rEqUeSt": "GetMap"},
        **{"DPI": "96", "MAP_RESOLUTION": "96", "TILED": "true", "x": "ä&=?"},
    }
    for items in (list(query.items()), list(reversed(query.items()))):
        assert (await cite.get("/ows", params=dict(items))).content == plain.content
    escaped = "".join(f"%{ord(c):02x}" for c in "GetMap")
    answer = await cite.get(f"/ows?{plain.request.url.query.decode().replace('GetMap', escaped)}")
    assert answer.content == plain.content


# GetFeatureInfo, DescribeLayer


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
async def test_every_format_of_feature_info_works(cite: Running, version: str):
    root = await capabilities(cite, version)
    operation = root.find(".//{*}GetFeatureInfo")
    assert operation is not None
    formats = [e.text or "" for e in operation.iterfind("{*}Format")]
    assert {"text/plain", "text/html", "application/json", "application/vnd.ogc.gml"} < set(formats)
    for kind in formats:
        answer = await ask(cite, "GetFeatureInfo", version, INFO_FORMAT=kind)
        assert answer.headers["content-type"].split(";")[0] == kind
        assert "500" in answer.text
        if "xml" in kind or "gml" in kind:
            etree.fromstring(answer.content)


async def test_feature_info_tells_the_value_of_the_style_and_its_class(cite: Running):
    answer = await ask(cite, "GetFeatureInfo", INFO_FORMAT="application/json")
    (feature,) = answer.json()["features"]
    told = feature["properties"]
    assert (told["style"], told["value"], told["class"]) == ("plain", 500, "500")
    assert told["level"] == 500


async def test_gml_3_1_is_in_the_order_of_its_urn(cite: Running):
    kind = "application/vnd.ogc.gml/3.1.1"
    answer = await ask(cite, "GetFeatureInfo", INFO_FORMAT=kind)
    position = etree.fromstring(answer.content).find(".//{http://www.opengis.net/gml}pos")
    assert position is not None
    latitude, longitude = map(float, (position.text or "").split())
    assert (latitude, longitude) == pytest.approx((-0.00125, 0.00285), abs=1e-9)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"I": "84"}, "InvalidPoint"),
        ({"J": "-1"}, "InvalidPoint"),
        ({"I": "1.5"}, "InvalidPoint"),
        ({"QUERY_LAYERS": "Ponds"}, "LayerNotDefined"),
        ({"QUERY_LAYERS": "no-such-layer"}, "LayerNotDefined"),
        ({"INFO_FORMAT": "application/none"}, "InvalidFormat"),
    ],
)
async def test_errors_of_feature_info(
    cite: Running, validate: Validate, wrong: dict[str, str], code: str
):
    answer = await ask(cite, "GetFeatureInfo", **wrong)
    validate(answer.content)
    assert exception_code(answer.content) == code


async def test_layers_are_described_as_coverages(cite: Running):
    # The published schema imports two documents that declare one element twice: no validation.
    answer = await ask(cite, "DescribeLayer", LAYERS="Lakes,Terrain", SLD_VERSION="1.1.0")
    names = [e.text for e in etree.fromstring(answer.content).iter("{*}CoverageName")]
    assert names == ["Lakes", "Terrain"]
    old = await ask(cite, "DescribeLayer", "1.1.1", LAYERS="Lakes")
    (layer,) = etree.fromstring(old.content).iter("LayerDescription")
    assert (layer.get("name"), layer.get("owsType")) == ("Lakes", "WCS")
    unknown = await ask(cite, "DescribeLayer", LAYERS="nothing")
    assert exception_code(unknown.content) == "LayerNotDefined"
