"""Footprints across 180 degrees and around poles."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from renderers.errors import SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.sourcegrid import outline
from tileserver.catalogue.footprint import (
    bbox_of,
    boxes_of,
    envelope,
    geojson_footprint,
    grid_footprint,
    ring_footprint,
    split,
    straight_in,
)


@given(
    west=st.floats(-180, 179.9),
    width=st.floats(0.01, 179),
    south=st.floats(-89, 80),
    height=st.floats(0.01, 9),
)
def test_a_box_anywhere_keeps_its_area_and_comes_back_as_its_envelope(west, width, south, height):
    lon = np.array([west, west + width, west + width, west, west])
    lon = (lon + 180.0) % 360.0 - 180.0  # as products write it
    lat = np.array([south, south, south + height, south + height, south])
    shape = ring_footprint(lon, lat)
    assert shape.area == pytest.approx(width * height, rel=1e-6)
    assert shape.bounds[0] >= -180.0
    assert shape.bounds[2] <= 180.0
    assert shape.is_valid
    got = bbox_of(shape)
    assert (got[2] - got[0]) % 360.0 == pytest.approx(width, abs=1e-6)
    middle = (west + width / 2 + 180.0) % 360.0 - 180.0
    assert shape.buffer(1e-9).contains(Point(middle, south + height / 2))


@given(
    st.lists(
        st.tuples(st.floats(-180, 179), st.floats(0.01, 200), st.floats(-90, -1), st.floats(1, 90)),
        min_size=1,
        max_size=6,
    )
)
def test_an_envelope_holds_its_boxes_and_is_no_wider_than_the_earth(values):
    boxes = []
    for west, width, south, north in values:
        east = west + width
        boxes += split((west, south, east if east <= 180 else east - 360, north))
    whole = shapely.union_all([box(*b) for b in split(envelope(boxes))])
    assert all(whole.buffer(1e-9).covers(box(*b)) for b in boxes)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(170, 0, 180, 1), (-180, 0, -170, 1)], (170, 0, -170, 1)),
        ([(-10, 0, 10, 1)], (-10, 0, 10, 1)),
        ([(-180, -90, 180, 90)], (-180, -90, 180, 90)),
        ([(0, 0, 10, 1), (20, 0, 30, 5)], (0, 0, 30, 5)),
    ],
)
def test_the_envelope_leaves_out_the_widest_gap(boxes, expected):
    assert envelope(boxes) == expected


def test_a_grid_around_the_pole_holds_the_pole():
    grid = GeoBox(100, 100, Affine(20000, 0, -1e6, 0, -20000, 1e6), "EPSG:3031")
    shape = grid_footprint(grid)
    assert shape.covers(Point(12.0, -89.99))
    assert bbox_of(shape)[0] == -180.0
    assert bbox_of(shape)[2] == 180.0
    assert shape.bounds[3] < -75


def test_a_utm_grid_across_180_degrees_is_two_boxes():
    grid = GeoBox(2325, 2355, Affine(100, 0, 570585, 0, -100, 5847615), "EPSG:32660")
    boxes = boxes_of(grid_footprint(grid))
    assert len(boxes) == 2
    assert boxes[0][2] == 180.0
    assert boxes[1][0] == -180.0


def test_a_full_disc_has_a_footprint_though_its_corners_are_in_space():
    crs = "+proj=geos +lon_0=140.7 +h=35785863 +sweep=y +datum=WGS84"
    from renderers.crs import canonical_name  # noqa: PLC0415

    grid = GeoBox(110, 110, Affine(1e5, 0, -5.5e6, 0, -1e5, 5.5e6), canonical_name(crs))
    shape = grid_footprint(grid)
    assert shape.covers(Point(140.7, 0.0))
    assert shape.covers(Point(179.0, 0.0))
    assert shape.covers(Point(-179.0, 0.0))
    assert not shape.intersects(Point(-40.0, 0.0))


def test_a_raster_of_mars_is_refused():
    crs = "+proj=longlat +a=3396190 +b=3376200"
    from renderers.crs import canonical_name  # noqa: PLC0415

    grid = GeoBox(10, 10, Affine(0.1, 0, 0, 0, -0.1, 10), canonical_name(crs))
    with pytest.raises(SourceUnsupportedError, match="Earth"):
        grid_footprint(grid)


def test_edges_that_are_straight_in_utm_bulge_in_degrees():
    grid = GeoBox(10980, 10980, Affine(10, 0, 600000, 0, -10, 6900000), "EPSG:32633")
    true = grid_footprint(grid)
    lon, lat = outline(grid, "EPSG:4326", 2)
    corners = shapely.Polygon(np.column_stack([lon, lat]).tolist())
    assert true.difference(corners).area > 1e-4
    straight = straight_in(corners, grid.crs, 1000.0)
    assert straight.buffer(5e-5).covers(true)
    assert true.buffer(5e-5).covers(straight)


@pytest.mark.parametrize(
    "geometry",
    [None, {}, {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": []}, 7],
)
def test_what_is_no_polygon_is_refused(geometry):
    with pytest.raises(SourceUnsupportedError):
        geojson_footprint(geometry)


def test_an_uncut_geojson_ring_is_cut_but_the_whole_earth_stays():
    ring = [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]
    assert geojson_footprint({"type": "Polygon", "coordinates": [ring]}).area == pytest.approx(2.0)
    world = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    assert geojson_footprint({"type": "Polygon", "coordinates": [world]}).area == pytest.approx(
        360.0 * 180.0
    )
