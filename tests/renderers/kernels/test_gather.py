"""The gathering kernels against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels.gather import gather_bilinear, gather_nearest, gather_stored, locate

NO_MASK = np.zeros((0, 0), np.uint8)


def located(columns, rows, step, place, window, shape):
    """Run the kernel that finds the pixels."""
    x, y = np.empty(shape, np.int32), np.empty(shape, np.int32)
    fx, fy = np.empty(shape, np.float32), np.empty(shape, np.float32)
    size = np.array(window.shape[:0:-1], np.int64)
    locate(columns, rows, step, place, size, x, y, fx, fy)
    return x, y, fx, fy


def run(gather, source, where, nodata, scaling, result):
    """Run a kernel over every band; a pixel is valid where all bands are."""
    (window, mask), (scale, offset), (out, valid) = source, scaling, result
    valid[:] = 1
    for band in range(len(window)):
        gather(window[band], mask, *where, nodata, scale[band], offset[band], out[band], valid)


def spread(columns, rows, step, height, width):
    """Bilinear interpolation of the grid at every pixel, in float64."""
    i, j = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    gi, gj = i // step, j // step
    fi, fj = (i - gi * step) / step, (j - gj * step) / step
    hi, hj = np.minimum(gi + 1, columns.shape[0] - 1), np.minimum(gj + 1, columns.shape[1] - 1)
    hi, hj = np.where(fi == 0, gi, hi), np.where(fj == 0, gj, hj)

    def one(grid):
        return (
            (1 - fi) * (1 - fj) * grid[gi, gj]
            + (1 - fi) * fj * grid[gi, hj]
            + fi * (1 - fj) * grid[hi, gj]
            + fi * fj * grid[hi, hj]
        )

    return one(columns), one(rows)


def nearest_twin(window, mask, c, r, place, nodata):
    x = np.floor(np.nan_to_num(c / place[2], nan=-9e9) + 1e-10).astype(int) - int(place[0])
    y = np.floor(np.nan_to_num(r / place[3], nan=-9e9) + 1e-10).astype(int) - int(place[1])
    inside = (x >= 0) & (y >= 0) & (x < window.shape[2]) & (y < window.shape[1])
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    values = window[:, y, x]
    bad = (values == nodata) | np.isnan(values.astype(np.float64))
    valid = inside & ~bad.any(axis=0)
    if mask.size:
        valid &= mask[y, x] != 0
    return values, valid


def case(dtype, seed, masked, step):
    rng = np.random.default_rng(seed)
    window = rng.integers(0, 200, (2, 40, 50)).astype(dtype)
    window[:, 5:9, 7:12] = 7
    mask = rng.choice(np.array([0, 255], np.uint8), (40, 50)) if masked else NO_MASK
    height, width = 33, 29
    n, m = -(-(height - 1) // step) + 1, -(-(width - 1) // step) + 1
    columns = np.linspace(-4, 130, m)[None, :] + np.linspace(0, 9, n)[:, None]
    rows = np.linspace(-3, 110, n)[:, None] + np.linspace(0, 5, m)[None, :]
    columns, rows = np.ascontiguousarray(columns), np.ascontiguousarray(rows)
    columns[n // 2, m // 2] = np.nan
    return window, mask, columns, rows, np.array([3.0, 2.0, 2.0, 2.0]), (height, width)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), masked=st.booleans(), step=st.sampled_from([1, 4, 16]))
def test_nearest_equals_numpy(dtype, seed, masked, step):
    window, mask, columns, rows, place, shape = case(dtype, seed, masked, step)
    if dtype.startswith("float"):
        window[0, 20, 20] = np.nan
    scale, offset = np.array([0.5, 2.0], np.float32), np.array([-1.0, 3.0], np.float32)
    out, valid = np.full((2, *shape), -99, np.float32), np.full(shape, 9, np.uint8)
    where = located(columns, rows, step, place, window, shape)
    run(gather_nearest, (window, mask), where, 7.0, (scale, offset), (out, valid))

    values, good = nearest_twin(window, mask, *spread(columns, rows, step, *shape), place, 7.0)
    np.testing.assert_array_equal(valid, good)
    expected = values.astype(np.float32) * scale[:, None, None] + offset[:, None, None]
    np.testing.assert_array_equal(out[:, good], expected[:, good])
    absent = out[:, ~good]
    assert ((absent == -99) | np.isin(absent, expected)).all()


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
def test_stored_values_come_through_unchanged(dtype):
    window, mask, columns, rows, place, shape = case(dtype, 1, True, 4)
    if dtype == "uint32":
        window += np.uint32(2**32 - 300)
    out, valid = np.zeros((2, *shape), dtype), np.zeros(shape, np.uint8)
    x, y, _, _ = located(columns, rows, 4, place, window, shape)
    valid[:] = 1
    for band in range(2):
        gather_stored(window[band], mask, x, y, float("nan"), out[band], valid)
    values, good = nearest_twin(
        window, mask, *spread(columns, rows, 4, *shape), place, float("nan")
    )
    np.testing.assert_array_equal(valid, good)
    np.testing.assert_array_equal(out[:, good], values[:, good])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_bilinear_of_a_plane_is_the_plane(dtype):
    y, x = np.mgrid[0:40, 0:50]
    window = np.stack([x + y, 2 * x]).astype(dtype)
    c, r = np.meshgrid(np.linspace(2.0, 45.0, 31), np.linspace(2.0, 36.0, 17))
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    out, valid = np.zeros((2, 17, 31), np.float32), np.zeros((17, 31), np.uint8)
    place = np.array([0.0, 0.0, 1.0, 1.0])
    where = located(c, r, 1, place, window, c.shape)
    run(gather_bilinear, (window, NO_MASK), where, float("nan"), (ones, zeros), (out, valid))
    assert valid.all()
    np.testing.assert_allclose(out[0], (c - 0.5) + (r - 0.5), rtol=1e-6)
    np.testing.assert_allclose(out[1], 2 * (c - 0.5), rtol=1e-6)


def test_bilinear_gives_the_weight_of_missing_neighbours_to_the_others():
    window = np.array([[[10, 0], [20, 40]]], np.uint16)
    c, r = np.array([[0.9]]), np.array([[0.9]])
    out, valid = np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.uint8)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    place = np.array([0.0, 0.0, 1.0, 1.0])
    where = located(c, r, 1, place, window, c.shape)
    run(gather_bilinear, (window, NO_MASK), where, 0.0, (one, zero), (out, valid))
    weights = np.array([0.6 * 0.6, 0.6 * 0.4, 0.4 * 0.4])
    assert valid[0, 0] == 1
    assert out[0, 0, 0] == pytest.approx(np.average([10, 20, 40], weights=weights), rel=1e-6)


def test_the_mask_is_the_same_for_nearest_and_bilinear():
    window, mask, columns, rows, place, shape = case("uint16", 5, True, 16)
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    valids = []
    for gather in (gather_nearest, gather_bilinear):
        out, valid = np.zeros((2, *shape), np.float32), np.zeros(shape, np.uint8)
        where = located(columns, rows, 16, place, window, shape)
        run(gather, (window, mask), where, 7.0, (ones, zeros), (out, valid))
        valids.append(valid)
    np.testing.assert_array_equal(*valids)
