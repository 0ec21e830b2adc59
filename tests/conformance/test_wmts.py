"""What OGC 07-057r7 asks of any server, on the data of the suites: both encodings."""

from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
import pytest
from httpx import Response
from lxml import etree
from support.application import Running
from support.reports import exception_code, rgba

pytestmark = pytest.mark.asyncio(loop_scope="module")

WMTS = "{http://www.opengis.net/wmts/1.0}"
OWS = "{http://www.opengis.net/ows/1.1}"
XLINK = "{http://www.w3.org/1999/xlink}href"

Validate = Callable[[bytes], None]


@pytest.fixture(scope="module")
def validate(schema: Callable[[str], etree.XMLSchema]) -> Validate:
    """Validate a document with the schema of its namespace."""
    schemas = {
        "http://www.opengis.net/wmts/1.0": "wmts/1.0/wmtsGetCapabilities_response.xsd",
        "http://www.opengis.net/ows/1.1": "ows/1.1.0/owsExceptionReport.xsd",
    }

    def check(body: bytes) -> None:
        root = etree.fromstring(body)
        schema(schemas[etree.QName(root).namespace or ""]).assertValid(root)

    return check


TILE = {
    **{"Service": "WMTS", "Request": "GetTile", "Version": "1.0.0", "Layer": "Lakes"},
    **{"Style": "plain", "Format": "image/png", "TileMatrixSet": "WorldCRS84Quad"},
    **{"TileMatrix": "15", "TileRow": "16384", "TileCol": "32768"},
}


async def ask(cite: Running, **changes: str | None) -> Response:
    query = {k: v for k, v in (TILE | changes).items() if v is not None}
    return await cite.get("/wmts", params=query)


async def capabilities(cite: Running) -> etree._Element:
    answer = await cite.get("/wmts?service=WMTS&request=GetCapabilities")
    return etree.fromstring(answer.content)


def layer_of(root: etree._Element, name: str) -> etree._Element:
    (layer,) = [x for x in root.iter(f"{WMTS}Layer") if x.findtext(f"{OWS}Identifier") == name]
    return layer


def template_of(layer: etree._Element, resource: str, kind: str) -> str:
    (found,) = [
        r.get("template", "")
        for r in layer.iter(f"{WMTS}ResourceURL")
        if (r.get("resourceType"), r.get("format")) == (resource, kind)
    ]
    return found


def path_of(template: str, **parts: str) -> str:
    for name, value in parts.items():
        template = template.replace(f"{{{name}}}", value)
    assert "{" not in template
    address = urlsplit(template)
    return f"{address.path}?{address.query}" if address.query else address.path


async def test_the_document_is_valid_and_the_same_by_any_encoding_case_and_order(
    cite: Running, validate: Validate
):
    plain = await cite.get("/wmts?service=WMTS&request=GetCapabilities")
    assert plain.status_code == 200
    validate(plain.content)
    assert "/xml" in plain.headers["content-type"]
    for address in (
        "/wmts?REQUEST=GetCapabilities&SERVICE=WMTS",
        "/wmts?rEqUeSt=GetCapabilities&sErViCe=WMTS&aCcEpTvErSiOnS=1.0.0",
        "/ows?acceptversions=2.0.0,1.0.0&unknown=%C3%A4&service=WMTS&request=GetCapabilities",
        "/wmts/1.0.0/WMTSCapabilities.xml",
    ):
        assert (await cite.get(address)).content == plain.content


async def test_every_operation_tells_its_encodings(cite: Running):
    root = await capabilities(cite)
    operations = {o.get("name"): o for o in root.iter(f"{OWS}Operation")}
    assert set(operations) == {"GetCapabilities", "GetTile", "GetFeatureInfo"}
    for operation in operations.values():
        assert {v.text for v in operation.iter(f"{OWS}Value")} == {"KVP", "RESTful"}


async def test_scales_follow_from_the_size_of_pixels(cite: Running):
    root = await capabilities(cite)
    for tiles in root.findall(f"{WMTS}Contents/{WMTS}TileMatrixSet"):
        ids = [e.text for e in tiles.iterfind(f"{WMTS}TileMatrix/{OWS}Identifier")]
        assert ids == [str(k) for k in range(len(ids))]
        scales = [float(e.text or 0) for e in tiles.iter(f"{WMTS}ScaleDenominator")]
        assert scales == sorted(scales, reverse=True)
        assert (tiles.findtext(f"{OWS}SupportedCRS") or "").startswith("urn:ogc:def:crs:")


@pytest.mark.parametrize(
    ("changes", "code", "locator"),
    [
        ({"Service": None}, "MissingParameterValue", "service"),
        ({"Service": "BOGUS"}, "InvalidParameterValue", "service"),
        ({"Request": None}, "MissingParameterValue", "request"),
        ({"Request": "GetBogus"}, "InvalidParameterValue", "request"),
        ({"Version": None}, "MissingParameterValue", "version"),
        ({"Version": "9.9.9"}, "InvalidParameterValue", "version"),
        *(
            ({name: None}, "MissingParameterValue", name.lower())
            for name in ("Layer", "Style", "Format", "TileMatrixSet", "TileMatrix", "TileRow")
        ),
        *(
            ({name: "BOGUS"}, "InvalidParameterValue", name.lower())
            for name in ("Layer", "Style", "Format", "TileMatrixSet", "TileMatrix", "TileCol")
        ),
        ({"TileRow": "0"}, "TileOutOfRange", "tilerow"),
        ({"TileCol": "0"}, "TileOutOfRange", "tilecol"),
        ({"TileRow": "99999999"}, "TileOutOfRange", "tilerow"),
        ({"elevation": "9000"}, "InvalidParameterValue", "elevation"),
    ],
)
async def test_errors_have_their_code_and_locator(
    cite: Running, validate: Validate, changes: dict[str, str | None], code: str, locator: str
):
    answer = await ask(cite, **changes)
    assert answer.status_code == 400
    validate(answer.content)
    (error,) = etree.fromstring(answer.content)
    assert error.get("exceptionCode") == code
    assert (error.get("locator") or "").lower() == locator


async def test_versions_and_sequences_that_do_not_fit_have_no_locator(
    cite: Running, validate: Validate
):
    start = "/wmts?service=WMTS&request=GetCapabilities"
    number = int((await capabilities(cite)).get("updateSequence", ""))
    for query, code in (
        ("&AcceptVersions=9.9.9", "VersionNegotiationFailed"),
        (f"&UpdateSequence={number + 1}", "InvalidUpdateSequence"),
    ):
        answer = await cite.get(start + query)
        validate(answer.content)
        (error,) = etree.fromstring(answer.content)
        assert (error.get("exceptionCode"), error.get("locator")) == (code, None)
    same = await cite.get(f"{start}&UpdateSequence={number}")
    validate(same.content)
    assert len(etree.fromstring(same.content)) == 0


async def test_tiles_are_the_same_by_parameters_and_by_address(cite: Running):
    root = await capabilities(cite)
    template = template_of(layer_of(root, "Lakes"), "tile", "image/png")
    shown = {}
    for level in ("480", "500"):
        by_name = await ask(cite, elevation=level)
        assert by_name.headers["content-type"] == "image/png", by_name.text
        path = path_of(
            template,
            **{"Style": "plain", "TileMatrixSet": "WorldCRS84Quad", "TileMatrix": "15"},
            **{"TileRow": "16384", "TileCol": "32768", "elevation": level},
        )
        by_path = await cite.get(path)
        assert by_path.content == by_name.content
        shown[level] = (rgba(by_name.content)[..., 3] > 0).sum()
    assert 0 < shown["480"] < shown["500"]


async def test_times_in_addresses(cite: Running):
    root = await capabilities(cite)
    layer = layer_of(root, "Autos")
    (dimension,) = layer.findall(f"{WMTS}Dimension")
    values = [e.text for e in dimension.findall(f"{WMTS}Value")]
    assert dimension.findtext(f"{WMTS}Default") in values
    template = template_of(layer, "tile", "image/png")
    parts = {"Style": "plain", "TileMatrixSet": "WorldCRS84Quad", "TileMatrix": "15"}
    parts |= {"TileRow": "16384", "TileCol": "32767"}
    for time in ("2000-01-01T00:00:10Z", "2000-01-01T00:00:10Z/2000-01-01T00:00:25Z", "current"):
        by_path = await cite.get(path_of(template, Time=time, **parts))
        by_name = await ask(cite, Layer="Autos", TileCol="32767", Time=time)
        assert by_path.status_code == 200, by_path.text
        assert by_path.content == by_name.content
        assert (rgba(by_path.content)[..., 3] > 0).any()


async def test_feature_info_by_parameters_and_by_address(cite: Running):
    # 0.00000268 degrees to a pixel of level 18.
    place = {"TileMatrix": "18", "TileRow": "131073", "TileCol": "262148"}
    point = {"Request": "GetFeatureInfo", "I": "40", "J": "210", "InfoFormat": "application/json"}
    answer = await ask(cite, **place, **point)
    (feature,) = answer.json()["features"]
    assert feature["properties"]["level"] == 500
    west, south = feature["geometry"]["coordinates"]
    assert 0.0010 < west < 0.0031
    assert -0.0018 < south < -0.0006
    template = template_of(layer_of(await capabilities(cite), "Lakes"), "FeatureInfo", "text/plain")
    parts = {"Style": "plain", "TileMatrixSet": "WorldCRS84Quad", "I": "40", "J": "210"}
    text = await cite.get(path_of(template, **parts, **place))
    assert text.headers["content-type"].startswith("text/plain")
    assert "level = 500 m" in text.text


@pytest.mark.parametrize(
    ("changes", "code", "locator"),
    [
        ({"I": "256"}, "PointIJOutOfRange", "I"),
        ({"J": "-1"}, "PointIJOutOfRange", "J"),
        ({"J": "x"}, "InvalidParameterValue", "J"),
        ({"I": None}, "MissingParameterValue", "I"),
        ({"InfoFormat": "none"}, "InvalidParameterValue", "InfoFormat"),
        ({"Layer": "BOGUS"}, "InvalidParameterValue", "Layer"),
    ],
)
async def test_errors_of_feature_info(
    cite: Running, changes: dict[str, str | None], code: str, locator: str
):
    point = {"Request": "GetFeatureInfo", "I": "1", "J": "1", "InfoFormat": "text/plain"}
    answer = await ask(cite, **(point | changes))
    assert exception_code(answer.content) == code
    (error,) = etree.fromstring(answer.content)
    assert error.get("locator") == locator


async def test_tiles_of_neighbours_fit_and_all_grids_show_the_same(cite: Running):
    # The middle of the lake, in every grid that is told: never transparent.
    root = await capabilities(cite)
    links = [
        e.text or ""
        for e in layer_of(root, "Lakes").iterfind(f"{WMTS}TileMatrixSetLink/{WMTS}TileMatrixSet")
    ]
    assert len(links) >= 3
    for name in links:
        (limits,) = [
            link
            for link in layer_of(root, "Lakes").iter(f"{WMTS}TileMatrixSetLink")
            if link.findtext(f"{WMTS}TileMatrixSet") == name
        ]
        (first,) = [
            limit
            for limit in limits.iter(f"{WMTS}TileMatrixLimits")
            if limit.findtext(f"{WMTS}TileMatrix") == "14"
        ]
        row, column = (first.findtext(f"{WMTS}Max{axis}") for axis in ("TileRow", "TileCol"))
        tile = await ask(cite, TileMatrixSet=name, TileMatrix="14", TileRow=row, TileCol=column)
        assert tile.status_code == 200, tile.text
        assert np.any(rgba(tile.content)[..., 3])
