"""Finds places on Earth in a mesh of known positions: the geolocation of a swath.

Nodes are unit vectors, so neither the poles nor 180 degrees are special. Between four nodes the
direction is the bilinear mixture of their vectors; a place is looked for from the nearest of a few
hundred nodes by stepping from cell to cell, each step by the linear part of the mixture.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

#: Steps from cell to cell, cells of one step, and Newton's iterations inside a cell.
_STEPS: Final = 64
_FAR: Final = 8
_ITERATIONS: Final = 12
#: Cells beyond the mesh's edge for which it is continued, and cells around where a walk has got
#: stuck that are looked at one by one.
_BEYOND: Final = 2.0
_AROUND: Final = 4
_ROUNDING: Final = 1e-9

Vector = tuple[float, float, float]
Corners = tuple[float, float, float, float]


@inlined
def _mixed(a: float, b: float, c: float, d: float, s: float, t: float) -> float:
    """Mix the values at (0, 0), (1, 0), (0, 1) and (1, 1)."""
    return (1.0 - t) * ((1.0 - s) * a + s * b) + t * ((1.0 - s) * c + s * d)


@inlined
def _corners(nodes: NDArray[np.float64], i: int, j: int, e: Vector) -> Corners:
    """Return the four corners of a cell along one direction."""
    x, y, z = e
    return (
        nodes[i, j, 0] * x + nodes[i, j, 1] * y + nodes[i, j, 2] * z,
        nodes[i, j + 1, 0] * x + nodes[i, j + 1, 1] * y + nodes[i, j + 1, 2] * z,
        nodes[i + 1, j, 0] * x + nodes[i + 1, j, 1] * y + nodes[i + 1, j, 2] * z,
        nodes[i + 1, j + 1, 0] * x + nodes[i + 1, j + 1, 1] * y + nodes[i + 1, j + 1, 2] * z,
    )


@inlined
def _newton(u: Corners, v: Corners, iterations: int) -> tuple[float, float]:
    """Return where in a cell both mixtures vanish; NaN where that is not found.

    One iteration gives the linear estimate from the cell's middle.
    """
    s, t = 0.5, 0.5
    for _ in range(iterations):
        f = _mixed(u[0], u[1], u[2], u[3], s, t)
        g = _mixed(v[0], v[1], v[2], v[3], s, t)
        fs = (1.0 - t) * (u[1] - u[0]) + t * (u[3] - u[2])
        gs = (1.0 - t) * (v[1] - v[0]) + t * (v[3] - v[2])
        ft = (1.0 - s) * (u[2] - u[0]) + s * (u[3] - u[1])
        gt = (1.0 - s) * (v[2] - v[0]) + s * (v[3] - v[1])
        det = fs * gt - ft * gs
        if not abs(det) > 0.0:
            return math.nan, math.nan
        ds, dt = (ft * g - f * gt) / det, (f * gs - fs * g) / det
        s += ds
        t += dt
        if abs(ds) + abs(dt) < 1e-12:
            break
    return s, t


@inlined
def _nearest(
    nodes: NDArray[np.float64], x: float, y: float, z: float, down: int, across: int
) -> tuple[float, int, int]:
    """Return the nearest of every `down`-th row and `across`-th column, and its cosine."""
    best, row, column = -2.0, 0, 0
    for i in range(0, nodes.shape[0], down):
        for j in range(0, nodes.shape[1], across):
            near = nodes[i, j, 0] * x + nodes[i, j, 1] * y + nodes[i, j, 2] * z
            if near > best:
                best, row, column = near, i, j
    return best, row, column


@inlined
def _walked(
    nodes: NDArray[np.float64], row: int, column: int, e: Vector, n: Vector
) -> tuple[int, int, float, float]:
    """Step from a node to the cell that holds a place.

    Returns:
        Row and column of the cell, and the place in it; NaN where the walk got stuck there.
    """
    last_row, last_column = nodes.shape[0] - 2, nodes.shape[1] - 2
    i, j = min(row, last_row), min(column, last_column)
    for _ in range(_STEPS):
        u, v = _corners(nodes, i, j, e), _corners(nodes, i, j, n)
        s, t = _newton(u, v, 1)
        if -0.5 <= s <= 1.5 and -0.5 <= t <= 1.5:
            s, t = _newton(u, v, _ITERATIONS)
        if not (math.isfinite(s) and math.isfinite(t)):
            return i, j, math.nan, math.nan
        to_row = i + max(-_FAR, min(_FAR, math.floor(t))) if not 0.0 <= t <= 1.0 else i
        to_column = j + max(-_FAR, min(_FAR, math.floor(s))) if not 0.0 <= s <= 1.0 else j
        to_row = min(max(to_row, 0), last_row)
        to_column = min(max(to_column, 0), last_column)
        if to_row == i and to_column == j:
            s, t = _newton(u, v, _ITERATIONS)
            return i, j, s, t
        i, j = to_row, to_column
    return i, j, math.nan, math.nan


@inlined
def _searched(
    nodes: NDArray[np.float64], row: int, column: int, e: Vector, n: Vector
) -> tuple[int, int, float, float]:
    """Look at the cells around one, one by one, for the first that holds a place."""
    for i in range(max(row - _AROUND, 0), min(row + _AROUND + 1, nodes.shape[0] - 1)):
        for j in range(max(column - _AROUND, 0), min(column + _AROUND + 1, nodes.shape[1] - 1)):
            s, t = _newton(_corners(nodes, i, j, e), _corners(nodes, i, j, n), _ITERATIONS)
            if -_ROUNDING <= s <= 1.0 + _ROUNDING and -_ROUNDING <= t <= 1.0 + _ROUNDING:
                return i, j, s, t
    return -1, 0, 0.0, 0.0


@kernel(
    "void(float64[::1], float64[::1], float64[:,:,::1], int64, int64, float64,"
    " float64[::1], float64[::1])"
)
def find_places(
    longitude: NDArray[np.float64],
    latitude: NDArray[np.float64],
    nodes: NDArray[np.float64],
    down: int,
    across: int,
    reach: float,
    columns: NDArray[np.float64],
    rows: NDArray[np.float64],
) -> None:
    """Find places in a mesh.

    Args:
        longitude: Degrees east, shape (n,).
        latitude: Degrees north, shape (n,).
        nodes: Unit vectors, shape (rows, columns, 3), two or more of each; all finite.
        down: A place is first looked for among every so many-th row,
        across: and column.
        reach: Cosine of the angle to the nearest of those nodes beyond which a place is outside.
        columns: Out: fractional numbers of nodes, NaN for a place more than two cells outside.
        rows: Out: the same along the other axis.
    """
    for k in range(longitude.size):
        columns[k] = rows[k] = math.nan
        if not (math.isfinite(longitude[k]) and abs(latitude[k]) <= 90.0):
            continue
        lon, lat = math.radians(longitude[k]), math.radians(latitude[k])
        x, y, z = math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)
        near, row, column = _nearest(nodes, x, y, z, down, across)
        if near < reach:
            continue
        east = (-math.sin(lon), math.cos(lon), 0.0)
        north = (-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat))
        i, j, s, t = _walked(nodes, row, column, east, north)
        if not (math.isfinite(s) and math.isfinite(t)):
            i, j, s, t = _searched(nodes, i, j, east, north)
        beyond = max(-s, s - 1.0, -t, t - 1.0)
        if i < 0 or not beyond <= _BEYOND:
            continue
        columns[k], rows[k] = j + s, i + t
