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
    value = _ONE if condition else _ZERO
    return value if (x == x) & (y == y) else _NAN


@inlined
def _modulo(x: np.float32, y: np.float32) -> np.float32:
    """Return the rest of a division, with the sign of the divisor as Python has it."""
    rest = np.float32(np.fmod(x, y))
    if rest == _ZERO:
        return np.float32(math.copysign(_ZERO, y))
    return np.float32(rest + y) if (rest < _ZERO) != (y < _ZERO) else rest


@inlined
def _one_operand(code: int, dst: Floats, a: Floats) -> None:
    """Run an exact operation of one operand over a block."""
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
    elif code == op.FLOOR:
        for i in range(n):
            dst[i] = np.floor(a[i])
    elif code == op.CEIL:
        for i in range(n):
            dst[i] = np.ceil(a[i])
    elif code == op.ROUND:
        for i in range(n):
            dst[i] = np.rint(a[i])
    elif code == op.NOT:
        for i in range(n):
            dst[i] = _truth(a[i] == _ZERO, a[i], a[i])


@inlined
def _transcendental(code: int, dst: Floats, a: Floats) -> None:
    """Run a transcendental operation of one operand over a block."""
    n = dst.shape[0]
    if code == op.LOG:
        for i in range(n):
            dst[i] = math.log(a[i])
    elif code == op.EXP:
        for i in range(n):
            dst[i] = math.exp(a[i])
    elif code == op.SIN:
        for i in range(n):
            dst[i] = math.sin(a[i])
    elif code == op.COS:
        for i in range(n):
            dst[i] = math.cos(a[i])
    elif code == op.TAN:
        for i in range(n):
            dst[i] = math.tan(a[i])
    elif code == op.ASIN:
        for i in range(n):
            dst[i] = math.asin(a[i])
    elif code == op.ACOS:
        for i in range(n):
            dst[i] = math.acos(a[i])
    elif code == op.ATAN:
        for i in range(n):
            dst[i] = math.atan(a[i])


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
    elif code == op.NORMALISED:
        for i in range(n):
            dst[i] = (a[i] - b[i]) / (a[i] + b[i])
    elif code == op.MIN:
        for i in range(n):
            x, y = a[i], b[i]
            dst[i] = x if (x < y) | (x != x) else y
    elif code == op.MAX:
        for i in range(n):
            x, y = a[i], b[i]
            dst[i] = x if (x > y) | (x != x) else y
    elif code == op.POW:
        for i in range(n):
            dst[i] = a[i] ** b[i]
    elif code == op.MOD:
        for i in range(n):
            dst[i] = _modulo(a[i], b[i])
    elif code == op.ATAN2:
        for i in range(n):
            dst[i] = math.atan2(a[i], b[i])


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
def _with_constant(code: int, dst: Floats, a: Floats, k: np.float32) -> None:
    """Run an operation whose second operand is one number."""
    n = dst.shape[0]
    if code == op.ADD:
        for i in range(n):
            dst[i] = a[i] + k
    elif code == op.SUB:
        for i in range(n):
            dst[i] = a[i] - k
    elif code == op.MUL:
        for i in range(n):
            dst[i] = a[i] * k
    elif code == op.DIV:
        for i in range(n):
            dst[i] = a[i] / k
    elif code == op.LT:
        for i in range(n):
            dst[i] = _truth(a[i] < k, a[i], k)
    elif code == op.LE:
        for i in range(n):
            dst[i] = _truth(a[i] <= k, a[i], k)
    elif code == op.GT:
        for i in range(n):
            dst[i] = _truth(a[i] > k, a[i], k)
    elif code == op.GE:
        for i in range(n):
            dst[i] = _truth(a[i] >= k, a[i], k)
    elif code == op.EQ:
        for i in range(n):
            dst[i] = _truth(a[i] == k, a[i], k)
    elif code == op.NE:
        for i in range(n):
            dst[i] = _truth(a[i] != k, a[i], k)


@inlined
def _of_constant(code: int, dst: Floats, k: np.float32, b: Floats) -> None:
    """Run an operation whose first operand is one number."""
    n = dst.shape[0]
    if code == op.SUB:
        for i in range(n):
            dst[i] = k - b[i]
    elif code == op.DIV:
        for i in range(n):
            dst[i] = k / b[i]
    elif code == op.LT:
        _with_constant(op.GT, dst, b, k)
    elif code == op.LE:
        _with_constant(op.GE, dst, b, k)
    elif code == op.GT:
        _with_constant(op.LT, dst, b, k)
    elif code == op.GE:
        _with_constant(op.LE, dst, b, k)
    else:
        _with_constant(code, dst, b, k)


@inlined
def _three_operands(code: int, dst: Floats, a: Floats, b: Floats, c: Floats) -> None:
    """Run an operation of three operands over a block; values are read before they are chosen."""
    n = dst.shape[0]
    if code == op.WHERE:
        for i in range(n):
            condition, x, y = a[i], b[i], c[i]
            chosen = x if condition != _ZERO else y
            dst[i] = chosen if condition == condition else _NAN
    elif code == op.CLAMP:
        for i in range(n):
            x, y, z = a[i], b[i], c[i]
            low = x if (x > y) | (x != x) else y
            dst[i] = low if (low < z) | (low != low) else z
    elif code == op.ADD_SCALED:
        k = c[0]
        for i in range(n):
            dst[i] = a[i] + b[i] * k
    elif code == op.SCALED_DIV:
        k = c[0]
        for i in range(n):
            dst[i] = a[i] * k / b[i]


@inlined
def _four_operands(code: int, dst: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Run an operation of four operands over a block."""
    n = dst.shape[0]
    if code == op.ADD_SCALED_SHIFTED:
        k, m = c[0], d[0]
        for i in range(n):
            dst[i] = a[i] + b[i] * k + m
    elif code == op.SUB_SCALED_DIV:
        k = d[0]
        for i in range(n):
            dst[i] = (a[i] - b[i]) * k / c[i]


@inlined
def _is_constant(number: int) -> bool:
    return (number >= op.FIRST_CONSTANT) & (number < op.FIRST_INPUT)


@inlined
def execute(code: Integers, scratch: Floats, inputs: Floats, start: int, count: int) -> None:
    """Run all instructions over one block of pixels."""
    for k in range(code.shape[0]):
        kind = code[k, 0]
        dst = scratch[code[k, 1], :count]
        a = operand(code[k, 2], scratch, inputs, start, count)
        if kind in (op.NEG, op.ABS, op.SQRT, op.FLOOR, op.CEIL, op.ROUND, op.NOT):
            _one_operand(kind, dst, a)
            continue
        if kind in (op.LOG, op.EXP, op.SIN, op.COS, op.TAN, op.ASIN, op.ACOS, op.ATAN):
            _transcendental(kind, dst, a)
            continue
        b = operand(code[k, 3], scratch, inputs, start, count)
        if kind in (op.WHERE, op.CLAMP, op.ADD_SCALED, op.SCALED_DIV):
            c = operand(code[k, 4], scratch, inputs, start, count)
            _three_operands(kind, dst, a, b, c)
        elif kind in (op.ADD_SCALED_SHIFTED, op.SUB_SCALED_DIV):
            c = operand(code[k, 4], scratch, inputs, start, count)
            d = operand(code[k, 5], scratch, inputs, start, count)
            _four_operands(kind, dst, a, b, c, d)
        elif kind <= op.DIV or (kind >= op.LT and kind <= op.NE):
            # A row of one constant takes a load per pixel and room in the fastest cache.
            if _is_constant(code[k, 3]):
                _with_constant(kind, dst, a, b[0])
            elif _is_constant(code[k, 2]):
                _of_constant(kind, dst, a[0], b)
            elif kind <= op.DIV:
                _arithmetic(kind, dst, a, b)
            else:
                _logic(kind, dst, a, b)
        elif kind in (op.AND, op.OR):
            _logic(kind, dst, a, b)
        else:
            _arithmetic(kind, dst, a, b)


@inlined
def scratch_for(constants: Floats) -> Floats:
    """Return registers and rows of constants, shape (FIRST_CONSTANT + constants, BLOCK)."""
    scratch = np.empty((op.FIRST_CONSTANT + constants.shape[0], op.BLOCK), np.float32)
    for k in range(constants.shape[0]):
        scratch[op.FIRST_CONSTANT + k, :] = constants[k]
    return scratch


@kernel(_RUN)
def run(
    code: Integers,
    constants: Floats,
    results: Integers,
    inputs: Floats,
    outputs: Floats,
    valid: NDArray[np.uint8],
) -> None:
    """Run a program over pixels. Nothing is checked here: `Program` and the caller have done so.

    Args:
        code: int32, shape (instructions, 6), see `styles.opcodes` and `styles.machine`.
        constants: float32, shape (constants,).
        results: int32, shape (outputs,), operand number of each output.
        inputs: float32, shape (inputs, pixels).
        outputs: float32, shape (outputs, pixels), written.
        valid: uint8, shape (pixels,); set to 0 where an output is NaN, never set to 1.
    """
    scratch = scratch_for(constants)
    pixels = inputs.shape[1]
    for start in range(0, pixels, op.BLOCK):
        count = min(op.BLOCK, pixels - start)
        execute(code, scratch, inputs, start, count)
        good = valid[start : start + count]
        for k in range(results.shape[0]):
            source = operand(results[k], scratch, inputs, start, count)
            target = outputs[k, start : start + count]
            without = 0
            for i in range(count):
                target[i] = source[i]
                without += source[i] != source[i]
            if without > 0:
                for i in range(count):
                    if source[i] != source[i]:
                        good[i] = 0
