import io

import numpy as np
import pytest
from lxml import etree
from PIL import Image
from pydantic import SecretStr


async def test_styles_are_listed(client):
    body = (await client.get("/styles")).json()
    ndvi = next(style for style in body["styles"] if style["id"] == "ndvi")
    assert ndvi["kind"] == "ramp"
    assert ndvi["formula"] == "(nir - red) / (nir + red)"
    assert sorted(ndvi["bands"]) == ["nir", "red"]
    assert len(body["styles"]) >= 20


async def test_styles_of_a_collection_are_listed(client):
    body = (await client.get("/styles", params={"collection": "sentinel-2-l2a"})).json()
    assert [style["id"] for style in body["styles"]] == ["true-color", "ndvi"]
    unknown = await client.get("/styles", params={"collection": "nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UnknownCollection")


async def test_a_style_tells_its_legend_and_how_large_it_is(client):
    body = (await client.get("/styles/ndvi")).json()
    assert body["legend"]["range"] == [-0.2, 1.0]
    assert body["legend_url"] == "http://maps.example/styles/ndvi/legend.png"
    for orientation, size in body["legend_size"].items():
        answer = await client.get(body["legend_url"], params={"orientation": orientation})
        assert Image.open(io.BytesIO(answer.content)).size == tuple(size)


async def test_a_style_of_a_collection(client):
    body = (await client.get("/styles/sentinel-2-l2a/default")).json()
    assert body["id"] == "true-color"
    assert body["legend_url"].endswith("/styles/sentinel-2-l2a/true-color/legend.png")


@pytest.mark.parametrize("place", ["scl", "sentinel-2-l2a/ndvi"])
async def test_legends_come_in_every_format(client, place):
    once = await client.get(f"/styles/{place}/legend.png")
    assert once.headers["content-type"] == "image/png"
    twice = await client.get(f"/styles/{place}/legend@2x.png")
    sizes = [Image.open(io.BytesIO(a.content)).size for a in (once, twice)]
    assert sizes[1] == (2 * sizes[0][0], 2 * sizes[0][1])
    drawing = await client.get(f"/styles/{place}/legend.svg")
    assert drawing.headers["content-type"] == "image/svg+xml"
    root = etree.fromstring(drawing.content)
    assert (int(root.get("width")), int(root.get("height"))) == sizes[0]
    told = await client.get(f"/styles/{place}/legend.json")
    assert told.json()["kind"] in {"classes", "ramp"}


async def test_a_legend_looks_as_it_is_asked(client):
    async def pixels(**query):
        answer = await client.get("/styles/ndvi/legend.png", params=query)
        return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))

    light, dark = await pixels(), await pixels(theme="dark")
    assert light[0, 0, 0] == 255
    assert dark[0, 0, 0] < 40
    assert (await pixels(transparent="true"))[0, 0, 3] == 0
    assert (await pixels(width="300", height="350")).shape[:2] == (350, 300)
    assert (await pixels(title="false")).shape[0] < light.shape[0]


async def test_a_formula_has_a_legend(client):
    query = {"expression": "b1 * 2", "rescale": "0,10"}
    answer = await client.get("/styles/sentinel-2-l2a/ndvi/legend.json", params=query)
    assert answer.json()["range"] == [0.0, 10.0]
    assert answer.json()["title"] == "b1 * 2"


async def test_a_legend_is_not_sent_twice(client):
    first = await client.get("/styles/ndvi/legend.png")
    again = await client.get(
        "/styles/ndvi/legend.png", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/styles/nothing", 404, "UnknownStyle"),
        ("/styles/nothing/legend.png", 404, "UnknownStyle"),
        ("/styles/sentinel-2-l2a/nothing/legend.png", 404, "UnknownStyle"),
        ("/styles/nothing/ndvi/legend.png", 404, "UnknownCollection"),
        ("/styles/ndvi/legend.gif", 400, "InvalidFormat"),
        ("/styles/ndvi/legend@9x.png", 400, "InvalidParameter"),
        ("/styles/ndvi/legend.png?theme=red", 400, "InvalidParameter"),
        ("/styles/ndvi/legend.png?width=5000", 400, "InvalidParameter"),
        ("/styles/ndvi/legend.png?height=-1", 400, "InvalidParameter"),
    ],
)
async def test_what_is_asked_wrongly_is_told(client, path, status, code):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


TEXT = """
title: Mine
expression: nir - red
ramp: {range: [0, 1], map: viridis}
"""


@pytest.fixture
def admin(app, settings):
    token = SecretStr("a-token")
    app.state.services.settings = settings.model_copy(update={"admin_token": token})
    return {"Authorization": "Bearer a-token"}


async def test_a_style_is_sent_and_withdrawn(client, app, admin):
    answer = await client.put("/styles/mine", content=TEXT, headers=admin)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["id"], body["title"], body["version"]) == ("mine", "Mine", 1)
    assert body["definition"]["expression"] == "nir - red"
    assert "mine" in app.state.services.own_styles.registry()
    as_json = {"title": "Mine again", "bands": ["red"], "ramp": {"range": [0, 1], "map": "magma"}}
    answer = await client.put("/styles/mine", json=as_json, headers=admin)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert (await client.delete("/styles/mine", headers=admin)).status_code == 204
    assert "mine" not in app.state.services.own_styles.registry()
    again = await client.delete("/styles/mine", headers=admin)
    assert (again.status_code, again.json()["code"]) == (404, "UnknownStyle")


async def test_a_wrong_style_is_told_with_line_and_key(client, admin):
    text = TEXT.replace("viridis", "nothing")
    answer = await client.put("/styles/mine", content=text, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidStyle")
    assert answer.json()["detail"].startswith("the body, line 4: ramp.map: ")
    for body in (b"\xff", b"a" * 100_000):
        refused = await client.put("/styles/mine", content=body, headers=admin)
        assert refused.status_code == 400
    shipped = await client.put("/styles/ndvi", content=TEXT, headers=admin)
    assert (shipped.status_code, shipped.json()["code"]) == (400, "InvalidParameter")


async def test_sending_wants_the_token(client, app, admin):
    for headers in ({}, {"Authorization": "Bearer other"}):
        for answer in (
            await client.put("/styles/mine", content=TEXT, headers=headers),
            await client.delete("/styles/mine", headers=headers),
        ):
            assert answer.status_code == 401
    assert "mine" not in app.state.services.own_styles.registry()


async def test_without_a_token_sending_is_off(client):
    answer = await client.put("/styles/mine", content=TEXT, headers={"Authorization": "Bearer a"})
    assert (answer.status_code, answer.json()["code"]) == (403, "NotAuthorised")
