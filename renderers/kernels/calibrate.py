"""Radar backscatter from amplitudes and a table of gains."""

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import kernel

_LINE = "Array(float64, 1, 'C', readonly=True)"
_TABLE = "Array(float64, 2, 'C', readonly=True)"
_VALUES = "Array(uint16, 2, 'C', readonly=True)"


@kernel(
    f"void({_VALUES}, {_LINE}, {_LINE}, {_LINE}, {_LINE}, {_TABLE}, float64[::1], float32[:, ::1])"
)
def backscatter(
    values: NDArray[np.uint16],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    lines: NDArray[np.float64],
    pixels: NDArray[np.float64],
    table: NDArray[np.float64],
    along: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Divide squared amplitudes by squared gains, which are interpolated bilinearly.

    Args:
        values: Amplitudes, shape (rows, columns).
        rows: Line number of each row, rising.
        columns: Pixel number of each column, rising.
        lines: Line number of each row of the table, rising, two or more.
        pixels: Pixel number of each column of the table, rising, two or more.
        table: Gains, shape (lines, pixels); before the first and after the last they stay.
        along: Shape (pixels,), to work in.
        out: To fill, shape of `values`.
    """
    last_line, last_pixel = lines.size - 2, pixels.size - 2
    i = 0
    for y in range(values.shape[0]):
        while i < last_line and rows[y] > lines[i + 1]:
            i += 1
        down = min(max((rows[y] - lines[i]) / (lines[i + 1] - lines[i]), 0.0), 1.0)
        for k in range(pixels.size):
            along[k] = table[i, k] + (table[i + 1, k] - table[i, k]) * down
        j = 0
        for x in range(values.shape[1]):
            while j < last_pixel and columns[x] > pixels[j + 1]:
                j += 1
            right = min(max((columns[x] - pixels[j]) / (pixels[j + 1] - pixels[j]), 0.0), 1.0)
            ratio = values[y, x] / (along[j] + (along[j + 1] - along[j]) * right)
            out[y, x] = ratio * ratio
