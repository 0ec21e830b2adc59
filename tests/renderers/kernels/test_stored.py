"""Copying stored values, against NumPy, on windows of a file's own grid and on others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels.stored import copy_stored

#: The file: pixels of all its blocks, the last ones of a row and column cut.
WIDTH, HEIGHT = 150, 110
BLOCK_WIDTH, BLOCK_HEIGHT = 64, 48
STEP = 16


class _File:
    """Two bands in blocks, some with masks."""

    def __init__(self, dtype: Any, nodata: float | None, masked: bool) -> None:
        rng = np.random.default_rng(7)
        self.data = rng.integers(0, 200, (2, HEIGHT, WIDTH)).astype(dtype)
        if nodata is not None:
            self.data[rng.random(self.data.shape) < 0.1] = nodata
        if np.dtype(dtype).kind == "f":
            self.data[rng.random(self.data.shape) < 0.05] = np.nan
        self.mask = np.ones((HEIGHT, WIDTH), np.uint8)
        if masked:
            self.mask[20:70, 30:100] = 0
        self.blocks, self.masks, self.strides = [], [], []
        for band in self.data:
            for top in range(0, HEIGHT, BLOCK_HEIGHT):
                for left in range(0, WIDTH, BLOCK_WIDTH):
                    place = (
                        slice(top, top + BLOCK_HEIGHT), slice(left, left + BLOCK_WIDTH)
                    )  # fmt: skip
                    self.blocks.append(np.ascontiguousarray(band[place]))
                    flags = np.ascontiguousarray(self.mask[place])
                    self.masks.append(None if flags.all() else flags)
                    self.strides.append(self.blocks[-1].shape[1])


def _address(array: Any) -> int:
    return 0 if array is None else int(array.__array_interface__["data"][0])


def _copied(file: _File, columns: Any, rows: Any, shape: tuple[int, int], nodata: Any) -> Any:
    """Run the kernel with one layout for both bands; return values and what is valid."""
    across = -(-WIDTH // BLOCK_WIDTH)
    each = len(file.blocks) // 2
    layout = [_address(columns), _address(rows), *columns.shape, STEP, 0, 0, WIDTH, HEIGHT]
    layouts = np.array([[*layout, BLOCK_WIDTH, BLOCK_HEIGHT, across, 0]], np.int64)
    words = file.data.dtype if file.data.dtype.kind == "f" else f"u{file.data.itemsize}"
    out = np.zeros((2, shape[0] * shape[1]), words)
    valid = np.ones(shape[0] * shape[1], np.uint8)
    meaning = np.array([0 if nodata is None else nodata] * 2, file.data.dtype).view(words)
    copy_stored(
        layouts, np.ones((1, 2)), np.array(file.strides[:each], np.int64),
        np.array([[0, 0, 0, 0], [0, 0, each, 0]], np.int64),
        np.array([_address(b) for b in file.blocks], np.int64),
        np.array([_address(m) for m in file.masks], np.int64),
        shape[1], np.array([nodata is not None] * 2, np.uint8), meaning, out, valid,
    )  # fmt: skip
    return out.view(file.data.dtype).reshape(2, *shape), valid.reshape(shape)


def _expected(file: _File, x: Any, y: Any, nodata: Any) -> Any:
    """What the pixels at whole columns and rows hold; shapes (width,) and (height,)."""
    inside = ((y >= 0) & (y < HEIGHT))[:, None] & ((x >= 0) & (x < WIDTH))[None, :]
    at = np.ix_(np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1))
    values = np.stack([band[at] for band in file.data])
    valid = inside & (file.mask[at] != 0) & ~np.isnan(values.astype(float)).any(axis=0)
    if nodata is not None:
        valid &= (values != nodata).all(axis=0)
    return values, valid


def _points(shape: tuple[int, int]) -> tuple[Any, Any]:
    """Target columns and rows of the points of a coordinate grid."""
    height, width = shape
    across, down = -(-(width - 1) // STEP) + 1, -(-(height - 1) // STEP) + 1
    return np.arange(across) * float(STEP) + 0.5, np.arange(down) * float(STEP) + 0.5


def _check(
    file: _File, shape: tuple[int, int], x: tuple[float, float], y: tuple[float, float], nodata: Any
) -> None:
    """Compare on a grid whose source column is x[0] + x[1] * target column, and so on."""
    u, v = _points(shape)
    columns, rows = np.meshgrid(x[0] + x[1] * u, y[0] + y[1] * v)
    columns, rows = np.ascontiguousarray(columns), np.ascontiguousarray(rows)
    found, valid = _copied(file, columns, rows, shape, nodata)
    across = np.floor(x[0] + x[1] * (np.arange(shape[1]) + 0.5) + 1e-10).astype(int)
    down = np.floor(y[0] + y[1] * (np.arange(shape[0]) + 0.5) + 1e-10).astype(int)
    wanted, known = _expected(file, across, down, nodata)
    np.testing.assert_array_equal(valid != 0, known)
    np.testing.assert_array_equal(found[:, known], wanted[:, known])


KINDS = [
    (np.uint8, None, False),
    (np.uint16, 7, False),
    (np.uint16, None, True),
    (np.int16, -5, True),
    (np.uint32, 3, True),
    (np.float32, None, False),
    (np.float32, 4.0, True),
    (np.float64, None, True),
]


@pytest.mark.parametrize(("dtype", "nodata", "masked"), KINDS)
@pytest.mark.parametrize(
    "window",
    [
        (0, 0, HEIGHT, WIDTH),
        (13, 5, 61, 90),
        (-9, -20, HEIGHT + 30, WIDTH + 41),
        (140, 100, 40, 40),
        (500, 3, 20, 20),
        (3, -400, 20, 20),
        (63, 47, 2, 3),
        (1, 2, 1, 1),
    ],
    ids=str,
)
def test_windows(dtype: Any, nodata: Any, masked: bool, window: Any) -> None:
    left, top, height, width = window
    _check(_File(dtype, nodata, masked), (height, width), (left, 1.0), (top, 1.0), nodata)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((4.3, 1.0), (9.8, 1.0)),  # between pixels, still one to one
        ((4.5, 1.0), (9.0, 1.0)),  # on their edges
        ((0.0, 2.0), (0.0, 2.0)),
        ((0.0, 0.3), (0.0, 0.4)),
        ((150.0, -1.0), (0.0, 1.0)),  # mirrored
        ((0.0, 1.0), (110.0, -1.0)),
        ((0.3, 1.004), (0.2, 1.0)),  # leaves its pixel within a row
        ((0.3, 1.0), (0.2, 0.993)),
    ],
    ids=str,
)
@pytest.mark.parametrize(("dtype", "nodata", "masked"), [KINDS[1], KINDS[6]])
def test_other_grids(dtype: Any, nodata: Any, masked: bool, x: Any, y: Any) -> None:
    _check(_File(dtype, nodata, masked), (90, 120), x, y, nodata)


def test_positions_without_a_source() -> None:
    file = _File(np.uint16, None, False)
    u, v = _points((33, 33))
    columns, rows = (np.ascontiguousarray(a) for a in np.meshgrid(u, v))
    columns[:] = np.nan
    _, valid = _copied(file, columns, rows, (33, 33), None)
    assert not valid.any()


_FILE = _File(np.int16, 9, True)


@settings(deadline=None, max_examples=200)
@given(
    left=st.floats(-200, 300), top=st.floats(-200, 300),
    height=st.integers(1, 130), width=st.integers(1, 170),
)  # fmt: skip
def test_any_window(left: float, top: float, height: int, width: int) -> None:
    # Positions within rounding of an edge may go either way.
    left, top = round(left, 3) + 0.0004, round(top, 3) + 0.0004
    _check(_FILE, (height, width), (left, 1.0), (top, 1.0), 9)
