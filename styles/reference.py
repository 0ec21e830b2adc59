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
