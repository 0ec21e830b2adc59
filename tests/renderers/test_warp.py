"""Positions against pyproj at every pixel."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from renderers.geobox import GeoBox
from renderers.warp import TOLERANCE, CoordinateGrids, coordinate_grid

EDGE = 20037508.342789244
UTM = GeoBox(10980, 10980, Affine(10, 0, 600000, 0, -10, 5400000), "EPSG:32632")
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), 5400, 2700, "EPSG:4326")


def tile(z, x, y, size=256):
    side = 2 * EDGE / 2**z
    left, top = -EDGE + x * side, EDGE - y * side
    return GeoBox.from_bounds((left, top - side, left + side, top), size, size, "EPSG:3857")


def interpolated(grid):
    i, j = np.meshgrid(np.arange(grid.height), np.arange(grid.width), indexing="ij")
    out = []
    for values in (grid.columns, grid.rows):
        gi = np.minimum(i // grid.step, values.shape[0] - 1)
        gj = np.minimum(j // grid.step, values.shape[1] - 1)
        fi, fj = (i - gi * grid.step) / grid.step, (j - gj * grid.step) / grid.step
        hi = np.where(fi == 0, gi, np.minimum(gi + 1, values.shape[0] - 1))
        hj = np.where(fj == 0, gj, np.minimum(gj + 1, values.shape[1] - 1))
        out.append(
            (1 - fi) * (1 - fj) * values[gi, gj]
            + (1 - fi) * fj * values[gi, hj]
            + fi * (1 - fj) * values[hi, gj]
            + fi * fj * values[hi, hj]
        )
    return out


def exact(target, source):
    cols, rows = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
    x, y = target.transform @ (cols, rows)
    if target.crs != source.crs:
        transformer = Transformer.from_crs(target.crs, source.crs, always_xy=True)
        x, y = transformer.transform(x, y)
    return source.to_pixel(np.asarray(x), np.asarray(y))


@pytest.mark.parametrize("zoom", range(5, 17))
def test_interpolated_positions_of_mercator_tiles_are_within_the_tolerance(zoom):
    side = 2 * EDGE / 2**zoom
    x, y = Transformer.from_crs("EPSG:32632", "EPSG:3857", always_xy=True).transform(
        654321, 5345678
    )
    target = tile(zoom, int((x + EDGE) // side), int((EDGE - y) // side))
    grid = coordinate_grid(target, UTM)
    columns, rows = interpolated(grid)
    true_columns, true_rows = exact(target, UTM)
    near = (abs(true_columns - 5490) < 8000) & (abs(true_rows - 5490) < 8000)
    assert near.any()
    limit = TOLERANCE * max(grid.ratio, 1.0) * 1.05  # checked half-way between points only
    assert np.abs(columns - true_columns)[near].max() < limit
    assert np.abs(rows - true_rows)[near].max() < limit


def test_the_ratio_is_the_ground_resolution():
    grid = coordinate_grid(tile(13, 4351, 2839), UTM)
    latitude = 48.2
    assert grid.ratio == pytest.approx(
        2 * EDGE / 2**13 / 256 * np.cos(np.radians(latitude)) / 10, rel=0.02
    )


def test_the_ratio_of_a_single_pixel_is_its_size():
    box = GeoBox(1, 1, Affine(30, 0, 650000, 0, -30, 5350000), "EPSG:32632")
    assert coordinate_grid(box, UTM).ratio == pytest.approx(3.0)


def test_a_polar_grid_sees_the_whole_turn_of_a_world_file():
    target = GeoBox.from_bounds((-3e6, -3e6, 3e6, 3e6), 128, 128, "EPSG:3031")
    columns, rows = interpolated(coordinate_grid(target, WORLD))
    true_columns, true_rows = exact(target, WORLD)
    np.testing.assert_allclose(columns, true_columns, atol=0.05)
    np.testing.assert_allclose(rows, true_rows, atol=0.05)


@pytest.mark.parametrize("turn", [-360.0, 0.0, 360.0])
def test_longitudes_are_taken_by_whole_turns(turn):
    source = GeoBox.from_bounds((170.0, -10.0, 190.0, 10.0), 200, 200, "EPSG:4326")
    target = GeoBox.from_bounds((-179.0 + turn, 0.0, -178.0 + turn, 1.0), 10, 10, "EPSG:4326")
    grid = coordinate_grid(target, source)
    assert grid.columns[0, 0] == pytest.approx((181.05 - 170.0) * 10)


def test_a_grid_far_from_the_file_is_cheap_and_outside_of_it():
    grid = coordinate_grid(tile(12, 100, 2000), UTM)
    extent = grid.extent
    assert extent is None or extent[2] < 0 or extent[0] > UTM.width or extent[3] < 0
    assert grid.step > 1


@settings(max_examples=40, deadline=None)
@given(z=st.integers(8, 15), dx=st.floats(-0.9, 0.9), dy=st.floats(-0.9, 0.9))
def test_neighbouring_tiles_meet_without_a_seam(z, dx, dy):
    side = 2 * EDGE / 2**z
    x, y = Transformer.from_crs("EPSG:32632", "EPSG:3857", always_xy=True).transform(
        654900 + dx * 50000, 5345100 + dy * 50000
    )
    column, row = int((x + EDGE) // side), int((EDGE - y) // side)
    left = interpolated(coordinate_grid(tile(z, column, row), UTM))
    right = interpolated(coordinate_grid(tile(z, column + 1, row), UTM))
    step = np.median(np.diff(left[0], axis=1))
    jump = right[0][:, 0] - left[0][:, -1]
    np.testing.assert_allclose(jump, step, rtol=0.02, atol=0.03)


def test_grids_are_remembered():
    grids = CoordinateGrids()
    target = tile(13, 4351, 2839)
    assert grids.get(target, UTM) is grids.get(target, UTM)
