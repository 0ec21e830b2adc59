"""What programs mean, in NumPy: the oracle of tests and benchmarks, slow and plain.

The server never runs it; pixels go through `renderers.kernels.vm`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styles import opcodes as op
from styles.program import Program

Float32Array = NDArray[np.float32]


def _minimum(a: Float32Array, b: Float32Array) -> Float32Array:
    return np.where((a < b) | np.isnan(a), a, b)


def _maximum(a: Float32Array, b: Float32Array) -> Float32Array:
    return np.where((a > b) | np.isnan(a), a, b)


def _truth(compare: Callable[..., Any]) -> Callable[..., Float32Array]:
    def run(*values: Float32Array) -> Float32Array:
        missing = np.any([np.isnan(v) for v in values], axis=0)
        return np.where(missing, np.float32(np.nan), compare(*values).astype(np.float32))

    return run


def _where(condition: Float32Array, x: Float32Array, y: Float32Array) -> Float32Array:
    return np.where(np.isnan(condition), np.float32(np.nan), np.where(condition != 0, x, y))


_OPERATIONS: dict[int, Callable[..., Float32Array]] = {
    op.ADD: np.add,
    op.SUB: np.subtract,
    op.MUL: np.multiply,
    op.DIV: np.divide,
    op.NEG: np.negative,
    op.MIN: _minimum,
    op.MAX: _maximum,
    op.ABS: np.abs,
    op.SQRT: np.sqrt,
    op.LT: _truth(np.less),
    op.LE: _truth(np.less_equal),
    op.GT: _truth(np.greater),
    op.GE: _truth(np.greater_equal),
    op.EQ: _truth(np.equal),
    op.NE: _truth(np.not_equal),
    op.AND: _truth(lambda a, b: (a != 0) & (b != 0)),
    op.OR: _truth(lambda a, b: (a != 0) | (b != 0)),
    op.NOT: _truth(lambda a: a == 0),
    op.WHERE: _where,
    op.CLAMP: lambda x, low, high: _minimum(_maximum(x, low), high),
    op.POW: np.power,
    op.LOG: np.log,
    op.EXP: np.exp,
    op.MOD: np.mod,
    op.FLOOR: np.floor,
    op.CEIL: np.ceil,
    op.ROUND: np.rint,
    op.SIN: np.sin,
    op.COS: np.cos,
    op.TAN: np.tan,
    op.ASIN: np.arcsin,
    op.ACOS: np.arccos,
    op.ATAN: np.arctan,
    op.ATAN2: np.arctan2,
}


def evaluate(program: Program, inputs: Float32Array) -> Float32Array:
    """Run a program.

    Args:
        program: What to compute.
        inputs: float32, shape (inputs, pixels), in the order of `program.inputs`.

    Returns:
        float32, shape (outputs, pixels).
    """
    values: dict[int, Float32Array] = {
        op.FIRST_CONSTANT + k: np.full(inputs.shape[1], c) for k, c in enumerate(program.constants)
    }
    values.update({op.FIRST_INPUT + k: row for k, row in enumerate(inputs)})
    with np.errstate(all="ignore"):
        for kind, dst, *operands in program.code.tolist():
            arguments = [values[number] for number in operands[: op.ARITY[kind]]]
            values[dst] = _OPERATIONS[kind](*arguments)
    return np.stack([values[number] for number in program.results.tolist()])


def relief(
    kind: str,
    height: Float32Array,
    across: Float32Array,
    down: Float32Array,
    numbers: tuple[float, ...] = (),
) -> Float32Array:
    """Compute slope, aspect or hillshade, see `styles.planes`.

    Args:
        kind: Of `styles.planes.PASSES`.
        height: Metres, shape (rows, columns).
        across: Metres from a pixel to the next one in its row.
        down: To the next one in its column.
        numbers: Of the pass.

    Returns:
        float32, same shape; NaN where a neighbour is missing.
    """
    padded = np.pad(height.astype(np.float64), 1, constant_values=np.nan)
    rows, columns = height.shape
    near = {
        (r, c): padded[1 + r : 1 + r + rows, 1 + c : 1 + c + columns]
        for r in (-1, 0, 1)
        for c in (-1, 0, 1)
    }
    weights = {-1: 1.0, 0: 2.0, 1: 1.0}
    exaggeration = numbers[2] if numbers else 1.0
    east, south = np.zeros(height.shape), np.zeros(height.shape)
    for k, weight in weights.items():
        east += weight * (near[k, 1] - near[k, -1])
        south += weight * (near[1, k] - near[-1, k])
    east *= exaggeration / (8.0 * across)
    south *= exaggeration / (8.0 * down)
    steep = np.hypot(east, south)
    if kind == "slope":
        out = np.degrees(np.arctan(steep))
    elif kind == "aspect":
        out = np.where(steep == 0.0, np.nan, np.degrees(np.arctan2(-east, south)) % 360.0)
    else:
        azimuth, altitude = np.radians(numbers[:2])
        toward = np.cos(altitude) * (south * np.cos(azimuth) - east * np.sin(azimuth))
        light = (np.sin(altitude) + toward) / np.sqrt(1.0 + steep**2)
        out = np.where(light < 0.0, 0.0, light)
    return np.where(np.isnan(height), np.nan, out).astype(np.float32)


def focal_mean(values: Float32Array, width: int) -> Float32Array:
    """Return the mean of the values in windows of `width` pixels; NaN where the middle has none."""
    reach = width // 2
    padded = np.pad(values.astype(np.float64), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
    known = ~np.isnan(windows)
    total = np.where(known, windows, 0.0).sum(axis=(2, 3))
    mean = total / np.maximum(known.sum(axis=(2, 3)), 1)
    return np.where(np.isnan(values), np.nan, mean).astype(np.float32)
