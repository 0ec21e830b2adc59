"""The drawing kernel against plain NumPy (`renderers.reference`), over blocks of any size."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from support.blocks import part_of_array

from renderers.canvas import Canvas
from renderers.geobox import GeoBox
from renderers.kernels import output
from renderers.painter import Painters, style_painter, values_painter
from renderers.reference import footprints, resample
from renderers.sources import Drawable, Prepared
from renderers.targets import CanvasTarget, StoredTarget
from renderers.warp import CoordinateGrid
from styles.expression import compile_formula
from styles.program import select
from styles.registry import class_style, stretch_style

SHAPE = 33, 129
NO_MASK = np.zeros((0, 0), np.uint8)
DTYPES = ("uint8", "uint16", "int16", "float32", "float64", "int32", "uint32", "int8")


def box(shape=SHAPE):
    return GeoBox(shape[1], shape[0], Affine(1, 0, 0, 0, -1, shape[0]), "EPSG:32632")


def a_grid(seed, step, shape=SHAPE):
    """Positions that turn, stretch, leave the array on all sides, and miss at one point."""
    rng = np.random.default_rng(seed)
    height, width = shape
    n, m = -(-(height - 1) // step) + 1, -(-(width - 1) // step) + 1
    i, j = np.mgrid[0:n, 0:m] * float(step)
    turn, stretch = rng.uniform(-3.2, 3.2), rng.uniform(0.2, 2.5)
    x = stretch * (np.cos(turn) * (j - width / 2) - np.sin(turn) * (i - height / 2)) + 70
    y = stretch * (np.sin(turn) * (j - width / 2) + np.cos(turn) * (i - height / 2)) + 45
    if rng.random() < 0.5:
        x[n // 2, m // 2] = np.nan
    return CoordinateGrid(x, y, step, width, height, 1.0)


def an_array(seed, dtype, bands=2):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 120, (bands, 90, 140)).astype(dtype)
    values[:, 20:30, 30:50] = 7
    if np.dtype(dtype).kind == "f":
        values[0, 50:52, 60:70] = np.nan
    mask = rng.choice(np.array([0, 255], np.uint8), (90, 140), p=[0.1, 0.9])
    return values, mask


def drawn(part, blocks, painter, shape=SHAPE):
    canvas = Canvas(box(shape), painter, Painters())
    scene = Drawable([part], [(part, blocks)])
    canvas.draw(scene.tables(box(shape)), scene.smooth)
    if Prepared.suits([part]):
        again = Canvas(box(shape), painter, Painters())
        in_order = [blocks[b] for b in part.plan.blocks]
        again.draw(Prepared([part]).tables([in_order]), scene.smooth)
        np.testing.assert_array_equal(again.state, canvas.state)
        np.testing.assert_array_equal(again.values, canvas.values)
    return canvas


def expected(values, mask, grid, method, nodata):
    where = footprints(grid.columns, grid.rows, grid.step, (grid.height, grid.width))
    where = where.within((0.0, 0.0, 1.0, 1.0), 1)
    found = [resample(method, band, mask, nodata, where) for band in values]
    return np.stack([v for v, _ in found]), np.logical_and.reduce([g for _, g in found])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    masked=st.booleans(),
    step=st.sampled_from([1, 4, 16]),
    block=st.sampled_from([(16, 16), (33, 17), (64, 128), (140, 90), (7, 200)]),
)
def test_values_equal_numpy_wherever_blocks_end(dtype, method, seed, masked, step, block):
    values, mask = an_array(seed, dtype)
    grid = a_grid(seed, step)
    scaling = 0.5, -3.0
    part, blocks = part_of_array(
        values, grid, block=block, mask=mask if masked else None, nodata=7.0, scaling=scaling,
        resampling=method,
    )  # fmt: skip
    if part.plan.method != method:
        return  # it shrinks by more than bilinear is for
    canvas = drawn(part, blocks, values_painter(select(("a", "b"))))
    wanted, good = expected(values, mask if masked else NO_MASK, grid, method, 7.0)
    np.testing.assert_array_equal(canvas.state == output.DRAWN, good)
    wanted = wanted * scaling[0] + scaling[1]
    np.testing.assert_allclose(canvas.values[:, good], wanted[:, good], rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int64", "float64"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), masked=st.booleans())
def test_stored_values_come_through_unchanged(dtype, seed, masked):
    values, mask = an_array(seed, dtype)
    if dtype == "uint32":
        values = values + np.uint32(2**32 - 300)
    grid = a_grid(seed, 16)
    part, blocks = part_of_array(
        values, grid, block=(32, 48), mask=mask if masked else None, nodata=7.0
    )
    target = StoredTarget(values.dtype, 2, box())
    scene = Drawable([part], [(part, blocks)])
    target.draw(4, scene)
    wanted, good = expected(values, mask if masked else NO_MASK, grid, "nearest", 7.0)
    np.testing.assert_array_equal(target.valid.reshape(SHAPE) == 1, good)
    shown = target.data.reshape(2, *SHAPE)
    assert shown.dtype == values.dtype
    np.testing.assert_array_equal(shown[:, good], wanted[:, good].astype(dtype))
    assert set(target.source) == {4, -1} or good.all()
    assert target.open == np.count_nonzero(~good)
    assert scene.stored_tables().dtypes == (dtype, dtype)


def test_later_scenes_fill_only_what_is_open():
    values = np.full((1, 90, 140), 50, np.uint16)
    values[:, :, 60:] = 0
    grid = CoordinateGrid(
        *np.meshgrid(np.arange(9) * 16 + 0.5, np.arange(3) * 16 + 0.5), 16, 129, 33, 1.0
    )
    canvas = Canvas(box(), values_painter(select(("a",))), Painters())
    target = CanvasTarget(canvas, box())
    first, second = (
        Drawable([part], [(part, blocks)])
        for part, blocks in (
            part_of_array(values, grid, block=(64, 64), nodata=0.0),
            part_of_array(values * 0 + 80, grid, block=(32, 32), nodata=0.0),
        )
    )
    target.draw(0, first)
    assert target.open == 33 * 69
    target.draw(1, second)
    assert target.open == 0
    np.testing.assert_array_equal(canvas.values[0][:, :60], 50)
    np.testing.assert_array_equal(canvas.values[0][:, 60:], 80)


STYLES = {
    "rgb": stretch_style("rgb", ("r", "g", "b"), 10.0, 100.0),
    "grey": stretch_style("grey", ("r", "r", "r"), 10.0, 100.0),
    "ramp": stretch_style("ramp", "r", 10.0, 100.0),
    "classes": class_style("classes", "r", [(k, "", (k, 2, 3, 255)) for k in range(5, 90, 3)]),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_tables_give_the_same_picture_as_the_program(style, dtype, monkeypatch):
    painter = style_painter(STYLES[style])
    values, mask = an_array(3, dtype, bands=len(painter.program.inputs))
    values[0, :20] -= np.array(30, dtype)  # negative, or very large
    shape = 160, 160
    grid = a_grid(5, 16, shape)
    part, blocks = part_of_array(values, grid, block=(48, 40), mask=mask, nodata=7.0)
    by_table = drawn(part, blocks, painter, shape).image()
    monkeypatch.setattr(Painters, "tables", lambda *_: None)
    by_program = drawn(part, blocks, painter, shape).image()
    np.testing.assert_array_equal(by_table.pixels, by_program.pixels)
    assert by_table.opaque == by_program.opaque
    assert (by_table.rgba()[..., 3] == 0).any()
    assert (by_table.rgba()[..., 3] == 255).any()


def test_a_value_that_a_program_cannot_make_is_transparent_and_not_open():
    painter = values_painter(compile_formula("sqrt(a - 60)"))
    values = np.full((1, 90, 140), 50, np.uint8)
    values[:, :, 40:] = 61
    grid = CoordinateGrid(
        *np.meshgrid(np.arange(9) * 16 + 0.5, np.arange(3) * 16 + 0.5), 16, 129, 33, 1.0
    )
    canvas = drawn(*part_of_array(values, grid, block=(64, 64)), painter)
    assert canvas.open == 0
    assert (canvas.state[:, :40] == output.EMPTY).all()
    assert (canvas.state[:, 40:] == output.DRAWN).all()
