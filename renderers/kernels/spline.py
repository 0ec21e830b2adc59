"""Thin-plate splines at many places."""

import math

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import kernel

_LINE = "Array(float64, 1, 'C', readonly=True)"
_TABLE = "Array(float64, 2, 'C', readonly=True)"


@kernel(f"void({_LINE}, {_LINE}, {_TABLE}, {_TABLE}, float64[:, ::1])")
def thin_plate(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    nodes: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Evaluate a spline of two values: a plane and r^2 log r^2 of the distance to each node.

    Args:
        x: Places, shape (m,).
        y: The same.
        nodes: Shape (n, 2).
        weights: Shape (n + 3, 2): of the nodes, then constant, slope along x and along y.
        out: Shape (2, m) to fill; NaN where a place is not finite.
    """
    count = nodes.shape[0]
    for i in range(x.size):
        px, py = x[i], y[i]
        if not (math.isfinite(px) and math.isfinite(py)):
            out[0, i] = out[1, i] = np.nan
            continue
        first = weights[count, 0] + weights[count + 1, 0] * px + weights[count + 2, 0] * py
        second = weights[count, 1] + weights[count + 1, 1] * px + weights[count + 2, 1] * py
        for k in range(count):
            dx, dy = px - nodes[k, 0], py - nodes[k, 1]
            square = dx * dx + dy * dy
            if square > 0.0:
                bend = square * math.log(square)
                first += weights[k, 0] * bend
                second += weights[k, 1] * bend
        out[0, i] = first
        out[1, i] = second
