import pytest
from lxml import etree


@pytest.mark.parametrize(
    ("query", "root"),
    [
        ("service=WMS&request=GetCapabilities", "WMS_Capabilities"),
        ("SERVICE=wmts&request=GetCapabilities", "Capabilities"),
        ("service=WMS&request=GetMap", "ServiceExceptionReport"),
        ("request=GetMap", "ServiceExceptionReport"),
        ("request=GetFeatureInfo", "ServiceExceptionReport"),
        ("service=WMTS&request=GetTile", "ExceptionReport"),
    ],
)
async def test_the_service_is_found(client, query, root):
    answer = await client.get(f"/ows?{query}")
    assert etree.QName(etree.fromstring(answer.content)).localname == root


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingParameterValue"),
        ("request=GetCapabilities", "MissingParameterValue"),
        ("service=WFS&request=GetCapabilities", "InvalidParameterValue"),
    ],
)
async def test_no_service(client, schema, query, code):
    answer = await client.get(f"/ows?{query}")
    assert answer.status_code == 400
    root = etree.fromstring(answer.content)
    assert (root[0].get("exceptionCode"), root[0].get("locator")) == (code, "service")
    schema("ows/1.1.0/owsExceptionReport.xsd").assertValid(root)


async def test_too_much_is_refused(client):
    answer = await client.get("/ows?" + "&".join(f"a{k}=1" for k in range(300)))
    assert answer.status_code == 400
    assert b"too many parameters" in answer.content
