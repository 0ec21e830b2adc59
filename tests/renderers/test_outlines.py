"""Shapes on maps, against looking at every pixel's middle on Earth, and against distances."""

import numpy as np
import pytest
import shapely
import shapely.affinity
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from renderers.crs import WGS84, transform_points
from renderers.geobox import GeoBox
from renderers.outlines import Shapes, filled, stroked

WORLD = ((-180.0, -90.0, 180.0, 90.0),)
HALF = 20037508.342789244
SIZE = 96
VIOLET = (122, 92, 190, 128)
PALETTE = np.array([(255, 0, 0, 255), (0, 255, 0, 255)], np.uint8)

BOXES = {
    "world in degrees": (GeoBox.from_bounds((-180, -90, 180, 90), SIZE, SIZE, WGS84), WORLD),
    "world in Mercator": (
        GeoBox.from_bounds((-HALF, -HALF, HALF, HALF), SIZE, SIZE, "EPSG:3857"),
        ((-180.0, -85.06, 180.0, 85.06),),
    ),
    "the Pacific in Mercator around 150 E": (
        GeoBox.from_bounds((-1.5e7, -8e6, 1.5e7, 8e6), SIZE, SIZE, "EPSG:3832"),
        WORLD,
    ),
    "the north": (
        GeoBox.from_bounds((-4e6, -4e6, 4e6, 4e6), SIZE, SIZE, "EPSG:3413"),
        ((-180.0, 30.0, 180.0, 90.0),),
    ),
    "the south": (
        GeoBox.from_bounds((-4e6, -4e6, 4e6, 4e6), SIZE, SIZE, "EPSG:3031"),
        ((-180.0, -90.0, 180.0, -30.0),),
    ),
    "equal areas": (
        GeoBox.from_bounds((-1.7e7, -8e6, 1.7e7, 8e6), SIZE, SIZE, "EPSG:8857"),
        WORLD,
    ),
    "beyond 180 degrees": (
        GeoBox.from_bounds((150, -30, 210, 30), SIZE, SIZE, WGS84),
        ((150.0, -30.0, 180.0, 30.0), (-180.0, -30.0, -150.0, 30.0)),
    ),
    "a UTM zone at 180 degrees": (
        GeoBox.from_bounds((300000, 7000000, 900000, 7600000), SIZE, SIZE, "EPSG:32660"),
        ((170.0, 60.0, 180.0, 70.0), (-180.0, 60.0, -168.0, 70.0)),
    ),
}


def middles(grid):
    """Longitudes and latitudes of all pixels' middles, NaN beyond the Earth's edge."""
    columns, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    t = grid.transform
    x, y = t.c + t.a * columns.ravel(), t.f + t.e * rows.ravel()
    lon, lat = transform_points(grid.crs, WGS84, np.asarray(x), np.asarray(y))
    bad = ~(np.isfinite(lon) & np.isfinite(lat))
    back = transform_points(WGS84, grid.crs, np.where(bad, 0, lon), np.where(bad, 0, lat))
    if grid.crs != WGS84:
        bad |= np.hypot(back[0] - x, back[1] - y) > 1000.0
    return np.where(bad, np.nan, lon), lat


def inside(shape, grid):
    lon, lat = middles(grid)
    out = np.zeros(lon.shape, bool)
    for turn in (-360.0, 0.0, 360.0):
        out |= shapely.contains_xy(shape, np.nan_to_num(lon + turn, nan=1e9), lat)
    return out.reshape(grid.height, grid.width)


def near_an_edge(mask):
    """Pixels with one beside them that is otherwise."""
    padded = np.pad(mask, 1, mode="edge")
    stack = [
        padded[1 + dy : 1 + dy + mask.shape[0], 1 + dx : 1 + dx + mask.shape[1]]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    return np.any(stack, axis=0) & ~np.all(stack, axis=0)


def marked(image, grid):
    if image is None:
        return np.zeros((grid.height, grid.width), bool)
    return image.rgba()[..., 3] > 0


@st.composite
def shapes(draw):
    """A convex or concave ring around a point, perhaps across 180 degrees; or a cap of a pole."""
    if draw(st.integers(0, 5)) == 0:
        edge = draw(st.floats(50.0, 85.0))
        cap = draw(st.sampled_from([(edge, 90.0), (-90.0, -edge)]))
        return shapely.segmentize(box(-180.0, cap[0], 180.0, cap[1]), 2.0)
    west, south = draw(st.floats(-180.0, 179.0)), draw(st.floats(-70.0, 50.0))
    corners = draw(st.integers(3, 9))
    angles = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    reach = draw(st.lists(st.floats(4.0, 14.0), min_size=corners, max_size=corners))
    ring = np.column_stack([np.cos(angles) * reach, np.sin(angles) * reach])
    return Polygon(ring - ring.min(axis=0) + (west, south))


@pytest.mark.parametrize("name", BOXES)
@settings(max_examples=25, deadline=None)
@given(shape=shapes())
def test_a_filled_shape_is_where_its_pixels_lie_on_earth(name, shape):
    grid, area = BOXES[name]
    found = marked(filled(Shapes([shape], area), grid, VIOLET), grid)
    expected = inside(shape, grid)
    different = found != expected
    # A vertex apart from the straight line moves the edge by less than a pixel.
    assert not (different & ~near_an_edge(expected) & ~near_an_edge(found)).any()


@settings(max_examples=30, deadline=None)
@given(shape=shapes(), half=st.sampled_from([0.75, 1.5]))
def test_a_line_covers_what_lies_within_half_its_width(shape, half):
    grid = GeoBox(SIZE, SIZE, Affine(60 / SIZE, 0, 150, 0, -60 / SIZE, 30), WGS84)
    area = BOXES["beyond 180 degrees"][1]
    image = stroked(Shapes([shape], area), [0], PALETTE, 2 * half, grid)
    columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    points = shapely.points(columns, rows)
    distance = np.full((SIZE, SIZE), np.inf)
    around = shape.bounds[0] == -180 and shape.bounds[2] == 180
    for turn in (-360.0, 0.0, 360.0):
        west, south, east, north = shape.bounds
        edges = (
            shapely.multilinestrings(
                [[(west, y), (east, y)] for y in (south, north) if abs(y) < 90.0]
            )
            if around
            else shape.boundary
        )
        placed = shapely.transform(
            edges, lambda p, turn=turn: np.column_stack(grid.to_pixel(p[:, 0] + turn, p[:, 1]))
        )
        distance = np.minimum(distance, shapely.distance(points, placed))
    expected = np.clip(half + 0.5 - distance, 0.0, 1.0)
    found = np.zeros((SIZE, SIZE)) if image is None else image.pixels[..., 3] / 255.0
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_the_first_is_on_top_and_a_line_is_twice_as_wide_at_twice_the_density():
    grid, area = BOXES["world in degrees"]
    both = Shapes([box(0, 0, 60, 60), box(0, 0, 60, 60)], area)
    image = stroked(both, [0, 1], PALETTE, 3.0, grid)
    drawn = image.pixels[image.pixels[..., 3] > 0]
    assert (drawn[:, :3] == (255, 0, 0)).all()
    thin = stroked(both, [0, 1], PALETTE, 1.5, grid)
    wide = stroked(both, [0, 1], PALETTE, 3.0, grid.zoomed(2 * SIZE, 2 * SIZE))
    across = thin.pixels[SIZE // 3, :, 3].sum() / 255.0
    twice = wide.pixels[2 * SIZE // 3, :, 3].sum() / 255.0
    assert (across, twice) == pytest.approx((3.0, 6.0), abs=0.02), "two lines"


@settings(max_examples=25, deadline=None)
@given(several=st.lists(shapes(), min_size=2, max_size=6), hole=st.floats(0.2, 0.9))
def test_shapes_over_one_another_and_holes_fill_what_any_of_them_covers(several, hole):
    grid, area = BOXES["world in degrees"]
    frame = box(20.0, -50.0, 70.0, 0.0)
    inner = shapely.affinity.scale(frame, hole, hole)
    frame = Polygon(frame.exterior.coords, [inner.exterior.coords])
    every = [*several, frame, Polygon(several[0].exterior.coords[::-1])]
    found = marked(filled(Shapes(every, area), grid, VIOLET), grid)
    alone = [marked(filled(Shapes([one], area), grid, VIOLET), grid) for one in every]
    np.testing.assert_array_equal(found, np.any(alone, axis=0))
    expected = inside(frame, grid)
    different = alone[-2] != expected
    assert not (different & ~near_an_edge(expected)).any()


def test_a_shape_far_below_a_pixel_is_seen():
    grid, area = BOXES["world in degrees"]
    tiny = Shapes([box(20.0, 20.0, 20.01, 20.01)], area)
    assert marked(filled(tiny, grid, VIOLET), grid).sum() == 1
    assert marked(stroked(tiny, [0], PALETTE, 1.5, grid), grid).any()


def test_neither_a_pole_nor_180_degrees_is_an_edge():
    grid, area = BOXES["the north"]
    cap = shapely.segmentize(box(-180.0, 75.0, 180.0, 90.0), 1.0)
    image = stroked(Shapes([cap], area), [0], PALETTE, 1.5, grid)
    rows, columns = np.nonzero(image.pixels[..., 3])
    distance = np.hypot(rows + 0.5 - SIZE / 2, columns + 0.5 - SIZE / 2)
    assert np.ptp(distance) < 4.0, "a circle and nothing else"


def test_nothing_in_sight_is_no_picture():
    grid, area = BOXES["the north"]
    assert filled(Shapes([box(0, -20, 10, -10)], area), grid, VIOLET) is None
    assert stroked(Shapes([box(0, -20, 10, -10)], area), [0], PALETTE, 1.5, grid) is None
    assert filled(Shapes([], area), grid, VIOLET) is None
    assert stroked(Shapes([], area), [], PALETTE, 1.5, grid) is None


def test_a_map_that_goes_round_the_earth_twice_shows_a_shape_twice():
    grid = GeoBox.from_bounds((-2 * HALF, -HALF, 2 * HALF, HALF), 4 * SIZE, 2 * SIZE, "EPSG:3857")
    mask = marked(filled(Shapes([box(-20, -20, 20, 20)], WORLD), grid, VIOLET), grid)
    starts = np.flatnonzero(np.diff(mask[SIZE].astype(int)) == 1)
    assert len(starts) == 2, "in the middle, and half of it at the right end"
    assert mask[SIZE, 0], "the other half at the left end"
