"""Footprints and far zooms of the demo, as clients see them."""

import httpx
import numpy as np
import pytest
import shapely
from support.demo import Server
from support.pictures import pixels

from renderers.crs import WGS84, transform_points
from tileserver.footprints import STYLE
from tileserver.grids import grid

LAYER = "sentinel-2-l2a"


@pytest.fixture
def listed(demo_server: Server):
    answer = httpx.get(f"{demo_server.url}/api/collections/{LAYER}/footprints", timeout=60)
    assert answer.status_code == 200
    return answer.json()["features"]


def test_footprints_hold_the_colours_of_their_images(demo_server: Server, listed):
    """Of one day: outlines lie around where the picture has pixels, in the colour of its clouds."""
    day = listed[0]["properties"]["datetime"][:10]
    ((feature,),) = [[f for f in listed if f["properties"]["datetime"].startswith(day)]]
    shape = shapely.geometry.shape(feature["geometry"])
    web = grid("WebMercatorQuad")
    zoom = 8
    lon, lat = shape.centroid.coords[0]
    x, y = transform_points(WGS84, "EPSG:3857", np.array([lon]), np.array([lat]))
    side = 2 * 20037508.342789244 / 2**zoom
    column, row = int((x[0] + 20037508.34) // side), int((20037508.34 - y[0]) // side)
    path = f"WebMercatorQuad/{zoom}/{column}/{row}.png?time={day}"
    picture, outline = (
        pixels(httpx.get(f"{demo_server.url}/tiles/{LAYER}/{s}/{path}", timeout=120).content)
        for s in ("true-color", "footprints")
    )
    cloud = feature["properties"]["cloud_cover"]
    expected = next(
        c.colour[:3]
        for c, most in zip(STYLE.colour.classes, (10, 30, 60, 101), strict=False)
        if cloud < most
    )
    drawn = outline[..., 3] > 0
    assert drawn.any()
    assert {tuple(c) for c in outline[drawn][:, :3].tolist()} == {expected}
    box = web.geobox(web.matrix(str(zoom)), column, row)
    rows, columns = np.mgrid[:256, :256]
    t = box.transform
    lon, lat = transform_points(
        "EPSG:3857",
        WGS84,
        (t.c + t.a * (columns.ravel() + 0.5)).astype(float),
        (t.f + t.e * (rows.ravel() + 0.5)).astype(float),
    )
    # Two pixels, a line and its smooth edge.
    near = shape.buffer(2.5 * 360 / 2**zoom / 256)
    inside = shapely.contains_xy(near, lon, lat).reshape(256, 256)
    assert not (drawn & ~inside).any()
    assert not ((picture[..., 3] > 0) & ~inside).any(), "no image lies outside of its footprint"


def test_a_world_view_says_what_it_lacks_and_later_lacks_less(demo_server: Server):
    url = f"{demo_server.url}/tiles/{LAYER}/true-color/WebMercatorQuad/0/0/0.png"
    answer = httpx.get(url, timeout=120)
    assert answer.status_code == 200
    lacking = answer.headers.get("x-tileserver-incomplete", "")
    assert ("pending" in lacking) == ("etag" not in answer.headers)
    assert (pixels(answer.content)[..., 3] > 0).any()


def test_legends_and_capabilities_know_the_style(demo_server: Server):
    legend = httpx.get(f"{demo_server.url}/styles/{LAYER}/footprints/legend.png", timeout=60)
    assert legend.status_code == 200
    colours = {tuple(c) for c in pixels(legend.content).reshape(-1, 4)[:, :3].tolist()}
    assert {c.colour[:3] for c in STYLE.colour.classes} <= colours
    for path in ("/wms?SERVICE=WMS&REQUEST=GetCapabilities", "/wmts/1.0.0/WMTSCapabilities.xml"):
        text = httpx.get(demo_server.url + path, timeout=60).text
        assert ">footprints<" in text
