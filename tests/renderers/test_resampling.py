"""Which method draws, how far it looks, and which level classes come from."""

import math

import numpy as np
import pytest
from affine import Affine

from renderers.geobox import GeoBox
from renderers.readers.base import Level
from renderers.resampling import class_level, method_for, reach, shrinkage
from renderers.warp import CoordinateGrid, coordinate_grid

LEVELS = tuple(Level(8192 >> k, 8192 >> k, 512, 512, 2.0**k, 2.0**k) for k in range(5))


@pytest.mark.parametrize(
    ("asked", "shrink", "drawn"),
    [
        ("nearest", 0.1, "nearest"),
        ("nearest", 50.0, "nearest"),
        ("bilinear", 1.0, "bilinear"),
        ("bilinear", 2.01, "bilinear"),
        ("bilinear", 2.1, "average"),
        ("cubic", 1.9, "cubic"),
        ("cubic", 3.0, "average"),
        ("average", 0.3, "average"),
        ("mode", 0.3, "nearest"),
        ("mode", 1.0, "nearest"),
        ("mode", 1.2, "mode"),
        ("bilinear", float("nan"), "bilinear"),
        ("mode", float("nan"), "nearest"),
    ],
)
def test_what_draws(asked, shrink, drawn):
    assert method_for(asked, shrink) == drawn


@pytest.mark.parametrize("shrink", [0.2, 1.0, 1.7, 2.0, 9.0, float("nan")])
def test_reach_covers_every_tap(shrink):
    side = max(shrink, 1.0) if math.isfinite(shrink) else 1.0
    assert reach("nearest", shrink) >= 1
    assert reach("bilinear", shrink) >= 1 + 1
    assert reach("cubic", shrink) >= 2 * side
    assert reach("average", shrink) >= side / 2 + 1
    assert reach("mode", shrink) == reach("average", shrink)


@pytest.mark.parametrize(
    ("ratio", "mixed", "expected"),
    [
        (0.5, True, (0, "mode")),
        (1.5, True, (0, "mode")),
        (8.0, True, (0, "mode")),
        (8.5, True, (3, "nearest")),
        (40.0, True, (4, "nearest")),
        (0.5, False, (0, "mode")),
        (8.0, False, (3, "mode")),
        (40.0, False, (4, "mode")),
    ],
)
def test_levels_of_classes(ratio, mixed, expected):
    assert class_level(LEVELS, ratio, mixed=mixed) == expected


def test_shrinkage_is_that_of_the_axis_where_it_is_greater():
    source = GeoBox(1000, 1000, Affine(0.1, 0, 0, 0, -1, 0), "EPSG:3857")  # ten times higher
    target = GeoBox(256, 256, Affine(2, 0, 0, 0, -2, 0), "EPSG:3857")
    grid = coordinate_grid(target, source)
    assert grid.ratio == pytest.approx(2)
    full = Level(1000, 1000, 256, 256, 1.0, 1.0)
    assert shrinkage(grid, full) == pytest.approx(20)
    assert shrinkage(grid, Level(250, 250, 256, 256, 4.0, 4.0)) == pytest.approx(5)


def test_shrinkage_of_a_turned_grid_is_that_of_the_straight_one():
    i, j = np.mgrid[0:17, 0:17] * 16.0
    for angle in np.radians([0, 30, 45, 90]):
        c, s = np.cos(angle), np.sin(angle)
        grid = CoordinateGrid(
            500 + 3 * (c * j - s * i), 500 + 3 * (s * j + c * i), 16, 257, 257, 3.0
        )
        assert shrinkage(grid, LEVELS[0]) == pytest.approx(3.0)


def test_shrinkage_looks_at_the_file_and_not_beside_it():
    columns = np.array([[-1e6, -5e5, 100.0, 116.0, 132.0]] * 5)
    rows = np.array([[100.0 + 16 * k] * 5 for k in range(5)])
    assert shrinkage(CoordinateGrid(columns, rows, 16, 65, 65, 1.0), LEVELS[0]) == pytest.approx(1)


def test_shrinkage_where_nothing_is_known():
    nowhere = np.full((3, 3), np.nan)
    assert math.isnan(shrinkage(CoordinateGrid(nowhere, nowhere, 16, 33, 33, 1.0), LEVELS[0]))
    point = np.full((1, 1), 5.0)
    assert shrinkage(CoordinateGrid(point, point, 16, 1, 1, 1.0), LEVELS[0]) == 0.0
