import io
from urllib.parse import urlencode

import pytest
from lxml import etree
from PIL import Image
from support.sldschemas import faults

from renderers.stores import StorePolicy, StoreRegistry
from styles.model import RampColour, Style
from tileserver.adhoc.allowed import AllowedAddresses
from tileserver.descriptors import SldDocuments
from tileserver.settings import SettingsError

MAP = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetMap",
    "STYLES": "",
    "CRS": "EPSG:4326",
    "BBOX": "50.5,10.5,51.5,11.25",
    "WIDTH": "300",
    "HEIGHT": "400",
    "FORMAT": "image/png",
}
RAMP = """<ColorMap><ColorMapEntry color="#000000" quantity="0"/>
    <ColorMapEntry color="#ff0000" quantity="{high}"/></ColorMap>"""


def user_style(name: str, high: int = 10, default: bool = False) -> str:
    return f"""<UserStyle><Name>{name}</Name><IsDefault>{int(default)}</IsDefault>
    <FeatureTypeStyle><Rule><RasterSymbolizer>{RAMP.format(high=high)}</RasterSymbolizer></Rule>
    </FeatureTypeStyle></UserStyle>"""


def sld(*layers: tuple[str, str]) -> str:
    inside = "".join(f"<NamedLayer><Name>{n}</Name>{body}</NamedLayer>" for n, body in layers)
    return (
        '<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld">'
        f"{inside}</StyledLayerDescriptor>"
    )


def url(body: str | None = None, **changes: str) -> str:
    given = MAP | ({} if body is None else {"SLD_BODY": body}) | changes
    return f"/wms?{urlencode(given)}"


def told(answer) -> tuple[str | None, str]:
    root = etree.fromstring(answer.content)
    assert root.tag == "{http://www.opengis.net/ogc}ServiceExceptionReport"
    return root[0].get("code"), root[0].text


def shown(pipeline) -> list[tuple[str, object]]:
    """Layers of the last picture with their styles, those of a document by their high end."""
    return [
        (
            layer.collection,
            layer.style.colour.high if isinstance(layer.style, Style) else layer.style,
        )
        for layer in pipeline.asked[-1].layers
    ]


TWO = sld(
    ("blue-marble", user_style("a", 10) + user_style("b", 20, default=True)),
    ("sentinel-2-l2a", "<NamedStyle><Name>ndvi</Name></NamedStyle>"),
    ("point", ""),
)


async def test_alone_a_document_says_all_that_is_drawn(client, pipeline):
    answer = await client.get(url(TWO))
    assert answer.status_code == 200
    assert shown(pipeline) == [
        ("blue-marble", 10),
        ("blue-marble", 20),
        ("sentinel-2-l2a", "ndvi"),
        ("point", ""),
    ]


@pytest.mark.parametrize(
    ("layers", "styles", "expected"),
    [
        ("blue-marble", "", [("blue-marble", 20)]),
        ("blue-marble", "a", [("blue-marble", 10)]),
        ("blue-marble", "natural", [("blue-marble", "natural")]),
        ("point,blue-marble", "natural,b", [("point", "natural"), ("blue-marble", 20)]),
        ("fiji,sentinel-2-l2a", "", [("fiji", ""), ("sentinel-2-l2a", "ndvi")]),
    ],
)
async def test_with_layers_a_document_is_a_library(client, pipeline, layers, styles, expected):
    answer = await client.get(url(TWO, LAYERS=layers, STYLES=styles))
    assert answer.status_code == 200, answer.text
    assert shown(pipeline) == expected


async def test_a_layer_without_a_name_is_any(client, pipeline):
    body = TWO.replace("NamedLayer", "UserLayer").replace("<Name>blue-marble</Name>", "", 1)
    assert (await client.get(url(body, LAYERS="fiji"))).status_code == 200
    assert shown(pipeline) == [("fiji", 20)]
    _, words = told(await client.get(url(body)))
    assert "LAYERS must say" in words


async def test_legends_are_of_the_document_s_style(client):
    query = {"REQUEST": "GetLegendGraphic", "LAYER": "blue-marble", "FORMAT": "application/json"}
    for style, high in (("", 20), ("a", 10)):
        answer = await client.get(url(TWO, **query, STYLE=style))
        assert answer.json()["range"] == [0, high]
    picture = await client.get(url(TWO, **query | {"FORMAT": "image/png"}))
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"


async def test_what_is_not_supported_is_told_by_name(client):
    body = TWO.replace("<ColorMap>", "<ShadedRelief/><ColorMap>", 1)
    code, words = told(await client.get(url(body)))
    assert code == "InvalidParameterValue"
    assert words.startswith("SLD_BODY: line ")
    assert words.endswith("ShadedRelief is not supported")
    assert told(await client.get(url(TWO, LAYERS="fiji", EXPRESSION="b1")))[0] is not None
    assert (
        told(await client.get(url(TWO.replace("blue-marble", "nothing"))))[0] == "LayerNotDefined"
    )
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]>' + TWO
    assert "DTD" in told(await client.get(url(bomb)))[1]


async def test_a_form_may_be_posted(client, pipeline):
    answer = await client.post("/wms", data=MAP | {"SLD_BODY": TWO, "LAYERS": "blue-marble"})
    assert answer.status_code == 200
    assert shown(pipeline) == [("blue-marble", 20)]
    long = TWO + "<!--" + "x" * 100_000 + "-->"
    assert (await client.post("/wms", data=MAP | {"SLD_BODY": long})).status_code == 200


GET_MAP = """<?xml version="1.0"?>
<GetMap version="1.3.0" xmlns="http://www.opengis.net/sld" xmlns:ows="http://www.opengis.net/ows"
    xmlns:wms="http://www.opengis.net/wms" xmlns:se="http://www.opengis.net/se">
  <StyledLayerDescriptor version="1.1.0"><NamedLayer><se:Name>blue-marble</se:Name>
    <UserStyle><se:CoverageStyle><se:Rule><se:RasterSymbolizer><se:ColorMap>
      <se:Interpolate fallbackValue="#000000" method="color">
        <se:LookupValue>Rasterdata</se:LookupValue>
        <se:InterpolationPoint><se:Data>0</se:Data><se:Value>#000000</se:Value>
        </se:InterpolationPoint>
        <se:InterpolationPoint><se:Data>7</se:Data><se:Value>#ff0000</se:Value>
        </se:InterpolationPoint></se:Interpolate>
    </se:ColorMap></se:RasterSymbolizer></se:Rule></se:CoverageStyle></UserStyle>
  </NamedLayer></StyledLayerDescriptor>
  <CRS>EPSG:4326</CRS>
  <BoundingBox crs="EPSG:4326"><ows:LowerCorner>50.5 10.5</ows:LowerCorner>
    <ows:UpperCorner>51.5 11.25</ows:UpperCorner></BoundingBox>
  <Output><Size><Width>300</Width><Height>400</Height></Size><wms:Format>image/png</wms:Format>
    <Transparent>1</Transparent></Output>
  <Exceptions>XML</Exceptions>
</GetMap>"""


async def test_elevation_of_a_document(client, pipeline):
    for inside, expected in (
        ("<Value>1</Value><Value>2</Value>", "1,2"),
        ("<Interval><Min>0</Min><Max>5</Max></Interval>", "0/5"),
    ):
        text = GET_MAP.replace("</GetMap>", f"<Elevation>{inside}</Elevation></GetMap>")
        assert faults("sld/1.1.0/GetMap.xsd", text) == []
        assert (await post(client, text)).status_code == 200
        assert pipeline.asked[-1].dimensions == (("elevation", expected),)


async def post(client, text: str):
    return await client.post("/wms", content=text.encode(), headers={"content-type": "text/xml"})


def test_the_document_is_one():
    assert faults("sld/1.1.0/GetMap.xsd", GET_MAP) == []
    assert faults("sld/1.1.0/GetMap.xsd", GET_MAP.replace("<CRS>EPSG:4326</CRS>", "")) != []


async def test_get_map_may_be_an_xml_document(client, pipeline):
    assert (await post(client, GET_MAP)).status_code == 200
    (asked,) = pipeline.asked
    assert asked.geobox.bounds == (10.5, 50.5, 11.25, 51.5)
    assert (asked.geobox.width, asked.geobox.height, asked.transparent) == (300, 400, True)
    assert shown(pipeline) == [("blue-marble", 7)]
    assert isinstance(asked.layers[0].style.colour, RampColour)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<GetMap/>", "LAYERS is missing"),
        ("<GetFeature/>", "a GetMap is expected"),
        ("<GetMap><Depth/></GetMap>", "Depth of GetMap is not supported"),
        ("<GetMap><Output><Buffer/></Output></GetMap>", "Buffer of GetMap is not supported"),
        ("<GetMap", "not XML"),
        ("<!DOCTYPE GetMap><GetMap/>", "DTD"),
        (GET_MAP.replace("50.5 10.5", "50.5"), "BBOX"),
        (GET_MAP.replace("1.3.0", "9.9.9", 1), "does not speak"),
    ],
)
async def test_documents_that_are_no_get_map_are_refused(client, text, words):
    answer = await post(client, text)
    assert answer.status_code == 400
    assert words in told(answer)[1]


async def test_other_bodies_are_refused(client):
    answer = await client.post("/wms", content=b"{}")
    assert "REQUEST is missing" in told(answer)[1]
    large = await client.post("/wms", data=MAP | {"SLD_BODY": "x" * 300_000})
    assert (large.status_code, "bytes" in told(large)[1]) == (400, True)


async def test_bodies_may_be_sent_to_the_common_endpoint(client, pipeline):
    answer = await client.post("/ows", content=GET_MAP.encode())
    assert answer.status_code == 200, answer.text
    long = TWO + "<!--" + "x" * 100_000 + "-->"
    assert (await client.post("/ows", data=MAP | {"SLD_BODY": long})).status_code == 200
    assert shown(pipeline)[0] == ("blue-marble", 10)


async def test_addresses_are_off_by_default(client, app):
    stores = StoreRegistry([], StorePolicy())
    nothing = AllowedAddresses([], stores, setting="sld_urls", parameter="SLD")
    app.state.services.documents = SldDocuments(stores, nothing)
    answer = await client.get(url(SLD="http://169.254.169.254/latest", LAYERS="fiji"))
    assert (answer.status_code, told(answer)[0]) == (403, "NotAuthorised")


@pytest.fixture
def documents(app, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "closed.sld").write_text(TWO)
    stores = StoreRegistry([], StorePolicy(file_roots=(tmp_path,)))
    folder = (tmp_path / "open").as_uri()
    allowed = AllowedAddresses([folder], stores, setting="sld_urls", parameter="SLD")
    app.state.services.documents = SldDocuments(stores, allowed)
    return tmp_path


async def test_addresses_of_the_settings_are_read(client, pipeline, documents):
    place = documents / "open" / "two.sld"
    place.write_text(TWO)
    answer = await client.get(url(SLD=place.as_uri(), LAYERS="blue-marble"))
    assert answer.status_code == 200, answer.text
    assert shown(pipeline) == [("blue-marble", 20)]
    both = await client.get(url(TWO, SLD=place.as_uri()))
    assert "two ways" in told(both)[1]
    for elsewhere in ("closed.sld", "open/../closed.sld"):
        refused = await client.get(url(SLD=f"{documents.as_uri()}/{elsewhere}", LAYERS="fiji"))
        assert refused.status_code == 403
        assert str(documents) not in refused.text


async def test_documents_at_an_address_are_bounded(client, documents):
    large, odd = documents / "open" / "large.sld", documents / "open" / "odd.sld"
    large.write_bytes(b"<a>" + b" " * 300_000 + b"</a>")
    odd.write_bytes(b"\xff\xfe\x00")
    for place, words in ((large, "too large"), (odd, "not UTF-8")):
        answer = await client.get(url(SLD=place.as_uri(), LAYERS="fiji"))
        assert (answer.status_code, words in answer.text) == (400, True)


def test_wrong_settings_are_told_by_their_name():
    with pytest.raises(SettingsError, match=r"^sld_urls: "):
        AllowedAddresses(["http://nowhere.example/"], StoreRegistry([], StorePolicy()),
                         setting="sld_urls", parameter="SLD")  # fmt: skip
