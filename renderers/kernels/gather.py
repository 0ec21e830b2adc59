"""Values out of decoded blocks, for runs of pixels found by `renderers.kernels.places`.

All of these are compiled into the kernels that draw. What they share:
    source: one block, stored values in one row.
    offset: int32, place of each pixel in its block.
    start, stop: the run's pixels.
    nodata: stored value that means "no data"; NaN never equals a value, so NaN means "none".
    ok: uint8, becomes 0 where there is no data and stays where there is.

The innermost loops run from 0 over slices: of `range(start, stop)` the compiler cannot know that no
index is negative, and Numba's handling of those keeps it from vector instructions.
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
    prefetch,
    word_at,
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


#: Target pixels between two prefetches: at most one line of 16-bit pixels is left out where the
#: source is twice as fine.
_AHEAD: Final = 16


@inlined
def fetch(
    bands: Array, first: int, addresses: Array, runs: tuple[Array, Array, int], count: int,
    offset: Array,
) -> None:  # fmt: skip
    """Bring the values under a chunk near, for all bands of one layout.

    Blocks lie far apart in memory, and a processor looks only a few dozen pixels ahead: without
    this, nearly every line of a source row would be waited for by itself.

    Args:
        bands: int64 (bands, BAND_FIELDS).
        first: The first band of the layout; those that follow share it until one does not.
        addresses: See `nearest`.
        runs: See there.
        count: See there.
        offset: See the module.
    """
    starts, blocks, number = runs
    layout = bands[first, LAYOUT]
    for b in range(first, bands.shape[0]):
        if bands[b, LAYOUT] != layout:
            break
        kind = bands[b, KIND]
        shift = 0 if kind == UINT8 else 2 if kind == FLOAT32 else 1
        for k in range(number):
            if blocks[k] < 0:
                continue
            stop = starts[k + 1] if k + 1 < number else count
            base = addresses[bands[b, FIRST_BLOCK] + blocks[k]]
            for p in range(starts[k], stop, _AHEAD):
                prefetch(base + (np.int64(offset[p]) << shift))


@inlined
def unmask(mask: int, offset: Array, ok: Array) -> None:
    """Apply a block's mask to a run.

    Args:
        mask: Address of uint8, 0 where there is no data; or 0 for "all valid".
        offset: See the module.
        ok: See the module.
    """
    if mask == 0:
        return
    flags = carray(pointer(mask), (_ENDLESS,), np.uint8)
    for p in range(offset.shape[0]):
        if flags[np.uintp(offset[p])] == 0:
            ok[p] = 0


@inlined
def _pick(source: Array, offset: Array, out: Array) -> None:
    """Take out the stored values of a run, as float32."""
    for p in range(offset.shape[0]):
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
        places, values = offset[start:stop], out[start:stop]
        if band[KIND] == UINT8:
            _pick(carray(at, (_ENDLESS,), np.uint8), places, values)
        elif band[KIND] == UINT16:
            _pick(carray(at, (_ENDLESS,), np.uint16), places, values)
        elif band[KIND] == INT16:
            _pick(carray(at, (_ENDLESS,), np.int16), places, values)
        else:
            _pick(carray(at, (_ENDLESS,), np.float32), places, values)
        unmask(masks[entry], places, ok[start:stop])
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
    # Divisions of 64 bits are slow, and the next pixel is in the same block or the next one.
    left, top = max(x0, 0), max(y0, 0)
    block_x = np.int64(np.uint32(left) // np.uint32(block_width))
    block_y = np.int64(np.uint32(top) // np.uint32(block_height))
    next_x, next_y = (block_x + 1) * block_width, (block_y + 1) * block_height
    total = 0.0
    weight = 0.0
    has = False
    for k in range(4):
        x, y = x0 + (k & 1), y0 + (k >> 1)
        if x < 0 or y < 0 or x >= width or y >= height:
            continue
        bx = block_x + (1 if x >= next_x else 0)
        by = block_y + (1 if y >= next_y else 0)
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
def _two(source: Array, below: int, offset: Array, left: Array, right: Array) -> None:
    """Take out two neighbours at every position of a run, some pixels below it, as float32."""
    further, one = np.uintp(below), np.uintp(1)
    for p in range(offset.shape[0]):
        at = np.uintp(offset[p]) + further
        left[p] = np.float32(source[at])
        right[p] = np.float32(source[at + one])


@inlined
def _words(address: int, offset: Array, out: Array) -> None:
    """Take out two neighbours of 16 bits at every position of a run."""
    for p in range(offset.shape[0]):
        out[p] = word_at(address + (np.int64(offset[p]) << 1))


@inlined
def _split_unsigned(words: Array, left: Array, right: Array) -> None:
    for p in range(words.shape[0]):
        left[p] = np.float32(np.int32(words[p] & np.uint32(0xFFFF)))
        right[p] = np.float32(np.int32(words[p] >> np.uint32(16)))


@inlined
def _split_signed(words: Array, left: Array, right: Array) -> None:
    for p in range(words.shape[0]):
        left[p] = np.float32(np.int32(words[p] << np.uint32(16)) >> np.int32(16))
        right[p] = np.float32(np.int32(words[p]) >> np.int32(16))


@inlined
def _take(
    kind: int,
    address: int,
    stride: int,
    offset: Array,
    start: int,
    stop: int,
    taps: Array,
    pairs: Array,
) -> None:
    """Take out the four pixels of every position of a run, as float32.

    Two neighbours of 16 bits are one read of 32: half the reads, which are most of the work.
    """
    at, places = pointer(address), offset[start:stop]
    for row in range(2):
        left, right = taps[2 * row, start:stop], taps[2 * row + 1, start:stop]
        words = pairs[row, start:stop]
        if kind == UINT8:
            _two(carray(at, (_ENDLESS,), np.uint8), row * stride, places, left, right)
        elif kind == FLOAT32:
            _two(carray(at, (_ENDLESS,), np.float32), row * stride, places, left, right)
        else:
            _words(address + row * stride * 2, places, words)
            if kind == UINT16:
                _split_unsigned(words, left, right)
            else:
                _split_signed(words, left, right)


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
    pairs: Array,
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
        pairs: uint32 (2, count), overwritten.
    """
    starts, blocks, number = runs
    offset, u, v, corner = places
    layout, strides = geometry
    scale, shift = np.float32(physics[SCALE]), np.float32(physics[OFFSET])
    doubt[:count] = 0
    scattered = 0
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
            scattered += stop - start
            continue
        entry = band[FIRST_BLOCK] + block
        stride = strides[layout[FIRST_STRIDE] + block]
        _take(band[KIND], addresses[entry], stride, offset, start, stop, taps, pairs)
        if masks[entry] != 0:
            doubt[start:stop] = 1
    _mix(taps, u, v, count, physics, out)
    found = _doubts(taps, count, physics, doubt)
    if found == 0:
        return
    for k in range(number):
        start = starts[k]
        stop = starts[k + 1] if k + 1 < number else count
        block = blocks[k]
        # Mostly only the pixels between blocks are in doubt: then no others are looked through.
        if block == NOWHERE or (block != SCATTERED and found == scattered):
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
def _looked_up(source: Array, table: Array, offset: Array, words: Array) -> None:
    for p in range(offset.shape[0]):
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
        places, colours = offset[start:stop], words[start:stop]
        if band[KIND] == UINT8:
            _looked_up(carray(at, (_ENDLESS,), np.uint8), table, places, colours)
        else:
            _looked_up(carray(at, (_ENDLESS,), np.uint16), table, places, colours)
        if masks[entry] != 0:
            flags = carray(pointer(masks[entry]), (_ENDLESS,), np.uint8)
            for p in range(places.shape[0]):
                if flags[np.uintp(places[p])] == 0:
                    colours[p] |= np.uint32(LACKS_DATA)


@inlined
def _three(
    a: Array, b: Array, c: Array, tables: tuple[Array, Array, Array], offset: Array, words: Array
) -> None:  # fmt: skip
    red, green, blue = tables
    for p in range(offset.shape[0]):
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
        places, colours = offset[start:stop], words[start:stop]
        if bands[0, KIND] == UINT8:
            _three(
                carray(a, (_ENDLESS,), np.uint8), carray(b, (_ENDLESS,), np.uint8),
                carray(c, (_ENDLESS,), np.uint8), tables, places, colours,
            )  # fmt: skip
        else:
            _three(
                carray(a, (_ENDLESS,), np.uint16), carray(b, (_ENDLESS,), np.uint16),
                carray(c, (_ENDLESS,), np.uint16), tables, places, colours,
            )  # fmt: skip
        for n in range(3):
            mask = masks[bands[n, FIRST_BLOCK] + blocks[k]]
            if mask != 0:
                flags = carray(pointer(mask), (_ENDLESS,), np.uint8)
                for p in range(places.shape[0]):
                    if flags[np.uintp(places[p])] == 0:
                        colours[p] |= np.uint32(LACKS_DATA)
