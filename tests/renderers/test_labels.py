"""Labels of shapes: the same across tiles, in their shapes, apart from one another."""

import hashlib

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box

from renderers.geobox import GeoBox
from renderers.labels import Labels, labelled, reach, stamp

HALF = 20037508.342789244
TEXT = ("2025-07-12", "12 % cloud")
TILE = 64


def written(labels, grid):
    image = labelled(labels, grid)
    if image is None:
        return np.zeros((grid.height, grid.width, 4), np.uint8)
    return image.pixels


def mercator(size, west=-10.0, south=0.0, degrees=20.0):
    metres = HALF / 180.0
    x, y, side = west * metres, south * metres, degrees * metres
    return GeoBox.from_bounds((x, y, x + side, y + side), size, size, "EPSG:3857")


@st.composite
def scenes(draw):
    """Overlapping footprints, of which some have room for a label, on whole and half places too."""
    out = []
    for _ in range(draw(st.integers(1, 12))):
        west = draw(st.one_of(st.floats(-12.0, 8.0), st.integers(-12, 8).map(float)))
        south = draw(st.one_of(st.floats(-2.0, 17.0), st.integers(-2, 17).map(float)))
        size = draw(st.sampled_from([1.0, 5.0, 8.0, 12.0]))
        out.append(box(west, south, west + size, south + draw(st.sampled_from([2.0, 6.0]))))
    return out


@settings(max_examples=60, deadline=None)
@given(shapes=scenes(), density=st.sampled_from([1.0, 2.0]), data=st.data())
def test_a_tile_is_a_crop_of_a_larger_picture(shapes, density, data):
    """A tile has only the shapes that touch it with its reach around it, as in the server."""
    whole = mercator(256)
    texts = [data.draw(st.sampled_from([TEXT, TEXT[:1], TEXT[1:], ()])) for _ in shapes]
    large = written(Labels(shapes, texts, density), whole)
    pad = reach([TEXT], density)
    for row in range(0, 256, TILE):
        for column in range(0, 256, TILE):
            tile = whole.crop(column, row, TILE, TILE)
            west, south, east, north = (v / HALF * 180 for v in tile.padded(pad).bounds)
            # Mercator's parallels lie farther apart than degrees of longitude: this holds more.
            around = box(west, south - 2, east, north)
            near = [k for k, shape in enumerate(shapes) if shape.intersects(around)]
            found = written(
                Labels([shapes[k] for k in near], [texts[k] for k in near], density), tile
            )
            np.testing.assert_array_equal(found, large[row : row + TILE, column : column + TILE])


def test_a_label_stands_in_the_middle_of_its_shape_alone():
    grid = mercator(256)
    found = written(Labels([box(-8, 2, 6, 16)], [TEXT], 1.0), grid)
    label = stamp(TEXT, 1.0)
    rows, columns = np.nonzero(found[..., 3])
    middle = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    x, y = grid.to_pixel(np.array([-1.0 * HALF / 180]), np.array([1012_000.0]))
    assert middle == pytest.approx((x[0], y[0]), abs=2.0)
    assert (found[..., 3] > 0).sum() == (label[..., 3] > 0).sum()


def test_what_has_no_room_has_no_label_and_keeps_none_away():
    grid = mercator(256)
    small, large = box(-1, 9, 1, 11), box(-8, 2, 8, 18)
    assert labelled(Labels([small], [TEXT], 1.0), grid) is None
    both = written(Labels([small, large], [TEXT, TEXT], 1.0), grid)
    alone = written(Labels([large], [TEXT], 1.0), grid)
    np.testing.assert_array_equal(both, alone)
    assert labelled(Labels([large], [()], 1.0), grid) is None
    assert labelled(Labels([], [], 1.0), grid) is None


def test_of_labels_that_collide_the_first_is_written():
    grid = mercator(256)
    shape, other = box(-8, 2, 8, 18), box(-8, 2, 8, 18.2)
    first, second = ("2025-07-12",), ("2024-01-01",)
    found = written(Labels([shape, other], [first, second], 1.0), grid)
    np.testing.assert_array_equal(found, written(Labels([shape], [first], 1.0), grid))
    apart = written(Labels([box(-9, 1, 9, 9), box(-9, 11, 9, 19)], [first, second], 1.0), grid)
    half = np.nonzero(apart[:128, :, 3])[0].size, np.nonzero(apart[128:, :, 3])[0].size
    assert min(half) > 0


def test_twice_the_density_is_twice_the_size():
    one, two = stamp(TEXT, 1.0), stamp(TEXT, 2.0)
    assert two.shape[0] == pytest.approx(2 * one.shape[0], abs=2)
    assert two.shape[1] == pytest.approx(2 * one.shape[1], abs=3)
    cover = [stamp(TEXT, d)[..., 3].astype(float).sum() for d in (1.0, 2.0)]
    assert cover[1] / cover[0] == pytest.approx(4.0, rel=0.2)


def test_a_label_is_read_over_black_and_over_white():
    label = stamp(TEXT, 2.0).astype(float)
    share = label[..., 3:] / 255.0
    for ground in (0.0, 255.0):
        seen = (label[..., :3] * share + ground * (1.0 - share)).mean(axis=2)
        dark = seen[(label[..., :3].max(axis=2) < 40) & (share[..., 0] > 0.99)]
        light = seen[(label[..., :3].min(axis=2) > 250) & (share[..., 0] > 0.8)]
        assert len(dark) > 100
        assert len(light) > 100
        assert dark.max() < 45
        assert light.min() > 200


def test_across_180_degrees_on_both_sides():
    """The footprint runs on to 190 degrees; so do its halves in the tiles of both ends."""
    shapes = [box(165.0, 0.0, 195.0, 20.0)]
    labels = Labels(shapes, [TEXT], 1.0)
    metres = HALF / 180
    east = GeoBox.from_bounds((160 * metres, 0, HALF, 20 * metres), 128, 128, "EPSG:3857")
    west = GeoBox.from_bounds((-HALF, 0, -160 * metres, 20 * metres), 128, 128, "EPSG:3857")
    beyond = GeoBox.from_bounds((160 * metres, 0, 200 * metres, 20 * metres), 256, 128, "EPSG:3857")
    whole = written(labels, beyond)
    assert (whole[..., 3] > 0).sum() == (stamp(TEXT, 1.0)[..., 3] > 0).sum()
    np.testing.assert_array_equal(written(labels, east), whole[:, :128])
    np.testing.assert_array_equal(written(labels, west), whole[:, 128:])


def test_concave_shapes_and_several_parts_have_theirs_within():
    grid = mercator(256)
    ring = Polygon(box(-9, 1, 9, 19).exterior.coords, [box(-8.9, 10, 8.9, 18.9).exterior.coords])
    parts = MultiPolygon([box(-9, 1, 9, 8), box(-9, 12, 9, 13)])
    for shape in (ring, parts):
        found = written(Labels([shape], [TEXT], 1.0), grid)
        rows, columns = np.nonzero(found[..., 3])
        assert rows.size
        x, y = grid.to_crs(columns + 0.5, rows + 0.5)
        lat = np.degrees(2 * np.arctan(np.tanh(y / 6378137.0 / 2)))
        assert shapely.contains_xy(shape, x / HALF * 180, lat).all()


def test_letters_are_those_that_were_looked_at():
    """Dark letters with a light edge, two lines, at 1x and 2x."""
    found = hashlib.sha256(stamp(TEXT, 1.0).tobytes() + stamp(TEXT, 2.0).tobytes()).hexdigest()
    assert found == ("b6fc8f8b3d591c8c7a2396b4ce4dbae032ab03406416f66ecea54a83b1977c2f")
