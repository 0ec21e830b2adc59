import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from renderers.geobox import GeoBox
from tileserver.area import boxes, from_bbox, of_geobox


def contains(area, lon, lat):
    lon = (lon + 180.0) % 360.0 - 180.0
    return any(
        w - 1e-9 <= x <= e + 1e-9 and s - 1e-9 <= lat <= n + 1e-9
        for w, s, e, n in area.boxes
        for x in (lon, lon + 360.0)
    )


def test_a_box_across_180_degrees_becomes_two():
    assert boxes(170, -10, 190, 10).boxes == ((170, -10, 180, 10), (-180, -10, -170, 10))
    assert from_bbox((170, -10, -170, 10)) == boxes(170, -10, 190, 10)


def test_a_box_around_the_earth_is_one():
    assert boxes(-200, -90, 200, 90).boxes == ((-180.0, -90.0, 180.0, 90.0),)


def test_the_world_tile_is_the_world():
    edge = 20037508.342789244
    area = of_geobox(GeoBox.from_bounds((-edge, -edge, edge, edge), 256, 256, "EPSG:3857"))
    assert area.boxes == ((-180.0, pytest.approx(-85.0511287), 180.0, pytest.approx(85.0511287)),)


@pytest.mark.parametrize("edge", [4.6e9, 9.9e11])
def test_mercator_boxes_far_beyond_the_world_are_the_world(edge):
    area = of_geobox(GeoBox.from_bounds((-edge, -edge, edge, edge), 64, 64, "EPSG:3857"))
    assert area.boxes == ((-180.0, -90.0, 180.0, 90.0),)
    beyond = of_geobox(GeoBox.from_bounds((0.0, edge / 2, edge, edge), 64, 64, "EPSG:3857"))
    assert all(south == 90.0 for _, south, _, _ in beyond.boxes)


@pytest.mark.parametrize(("crs", "pole"), [("EPSG:3413", 90.0), ("EPSG:3031", -90.0)])
def test_a_grid_with_a_pole_inside_goes_all_around(crs, pole):
    area = of_geobox(GeoBox.from_bounds((-3e6, -3e6, 3e6, 3e6), 512, 512, crs))
    ((west, south, east, north),) = area.boxes
    assert (west, east) == (-180.0, 180.0)
    assert pole in (south, north)


@settings(max_examples=150, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:3857", "EPSG:4326", "EPSG:3035", "EPSG:32601", "EPSG:3413"]),
    lon=st.floats(-180, 180),
    lat=st.floats(-80, 84),
    size=st.floats(100, 300_000),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_every_point_of_a_grid_lies_in_its_area(crs, lon, lat, size, where):
    if crs == "EPSG:32601":
        lon = -177.0 + lon / 60.0  # near the zone, whose west edge is the antimeridian
    elif crs == "EPSG:3035":
        lon, lat = 10.0 + lon / 12.0, 52.0 + lat / 8.0
    elif crs == "EPSG:3413":
        lat = 60.0 + abs(lat) / 4.0
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    step = size / 111_000 if crs == "EPSG:4326" else size
    bounds = (x - step / 2, y - step / 2, x + step / 2, y + step / 2)
    box = GeoBox.from_bounds(bounds, 64, 64, crs)
    px = bounds[0] + where[0] * (bounds[2] - bounds[0])
    py = bounds[1] + where[1] * (bounds[3] - bounds[1])
    p_lon, p_lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(px, py)
    if np.isfinite([p_lon, p_lat]).all() and abs(p_lat) <= 90:
        assert contains(of_geobox(box), p_lon, p_lat)
