"""Parts of pixels, beside the intersections that GEOS computes one by one."""

import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.geobox import GeoBox
from renderers.shares import pixel_shares

BOX = GeoBox(9, 7, Affine(10.0, 0.0, 300.0, 0.0, -5.0, 1000.0), "EPSG:32633")
#: Its own place in pixels: (column, row) to x and y.
CELLS = [
    [shapely.box(300 + 10 * c, 1000 - 5 * (r + 1), 310 + 10 * c, 1000 - 5 * r) for c in range(9)]
    for r in range(7)
]

PLACES = st.tuples(st.floats(270, 420), st.floats(950, 1010))
#: Also on the very lines between pixels.
ON_LINES = st.tuples(
    st.integers(-2, 11).map(lambda c: 300.0 + 10 * c),
    st.integers(-2, 9).map(lambda r: 1000.0 - 5 * r),
)


def polygon(points) -> shapely.Geometry:
    return shapely.make_valid(shapely.Polygon(points), method="structure", keep_collapsed=False)


POLYGONS = (
    st.lists(st.one_of(PLACES, ON_LINES), min_size=3, max_size=9, unique=True)
    .map(polygon)
    .filter(lambda p: p.area > 1e-6 and p.geom_type in ("Polygon", "MultiPolygon"))
)


def by_intersections(shape) -> np.ndarray:
    return np.array([[shape.intersection(cell).area / cell.area for cell in row] for row in CELLS])


@settings(max_examples=300, deadline=None)
@given(shape=POLYGONS)
def test_parts_are_those_of_geos(shape):
    assert pixel_shares(shape, BOX) == pytest.approx(by_intersections(shape), abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(shape=POLYGONS, hole=POLYGONS)
def test_holes_and_several_parts(shape, hole):
    cut = shapely.difference(shape, hole)
    parts = [p for p in shapely.get_parts(cut) if p.geom_type == "Polygon" and p.area > 1e-6]
    cut = shapely.MultiPolygon(parts)
    if cut.is_valid:
        assert pixel_shares(cut, BOX) == pytest.approx(by_intersections(cut), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    shape=POLYGONS,
    x=st.floats(301, 389, allow_nan=False),
)
def test_halves_add_up_to_the_whole(shape, x):
    """What lies to both sides of a line is disjoint; its parts are those of the whole."""
    sides = [shapely.box(-1e4, -1e4, x, 1e4), shapely.box(x, -1e4, 1e4, 1e4)]
    halves = [shapely.intersection(shape, side) for side in sides]
    total = sum(
        pixel_shares(shapely.MultiPolygon([p for p in shapely.get_parts(half) if p.area > 0]), BOX)
        for half in halves
        if half.area > 0
    )
    assert total == pytest.approx(pixel_shares(shape, BOX), abs=1e-6)


def test_the_sum_is_the_area():
    """A circle of many edges on a large grid, of which nothing lies outside."""
    box = GeoBox(1000, 800, Affine(1.0, 0.0, 0.0, 0.0, -1.0, 800.0), "EPSG:32633")
    circle = shapely.Point(500.3, 400.7).buffer(317.19, quad_segs=5000)
    assert circle.area == pytest.approx(math.pi * 317.19**2, rel=1e-6)
    assert pixel_shares(circle, box).sum() == pytest.approx(circle.area, rel=1e-12)


def test_what_lies_outside_has_no_part():
    for shift in ((-1000, 0), (1000, 0), (0, 1000), (0, -1000)):
        shape = shapely.transform(shapely.box(310, 970, 340, 990), lambda p, s=shift: p + s)
        assert not pixel_shares(shape, BOX).any()
    around = shapely.box(0, 0, 2000, 2000)
    assert (pixel_shares(around, BOX) == 1.0).all()
