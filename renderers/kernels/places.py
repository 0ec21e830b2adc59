"""Which source pixel lies under every target pixel, in blocks that lie side by side.

A coarse grid of exact positions (`renderers.warp.CoordinateGrid`) is interpolated along each target
row, and positions become offsets into decoded blocks. Pixels that follow one another in one block
form a run, so that a gathering loop looks a block up once, not once per pixel.

A position at (column c, row r) in pixel-corner coordinates lies in pixel (floor(c), floor(r));
`EDGE` is added first, as GDAL does, so that a position on an edge that rounding left a hair short
still takes the pixel that starts there.

Blocks reach kernels as addresses, because their number and sizes differ from tile to tile; whoever
calls keeps the arrays alive until the kernel returns.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from renderers.kernels.options import inlined

Array = NDArray[Any]

EDGE: Final = 1e-10

# A layout says how one file's blocks lie under the target: a row of int64. Files of one shape that
# lie alike share it.
#: Addresses of float64 (DOWN, ACROSS): full-resolution source column, and row, of the centre of
#: every STEP-th target pixel; NaN where there is none.
COLUMNS: Final = 0
ROWS: Final = 1
DOWN: Final = 2
ACROSS: Final = 3
STEP: Final = 4
#: First column and row of the first block, in pixels of the level.
LEFT: Final = 5
TOP: Final = 6
#: Pixels of all blocks together, cut at the edge of the level.
WIDTH: Final = 7
HEIGHT: Final = 8
BLOCK_WIDTH: Final = 9
BLOCK_HEIGHT: Final = 10
#: Blocks per row.
BLOCKS_ACROSS: Final = 11
#: Where the layout's blocks begin in the list of strides.
FIRST_STRIDE: Final = 12
LAYOUT_FIELDS: Final = 13

#: 0.0, 1.0, 2.0...: processors have no fast instruction from long integers to float64.
_COUNT: Final = np.arange(64.0)
#: The longest step of a grid; see `renderers.warp.STEPS`.
MAX_STEP: Final = 64

#: Run of pixels that lie in no block.
NOWHERE: Final = -1
#: Run of pixels whose four neighbours lie in more than one block, or partly in none.
SCATTERED: Final = -2


@intrinsic
def pointer(typing_context: Any, address: Any) -> Any:
    """Make an address (int64) a pointer for `numba.carray`."""
    signature = types.voidptr(address)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return signature, generate


@intrinsic
def word_at(typing_context: Any, address: Any) -> Any:
    """Read a uint32 at any address (int64), which need not be a multiple of four."""
    signature = types.uint32(address)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        read = builder.load(builder.inttoptr(arguments[0], ir.IntType(32).as_pointer()))
        read.align = 1
        return read

    return signature, generate


@intrinsic
def prefetch(typing_context: Any, address: Any) -> Any:
    """Bring the cache line of an address (int64) near; a hint, so that any number is allowed."""
    signature = types.void(address)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        # To be read, as near as can be, data.
        how = [ir.Constant(word, number) for number in (0, 3, 1)]
        builder.call(function, [builder.inttoptr(arguments[0], byte), *how])
        return context.get_dummy_value()

    return signature, generate


@inlined
def _push(starts: Array, blocks: Array, runs: int, start: int, block: int) -> int:
    """Begin a run, unless the last one goes on; return the number of runs."""
    if runs > 0 and blocks[runs - 1] == block:
        return runs
    starts[runs] = start
    blocks[runs] = block
    return runs + 1


@inlined
def _line(upper: Array, lower: Array, part: float, cell: int) -> float:
    """Interpolate one point of a grid between two of its rows."""
    if part == 0.0:
        return upper[cell]
    return (1.0 - part) * upper[cell] + part * lower[cell]


@inlined
def _grid(layout: Array, which: int) -> Array:
    return carray(pointer(layout[which]), (layout[DOWN], layout[ACROSS]), np.float64)


@inlined
def _rows(layout: Array, row: int) -> tuple[float, Array, Array, Array, Array]:
    """Return the rows of the grid around a target row.

    Returns:
        How far it lies from the upper to the lower one, then columns and rows of the source along
        the upper and the lower one: columns upper, columns lower, rows upper, rows lower.
    """
    columns, rows = _grid(layout, COLUMNS), _grid(layout, ROWS)
    upper = row // layout[STEP]
    part = (row - upper * layout[STEP]) * (1.0 / layout[STEP])
    lower = upper if part == 0.0 else min(upper + 1, layout[DOWN] - 1)
    return part, columns[upper], columns[lower], rows[upper], rows[lower]


@inlined
def locate_nearest(
    layout: Array,
    scales: Array,
    strides: Array,
    span: tuple[int, int, int],
    at: int,
    offset: Array,
    starts: Array,
    blocks: Array,
    runs: int,
) -> int:
    """Find the source pixels under a piece of a target row.

    Args:
        layout: int64 (LAYOUT_FIELDS,).
        scales: float64 (2,), pixels of the level per pixel of full resolution.
        strides: int64, pixels per row of each block, all layouts together.
        span: Target row, first column, number of pixels.
        at: Where the piece begins in `offset`.
        offset: int32, written: place of each pixel in its block; undefined outside of blocks.
        starts: int32, written: where each run begins.
        blocks: int32, written: number of the block within the layout, or NOWHERE.
        runs: Runs so far.

    Returns:
        Runs now.
    """
    # All that the loop needs is taken out of the tables first: for all that the compiler knows,
    # what is written could be a table.
    step, across, points = layout[STEP], layout[BLOCKS_ACROSS], layout[ACROSS]
    scale_x, scale_y, each = scales[0], scales[1], 1.0 / step
    shift_x, shift_y = np.float64(layout[LEFT]), np.float64(layout[TOP])
    width, height = np.float64(layout[WIDTH]), np.float64(layout[HEIGHT])
    block_width, block_height = np.int32(layout[BLOCK_WIDTH]), np.int32(layout[BLOCK_HEIGHT])
    first = layout[FIRST_STRIDE]
    row, j, count = span
    end = j + count
    cell = j // step
    k = j - cell * step
    part, upper_c, lower_c, upper_r, lower_r = _rows(layout, row)
    after_c = _line(upper_c, lower_c, part, cell) * scale_x - shift_x
    after_r = _line(upper_r, lower_r, part, cell) * scale_y - shift_y
    # The block that the last pixels were in; divisions are for when it is left.
    block, stride, start = NOWHERE, np.int32(0), np.int32(0)
    x_low, x_high, y_low, y_high = 1.0, 0.0, 1.0, 0.0
    while j < end:
        c0, r0 = after_c, after_r
        cell = min(cell + 1, points - 1)
        after_c = _line(upper_c, lower_c, part, cell) * scale_x - shift_x
        after_r = _line(upper_r, lower_r, part, cell) * scale_y - shift_y
        dc, dr = (after_c - c0) * each, (after_r - r0) * each
        c0 += EDGE
        r0 += EDGE
        n = min(step - k, end - j)
        t = 0
        while t < n:
            # The first pixel of a cell has its exact position, whatever lies beyond the cell.
            c = c0 if k + t == 0 else c0 + (k + t) * dc
            r = r0 if k + t == 0 else r0 + (k + t) * dr
            if not (c >= x_low and c < x_high and r >= y_low and r < y_high):
                # NaN fails every comparison.
                if not (c >= 0.0 and r >= 0.0 and c < width and r < height):
                    runs = _push(starts, blocks, runs, at, NOWHERE)
                    t += 1
                    at += 1
                    continue
                bx, by = np.int32(c) // block_width, np.int32(r) // block_height
                block = by * across + bx
                stride = np.int32(strides[first + block])
                x, y = np.int32(bx * block_width), np.int32(by * block_height)
                start = np.int32(y * stride) + x
                x_low, x_high = np.float64(x), min(np.float64(x + block_width), width)
                y_low, y_high = np.float64(y), min(np.float64(y + block_height), height)
            m = n - t
            # Rounding keeps order, so that what holds at both ends holds between them.
            while m > 1:
                cz, rz = c0 + (k + t + m - 1) * dc, r0 + (k + t + m - 1) * dr
                if cz >= x_low and cz < x_high and rz >= y_low and rz < y_high:
                    break
                m >>= 1
            runs = _push(starts, blocks, runs, at, block)
            if m > 1:
                target, steps = offset[at : at + m], _COUNT[k + t : k + t + m]
                for q in range(m):
                    x = np.int32(c0 + steps[q] * dc)
                    y = np.int32(r0 + steps[q] * dr)
                    target[q] = np.int32(y * stride) + x - start
            else:
                offset[at] = np.int32(np.int32(r) * stride) + np.int32(c) - start
            t += m
            at += m
        j += n
        k = 0
    return runs


@inlined
def locate_chunk(
    layout: Array,
    scales: Array,
    strides: Array,
    width: int,
    start: int,
    count: int,
    offset: Array,
    starts: Array,
    blocks: Array,
) -> int:
    """Do `locate_nearest` for a chunk of a target that may span several rows.

    Args:
        layout: See `locate_nearest`.
        scales: See there.
        strides: See there.
        width: Pixels per target row.
        start: First pixel, counted row by row.
        count: Pixels.
        offset: See there.
        starts: See there.
        blocks: See there.

    Returns:
        Number of runs.
    """
    runs = 0
    at = 0
    while at < count:
        row = (start + at) // width
        first = start + at - row * width
        piece = min(width - first, count - at)
        runs = locate_nearest(
            layout, scales, strides, (row, first, piece), at, offset, starts, blocks, runs
        )
        at += piece
    return runs


@inlined
def _taps(
    move: tuple[float, float, float, float],
    steps: Array,
    stride: int,
    start: int,
    offset: Array,
    u: Array,
    v: Array,
    xs: Array,
    ys: Array,
) -> None:
    """Write the four pixels of each position of a line; see `locate_bilinear`.

    Few arrays in each loop: with more of them LLVM does not make them parallel.
    """
    c0, r0, dc, dr = move
    n = steps.shape[0]
    for q in range(n):
        c = c0 + steps[q] * dc
        x = np.int32(c)
        xs[q] = x
        u[q] = np.float32(c - np.float64(x))
    for q in range(n):
        r = r0 + steps[q] * dr
        y = np.int32(r)
        ys[q] = y
        v[q] = np.float32(r - np.float64(y))
    for q in range(n):
        offset[q] = np.int32(ys[q] * stride) + xs[q] - start


@inlined
def locate_bilinear(
    layout: Array,
    scales: Array,
    strides: Array,
    span: tuple[int, int, int],
    at: int,
    offset: Array,
    u: Array,
    v: Array,
    corner: Array,
    starts: Array,
    blocks: Array,
    runs: int,
) -> int:
    """Find the four source pixels around each position of a piece of a target row.

    Args:
        layout: See `locate_nearest`.
        scales: See there.
        strides: See there.
        span: See there.
        at: See there.
        offset: int32, written: place of the upper left pixel in its block, in runs of a block.
        u: float32, written: weight of the right pixels.
        v: float32, written: weight of the lower pixels.
        corner: int32 (2, n), overwritten; in runs that are SCATTERED column and row of the upper
            left pixel in pixels of all blocks.
        starts: See `locate_nearest`.
        blocks: See there; or SCATTERED.
        runs: Runs so far.

    Returns:
        Runs now.
    """
    # All that the loop needs is taken out of the tables first: for all that the compiler knows,
    # what is written could be a table.
    step, across, points = layout[STEP], layout[BLOCKS_ACROSS], layout[ACROSS]
    scale_x, scale_y, each = scales[0], scales[1], 1.0 / step
    shift_x, shift_y = np.float64(layout[LEFT]), np.float64(layout[TOP])
    width, height = np.float64(layout[WIDTH]), np.float64(layout[HEIGHT])
    block_width, block_height = np.int32(layout[BLOCK_WIDTH]), np.int32(layout[BLOCK_HEIGHT])
    first = layout[FIRST_STRIDE]
    one = np.int32(1)
    row, j, count = span
    end = j + count
    cell = j // step
    k = j - cell * step
    part, upper_c, lower_c, upper_r, lower_r = _rows(layout, row)
    after_c = _line(upper_c, lower_c, part, cell) * scale_x - shift_x
    after_r = _line(upper_r, lower_r, part, cell) * scale_y - shift_y
    block, stride, start = NOWHERE, np.int32(0), np.int32(0)
    x_low, x_high, y_low, y_high = 1.0, 0.0, 1.0, 0.0
    while j < end:
        c0, r0 = after_c, after_r
        cell = min(cell + 1, points - 1)
        after_c = _line(upper_c, lower_c, part, cell) * scale_x - shift_x
        after_r = _line(upper_r, lower_r, part, cell) * scale_y - shift_y
        dc, dr = (after_c - c0) * each, (after_r - r0) * each
        # Half a pixel up and left is the upper left of the four; one is added, so that truncation
        # is floor, and taken away again.
        c0 += 0.5
        r0 += 0.5
        n = min(step - k, end - j)
        t = 0
        while t < n:
            c = c0 if k + t == 0 else c0 + (k + t) * dc
            r = r0 if k + t == 0 else r0 + (k + t) * dr
            held_c, held_r = c - 0.5 + EDGE, r - 0.5 + EDGE
            if not (held_c >= 0.0 and held_r >= 0.0 and held_c < width and held_r < height):
                runs = _push(starts, blocks, runs, at, NOWHERE)
                t += 1
                at += 1
                continue
            x, y = np.int32(c), np.int32(r)
            if not (c >= x_low and c < x_high and r >= y_low and r < y_high):
                # All of a block but its first column and row have the four pixels in it.
                bx, by = max(x - one, 0) // block_width, max(y - one, 0) // block_height
                block = by * across + bx
                stride = np.int32(strides[first + block])
                left, top = np.int32(bx * block_width), np.int32(by * block_height)
                start = np.int32((top + one) * stride) + left + one
                x_low, x_high = left + 1.0, min(np.float64(left + block_width), width)
                y_low, y_high = top + 1.0, min(np.float64(top + block_height), height)
            inside = c >= x_low and c < x_high and r >= y_low and r < y_high
            m = n - t if inside else 1
            while m > 1:
                cz, rz = c0 + (k + t + m - 1) * dc, r0 + (k + t + m - 1) * dr
                if cz >= x_low and cz < x_high and rz >= y_low and rz < y_high:
                    break
                m >>= 1
            runs = _push(starts, blocks, runs, at, block if inside else SCATTERED)
            move = (c0, r0, 0.0, 0.0) if k + t == 0 and m == 1 else (c0, r0, dc, dr)
            _taps(
                move, _COUNT[k + t : k + t + m], stride, start,
                offset[at : at + m], u[at : at + m], v[at : at + m],
                corner[0, at : at + m], corner[1, at : at + m],
            )  # fmt: skip
            if not inside:
                corner[0, at], corner[1, at] = x - one, y - one
            t += m
            at += m
        j += n
        k = 0
    return runs
