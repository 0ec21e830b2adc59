import random
import warnings
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

import pytest
from lxml import etree
from owslib.map.wms130 import WebMapService_1_3_0

from tileserver.catalogue.base import DateSummary
from tileserver.crs import parse_crs
from tileserver.timeaxis_values import LONGEST_LIST

URL = "/wms?service=WMS&request=GetCapabilities"
NS = {"w": "http://www.opengis.net/wms", "xlink": "http://www.w3.org/1999/xlink"}


async def parsed(client, query: str = "") -> etree._Element:
    return etree.fromstring((await client.get(URL + query)).content)


async def test_the_document_is_valid(client, schema):
    answer = await client.get(URL)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    schema("sld/1.1.0/sld_capabilities.xsd").assertValid(etree.fromstring(answer.content))


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("", "1.3.0"),
        ("&version=1.3.0", "1.3.0"),
        ("&version=1.3", "1.3.0"),
        ("&version=1.4.0", "1.3.0"),
        ("&version=9.9.9", "1.3.0"),
        ("&version=x", "1.3.0"),
        ("&version=1.1.1", "1.1.1"),
        ("&version=1.1.0", "1.1.1"),
        ("&version=1.2.9", "1.1.1"),
        ("&version=1.0.0", "1.1.1"),
        ("&version=0.0.1", "1.1.1"),
        ("&wmtver=1.1.1", "1.1.1"),
        ("&wmtver=1.0.0", "1.1.1"),
        ("&wmtver=1.3.0", "1.3.0"),
        ("&version=1.3.0&wmtver=1.1.1", "1.3.0"),
        ("&wmtver=1.1.1&version=1.3.0", "1.3.0"),
        ("&version=1.1.1&wmtver=1.3.0", "1.1.1"),
        ("&wmtver=1.3.0&version=1.1.1", "1.1.1"),
    ],
)
async def test_negotiation(client, query, version):
    assert (await parsed(client, query)).get("version") == version


async def test_layers_with_bands_can_be_queried(client):
    root = await parsed(client)
    layers = root.findall(".//w:Layer/w:Layer", NS)
    told = {layer.findtext("w:Name", namespaces=NS): layer.get("queryable") for layer in layers}
    assert told["sentinel-2-l2a"] == "1"
    assert told["blue-marble"] == "0"
    assert root.findtext(".//w:GetFeatureInfo/w:Format", namespaces=NS) == "text/plain"


async def test_boxes_are_float_equal_to_the_geographic_ones(client):
    root = await parsed(client)
    layers = root.findall(".//w:Layer", NS)
    assert len(layers) == 6
    for layer in layers:
        box = layer.find("w:EX_GeographicBoundingBox", NS)
        west, east, south, north = (float(child.text) for child in box)
        assert west < east
        assert south < north
        boxes = {b.get("CRS"): b for b in layer.findall("w:BoundingBox", NS)}
        corners = [float(boxes["EPSG:4326"].get(k)) for k in ("minx", "miny", "maxx", "maxy")]
        assert corners == [south, west, north, east]
        corners = [float(boxes["CRS:84"].get(k)) for k in ("minx", "miny", "maxx", "maxy")]
        assert corners == [west, south, east, north]
        listed = {c.text for c in layer.findall("w:CRS", NS)}
        assert set(boxes) <= listed


async def test_every_box_can_be_asked_for_as_it_is(client, pipeline):
    root = await parsed(client)
    layer = root.find(".//w:Layer/w:Layer", NS)
    for box in layer.findall("w:BoundingBox", NS):
        text = ",".join(box.get(k) for k in ("minx", "miny", "maxx", "maxy"))
        answer = await client.get(
            f"/wms?version=1.3.0&request=GetMap&layers={layer.findtext('w:Name', namespaces=NS)}"
            f"&crs={box.get('CRS')}&bbox={text}&width=8&height=5&format=image/png&styles="
        )
        assert answer.status_code == 200
        assert pipeline.asked[-1].geobox.crs == parse_crs(box.get("CRS")).canonical


async def test_time_dimension(client, pipeline):
    root = await parsed(client)
    dimensions = {
        layer.findtext("w:Name", namespaces=NS): layer.find("w:Dimension", NS)
        for layer in root.findall(".//w:Layer/w:Layer", NS)
    }
    local = dimensions["sentinel-2-l2a"]
    assert local.text == "2024-06-01,2024-06-11,2024-06-21"
    assert (local.get("name"), local.get("units")) == ("time", "ISO8601")
    assert local.get("default") == "current"
    assert dimensions["remote"].text == "2024-06-01/2024-06-21/P1D"
    assert dimensions["blue-marble"] is None
    assert len(pipeline.listed) == 1  # only our own catalogue is asked for its days


async def test_regular_time_axes_are_told_as_a_period(client, pipeline):
    days = [date(2020, 1, 1) + timedelta(days=2 * k) for k in range(401)]
    pipeline.days["sentinel-2-l2a"] = [DateSummary(day, None, 1) for day in days]
    root = await parsed(client)
    assert root.findtext(".//w:Dimension", namespaces=NS) == "2020-01-01/2022-03-11/P2D"


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
async def test_a_layer_of_5000_dates_stays_small(client, pipeline, version):
    gaps = [1, 2] * 2500
    random.Random(7).shuffle(gaps)  # noqa: S311 - only scattered
    days = [date(2010, 1, 1) + timedelta(days=d) for d in accumulate(gaps)]
    pipeline.days["sentinel-2-l2a"] = [DateSummary(day, None, 1) for day in days]
    root = await parsed(client, f"&version={version}")
    layer = root.xpath("//*[local-name()='Layer'][*[local-name()='Name']='sentinel-2-l2a']")[0]
    assert len(etree.tostring(layer)) < 64_000
    axis = layer.xpath("*[@multipleValues]")[0].text.split(",")
    assert 100 < len(axis) <= LONGEST_LIST
    assert axis[0].startswith(days[0].isoformat())
    assert days[-1].isoformat() in axis[-1]


async def test_a_tolerance_is_advertised(client, pipeline):
    first = pipeline.collections[0]
    pipeline.collections[0] = replace(first, extra={"time": {"tolerance": "P5D"}})
    number = (await parsed(client)).get("updateSequence")
    assert (await parsed(client)).find(".//w:Dimension", NS).get("nearestValue") == "1"
    pipeline.collections[0] = first
    root = await parsed(client)
    assert root.find(".//w:Dimension", NS).get("nearestValue") == "0"
    assert root.get("updateSequence") != number


async def test_links_are_the_public_address(client, settings, app):
    root = await parsed(client)
    links = {href.partition("?")[0] for href in root.xpath("//@xlink:href", namespaces=NS)}
    assert links == {"http://maps.example/wms"}
    changed = settings.model_copy(update={"public_url": "https://eo.example/maps"})
    app.state.services.settings = changed
    root = await parsed(client)
    links = {href.partition("?")[0] for href in root.xpath("//@xlink:href", namespaces=NS)}
    assert links == {"https://eo.example/maps/wms"}


async def test_through_the_common_endpoint_links_stay_on_it(client):
    answer = await client.get("/ows?service=WMS&request=GetCapabilities")
    assert b'href="http://maps.example/ows?"' in answer.content


async def test_update_sequence(client, pipeline, schema):
    number = int((await parsed(client)).get("updateSequence"))

    async def code(value: str) -> str:
        answer = await client.get(f"{URL}&UPDATESEQUENCE={value}")
        root = etree.fromstring(answer.content)
        return root[0].get("code") if "Exception" in root.tag else root.get("updateSequence")

    assert await code(str(number)) == "CurrentUpdateSequence"
    assert await code(str(number - 1)) == str(number)
    assert await code(str(number + 1)) == "InvalidUpdateSequence"
    assert await code("x") == "InvalidUpdateSequence"
    pipeline.collections.pop()
    assert int(await code(str(number))) > number


async def test_etag(client):
    first = await client.get(URL)
    again = await client.get(URL, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert (await client.head(URL)).headers["etag"] == first.headers["etag"]


async def test_owslib_reads_it(client):
    answer = await client.get(URL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service = WebMapService_1_3_0("http://maps.example/wms", xml=answer.content)
    assert service.identification.title == "Test & service"
    assert service.provider.contact.organization == "Us"
    layer = service["sentinel-2-l2a"]
    assert layer.boundingBoxWGS84 == (10.1, 50.3, 11.7000000001, 51.9)
    assert layer.timepositions == ["2024-06-01", "2024-06-11", "2024-06-21"]
    assert list(layer.styles) == ["true-color", "ndvi"]
    assert "EPSG:3857" in layer.crsOptions
    assert service.getOperationByName("GetMap").formatOptions[0] == "image/png"


async def test_an_empty_catalogue_is_valid_too(client, pipeline, schema):
    pipeline.collections.clear()
    schema("sld/1.1.0/sld_capabilities.xsd").assertValid(await parsed(client))
