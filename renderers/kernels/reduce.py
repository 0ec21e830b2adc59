"""Many dates to one value per pixel."""

from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

# What is made of the values of a pixel.
MEAN: Final = 0
LEAST: Final = 1
GREATEST: Final = 2

_BLOCK: Final = 1024
_NAN: Final = np.float32(np.nan)
_INFINITE: Final = np.float32(np.inf)
_HALF: Final = np.float32(0.5)

_f32_rows = types.Array(types.float32, 2, "C", readonly=True)
_f32_out = types.Array(types.float32, 1, "C")
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_f64_rows_out = types.Array(types.float64, 2, "C")
_i32_out = types.Array(types.int32, 1, "C")


@kernel(types.void(types.int64, _f32_rows, _u8, _f64_rows_out, _i32_out))
def fold(kind: int, values: Array, there: Array, total: Array, seen: Array) -> None:
    """Add one date to what earlier ones left.

    Args:
        kind: MEAN adds up; LEAST and GREATEST keep that value.
        values: float32, shape (outputs, pixels).
        there: uint8, shape (pixels,), 1 where the date has values.
        total: float64, shape (outputs, pixels), changed; means nothing where nothing was seen.
        seen: int32, shape (pixels,), how many dates had values so far, changed.
    """
    for k in range(values.shape[0]):
        row, out = values[k], total[k]
        for p in range(seen.shape[0]):
            if there[p] == 1:
                value = np.float64(row[p])
                if seen[p] == 0:
                    out[p] = value
                elif kind == MEAN:
                    out[p] += value
                elif kind == LEAST:
                    out[p] = min(out[p], value)
                else:
                    out[p] = max(out[p], value)
    for p in range(seen.shape[0]):
        seen[p] += there[p] == 1


@inlined
def _sort(rows: Array, count: int) -> None:
    """Sort the columns of rows by odd-even transposition.

    It compares whole rows with one another, which is a vector instruction for eight pixels at once.
    """
    number = rows.shape[0]
    for step in range(number):
        for k in range(step & 1, number - 1, 2):
            low, high = rows[k], rows[k + 1]
            for p in range(count):
                a, b = low[p], high[p]
                low[p] = a if a < b else b
                high[p] = b if a < b else a


@kernel(types.void(_f32_rows, _f32_out))
def median(dates: Array, out: Array) -> None:
    """Write the median of those dates that have a value; of an even number the mean of the middle.

    Args:
        dates: float32, shape (dates, pixels), NaN where a date has none.
        out: float32, shape (pixels,), written; NaN where no date has one.
    """
    rows = np.empty((dates.shape[0], _BLOCK), np.float32)
    number = np.empty(_BLOCK, np.int32)
    for start in range(0, out.shape[0], _BLOCK):
        count = min(_BLOCK, out.shape[0] - start)
        number[:count] = 0
        for d in range(dates.shape[0]):
            source, row = dates[d, start : start + count], rows[d]
            for p in range(count):
                has = source[p] == source[p]
                row[p] = source[p] if has else _INFINITE
                number[p] += has
        _sort(rows, count)
        for p in range(count):
            n = number[p]
            if n == 0:
                out[start + p] = _NAN
            elif n % 2 == 1:
                out[start + p] = rows[n // 2, p]
            else:
                out[start + p] = (rows[n // 2 - 1, p] + rows[n // 2, p]) * _HALF
