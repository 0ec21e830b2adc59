"""Legends, thumbnails, styles that are sent, and descriptors, over real pixels."""

import io
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr
from support.application import running
from support.rasters import ramp

from tileserver.ownstyles import _LOOK_EVERY

ADMIN = {"Authorization": "Bearer a-token"}
TEXT = "{{title: Mine, bands: [b1], ramp: {{stops: [[0, '{0}'], [1, '{0}']]}}}}"


@pytest.fixture
async def served(stock):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    settings = stock.settings.model_copy(update={"admin_token": SecretStr("a-token")})
    async with running(settings) as app:
        yield app


def pixels(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


async def test_a_thumbnail_is_full_of_data(served):
    found = pixels(await served.get("/styles/heights/default/thumbnail.png"))
    assert found.shape == (256, 256, 4)
    assert (found[..., 3] == 255).all()
    first = await served.get("/styles/heights/default/thumbnail.jpg")
    assert first.headers["content-type"] == "image/jpeg"
    again = await served.get(
        "/styles/heights/default/thumbnail.jpg", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert (await served.get("/styles/heights/default/thumbnail.gif")).status_code == 400
    assert (await served.get("/styles/heights/nothing/thumbnail.png")).status_code == 404
    assert (await served.get("/styles/nothing/default/thumbnail.png")).status_code == 404


async def test_a_style_that_is_sent_draws_at_once_and_anew_when_it_changes(served):
    band = (await served.get("/styles/heights/default")).json()["bands"][0]
    place = "/styles/heights/mine/thumbnail.png"
    assert (await served.get(place)).status_code == 404
    for colour in ("#ff0000", "#0000ff"):
        text = TEXT.format(colour).replace("b1", band)
        answer = await served.client.put("/styles/mine", content=text, headers=ADMIN)
        assert answer.status_code in (200, 201), answer.text
        found = pixels(await served.get(place))
        assert tuple(found[128, 128]) == (*bytes.fromhex(colour[1:]), 255)
    assert (await served.client.delete("/styles/mine", headers=ADMIN)).status_code == 204
    assert (await served.get(place)).status_code == 404
    assert _LOOK_EVERY < 1


async def test_every_style_of_a_collection_has_a_legend_and_a_thumbnail(served):
    listed = (await served.get("/styles", params={"collection": "heights"})).json()["styles"]
    assert listed
    for style in listed:
        for name in ("legend.png", "legend.svg", "legend.json", "thumbnail.webp"):
            answer = await served.get(f"/styles/heights/{style['id']}/{name}")
            assert answer.status_code == 200, (style["id"], name, answer.text)


async def test_a_descriptor_draws(served):
    body = """<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld">
      <NamedLayer><Name>heights</Name><UserStyle><FeatureTypeStyle><Rule><RasterSymbolizer>
      <Opacity>{opacity}</Opacity><ColorMap type="intervals">
      <ColorMapEntry quantity="1e9" color="#00ff00"/></ColorMap>
      </RasterSymbolizer></Rule></FeatureTypeStyle></UserStyle></NamedLayer>
      </StyledLayerDescriptor>"""
    info = (await served.get("/api/collections/heights")).json()
    west, south, east, north = info["bbox"]
    query = {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "CRS": "CRS:84",
        "BBOX": f"{west},{south},{east},{north}",
        "WIDTH": "64",
        "HEIGHT": "64",
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    for opacity, alpha in (("1", 255), ("0.5", 128)):
        given = query | {"SLD_BODY": body.format(opacity=opacity)}
        found = pixels(await served.get(f"/wms?{urlencode(given)}"))
        assert tuple(found[32, 32]) == (0, 255, 0, alpha)
