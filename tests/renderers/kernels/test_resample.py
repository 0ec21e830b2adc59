"""Cubic, average and mode against their NumPy twins, GDAL, and plain truths."""

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.warp import reproject
from shapely import Polygon, box

from renderers import reference
from renderers.kernels.resample import resample_average, resample_cubic, resample_mode

KERNELS = {"average": resample_average, "cubic": resample_cubic, "mode": resample_mode}
DTYPES = ("uint8", "uint16", "int16", "float32", "float64")
NO_MASK = np.zeros((0, 0), np.uint8)
NAN = float("nan")
WHOLE = (0.0, 0.0, 1.0, 1.0)


def draw(method, grid, place, window, **options):
    """Run a kernel; `grid` is columns, rows, step and the target's (height, width)."""
    columns, rows, step, shape = grid
    mask, nodata = options.get("mask", NO_MASK), options.get("nodata", NAN)
    reach, scaling = options.get("reach", 8), options.get("scaling", (1.0, 0.0))
    out, valid = np.full(shape, -99, np.float32), np.ones(shape, np.uint8)
    KERNELS[method](
        np.ascontiguousarray(columns), np.ascontiguousarray(rows), step,
        np.array(place, np.float64), window, mask, nodata, np.float32(scaling[0]),
        np.float32(scaling[1]), reach, out, valid,
    )  # fmt: skip
    return out, valid.astype(bool)


def twin(method, grid, place, window, *, mask=NO_MASK, nodata=NAN, reach=8):
    where = reference.footprints(*grid[:3], grid[3]).within(place, reach)
    return reference.resample(method, window, mask, nodata, where)


def affine_grid(transform, shape, step=16):
    """Positions under an affine from target to source pixels, as `renderers.warp` gives them."""
    n, m = (-(-(side - 1) // step) + 1 for side in shape)
    i, j = np.meshgrid(np.arange(n) * step + 0.5, np.arange(m) * step + 0.5, indexing="ij")
    columns = transform.a * j + transform.b * i + transform.c
    rows = transform.d * j + transform.e * i + transform.f
    return columns, rows, step, shape


def turned(angle, ratio, middle, shape, stretch=1.0):
    """A target turned about its middle, which lies at `middle` (column, row) of the source."""
    return (
        Affine.translation(*middle)
        @ Affine.rotation(angle)
        @ Affine.scale(ratio, ratio * stretch)
        @ Affine.translation(-shape[1] / 2, -shape[0] / 2)
    )


def noise(dtype, seed, shape, classes=False):
    rng = np.random.default_rng(seed)
    if classes:
        return rng.choice(np.array([1, 2, 2, 5, 9], dtype), shape)
    return rng.integers(0, 250, shape).astype(dtype)


def case(dtype, seed, masked, step, ratio, angle, method):
    rng = np.random.default_rng(seed)
    window = noise(dtype, seed, (60, 70), classes=method == "mode")
    window[8:19, 20:33] = 7
    if dtype.startswith("float"):
        window[40, 20:25] = np.nan
    mask = NO_MASK
    if masked:
        mask = np.full(window.shape, 255, np.uint8)
        mask[rng.random(window.shape) < 0.1] = 0
    shape = (33, 29)
    middle = rng.uniform(30, 120), rng.uniform(30, 100)
    grid = affine_grid(turned(angle, ratio, middle, shape, rng.uniform(0.5, 2)), shape, step)
    columns, rows = grid[0].copy(), grid[1].copy()
    # Not affine, and with places that have no position.
    columns += 0.002 * ratio * (rows - rows.mean()) ** 2 / max(ratio, 1)
    if step == 1:
        columns[5:8, 20:] = np.nan
        rows[5:8, 20:] = np.nan
        columns[:, 11:] += 1e6 * (seed % 2)  # a jump, as at the antimeridian
    return (columns, rows, step, shape), (3.0, 2.0, 2.0, 2.0), window, mask


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", KERNELS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    masked=st.booleans(),
    step=st.sampled_from([1, 4, 16]),
    ratio=st.floats(0.1, 9.0),
    angle=st.sampled_from([0.0, 2.0, 30.0, 45.0, 90.0, 180.0, 271.0]),
)
def test_equals_numpy(method, dtype, seed, masked, step, ratio, angle):
    grid, place, window, mask = case(dtype, seed, masked, step, ratio, angle, method)
    options = {"mask": mask, "nodata": 7.0, "reach": 8}
    out, valid = draw(method, grid, place, window, scaling=(0.5, -1.0), **options)
    expected, good = twin(method, grid, place, window, **options)
    np.testing.assert_array_equal(valid, good)
    np.testing.assert_allclose(out[good], expected[good] * 0.5 - 1.0, rtol=1e-5, atol=1e-4)
    assert (out[~good] == -99).all()


@pytest.mark.parametrize("method", KERNELS)
def test_a_pixel_that_another_band_lacks_is_left_out(method):
    grid = affine_grid(Affine.scale(2), (8, 8))
    window = noise("uint8", 1, (16, 16))
    out, valid = np.full((8, 8), -99, np.float32), np.ones((8, 8), np.uint8)
    valid[3] = 0
    KERNELS[method](
        grid[0], grid[1], grid[2], np.array(WHOLE), window, NO_MASK, NAN, np.float32(1),
        np.float32(0), 8, out, valid,
    )  # fmt: skip
    assert (out[3] == -99).all()
    assert not valid[3].any()
    assert (np.delete(out, 3, 0) != -99).all()


@pytest.mark.parametrize("ratio", [2, 3, 4, 5])
def test_average_of_whole_blocks_is_their_mean(ratio):
    window = noise("uint16", 2, (20 * ratio, 30 * ratio))
    out, valid = draw("average", affine_grid(Affine.scale(ratio), (20, 30)), WHOLE, window)
    assert valid.all()
    mean = window.reshape(20, ratio, 30, ratio).mean(axis=(1, 3))
    np.testing.assert_allclose(out, mean, rtol=1e-6)


def test_average_of_parts_keeps_the_sum():
    # 2.7 source pixels to a target pixel, of the whole source: weights are exact areas.
    window = noise("uint16", 3, (54, 81))
    out, valid = draw("average", affine_grid(Affine.scale(2.7), (20, 30)), WHOLE, window)
    assert valid.all()
    assert out.astype(np.float64).sum() * 2.7**2 == pytest.approx(window.sum(dtype=float), rel=1e-6)


def test_average_of_an_uneven_area_counts_each_part_once():
    window = np.array([[10, 20, 40]], np.uint8)
    grid = np.array([[1.25]]), np.array([[0.5]]), 16, (1, 1)
    # A target of one pixel has no neighbours: a point, so the pixel under it.
    assert draw("average", grid, WHOLE, window)[0][0, 0] == pytest.approx(20)
    grid = affine_grid(Affine(1.5, 0, 0.5, 0, 1, 0), (1, 2))
    out, _ = draw("average", grid, WHOLE, window)
    # From 0.5 to 2.0, and from 2.0 to 3.5 of which 1.0 lies in the source.
    np.testing.assert_allclose(out[0], [(0.5 * 10 + 1.0 * 20) / 1.5, 40], rtol=1e-6)


@pytest.mark.parametrize("method", ["average", "mode"])
def test_any_real_part_with_data_shows_and_rounding_does_not(method):
    window = np.full((40, 40), 5, np.uint8)
    at = 1e-7  # target pixels: what rounding leaves of a grid that lies on the file's edge
    grid = affine_grid(Affine(4, 0, -8 + 4 * at, 0, 4, -8 + 4 * at), (14, 14))
    _, valid = draw(method, grid, WHOLE, window)
    assert valid.sum() == 10 * 10
    grid = affine_grid(Affine(4, 0, -8 - 0.4, 0, 4, -8), (14, 14))
    _, valid = draw(method, grid, WHOLE, window)
    assert valid.sum() == 10 * 11


@pytest.mark.parametrize("method", ["average", "mode"])
def test_four_files_that_meet_leave_no_gap(method):
    window = np.full((20, 20), 5, np.uint8)
    grid = affine_grid(Affine.scale(3.3), (12, 12))
    seen = np.zeros((12, 12), bool)
    for column in (0.0, 20.0):
        for row in (0.0, 20.0):
            part = np.ascontiguousarray(window)
            _, valid = draw(method, grid, (column, row, 1.0, 1.0), part)
            seen |= valid
    assert seen.all()


def test_mode_takes_the_greatest_area_and_of_equal_ones_the_smallest():
    window = np.array([[1, 1, 2, 2, 3, 1], [2, 2, 2, 9, 3, 9]], np.uint8)
    out, _ = draw("mode", affine_grid(Affine.scale(2), (1, 3)), WHOLE, window)
    assert out[0].tolist() == [1, 2, 3]
    out, _ = draw("mode", affine_grid(Affine.scale(2), (1, 3)), WHOLE, window, nodata=2.0)
    assert out[0].tolist() == [1, 9, 3]


def test_mode_is_nearest_where_nothing_shrinks():
    window = noise("uint8", 4, (30, 30), classes=True)
    grid = affine_grid(Affine(0.7, 0, 1.3, 0, 0.7, 2.2), (32, 32))
    out, valid = draw("mode", grid, WHOLE, window)
    expected, good = twin("nearest", grid, WHOLE, window)
    np.testing.assert_array_equal(valid, good)
    np.testing.assert_array_equal(out[good], expected[good])


def test_mode_tells_many_values_apart():
    window = np.random.default_rng(5).normal(size=(64, 64))
    window[::3, ::3] = 0.25
    window[1::3, 1::3] = -0.0
    window[2::3, 2::3] = 0.0
    grid = affine_grid(Affine.scale(16), (4, 4))
    out, _ = draw("mode", grid, WHOLE, window, reach=16)
    assert (out == 0.0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_cubic_reproduces_a_parabola(dtype):
    # The kernel with a = -0.5 interpolates polynomials of second degree exactly (Keys 1981).
    y, x = np.mgrid[0:17, 0:17]
    window = ((x - 8) ** 2 + 2 * x + (y - 8) ** 2).astype(dtype)
    grid = affine_grid(Affine(0.27, 0, 3.0, 0, 0.27, 3.0), (40, 40), 1)
    out, valid = draw("cubic", grid, WHOLE, window)
    assert valid.all()
    c, r = (g - 0.5 for g in grid[:2])
    np.testing.assert_allclose(out, (c - 8) ** 2 + 2 * c + (r - 8) ** 2, rtol=1e-5, atol=1e-4)


def test_cubic_never_amplifies_beside_missing_data():
    rng = np.random.default_rng(6)
    window = rng.integers(100, 200, (60, 60)).astype(np.uint8)
    window[rng.random(window.shape) < 0.4] = 0
    grid = affine_grid(Affine(0.31, 0, 0, 0, 0.31, 0), (190, 190))
    out, valid = draw("cubic", grid, WHOLE, window, nodata=0.0)
    _, good = twin("nearest", grid, WHOLE, window, nodata=0.0)
    np.testing.assert_array_equal(valid, good)
    assert out[valid].min() > 70
    assert out[valid].max() < 230


@pytest.mark.parametrize("method", KERNELS)
@pytest.mark.parametrize(("ratio", "angle"), [(0.4, 0), (1.7, 3), (4.0, 0), (3.3, 20)])
def test_no_seams(method, ratio, angle):
    """A picture of 128 pixels equals four of 64: same positions, windows cut as `reach` says."""
    window = noise("uint16", 7, (700, 700), classes=method == "mode")
    mask = np.full(window.shape, 255, np.uint8)
    mask[100:300:7] = 0
    reach = math.ceil(1.5 * 2 * max(ratio, 1)) + 1
    whole = turned(angle, ratio, (350, 350), (128, 128))
    options = {"nodata": 2.0, "reach": reach}
    out, valid = draw(method, affine_grid(whole, (128, 128)), WHOLE, window, mask=mask, **options)
    for top in (0, 64):
        for left in (0, 64):
            grid = affine_grid(whole @ Affine.translation(left, top), (64, 64))
            x0, y0 = (int(g.min()) - reach for g in grid[:2])
            x1, y1 = (int(g.max()) + reach + 1 for g in grid[:2])
            part = np.s_[max(y0, 0) : y1, max(x0, 0) : x1]
            cut, cut_mask = (np.ascontiguousarray(a[part]) for a in (window, mask))
            place = (max(x0, 0), max(y0, 0), 1.0, 1.0)
            tile, tile_valid = draw(method, grid, place, cut, mask=cut_mask, **options)
            at = np.s_[top : top + 64, left : left + 64]
            np.testing.assert_array_equal(tile_valid, valid[at])
            np.testing.assert_allclose(tile, out[at], rtol=1e-6, atol=1e-6)


def gdal(window, transform, shape, how, nodata, ratio):
    """Warp by GDAL within one CRS: positions are exact."""
    out = np.zeros(shape, np.float64)
    scales = {"XSCALE": f"{1 / ratio:.17g}", "YSCALE": f"{1 / ratio:.17g}"}
    reproject(
        window, out, src_transform=Affine.identity(), dst_transform=transform,
        src_crs="EPSG:3857", dst_crs="EPSG:3857", resampling=how, src_nodata=nodata,
        dst_nodata=-1e9, init_dest_nodata=True, **(scales if how == Resampling.cubic else {}),
    )  # fmt: skip
    return out, out != -1e9


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("ratio", [0.37, 1.0, 1.6, 2.0, 3.4, 4.0])
@pytest.mark.parametrize("method", ["average", "cubic"])
def test_agrees_with_gdal(method, ratio, holes):
    shape = (48, 48)
    window = noise("float64", 8, (300, 300)) + 1.0
    hole = np.zeros(window.shape, bool)
    if holes:
        hole[90:130, 95:125] = True
        window[hole] = 0.0
    transform = Affine(ratio, 0, 60.3, 0, ratio, 71.8)
    expected, there = gdal(window, transform, shape, Resampling[method], 0.0, ratio)
    grid = affine_grid(transform, shape)
    out, valid = draw(method, grid, WHOLE, window, reach=16, nodata=0.0)
    np.testing.assert_array_equal(valid, there)
    if method == "cubic" and ratio > 1:
        # Beside missing pixels GDAL keeps the negative lobes, and we do not.
        touched, _ = draw("average", grid, WHOLE, grown(hole, 2 * ratio + 1), reach=16)
        valid &= touched == 0.0
    np.testing.assert_allclose(out[valid], expected[valid], rtol=1e-6)
    assert valid.mean() > 0.3


def grown(hole, by):
    """1.0 within some pixels of a hole, else 0.0."""
    y, x = np.nonzero(hole)
    out = np.zeros(hole.shape)
    if y.size:
        by = math.ceil(by)
        out[y.min() - by : y.max() + by + 1, x.min() - by : x.max() + by + 1] = 1.0
    return out


@pytest.mark.parametrize("ratio", [2, 3, 5])
def test_mode_agrees_with_gdal_where_footprints_are_whole_pixels(ratio):
    """Elsewhere GDAL 3.10 counts a pixel that is touched like one that is covered."""
    window = noise("uint8", 9, (48 * ratio, 48 * ratio), classes=True)
    transform = Affine.scale(ratio)
    expected, there = gdal(window, transform, (48, 48), Resampling.mode, None, ratio)
    out, valid = draw("mode", affine_grid(transform, (48, 48)), WHOLE, window)
    assert valid.all()
    assert there.all()
    blocks = window.reshape(48, ratio, 48, ratio).swapaxes(1, 2).reshape(48, 48, -1)
    counts = (blocks[..., None] == np.arange(10)).sum(axis=2)
    best = counts.max(axis=2)
    np.testing.assert_array_equal(out, counts.argmax(axis=2))  # of equal ones the smallest
    ours, theirs = (
        np.take_along_axis(counts, v.astype(int)[..., None], 2)[..., 0] for v in (out, expected)
    )
    np.testing.assert_array_equal(ours, best)
    np.testing.assert_array_equal(theirs, best)


def exact_mean(window, corners):
    """The mean over a polygon, each pixel weighted by the area that it covers of it."""
    shape = Polygon(corners)
    left, top, right, bottom = (int(np.floor(v)) for v in shape.bounds)
    total = 0.0
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            total += window[y, x] * shape.intersection(box(x, y, x + 1, y + 1)).area
    return total / shape.area


@pytest.mark.parametrize(
    ("angle", "stretch", "bound"), [(0, 1, 1e-9), (0, 2, 1e-9), (3, 1, 0.05), (45, 1, 0.2)]
)
def test_average_of_turned_footprints(angle, stretch, bound, record_testsuite_property):
    """Of white noise, where nothing averages out; the bound is a part of its deviation."""
    window = np.random.default_rng(10).normal(size=(100, 100))
    transform = turned(angle, 3.0, (50, 50), (16, 16), stretch)
    out, valid = draw("average", affine_grid(transform, (16, 16)), WHOLE, window)
    assert valid.all()
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    expected = [
        [exact_mean(window, [transform @ (j + x, i + y) for x, y in corners]) for j in range(16)]
        for i in range(16)
    ]
    error = float(np.sqrt(np.mean((out - np.array(expected)) ** 2)))
    record_testsuite_property(f"average turned by {angle}", f"{error:.3g}")
    assert error <= max(bound, 1e-6)


@pytest.mark.parametrize("angle", [0, 10, 45, 77])
def test_average_of_a_plane_is_exact_however_it_is_turned(angle):
    y, x = np.mgrid[0:100, 0:100] + 0.5
    window = 3.0 * x - 2.0 * y
    transform = turned(angle, 3.0, (50, 50), (16, 16))
    out, _ = draw("average", affine_grid(transform, (16, 16)), WHOLE, window)
    j, i = np.meshgrid(np.arange(16) + 0.5, np.arange(16) + 0.5)
    c, r = transform @ (j, i)
    # Pixels are constant: over parts of pixels their means are not those of the plane.
    np.testing.assert_allclose(out, 3.0 * c - 2.0 * r, atol=0.6)
