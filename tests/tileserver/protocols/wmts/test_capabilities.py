import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

import pytest
from lxml import etree
from owslib.wmts import WebMapTileService

from tileserver.catalogue.base import DateSummary

URL = "/wmts?service=WMTS&request=GetCapabilities"
REST = "/wmts/1.0.0/WMTSCapabilities.xml"
NS = {
    "w": "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}


async def parsed(client, query: str = "") -> etree._Element:
    return etree.fromstring((await client.get(URL + query)).content)


async def test_the_document_is_valid(client, schema):
    answer = await client.get(URL)
    assert "/xml" in answer.headers["content-type"]
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(
        etree.fromstring(answer.content)
    )


async def test_it_is_the_same_bytes_however_asked(client):
    first = await client.get(URL)
    for query in (
        "/wmts?REQUEST=GetCapabilities&SERVICE=WMTS&VERSION=1.0.0",
        "/wmts?rEqUeSt=getcapabilities&acceptversions=2.0.0,1.0.0&service=wmts&sections=All",
        "/ows?service=WMTS&request=GetCapabilities",
        REST,
    ):
        answer = await client.get(query)
        assert answer.content == first.content
        assert answer.headers["etag"] == first.headers["etag"]
    again = await client.get(REST, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


async def test_sections(client, schema):
    root = await parsed(client, "&sections=Contents,serviceprovider")
    names = [etree.QName(child).localname for child in root]
    assert names == ["ServiceProvider", "Contents", "ServiceMetadataURL"]
    for query, locator in (("&sections=", "sections"), ("&sections=Bogus", "sections")):
        report = await parsed(client, query)
        assert report[0].get("locator") == locator


async def test_version_negotiation(client):
    report = await parsed(client, "&acceptversions=9.9.9")
    assert report[0].get("exceptionCode") == "VersionNegotiationFailed"
    assert report[0].get("locator") is None


async def test_update_sequence(client, schema):
    number = int((await parsed(client)).get("updateSequence"))
    current = await parsed(client, f"&updatesequence={number}")
    assert len(current) == 0
    assert current.get("updateSequence") == str(number)
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(current)
    assert len(await parsed(client, f"&updatesequence={number - 1}")) > 0
    report = await parsed(client, f"&updatesequence={number + 1}")
    assert report[0].get("exceptionCode") == "InvalidUpdateSequence"
    assert report[0].get("locator") is None


async def test_corners_are_in_the_definition_s_axis_order(client):
    corners = {
        tms.findtext("ows:Identifier", namespaces=NS): (
            tms.findtext("ows:SupportedCRS", namespaces=NS),
            tms.findtext("w:TileMatrix/w:TopLeftCorner", namespaces=NS),
        )
        for tms in (await parsed(client)).findall("w:Contents/w:TileMatrixSet", NS)
    }
    assert corners == {
        "WebMercatorQuad": (
            "urn:ogc:def:crs:EPSG::3857",
            "-20037508.342789244 20037508.342789244",
        ),
        "WorldCRS84Quad": ("urn:ogc:def:crs:OGC:1.3:CRS84", "-180.0 90.0"),
        "GlobalGeodetic": ("urn:ogc:def:crs:EPSG::4326", "90.0 -180.0"),
    }


async def test_layers(client):
    layers = {
        layer.findtext("ows:Identifier", namespaces=NS): layer
        for layer in (await parsed(client)).findall("w:Contents/w:Layer", NS)
    }
    for layer in layers.values():
        styles = layer.findall("w:Style", NS)
        assert [s.get("isDefault") for s in styles] == ["true", *[None] * (len(styles) - 1)]
        assert len(layer.findall("w:TileMatrixSetLink", NS)) == 3
    fiji = layers["fiji"].find("ows:WGS84BoundingBox", NS)
    assert [child.text for child in fiji] == ["-180.0 -20.0", "180.0 -12.0"]
    time = layers["sentinel-2-l2a"].find("w:Dimension", NS)
    assert time.findtext("ows:Identifier", namespaces=NS) == "Time"
    values = [value.text for value in time.findall("w:Value", NS)]
    assert values == ["current", "2024-06-01", "2024-06-11", "2024-06-21"]
    assert time.findtext("w:Default", namespaces=NS) in values
    assert layers["fiji"].find("w:Dimension", NS) is None


async def test_a_default_with_an_order_of_its_own_has_a_name(client, pipeline, schema):
    first = pipeline.collections[0]
    pipeline.collections[0] = replace(first, extra={"time": {"default": "least-cloudy/P30D"}})
    root = await parsed(client)
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(root)
    time = root.find("w:Contents/w:Layer/w:Dimension", NS)
    assert time.findtext("w:Default", namespaces=NS) == "default"
    values = [value.text for value in time.findall("w:Value", NS)]
    assert values[:2] == ["default", "current"]


@pytest.mark.parametrize("irregular", [False, True])
async def test_a_layer_of_5000_dates_stays_small(client, pipeline, schema, irregular):
    gaps = [1, 2] * 2500 if irregular else [3] * 5000
    random.Random(7).shuffle(gaps)  # noqa: S311 - only scattered
    days = [date(2010, 1, 1) + timedelta(days=d) for d in accumulate(gaps)]
    pipeline.days["sentinel-2-l2a"] = [DateSummary(day, None, 1) for day in days]
    root = await parsed(client)
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(root)
    layer = root.find("w:Contents/w:Layer", NS)
    assert layer.findtext("ows:Identifier", namespaces=NS) == "sentinel-2-l2a"
    assert len(etree.tostring(layer)) < 64_000
    values = [value.text for value in layer.findall("w:Dimension/w:Value", NS)]
    assert values[-1].endswith("P3D") != irregular
    assert days[-1].isoformat() in values[-1]


async def test_every_template_works_at_every_limit(client):
    """Fill each layer's templates with the corners of its limits: all must be tiles."""
    root = await parsed(client)
    for layer in root.findall("w:Contents/w:Layer", NS):
        style = layer.findtext("w:Style/ows:Identifier", namespaces=NS)
        template = layer.find("w:ResourceURL", NS).get("template")
        time = layer.findtext("w:Dimension/w:Value[last()]", namespaces=NS)
        assert ("{Time}" in template) == (time is not None)
        for link in layer.findall("w:TileMatrixSetLink", NS):
            tms = link.findtext("w:TileMatrixSet", namespaces=NS)
            limits = link.findall("w:TileMatrixSetLimits/w:TileMatrixLimits", NS)
            assert limits
            for limit in limits[::6]:
                matrix, _, row, _, column = (child.text for child in limit)
                filled = (
                    template.replace("{Style}", style)
                    .replace("{Time}", (time or "").split("/")[0])
                    .replace("{TileMatrixSet}", tms)
                    .replace("{TileMatrix}", matrix)
                    .replace("{TileRow}", row)
                    .replace("{TileCol}", column)
                )
                answer = await client.get(filled)
                assert answer.status_code == 200, filled
                assert "immutable" in answer.headers["cache-control"]


@pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning")  # OWSLib's own
async def test_owslib_reads_it(client):
    answer = await client.get(URL)
    service = WebMapTileService("http://maps.example/wmts", xml=answer.content)
    assert service.identification.type == "OGC WMTS"
    layer = service["sentinel-2-l2a"]
    assert layer.boundingBoxWGS84 == (10.1, 50.3, 11.7000000001, 51.9)
    assert set(layer.tilematrixsetlinks) == {"WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic"}
    assert layer.styles["true-color"]["isDefault"]
    assert service.tilematrixsets["WebMercatorQuad"].tilematrix["3"].matrixwidth == 8
    assert service.getOperationByName("GetTile")


@pytest.mark.parametrize("empty", [True, False])
async def test_without_layers_or_dates(client, pipeline, schema, empty):
    if empty:
        pipeline.collections.clear()
    pipeline.days.clear()
    schema("wmts/1.0/wmtsGetCapabilities_response.xsd").assertValid(await parsed(client))
