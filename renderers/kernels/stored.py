"""Stored values of the nearest pixels, exactly: what coverages are made of.

Where a target pixel is a source pixel, unshifted and unturned (windows of a file on its own grid),
rows are copied from block to block instead of looking up each pixel.
"""

from typing import Any, Final

import numpy as np
from numba import carray, types
from numpy.typing import NDArray

from renderers.kernels import places
from renderers.kernels.gather import FIRST_BLOCK, LAYOUT, unmask
from renderers.kernels.options import inlined, kernel
from renderers.kernels.places import NOWHERE, pointer
from styles.opcodes import BLOCK

Array = NDArray[Any]

_ENDLESS: Final = 1 << 40
#: Part of a pixel that positions must keep from its edges so that rounding cannot move them over.
_CLEAR: Final = 1e-6

_i64 = types.Array(types.int64, 1, "C")
_i64_rows = types.Array(types.int64, 2, "C")
_f64_rows = types.Array(types.float64, 2, "C")
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 1, "C")


@inlined
def _copy(
    source: Array, offset: Array, start: int, stop: int, nodata: Any, out: Array, ok: Array
) -> None:
    for p in range(start, stop):
        value = source[np.uintp(offset[p])]
        out[p] = value
        lacking = (value == nodata) | (value != value)
        ok[p] = np.uint8(0) if lacking else ok[p]


@inlined
def _one_to_one(layout: Array, scales: Array, width: int, height: int) -> tuple[bool, int, int]:
    """Tell whether target pixel (row i, column j) shows source pixel (y + i, x + j), and x and y.

    At every point of the coordinate grid the position must lie within its pixel. Between points
    positions are interpolated, so that they lie within theirs, too.

    Args:
        layout: int64 (places.LAYOUT_FIELDS,).
        scales: float64 (2,), pixels of the level per pixel of full resolution.
        width: Pixels per target row.
        height: Target rows.

    Returns:
        Whether, x and y; both are counted from the corner of the first block, and may be negative.
    """
    down, across, step = layout[places.DOWN], layout[places.ACROSS], layout[places.STEP]
    if (across - 1) * step < width - 1 or (down - 1) * step < height - 1:
        return False, 0, 0
    columns = carray(pointer(layout[places.COLUMNS]), (down, across), np.float64)
    rows = carray(pointer(layout[places.ROWS]), (down, across), np.float64)
    left, top = np.float64(layout[places.LEFT]), np.float64(layout[places.TOP])
    x = np.floor(columns[0, 0] * scales[0] - left)
    y = np.floor(rows[0, 0] * scales[1] - top)
    if not (abs(x) < 1e9 and abs(y) < 1e9):
        return False, 0, 0
    for i in range(down):
        for j in range(across):
            u = columns[i, j] * scales[0] - left - x - j * step
            v = rows[i, j] * scales[1] - top - y - i * step
            inside = u > _CLEAR and u < 1.0 - _CLEAR and v > _CLEAR and v < 1.0 - _CLEAR
            if not inside:  # NaN fails every comparison
                return False, 0, 0
    return True, np.int64(x), np.int64(y)


@inlined
def _piece(source: Array, flags: Array, has: int, nodata: Any, out: Array, ok: Array) -> None:
    """Copy pixels that lie side by side; `flags` is empty where the block has no mask."""
    n = out.shape[0]
    if has != 0:
        for p in range(n):
            value = source[p]
            out[p] = value
            ok[p] &= np.uint8((value != nodata) & (value == value))
    else:
        for p in range(n):
            value = source[p]
            out[p] = value
            # Of whole numbers nothing is left of this, and the loop becomes a plain copy.
            if value != value:
                ok[p] = np.uint8(0)
    for p in range(flags.shape[0]):
        ok[p] &= np.uint8(flags[p] != 0)


@inlined
def _copy_rows(
    layout: Array,
    strides: Array,
    corner: tuple[int, int],
    blocks: tuple[Array, Array],
    width: int,
    meaning: tuple[int, Any],
    out: Array,
    valid: Array,
) -> None:
    """Copy one band whose pixels are the target's.

    Args:
        layout: int64 (places.LAYOUT_FIELDS,).
        strides: int64, pixels per row of each block, all layouts together.
        corner: Source column and row of the first target pixel, from the first block's corner.
        blocks: int64: addresses of the values of the band's blocks, and of their masks.
        width: Pixels per target row.
        meaning: Whether a nodata value means anything, and which.
        out: (pixels,), written.
        valid: uint8 (pixels,), see `copy_stored`.
    """
    addresses, masks = blocks
    has, nodata = meaning
    x0, y0 = corner
    block_width, block_height = layout[places.BLOCK_WIDTH], layout[places.BLOCK_HEIGHT]
    across, first = layout[places.BLOCKS_ACROSS], layout[places.FIRST_STRIDE]
    begin = min(max(-x0, 0), width)
    end = max(min(layout[places.WIDTH] - x0, width), begin)
    for row in range(out.shape[0] // width):
        y, at = y0 + row, row * width
        if y < 0 or y >= layout[places.HEIGHT]:
            valid[at : at + width] = 0
            continue
        valid[at : at + begin] = 0
        valid[at + end : at + width] = 0
        by = y // block_height
        j = begin
        while j < end:
            x = x0 + j
            bx = x // block_width
            n = min(end - j, (bx + 1) * block_width - x)
            block = by * across + bx
            start = (y - by * block_height) * strides[first + block] + x - bx * block_width
            source = carray(pointer(addresses[block]), (_ENDLESS,), out.dtype)
            mask = masks[block]
            some = n if mask != 0 else 0
            flags = carray(pointer(mask if mask != 0 else addresses[block]), (_ENDLESS,), np.uint8)
            _piece(
                source[start : start + n], flags[start : start + some], has, nodata,
                out[at + j : at + j + n], valid[at + j : at + j + n],
            )  # fmt: skip
            j += n


def _signature(kind: Any) -> Any:
    return types.void(
        _i64_rows, _f64_rows, _i64, _i64_rows, _i64, _i64, types.int64, _u8,
        types.Array(kind, 1, "C", readonly=True), types.Array(kind, 2, "C"), _u8_out,
    )  # fmt: skip


@kernel(
    [
        _signature(kind)
        for kind in (
            types.uint8, types.uint16, types.uint32, types.uint64, types.float32, types.float64,
        )
    ]
)  # fmt: skip
def copy_stored(
    layouts: Array,
    scales: Array,
    strides: Array,
    bands: Array,
    addresses: Array,
    masks: Array,
    width: int,
    has_nodata: Array,
    nodata: Array,
    out: Array,
    valid: Array,
) -> None:
    """Copy the stored values of the nearest pixels of one scene.

    Whole numbers are passed by their bits, as unsigned numbers of their size.

    Args:
        layouts: int64 (layouts, places.LAYOUT_FIELDS).
        scales: float64 (layouts, 2), pixels of the level per pixel of full resolution.
        strides: int64, pixels per row of each block, all layouts together.
        bands: int64 (bands, gather.BAND_FIELDS).
        addresses: int64, of every block's values.
        masks: int64, of every block's mask, 0 for none.
        width: Pixels per target row.
        has_nodata: uint8 (bands,), whether `nodata` means anything; a stored NaN never is data.
        nodata: (bands,), the stored value that means "no data".
        out: (bands, pixels), written; undefined where not valid.
        valid: uint8 (pixels,); becomes 0 where a band has no data, and stays where all have.
    """
    pixels = valid.shape[0]
    if width > 0:
        same = True
        for n in range(layouts.shape[0]):
            same = same and _one_to_one(layouts[n], scales[n], width, pixels // width)[0]
        if same:
            for b in range(bands.shape[0]):
                number, at = bands[b, LAYOUT], bands[b, FIRST_BLOCK]
                _, x, y = _one_to_one(layouts[number], scales[number], width, pixels // width)
                _copy_rows(
                    layouts[number], strides, (x, y), (addresses[at:], masks[at:]), width,
                    (has_nodata[b], nodata[b]), out[b], valid,
                )  # fmt: skip
            return
    offset = np.zeros(BLOCK, np.int32)
    ok = np.empty(BLOCK, np.uint8)
    starts, blocks = np.empty(BLOCK + 1, np.int32), np.empty(BLOCK + 1, np.int32)
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        ok[:count] = 1
        known = np.int64(-1)
        runs = 0
        for b in range(bands.shape[0]):
            band = bands[b]
            layout = layouts[band[LAYOUT]]
            if band[LAYOUT] != known:
                known = band[LAYOUT]
                runs = places.locate_chunk(
                    layout, scales[known], strides, width, start, count, offset, starts, blocks
                )
            target = out[b, start : start + count]
            for k in range(runs):
                begin = starts[k]
                stop = starts[k + 1] if k + 1 < runs else count
                if blocks[k] == NOWHERE:
                    ok[begin:stop] = 0
                    continue
                entry = band[FIRST_BLOCK] + blocks[k]
                source = carray(pointer(addresses[entry]), (_ENDLESS,), out.dtype)
                if has_nodata[b] != 0:
                    _copy(source, offset, begin, stop, nodata[b], target, ok)
                else:
                    for p in range(begin, stop):
                        value = source[np.uintp(offset[p])]
                        target[p] = value
                        if value != value:
                            ok[p] = 0
                unmask(masks[entry], offset[begin:stop], ok[begin:stop])
        goal = valid[start : start + count]
        for p in range(count):
            goal[p] &= ok[p]
