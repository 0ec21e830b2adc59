"""Draws from blocks and into targets that lie at the edge of memory nobody may touch.

Run by `test_guard.py` in a process of its own, because the first access beyond ends it. The
arguments are the first seed and how many; "ok" and the number drawn are printed at the end.
"""

import ctypes
import mmap
import sys
from dataclasses import replace

import numpy as np
from affine import Affine
from support.blocks import part_of_array

from renderers.canvas import Canvas
from renderers.geobox import GeoBox
from renderers.paint import tone_curve
from renderers.painter import Painters, style_painter, values_painter
from renderers.partial import part_of
from renderers.readers.base import Block
from renderers.reference import footprints, resample
from renderers.sources import Drawable
from renderers.targets import StoredTarget
from renderers.warp import CoordinateGrid
from styles.program import select
from styles.registry import class_style, stretch_style

PAGE = mmap.PAGESIZE
NO_MASK = np.zeros((0, 0), np.uint8)
#: Never a value of a scene: stands where nothing may be read.
SENTINEL = 113
SHAPES = [(1, 1), (1, 5), (1, 2100), (5, 1), (700, 1), (3, 1500), (17, 33), (40, 70), (33, 16)]
BLOCKS = [(1, 1), (2, 3), (7, 5), (16, 16), (64, 1), (1, 64), (50, 50), (64, 64), (13, 200)]
DTYPES = ["uint8", "uint16", "int16", "float32", "float64", "uint32"]
METHODS = ["nearest", "nearest", "bilinear", "bilinear", "cubic", "average", "mode"]
WILD = [np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**31, -(2.0**31), 2.0**63, -0.0, 1e9, -1e-11]

libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Memory between two pages that must not be touched."""

    def __init__(self) -> None:
        self.maps: list[mmap.mmap] = []

    def copy(self, array: np.ndarray, *, at_end: bool) -> np.ndarray:
        """Return the array at the very end, or beginning, of its memory."""
        pages = max(-(-array.nbytes // PAGE), 1)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        self.maps.append(memory)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for page in (0, pages + 1):
            if libc.mprotect(ctypes.c_void_p(base + page * PAGE), PAGE, 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        start = (pages + 1) * PAGE - array.nbytes if at_end else PAGE
        out = np.frombuffer(memory, array.dtype, array.size, start).reshape(array.shape)
        out[...] = array
        return out


def a_grid(rng, shape, level, *, wild):
    """Positions that turn, stretch and leave the level; wild ones are anything at some points."""
    height, width = shape
    step = int(rng.choice([1, 2, 4, 8, 16]))
    n, m = -(-(height - 1) // step) + 1, -(-(width - 1) // step) + 1
    i, j = np.mgrid[0:n, 0:m] * float(step)
    turn = rng.choice([0.0, np.pi / 2, np.pi, rng.uniform(-3.2, 3.2)])
    stretch = rng.choice([0.0, 0.02, 0.5, 1.0, 2.0, rng.uniform(0.01, 9.0)])
    x = stretch * (np.cos(turn) * (j - width / 2) - np.sin(turn) * (i - height / 2))
    y = stretch * (np.sin(turn) * (j - width / 2) + np.cos(turn) * (i - height / 2))
    x, y = x + rng.uniform(0, level[1]), y + rng.uniform(0, level[0])
    if rng.random() < 0.5:  # positions on edges and middles of pixels
        x, y = np.round(x * 2.0) / 2.0, np.round(y * 2.0) / 2.0
    if wild:
        for grid in (x, y):
            some = rng.random(grid.shape) < 0.2
            grid[some] = rng.choice(WILD, int(some.sum()))
    return CoordinateGrid(
        np.ascontiguousarray(x), np.ascontiguousarray(y), step, width, height, 1.0
    )


def in_memory(rng, guarded, part, blocks):
    """Return blocks at the edge of their memory; some are partial, as the plan's window allows."""
    out = {}
    for block_id, block in blocks.items():
        data, mask, window = block.data.copy(), block.mask, None
        inside = part_of(part.file.index, block_id, part.plan.window)
        if inside is not None and rng.random() < 0.5:
            kept = data[:, inside[0] : inside[2], inside[1] : inside[3]].copy()
            data[...] = SENTINEL
            data[:, inside[0] : inside[2], inside[1] : inside[3]] = kept
            window = inside
        if rng.random() > 2000 / len(blocks):  # a process may have 65530 pieces of memory
            out[block_id] = Block(data, mask, window)
            continue
        at_end = bool(rng.random() < 0.7)
        if mask is not None:
            mask = guarded.copy(mask, at_end=at_end) if rng.random() < 0.6 else None
        out[block_id] = Block(guarded.copy(data, at_end=at_end), mask, window)
    return out


def guard(canvas, guarded, rng):
    """Put what a canvas is drawn into at the edge of its memory."""
    at_end = bool(rng.random() < 0.5)
    for name in ("_state", "_words", "_indexes", "_values"):
        setattr(canvas, name, guarded.copy(getattr(canvas, name), at_end=at_end))
    return canvas


def compare(canvas, case, scaling):
    """Compare with plain NumPy."""
    values, mask, grid, method, nodata = case
    where = footprints(grid.columns, grid.rows, grid.step, (grid.height, grid.width))
    where = where.within((0.0, 0.0, 1.0, 1.0), 1)
    found = [resample(method, band, mask, nodata, where) for band in values]
    good = np.logical_and.reduce([g for _, g in found])
    np.testing.assert_array_equal(canvas.state == 1, good)
    wanted = np.stack([v for v, _ in found])[:, good] * scaling[0] + scaling[1]
    np.testing.assert_allclose(canvas.values[:, good], wanted, rtol=2e-5, atol=2e-3)


def run(seed: int) -> int:
    """Draw one case in each way; return how many pixels were drawn."""
    rng, guarded = np.random.default_rng(seed), Guarded()
    shape = SHAPES[rng.integers(len(SHAPES))]
    level = tuple(rng.integers(1, 150, 2).tolist())
    dtype, wild = str(rng.choice(DTYPES)), bool(rng.random() < 0.5)
    values = rng.integers(0, 100, (2, *level)).astype(dtype)
    if np.dtype(dtype).kind == "f" and rng.random() < 0.5:
        values[0, level[0] // 2] = np.nan
    mask = rng.choice(np.array([0, 255], np.uint8), level, p=[0.1, 0.9])
    masked, nodata = bool(rng.random() < 0.5), float(rng.choice([7.0, np.nan, 1e300]))
    grid = a_grid(rng, shape, level, wild=wild)
    method = str(rng.choice(METHODS))
    try:
        part, blocks = part_of_array(
            values, grid, block=BLOCKS[rng.integers(len(BLOCKS))],
            mask=mask if masked else None, nodata=nodata, scaling=(0.5, -3.0), resampling=method,
        )  # fmt: skip
    except ValueError:  # the target does not touch the array
        return 0
    blocks = in_memory(rng, guarded, part, blocks)
    box = GeoBox(shape[1], shape[0], Affine(1, 0, 0, 0, -1, shape[0]), "EPSG:32632")
    drawn = 0
    scene = Drawable([part], [(part, blocks)])
    painters = Painters()
    for painter in (
        values_painter(select(("a", "b"))),
        replace(
            style_painter(stretch_style("rgb", ("a", "b", "a"), 10.0, 90.0)), table=tone_curve(1.3)
        ),
        style_painter(stretch_style("ramp", "a", 10.0, 90.0)),
        style_painter(class_style("classes", "a", [(k, "", (k, 2, 3, 255)) for k in range(90)])),
    ):
        canvas = guard(Canvas(box, painter, painters), guarded, rng)
        tables = scene.tables(box)
        used = len(painter.program.inputs)
        tables = replace(
            tables,
            bands=tables.bands[:used].copy(),
            physics=tables.physics[:used].copy(),
            dtypes=tables.dtypes[:used],
        )
        canvas.draw(tables, scene.smooth)
        state = canvas.state
        assert np.isin(state, [0, 1, 2]).all()
        assert canvas.open == np.count_nonzero(state == 0)
        drawn += int(np.count_nonzero(state == 1))
        if painter.kind == 0:
            shown = canvas.values[:, state == 1]
            assert not shown.size or shown.max() <= 99 * 1.3 * 0.5 + 20
            all_masked = all(block.mask is not None for block in blocks.values())
            none_masked = all(block.mask is None for block in blocks.values())
            if not wild and method == part.plan.method and (all_masked or none_masked):
                there = mask if masked and all_masked else NO_MASK
                if method in ("nearest", "bilinear"):
                    compare(canvas, (values, there, grid, method, nodata), (0.5, -3.0))
            if part.plan.method == "nearest":
                assert not np.any(shown == SENTINEL * 0.5 - 3.0)
    if part.plan.method == "nearest":
        target = StoredTarget(values.dtype, 2, box)
        target.data = guarded.copy(target.data, at_end=True)
        target.valid = guarded.copy(target.valid, at_end=True)
        target.draw(0, scene)
        assert not np.any(target.data[:, target.valid == 1] == SENTINEL)
    return drawn


def main() -> None:
    """Run the cases."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    drawn = 0
    with np.errstate(all="ignore"):
        for seed in range(first, first + count):
            sys.stdout.write(f"{seed}\r")
            sys.stdout.flush()
            drawn += run(seed)
    sys.stdout.write(f"ok {drawn}\n")


if __name__ == "__main__":
    main()
