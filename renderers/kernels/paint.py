"""From values of bands that lie ready to a picture: program and colours, block by block."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels import colour, output, vm
from renderers.kernels.options import inlined, kernel
from styles.opcodes import BLOCK

Array = NDArray[Any]

_i32 = types.Array(types.int32, 1, "C", readonly=True)
_i32_rows = types.Array(types.int32, 2, "C", readonly=True)
_f32 = types.Array(types.float32, 1, "C", readonly=True)
_f32_rows = types.Array(types.float32, 2, "C", readonly=True)
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 1, "C")
_u32_out = types.Array(types.uint32, 1, "C")


@inlined
def _ramp(source: Array, low: float, inverse: float, target: Array) -> bool:
    """Write palette indexes of a row; return whether all of it has a value."""
    missing = False
    for p in range(target.shape[0]):
        value = source[p]
        missing = missing | (value != value)
        t = colour.unit(value, low, inverse)
        target[p] = np.uint8(np.int32(t * colour.LAST + colour.HALF))
    return not missing


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
    ok = np.empty(BLOCK, np.uint8)
    pixels = there.shape[0]
    painted = 0
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        data = there[start : start + count]
        whole = True
        for p in range(count):
            whole = whole & (data[p] != 0)
        vm.execute(code, scratch, inputs, start, count)
        for k in range(results.shape[0]):
            source = vm.operand(results[k], scratch, inputs, start, count)
            if kind == output.RAMP:
                target = indexes[start : start + count]
                whole = _ramp(source, low[0], inverse[0], target) and whole
                continue
            whole = whole and not output.any_missing(source, count)
            if kind == output.RGB:
                output.output_levels(source, count, k, low, inverse, table, rows)
            else:
                end = np.float32(table.shape[0])
                for p in range(count):
                    indexes[start + p] = colour.class_index(source[p], table, end)
        if kind == output.RGB:
            output.mix_rgb(rows, results.shape[0], count, table, words[start : start + count])
        if whole:
            painted += count
            continue
        for p in range(count):
            ok[p] = data[p] != 0
        for k in range(results.shape[0]):
            source = vm.operand(results[k], scratch, inputs, start, count)
            output.valueless(source, count, ok)
        for p in range(count):
            if ok[p] == output.DRAWN:
                painted += 1
            elif kind == output.RGB:
                words[start + p] = np.uint32(0)
            else:
                indexes[start + p] = np.uint8(colour.TRANSPARENT)
    return painted
