"""Large targets: exact positions only where they are needed, and the same pixels as everywhere."""

import numpy as np
import pytest

from renderers import warp
from renderers.geobox import GeoBox
from renderers.warp import TOLERANCE, CoordinateGrids, coordinate_grid

HALF = 20037508.342789244
WORLD = GeoBox.from_bounds((-180.0, -90.0, 180.0, 90.0), 5400, 2700, "EPSG:4326")
SENTINEL = GeoBox.from_bounds((600000.0, 5990220.0, 618300.0, 6008520.0), 1830, 1830, "EPSG:32632")
ANTIMERIDIAN = GeoBox.from_bounds((300000.0, 7390200.0, 409800.0, 7500000.0), 1098, 1098,
                                  "EPSG:32601")  # fmt: skip
CASES = {
    "pole": (GeoBox.from_bounds((-12e6, -12e6, 12e6, 12e6), 800, 800, "EPSG:3031"), WORLD),
    "half a pole": (GeoBox.from_bounds((-2e6, 1e5, 2e6, 3e6), 900, 653, "EPSG:3413"), WORLD),
    "scene": (GeoBox.from_bounds((-HALF, -HALF, HALF, HALF), 1024, 1024, "EPSG:3857"), SENTINEL),
    "country": (GeoBox.from_bounds((0.0, 5e6, 2.5e6, 8e6), 700, 840, "EPSG:3857"), SENTINEL),
    "180": (GeoBox.from_bounds((170.0, 60.0, 190.0, 70.0), 1001, 501, "EPSG:4326"), ANTIMERIDIAN),
    "world": (GeoBox.from_bounds((-HALF, -HALF, HALF, HALF), 700, 700, "EPSG:3857"), WORLD),
}


def inside(columns, rows, source):
    with np.errstate(invalid="ignore"):
        return (columns >= 0) & (columns < source.width) & (rows >= 0) & (rows < source.height)


def dense(grid):
    """The positions of all pixels, interpolated as the kernels do."""
    i, j = np.meshgrid(np.arange(grid.height), np.arange(grid.width), indexing="ij")
    gi, gj = i // grid.step, j // grid.step
    fi, fj = (i - gi * grid.step) / grid.step, (j - gj * grid.step) / grid.step
    hi = np.where(fi > 0, np.minimum(gi + 1, grid.rows.shape[0] - 1), gi)
    hj = np.where(fj > 0, np.minimum(gj + 1, grid.rows.shape[1] - 1), gj)
    return [
        (1 - fi) * ((1 - fj) * g[gi, gj] + fj * g[gi, hj])
        + fi * ((1 - fj) * g[hi, gj] + fj * g[hi, hj])
        for g in (grid.columns, grid.rows)
    ]


@pytest.mark.parametrize("case", sorted(CASES))
def test_positions_are_right_wherever_the_source_is(case):
    target, source = CASES[case]
    grid = coordinate_grid(target, source)
    columns, rows = dense(grid)
    true_columns, true_rows = warp._grid(target, source, 1, (target.height, target.width))
    seen = inside(true_columns, true_rows, source)
    assert seen.any()
    # Twice: the error is measured half-way between grid points, which is not quite the worst place.
    limit = 2.0 * TOLERANCE * max(grid.ratio, 1.0)
    assert np.abs(columns - true_columns)[seen].max() <= limit
    assert np.abs(rows - true_rows)[seen].max() <= limit
    edge = limit + 1e-9
    claimed = inside(columns - edge, rows - edge, source) & inside(
        columns + edge, rows + edge, source
    )
    assert not (claimed & ~seen).any()


@pytest.mark.parametrize("case", ["pole", "scene", "country"])
def test_exact_positions_are_found_for_few_pixels_only(case, monkeypatch):
    asked = []
    positions = warp._positions

    def counted(target, source, cols, rows):
        asked.append(cols.size)
        return positions(target, source, cols, rows)

    monkeypatch.setattr(warp, "_positions", counted)
    target, source = CASES[case]
    coordinate_grid(GeoBox.from_bounds(target.bounds, 2048, 2048, target.crs), source)
    assert sum(asked) < 2048 * 2048 / 2


def test_a_grid_too_large_to_be_kept_is_shared_while_it_is_held():
    grids = CoordinateGrids(capacity=0)
    held = grids.get(*CASES["country"])
    assert grids.get(*CASES["country"]) is held


@pytest.mark.parametrize("times", [3, 10])
@pytest.mark.parametrize("source", [WORLD, SENTINEL], ids=["world", "scene"])
def test_a_picture_far_beyond_the_world_does_not_ask_for_full_resolution(times, source):
    target = GeoBox.from_bounds(
        (-HALF * times, -HALF * times, HALF * times, HALF * times), 64, 64, "EPSG:3857"
    )
    assert coordinate_grid(target, source).ratio > 4.0
