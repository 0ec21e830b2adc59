"""Values out of decoded blocks, for runs of pixels found by `renderers.kernels.places`.

All of these are compiled into the kernels that draw. What they share:
    source: one block, stored values in one row.
    offset: int32, place of each pixel in its block.
    start, stop: the run's pixels.
    nodata: stored value that means "no data"; NaN never equals a value, so NaN means "none".
    ok: uint8, becomes 0 where there is no data and stays where there is.
"""

from typing import Any, Final

import numpy as np
from numba import carray
from numpy.typing import NDArray

from renderers.kernels.options import inlined
from renderers.kernels.places import (
    BLOCK_HEIGHT,
    BLOCK_WIDTH,
    BLOCKS_ACROSS,
    FIRST_STRIDE,
    HEIGHT,
    NOWHERE,
    SCATTERED,
    WIDTH,
    pointer,
)

Array = NDArray[Any]

# Stored types, as the tables of bands name them.
UINT8: Final = 0
UINT16: Final = 1
INT16: Final = 2
FLOAT32: Final = 3

# A band says what to take out of which blocks: a row of int64.
#: Number of its layout.
LAYOUT: Final = 0
KIND: Final = 1
#: Where its blocks begin in the lists of addresses and masks.
FIRST_BLOCK: Final = 2
#: Address of its table, where values become colours by table.
TABLE: Final = 3
BAND_FIELDS: Final = 4

# Physics of a band: a row of float64.
NODATA: Final = 0
SCALE: Final = 1
OFFSET: Final = 2
PHYSICS_FIELDS: Final = 3

#: No array is as long: addresses are not checked against it.
_ENDLESS: Final = 1 << 40


@inlined
def unmask(mask: int, offset: Array, start: int, stop: int, ok: Array) -> None:
    """Apply a block's mask.

    Args:
        mask: Address of uint8, 0 where there is no data; or 0 for "all valid".
        offset: See the module.
        start: See the module.
        stop: See the module.
        ok: See the module.
    """
    if mask == 0:
        return
    flags = carray(pointer(mask), (_ENDLESS,), np.uint8)
    for p in range(start, stop):
        if flags[np.uintp(offset[p])] == 0:
            ok[p] = 0


@inlined
def _pick(source: Array, offset: Array, start: int, stop: int, out: Array) -> None:
    """Take out the stored values of a run, as float32."""
    for p in range(start, stop):
        out[p] = np.float32(source[np.uintp(offset[p])])


@inlined
def _scale(physics: Array, count: int, out: Array, ok: Array) -> None:
    """Turn stored values into physical ones; nearly always all of them are data."""
    # Stored values of up to 16 bits are exact in float32, and so are those of float32.
    nodata = np.float32(physics[NODATA])
    lacking = 0
    for p in range(count):
        lacking += (out[p] == nodata) | (out[p] != out[p])
    if lacking > 0:
        for p in range(count):
            if out[p] == nodata or out[p] != out[p]:
                ok[p] = 0
    scale, shift = np.float32(physics[SCALE]), np.float32(physics[OFFSET])
    for p in range(count):
        out[p] = out[p] * scale + shift


@inlined
def nearest(
    band: Array,
    physics: Array,
    addresses: Array,
    masks: Array,
    runs: tuple[Array, Array, int],
    count: int,
    offset: Array,
    out: Array,
    ok: Array,
) -> None:
    """Write stored * scale + offset of the nearest pixels of one band.

    Args:
        band: int64 (BAND_FIELDS,).
        physics: float64 (PHYSICS_FIELDS,).
        addresses: int64, of every block's values.
        masks: int64, of every block's mask, 0 for none.
        runs: Starts, blocks, number of runs.
        count: Pixels.
        offset: See the module.
        out: float32 (count,), written.
        ok: See the module.
    """
    starts, blocks, number = runs
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        if blocks[k] == NOWHERE:
            ok[start:stop] = 0
            out[start:stop] = 0.0
            continue
        entry = band[FIRST_BLOCK] + blocks[k]
        at = pointer(addresses[entry])
        if band[KIND] == UINT8:
            _pick(carray(at, (_ENDLESS,), np.uint8), offset, start, stop, out)
        elif band[KIND] == UINT16:
            _pick(carray(at, (_ENDLESS,), np.uint16), offset, start, stop, out)
        elif band[KIND] == INT16:
            _pick(carray(at, (_ENDLESS,), np.int16), offset, start, stop, out)
        else:
            _pick(carray(at, (_ENDLESS,), np.float32), offset, start, stop, out)
        unmask(masks[entry], offset, start, stop, ok)
    _scale(physics, count, out, ok)


@inlined
def _stored(kind: int, address: int, place: int) -> float:
    """Return one stored value."""
    at = pointer(address)
    if kind == UINT8:
        return np.float64(carray(at, (_ENDLESS,), np.uint8)[place])
    if kind == UINT16:
        return np.float64(carray(at, (_ENDLESS,), np.uint16)[place])
    if kind == INT16:
        return np.float64(carray(at, (_ENDLESS,), np.int16)[place])
    return np.float64(carray(at, (_ENDLESS,), np.float32)[place])


@inlined
def weighed(
    band: Array,
    physics: Array,
    addresses: Array,
    masks: Array,
    geometry: tuple[Array, Array],
    x0: int,
    y0: int,
    u: float,
    v: float,
) -> tuple[float, bool]:
    """Return the mean of those of four pixels that have data, wherever they lie.

    A pixel has data where its nearest source pixel has: the mask does not depend on the resampling.
    Neighbours without data, or beyond the level, lose their weight to the others.

    Args:
        band: int64 (BAND_FIELDS,).
        physics: float64 (PHYSICS_FIELDS,).
        addresses: See `nearest`.
        masks: See there.
        geometry: The layout (int64) and the strides of all blocks (int64).
        x0: Column of the upper left pixel in pixels of all blocks.
        y0: Its row.
        u: Weight of the right pixels.
        v: Weight of the lower pixels.

    Returns:
        The mean as stored, and whether there is data.
    """
    layout, strides = geometry
    width, height, across = layout[WIDTH], layout[HEIGHT], layout[BLOCKS_ACROSS]
    block_width, block_height = layout[BLOCK_WIDTH], layout[BLOCK_HEIGHT]
    near = (1 if u >= 0.5 else 0) + (2 if v >= 0.5 else 0)
    total = 0.0
    weight = 0.0
    has = False
    for k in range(4):
        x, y = x0 + (k & 1), y0 + (k >> 1)
        if x < 0 or y < 0 or x >= width or y >= height:
            continue
        bx, by = x // block_width, y // block_height
        block = by * across + bx
        entry = band[FIRST_BLOCK] + block
        place = (
            (y - by * block_height) * strides[layout[FIRST_STRIDE] + block] + x - bx * block_width
        )
        if masks[entry] != 0 and carray(pointer(masks[entry]), (_ENDLESS,), np.uint8)[place] == 0:
            continue
        value = _stored(band[KIND], addresses[entry], place)
        if np.float32(value) == np.float32(physics[NODATA]) or value != value:
            continue
        if k == near:
            has = True
        w = (u if k & 1 else 1.0 - u) * (v if k >> 1 else 1.0 - v)
        total += w * value
        weight += w
    return (total / weight if weight > 0.0 else 0.0), has


@inlined
def _four(source: Array, stride: int, offset: Array, start: int, stop: int, taps: Array) -> None:
    """Take out the four pixels of every position of a run, as float32."""
    below, one = np.uintp(stride), np.uintp(1)
    a, b, c, d = taps[0], taps[1], taps[2], taps[3]
    for p in range(start, stop):
        at = np.uintp(offset[p])
        a[p] = np.float32(source[at])
        b[p] = np.float32(source[at + one])
    for p in range(start, stop):
        at = np.uintp(offset[p]) + below
        c[p] = np.float32(source[at])
        d[p] = np.float32(source[at + one])


@inlined
def _take(
    kind: int, address: int, stride: int, offset: Array, start: int, stop: int, taps: Array
) -> None:
    """Do `_four` for the stored type at hand."""
    at = pointer(address)
    if kind == UINT8:
        _four(carray(at, (_ENDLESS,), np.uint8), stride, offset, start, stop, taps)
    elif kind == UINT16:
        _four(carray(at, (_ENDLESS,), np.uint16), stride, offset, start, stop, taps)
    elif kind == INT16:
        _four(carray(at, (_ENDLESS,), np.int16), stride, offset, start, stop, taps)
    else:
        _four(carray(at, (_ENDLESS,), np.float32), stride, offset, start, stop, taps)


@inlined
def _mix(taps: Array, u: Array, v: Array, count: int, physics: Array, out: Array) -> None:
    """Write the scaled means of four pixels."""
    scale, shift = np.float32(physics[SCALE]), np.float32(physics[OFFSET])
    a, b, c, d = taps[0], taps[1], taps[2], taps[3]
    for p in range(count):
        upper = a[p] + u[p] * (b[p] - a[p])
        lower = c[p] + u[p] * (d[p] - c[p])
        out[p] = (upper + v[p] * (lower - upper)) * scale + shift


@inlined
def _doubts(taps: Array, count: int, physics: Array, doubt: Array) -> int:
    """Mark the pixels one of whose four may have no data; return how many there are."""
    # Stored values of up to 16 bits are exact in float32, and so are those of float32.
    nodata = np.float32(physics[NODATA])
    a, b, c, d = taps[0], taps[1], taps[2], taps[3]
    doubts = 0
    for p in range(count):
        lacking = (a[p] == nodata) | (b[p] == nodata) | (c[p] == nodata) | (d[p] == nodata)
        total = a[p] + b[p] + c[p] + d[p]
        doubt[p] |= np.uint8(lacking | (total != total))
    for p in range(count):
        doubts += doubt[p]
    return doubts


@inlined
def bilinear(
    band: Array,
    physics: Array,
    addresses: Array,
    masks: Array,
    geometry: tuple[Array, Array],
    runs: tuple[Array, Array, int],
    count: int,
    places: tuple[Array, Array, Array, Array],
    out: Array,
    ok: Array,
    doubt: Array,
    taps: Array,
) -> None:
    """Write scaled bilinear means of the four nearest pixels of one band.

    Args:
        band: int64 (BAND_FIELDS,).
        physics: float64 (PHYSICS_FIELDS,).
        addresses: See `nearest`.
        masks: See there.
        geometry: See `weighed`.
        runs: Starts, blocks, number of runs.
        count: Pixels.
        places: Offset, u, v, corner, as `locate_bilinear` wrote them.
        out: float32 (count,), written.
        ok: See the module.
        doubt: uint8 (count,), overwritten.
        taps: float32 (4, count), overwritten.
    """
    starts, blocks, number = runs
    offset, u, v, corner = places
    layout, strides = geometry
    scale, shift = np.float32(physics[SCALE]), np.float32(physics[OFFSET])
    doubt[:count] = 0
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        block = blocks[k]
        if block == NOWHERE:
            ok[start:stop] = 0
            taps[:, start:stop] = 0.0
            continue
        if block == SCATTERED:
            doubt[start:stop] = 1
            taps[:, start:stop] = 0.0
            continue
        entry = band[FIRST_BLOCK] + block
        stride = strides[layout[FIRST_STRIDE] + block]
        _take(band[KIND], addresses[entry], stride, offset, start, stop, taps)
        if masks[entry] != 0:
            doubt[start:stop] = 1
    _mix(taps, u, v, count, physics, out)
    if _doubts(taps, count, physics, doubt) == 0:
        return
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        block = blocks[k]
        if block == NOWHERE:
            continue
        stride, left, top = np.int64(1), np.int64(0), np.int64(0)
        if block != SCATTERED:
            stride = strides[layout[FIRST_STRIDE] + block]
            top = (block // layout[BLOCKS_ACROSS]) * layout[BLOCK_HEIGHT]
            left = (block % layout[BLOCKS_ACROSS]) * layout[BLOCK_WIDTH]
        for p in range(start, stop):
            if doubt[p] == 0:
                continue
            if block == SCATTERED:
                x, y = np.int64(corner[0, p]), np.int64(corner[1, p])
            else:
                x, y = left + offset[p] % stride, top + offset[p] // stride
            mean, has = weighed(band, physics, addresses, masks, geometry, x, y, u[p], v[p])
            if has:
                out[p] = np.float32(mean) * scale + shift
            else:
                ok[p] = 0


#: Bits of a table's entry above the three bytes of colour.
LACKS_DATA: Final = 1 << 24
LACKS_VALUE: Final = 1 << 25


@inlined
def _looked_up(
    source: Array, table: Array, offset: Array, start: int, stop: int, words: Array
) -> None:
    for p in range(start, stop):
        words[p] |= table[np.uintp(source[np.uintp(offset[p])])]


@inlined
def looked_up(
    band: Array,
    addresses: Array,
    masks: Array,
    runs: tuple[Array, Array, int],
    count: int,
    offset: Array,
    words: Array,
) -> None:
    """Add what a table holds for the nearest pixels of one band of 8 or 16 bits.

    Args:
        band: int64 (BAND_FIELDS,); its table is uint32, of 256 or 65536 entries, by bit pattern.
        addresses: See `nearest`.
        masks: See there.
        runs: Starts, blocks, number of runs.
        count: Pixels.
        offset: See the module.
        words: uint32 (count,), changed: bits of the table's entries are added by "or".
    """
    starts, blocks, number = runs
    at = pointer(band[TABLE])
    table = carray(at, (_ENDLESS,), np.uint32)
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        if blocks[k] == NOWHERE:
            for p in range(start, stop):
                words[p] |= np.uint32(LACKS_DATA)
            continue
        entry = band[FIRST_BLOCK] + blocks[k]
        at = pointer(addresses[entry])
        if band[KIND] == UINT8:
            source = carray(at, (_ENDLESS,), np.uint8)
            _looked_up(source, table, offset, start, stop, words)
        else:
            _looked_up(carray(at, (_ENDLESS,), np.uint16), table, offset, start, stop, words)
        if masks[entry] != 0:
            flags = carray(pointer(masks[entry]), (_ENDLESS,), np.uint8)
            for p in range(start, stop):
                if flags[np.uintp(offset[p])] == 0:
                    words[p] |= np.uint32(LACKS_DATA)


@inlined
def _three(
    a: Array, b: Array, c: Array, tables: tuple[Array, Array, Array], offset: Array,
    start: int, stop: int, words: Array,
) -> None:  # fmt: skip
    red, green, blue = tables
    for p in range(start, stop):
        at = np.uintp(offset[p])
        words[p] = red[np.uintp(a[at])] | green[np.uintp(b[at])] | blue[np.uintp(c[at])]


@inlined
def looked_up_rgb(
    bands: Array,
    addresses: Array,
    masks: Array,
    runs: tuple[Array, Array, int],
    count: int,
    offset: Array,
    words: Array,
) -> None:
    """Do `looked_up` for three bands of one type and layout at once, which spares half the time.

    Args:
        bands: int64 (3, BAND_FIELDS).
        addresses: See `nearest`.
        masks: See there.
        runs: Starts, blocks, number of runs.
        count: Pixels.
        offset: See the module.
        words: uint32 (count,), written.
    """
    starts, blocks, number = runs
    tables = (
        carray(pointer(bands[0, TABLE]), (_ENDLESS,), np.uint32),
        carray(pointer(bands[1, TABLE]), (_ENDLESS,), np.uint32),
        carray(pointer(bands[2, TABLE]), (_ENDLESS,), np.uint32),
    )
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        if blocks[k] == NOWHERE:
            words[start:stop] = np.uint32(LACKS_DATA)
            continue
        a = pointer(addresses[bands[0, FIRST_BLOCK] + blocks[k]])
        b = pointer(addresses[bands[1, FIRST_BLOCK] + blocks[k]])
        c = pointer(addresses[bands[2, FIRST_BLOCK] + blocks[k]])
        if bands[0, KIND] == UINT8:
            _three(
                carray(a, (_ENDLESS,), np.uint8), carray(b, (_ENDLESS,), np.uint8),
                carray(c, (_ENDLESS,), np.uint8), tables, offset, start, stop, words,
            )  # fmt: skip
        else:
            _three(
                carray(a, (_ENDLESS,), np.uint16), carray(b, (_ENDLESS,), np.uint16),
                carray(c, (_ENDLESS,), np.uint16), tables, offset, start, stop, words,
            )  # fmt: skip
        for n in range(3):
            mask = masks[bands[n, FIRST_BLOCK] + blocks[k]]
            if mask != 0:
                flags = carray(pointer(mask), (_ENDLESS,), np.uint8)
                for p in range(start, stop):
                    if flags[np.uintp(offset[p])] == 0:
                        words[p] |= np.uint32(LACKS_DATA)
