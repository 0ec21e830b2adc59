import pytest
from lxml import etree

from styles.sld.document import read_sld

URL = "/wms?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetStyles"


async def test_styles_of_layers_are_a_document(client):
    answer = await client.get(f"{URL}&LAYERS=sentinel-2-l2a,fiji")
    assert answer.headers["content-type"] == "application/vnd.ogc.sld+xml"
    first, second = read_sld(answer.content)
    assert (first.name, [s.name for s in first.styles]) == (
        "sentinel-2-l2a",
        ["true-color", "ndvi"],
    )
    assert (second.name, second.style().name) == ("fiji", "natural")


async def test_styles_may_be_named(client):
    answer = await client.get(f"{URL}&LAYERS=sentinel-2-l2a&STYLES=ndvi&SLDVER=1.0.0")
    assert [style.name for style in read_sld(answer.content)[0].styles] == ["ndvi"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingParameterValue"),
        ("&LAYERS=nothing", "LayerNotDefined"),
        ("&LAYERS=fiji&STYLES=nothing", "StyleNotDefined"),
        ("&LAYERS=fiji&SLDVER=1.1.0", "InvalidParameterValue"),
        ("&LAYERS=fiji,point&STYLES=natural", "InvalidParameterValue"),
        ("&LAYERS=" + ",".join(["fiji"] * 20), "InvalidParameterValue"),
    ],
)
async def test_what_is_asked_wrongly_is_told(client, query, code):
    answer = await client.get(URL + query)
    assert answer.status_code == 400
    assert etree.fromstring(answer.content)[0].get("code") == code


async def test_the_operation_is_advertised_where_it_belongs(client):
    for version, expected in (("1.1.1", 1), ("1.3.0", 0)):
        answer = await client.get(f"/wms?SERVICE=WMS&VERSION={version}&REQUEST=GetCapabilities")
        assert answer.content.count(b"<GetStyles>") == expected
