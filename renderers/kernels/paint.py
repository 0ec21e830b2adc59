"""From values of bands that lie ready to a picture: program and colours, block by block."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels import colour, output, vm
from renderers.kernels.options import kernel
from styles.opcodes import BLOCK

Array = NDArray[Any]

_i32 = types.Array(types.int32, 1, "C", readonly=True)
_i32_rows = types.Array(types.int32, 2, "C", readonly=True)
_f32 = types.Array(types.float32, 1, "C", readonly=True)
_f32_rows = types.Array(types.float32, 2, "C", readonly=True)
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 1, "C")
_u32_out = types.Array(types.uint32, 1, "C")


@kernel(
    types.int64(
        _i32_rows, _f32, _i32, _f32_rows, _u8, types.int64, _f32, _f32, _u8, _u32_out, _u8_out
    )
)
def paint(
    code: Array,
    constants: Array,
    results: Array,
    inputs: Array,
    there: Array,
    kind: int,
    low: Array,
    inverse: Array,
    table: Array,
    words: Array,
    indexes: Array,
) -> int:
    """Paint all pixels. Nothing is checked here.

    Args:
        code: The program, see `styles.opcodes` and `styles.machine`.
        constants: Its numbers, float32.
        results: int32, operand number of each output.
        inputs: float32 (inputs, pixels).
        there: uint8 (pixels,), 0 where there is no data.
        kind: What comes out: `output.RGB`, `RAMP` or `CLASSES`.
        low: float32, per output the value of level 0.
        inverse: float32, per output 1 / (high - low).
        table: uint8: the tone curve of RGB, or the palette index of each class.
        words: uint32 (pixels,): RGBA bytes, written (RGB); (0, 0, 0, 0) where there is no value.
        indexes: uint8 (pixels,): palette indexes, written (RAMP, CLASSES); `TRANSPARENT` there.

    Returns:
        How many pixels have a value.
    """
    scratch = vm.scratch_for(constants)
    rows = np.zeros((4, BLOCK), np.uint32)
    chunk = np.empty(BLOCK, np.uint32)
    ok = np.empty(BLOCK, np.uint8)
    pixels = there.shape[0]
    painted = 0
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        for p in range(count):
            ok[p] = there[start + p] != 0
        vm.execute(code, scratch, inputs, start, count)
        for k in range(results.shape[0]):
            source = vm.operand(results[k], scratch, inputs, start, count)
            output.valueless(source, count, ok)
            if kind == output.RGB:
                output.output_levels(source, count, k, low, inverse, table, rows)
            else:
                output.indexes(kind, source, count, low, inverse, table, chunk)
        drawn = 0
        for p in range(count):
            drawn += ok[p] == output.DRAWN
        painted += drawn
        if kind == output.RGB:
            output.mix_rgb(rows, results.shape[0], count, table, chunk)
            target = words[start : start + count]
            for p in range(count):
                target[p] = chunk[p] if ok[p] == output.DRAWN else np.uint32(0)
        else:
            index = indexes[start : start + count]
            for p in range(count):
                index[p] = chunk[p] if ok[p] == output.DRAWN else colour.TRANSPARENT
    return painted
