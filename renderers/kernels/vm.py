"""The machine that runs programs: one compiled kernel for every formula, so none ever compiles.

It works on blocks of pixels: decoding an instruction costs a few nanoseconds per 1024 pixels, and
each operation is a plain loop over contiguous float32 that LLVM turns into vector instructions.
The meaning of each operation, NaN included, is stated in `styles.opcodes`.
"""

import math

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel
from styles import opcodes as op

_RUN = types.void(
    types.Array(types.int32, 2, "C", readonly=True),
    types.Array(types.float32, 1, "C", readonly=True),
    types.Array(types.int32, 1, "C", readonly=True),
    types.Array(types.float32, 2, "C", readonly=True),
    types.Array(types.float32, 2, "C"),
    types.Array(types.float32, 2, "C"),
    types.Array(types.uint8, 1, "C"),
)

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

_NAN = np.float32(np.nan)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


@inlined
def operand(number: int, scratch: Floats, inputs: Floats, start: int, count: int) -> Floats:
    """Return the block of values an operand number stands for."""
    if number < op.FIRST_INPUT:
        return scratch[number, :count]
    return inputs[number - op.FIRST_INPUT, start : start + count]


@inlined
def _truth(condition: bool, x: np.float32, y: np.float32) -> np.float32:
    """Return 1.0 or 0.0 for the condition, NaN where an operand is NaN."""
    if x != x or y != y:
        return _NAN
    return _ONE if condition else _ZERO


@inlined
def _one_operand(code: int, dst: Floats, a: Floats) -> None:
    """Run an operation of one operand over a block."""
    n = dst.shape[0]
    if code == op.NEG:
        for i in range(n):
            dst[i] = -a[i]
    elif code == op.ABS:
        for i in range(n):
            dst[i] = abs(a[i])
    elif code == op.SQRT:
        for i in range(n):
            dst[i] = math.sqrt(a[i])
    elif code == op.LOG:
        for i in range(n):
            dst[i] = math.log(a[i])
    elif code == op.EXP:
        for i in range(n):
            dst[i] = math.exp(a[i])
    elif code == op.NOT:
        for i in range(n):
            dst[i] = _truth(a[i] == _ZERO, a[i], a[i])


@inlined
def _arithmetic(code: int, dst: Floats, a: Floats, b: Floats) -> None:
    """Run an arithmetic operation of two operands over a block."""
    n = dst.shape[0]
    if code == op.ADD:
        for i in range(n):
            dst[i] = a[i] + b[i]
    elif code == op.SUB:
        for i in range(n):
            dst[i] = a[i] - b[i]
    elif code == op.MUL:
        for i in range(n):
            dst[i] = a[i] * b[i]
    elif code == op.DIV:
        for i in range(n):
            dst[i] = a[i] / b[i]
    elif code == op.POW:
        for i in range(n):
            dst[i] = a[i] ** b[i]
    elif code == op.MIN:
        for i in range(n):
            dst[i] = a[i] if (a[i] < b[i] or a[i] != a[i]) else b[i]
    elif code == op.MAX:
        for i in range(n):
            dst[i] = a[i] if (a[i] > b[i] or a[i] != a[i]) else b[i]


@inlined
def _logic(code: int, dst: Floats, a: Floats, b: Floats) -> None:
    """Run a comparison or a logical operation over a block."""
    n = dst.shape[0]
    if code == op.LT:
        for i in range(n):
            dst[i] = _truth(a[i] < b[i], a[i], b[i])
    elif code == op.LE:
        for i in range(n):
            dst[i] = _truth(a[i] <= b[i], a[i], b[i])
    elif code == op.GT:
        for i in range(n):
            dst[i] = _truth(a[i] > b[i], a[i], b[i])
    elif code == op.GE:
        for i in range(n):
            dst[i] = _truth(a[i] >= b[i], a[i], b[i])
    elif code == op.EQ:
        for i in range(n):
            dst[i] = _truth(a[i] == b[i], a[i], b[i])
    elif code == op.NE:
        for i in range(n):
            dst[i] = _truth(a[i] != b[i], a[i], b[i])
    elif code == op.AND:
        for i in range(n):
            dst[i] = _truth((a[i] != _ZERO) & (b[i] != _ZERO), a[i], b[i])
    elif code == op.OR:
        for i in range(n):
            dst[i] = _truth((a[i] != _ZERO) | (b[i] != _ZERO), a[i], b[i])


@inlined
def _three_operands(code: int, dst: Floats, a: Floats, b: Floats, c: Floats) -> None:
    """Run an operation of three operands over a block."""
    n = dst.shape[0]
    if code == op.WHERE:
        for i in range(n):
            chosen = b[i] if a[i] != _ZERO else c[i]
            dst[i] = chosen if a[i] == a[i] else _NAN
    elif code == op.CLAMP:
        for i in range(n):
            low = a[i] if (a[i] > b[i] or a[i] != a[i]) else b[i]
            dst[i] = low if (low < c[i] or low != low) else c[i]


@inlined
def execute(code: Integers, scratch: Floats, inputs: Floats, start: int, count: int) -> None:
    """Run all instructions over one block of pixels."""
    for k in range(code.shape[0]):
        kind = code[k, 0]
        dst = scratch[code[k, 1], :count]
        a = operand(code[k, 2], scratch, inputs, start, count)
        if kind in (op.NEG, op.ABS, op.SQRT, op.LOG, op.EXP, op.NOT):
            _one_operand(kind, dst, a)
            continue
        b = operand(code[k, 3], scratch, inputs, start, count)
        if kind in (op.ADD, op.SUB, op.MUL, op.DIV, op.POW, op.MIN, op.MAX):
            _arithmetic(kind, dst, a, b)
        elif kind in (op.WHERE, op.CLAMP):
            c = operand(code[k, 4], scratch, inputs, start, count)
            _three_operands(kind, dst, a, b, c)
        else:
            _logic(kind, dst, a, b)


@kernel(_RUN)
def run(
    code: Integers,
    constants: Floats,
    results: Integers,
    inputs: Floats,
    scratch: Floats,
    outputs: Floats,
    valid: NDArray[np.uint8],
) -> None:
    """Run a program over pixels. Nothing is checked here: `Program` and the caller have done so.

    Args:
        code: int32, shape (instructions, 5), see `styles.opcodes`.
        constants: float32, shape (constants,).
        results: int32, shape (outputs,), operand number of each output.
        inputs: float32, shape (inputs, pixels).
        scratch: float32, shape (FIRST_CONSTANT + constants, BLOCK), overwritten.
        outputs: float32, shape (outputs, pixels), written.
        valid: uint8, shape (pixels,); set to 0 where an output is NaN, never set to 1.
    """
    for k in range(constants.shape[0]):
        scratch[op.FIRST_CONSTANT + k, :] = constants[k]
    pixels = inputs.shape[1]
    for start in range(0, pixels, op.BLOCK):
        count = min(op.BLOCK, pixels - start)
        execute(code, scratch, inputs, start, count)
        good = valid[start : start + count]
        for k in range(results.shape[0]):
            source = operand(results[k], scratch, inputs, start, count)
            target = outputs[k, start : start + count]
            for i in range(count):
                target[i] = source[i]
                if source[i] != source[i]:
                    good[i] = 0
