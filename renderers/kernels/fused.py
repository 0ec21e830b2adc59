"""From decoded blocks to a picture in one pass: locate, gather, compute, colour.

The kernel works on chunks of `BLOCK` target pixels, whose positions, band values and registers stay
in the processor's fast caches; nothing of the picture's size is written but the picture. One scene
is drawn at a time into what earlier ones left open, so a mosaic costs what is seen of it.

There is one compiled kernel for all stored types, resamplings, programs and colours, so that no
request ever waits for a compiler; what differs is told by tables.
"""

from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels import gather, output, places, vm
from renderers.kernels.options import inlined, kernel
from renderers.kernels.output import DRAWN, EMPTY, OPEN, RGB, VALUES
from styles.opcodes import BLOCK

Array = NDArray[Any]

#: What comes out, beside the kinds of `output`.
TABLE_RGB: Final = 4
TABLE_INDEX: Final = 5

_i64 = types.Array(types.int64, 1, "C")
_i64_rows = types.Array(types.int64, 2, "C")
_f64_rows = types.Array(types.float64, 2, "C")
_f32 = types.Array(types.float32, 1, "C", readonly=True)
_i32 = types.Array(types.int32, 1, "C", readonly=True)
_i32_rows = types.Array(types.int32, 2, "C", readonly=True)
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 1, "C")
_u32_out = types.Array(types.uint32, 1, "C")
_f32_rows_out = types.Array(types.float32, 2, "C")


@inlined
def _locate(
    layouts: Array,
    scales: Array,
    strides: Array,
    band: Array,
    smooth: bool,
    width: int,
    start: int,
    count: int,
    offset: Array,
    smooth_places: tuple[Array, Array, Array],
    runs: tuple[Array, Array],
) -> int:
    """Find the source pixels of one band under a chunk that may span several rows."""
    starts, blocks = runs
    u, v, corner = smooth_places
    layout, scale = layouts[band[gather.LAYOUT]], scales[band[gather.LAYOUT]]
    if not smooth:
        return places.locate_chunk(
            layout, scale, strides, width, start, count, offset, starts, blocks
        )
    number = 0
    at = 0
    while at < count:
        row = (start + at) // width
        first = start + at - row * width
        piece = min(width - first, count - at)
        number = places.locate_bilinear(
            layout, scale, strides, (row, first, piece), at,
            offset, u, v, corner, starts, blocks, number,
        )  # fmt: skip
        at += piece
    return number


@inlined
def _unflag(words: Array, count: int, ok: Array) -> None:
    """Turn the flags of tables into how pixels stand, and leave opaque words."""
    flags = np.uint32(0)
    for p in range(count):
        flags |= words[p]
    if flags >> np.uint32(24) != 0:
        for p in range(count):
            if words[p] & np.uint32(gather.LACKS_DATA):
                ok[p] = OPEN
            elif words[p] & np.uint32(gather.LACKS_VALUE):
                ok[p] = EMPTY
    for p in range(count):
        words[p] |= np.uint32(0xFF000000)


@inlined
def _put(source: Array, stand: Array, ok: Array, all_drawn: bool, target: Array) -> None:
    """Write what is drawn into the open pixels of a chunk."""
    if all_drawn:
        for p in range(target.shape[0]):
            target[p] = source[p]
    else:
        for p in range(target.shape[0]):
            if stand[p] == OPEN and ok[p] == DRAWN:
                target[p] = source[p]


@inlined
def _count(flags: Array, value: int) -> int:
    """Return how many flags have a value."""
    found = 0
    for p in range(flags.shape[0]):
        found += flags[p] == value
    return found


@kernel(
    types.void(
        _i64_rows, _f64_rows, _i64, _i64_rows, _f64_rows, _i64, _i64,
        types.int64, types.boolean, types.int64,
        _i32_rows, _f32, _i32, _f32, _f32, _u8,
        _u8_out, _u32_out, _u8_out, _f32_rows_out, _i64,
    )
)  # fmt: skip
def draw(
    layouts: Array,
    scales: Array,
    strides: Array,
    bands: Array,
    physics: Array,
    addresses: Array,
    masks: Array,
    kind: int,
    smooth: bool,
    width: int,
    code: Array,
    constants: Array,
    results: Array,
    low: Array,
    inverse: Array,
    table: Array,
    state: Array,
    words: Array,
    indexes: Array,
    values: Array,
    counts: Array,
) -> None:
    """Draw one scene into the open pixels of a picture. Nothing is checked here.

    Args:
        layouts: int64 (layouts, places.LAYOUT_FIELDS).
        scales: float64 (layouts, 2), pixels of the level per pixel of full resolution.
        strides: int64, pixels per row of each block, all layouts together.
        bands: int64 (bands, gather.BAND_FIELDS), in the order of the program's inputs; bands of one
            layout follow one another.
        physics: float64 (bands, gather.PHYSICS_FIELDS).
        addresses: int64, of every block's values.
        masks: int64, of every block's mask, 0 for none.
        kind: What comes out: VALUES, RGB, ...
        smooth: Bilinear, else nearest.
        width: Pixels per target row.
        code: The program, see `styles.opcodes` and `styles.machine`.
        constants: Its numbers, float32.
        results: int32, operand number of each output.
        low: float32, per output the value of level 0.
        inverse: float32, per output 1 / (high - low).
        table: uint8: the tone curve of RGB, or the palette index of each class.
        state: uint8 (pixels,): OPEN, DRAWN or EMPTY, changed.
        words: uint32 (pixels,): RGBA bytes, written where drawn (RGB, TABLE_RGB).
        indexes: uint8 (pixels,): palette indexes, written where drawn (RAMP, CLASSES, TABLE_INDEX).
        values: float32 (outputs, pixels), written where drawn (VALUES).
        counts: int64 (2,): pixels that are still open, and pixels that became EMPTY; changed.
    """
    pixels = state.shape[0]
    inputs = bands.shape[0]
    by_table = kind in (TABLE_RGB, TABLE_INDEX)
    alike = by_table and inputs == 3
    for b in range(1, inputs):
        alike = alike and bands[b, gather.LAYOUT] == bands[0, gather.LAYOUT]
        alike = alike and bands[b, gather.KIND] == bands[0, gather.KIND]
    rows = np.empty((inputs, BLOCK), np.float32)
    scratch = vm.scratch_for(constants)
    levels = np.zeros((4, BLOCK), np.uint32)
    chunk = np.empty(BLOCK, np.uint32)
    ok = np.empty(BLOCK, np.uint8)
    doubt = np.empty(BLOCK, np.uint8)
    taps = np.zeros((4, BLOCK), np.float32)
    pairs = np.empty((2, BLOCK), np.uint32)
    offset = np.zeros(BLOCK, np.int32)
    u, v = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    corner = np.empty((2, BLOCK), np.int32)
    starts, blocks = np.empty(BLOCK + 1, np.int32), np.empty(BLOCK + 1, np.int32)
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        stand = state[start : start + count]
        still = _count(stand, OPEN)
        if still == 0:
            continue
        ok[:count] = 1
        chunk[:count] = 0
        layout = np.int64(-1)
        number = 0
        for b in range(inputs):
            if bands[b, gather.LAYOUT] != layout:
                layout = bands[b, gather.LAYOUT]
                number = _locate(
                    layouts, scales, strides, bands[b], smooth, width, start, count,
                    offset, (u, v, corner), (starts, blocks),
                )  # fmt: skip
                gather.fetch(bands, b, addresses, (starts, blocks, number), count, offset)
            runs = (starts, blocks, number)
            if alike:
                gather.looked_up_rgb(bands, addresses, masks, runs, count, offset, chunk)
                break
            if by_table:
                gather.looked_up(bands[b], addresses, masks, runs, count, offset, chunk)
            elif smooth:
                gather.bilinear(
                    bands[b], physics[b], addresses, masks, (layouts[layout], strides), runs,
                    count, (offset, u, v, corner), rows[b], ok, doubt, taps, pairs,
                )  # fmt: skip
            else:
                gather.nearest(
                    bands[b], physics[b], addresses, masks, runs, count, offset, rows[b], ok
                )
        if by_table:
            _unflag(chunk, count, ok)
        else:
            vm.execute(code, scratch, rows, 0, count)
            for k in range(results.shape[0]):
                source = vm.operand(results[k], scratch, rows, 0, count)
                output.valueless(source, count, ok)
                if kind == RGB:
                    output.output_levels(source, count, k, low, inverse, table, levels)
                elif kind != VALUES:
                    output.indexes(kind, source, count, low, inverse, table, chunk)
            if kind == RGB:
                output.mix_rgb(levels, results.shape[0], count, table, chunk)
        good = ok[:count]
        drawn = _count(good, DRAWN)
        all_drawn = still == count and drawn == count
        if kind in (RGB, TABLE_RGB):
            _put(chunk, stand, good, all_drawn, words[start : start + count])
        elif kind == VALUES:
            for k in range(results.shape[0]):
                source = vm.operand(results[k], scratch, rows, 0, count)
                _put(source, stand, good, all_drawn, values[k, start : start + count])
        else:
            _put(chunk, stand, good, all_drawn, indexes[start : start + count])
        if all_drawn:
            stand[:] = DRAWN
            counts[0] -= count
            continue
        for p in range(count):
            if stand[p] == OPEN and ok[p] != OPEN:
                counts[0] -= 1
                counts[1] += ok[p] == EMPTY
                stand[p] = ok[p]
