"""Rows of PNG pictures before compression (PNG, third edition, sections 7 and 9).

All rows have filter type 4, Paeth. On satellite pictures it leaves 5 to 8 % fewer bytes than Up, 1
to 3 % fewer than Average, and less than half of Average's where pixels repeat, as in enlarged
pictures (ADR 7). Written with minima and maxima of bytes LLVM makes it parallel: 0.06 ms for
256 x 256 RGB pixels; Up has 0.04, and Paeth in the standard's words 0.22.
"""

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.deflate_words import load32, store32
from renderers.kernels.options import inlined, kernel

Bytes = NDArray[np.uint8]

#: The filter type, first byte of each row.
FILTER_PAETH: Final = 4

_I = np.uintp
_U32 = np.uint32
#: Pixels after which `extremes` looks whether it knows enough.
_GLANCE = 4096

_flat = types.Array(types.uint8, 1, "C", readonly=True)
_indexes = types.Array(types.uint8, 2, "C", readonly=True)
_palette = types.Array(types.uint8, 2, "C", readonly=True)
_flags = types.Array(types.uint8, 1, "C")
_rows = types.Array(types.uint8, 1, "C")

_two_counts = types.UniTuple(types.intp, 2)
_two_words = types.UniTuple(types.uint32, 2)


@inlined
def _apart(a: np.uint8, b: np.uint8) -> np.uint8:
    return np.uint8(max(a, b) - min(a, b))


@inlined
def _paeth(row: Bytes, above: Bytes, size: int, distance: int, target: Bytes) -> None:
    """Write one row as differences to Paeth's prediction (section 9.4).

    The standard's p = left + above - corner is never made: with pa = |above - corner| and
    pb = |left - corner|, |p - corner| is pa + pb where both lie on the same side of the corner
    (and so is never the smallest), and |pa - pb| otherwise. All of it fits bytes.

    Args:
        row: uint8, at least `size` bytes.
        above: The row above, zeros for the first.
        size: Bytes of the row.
        distance: Bytes per pixel.
        target: uint8, the filter type and `size` bytes, written.
    """
    target[0] = FILTER_PAETH
    for i in range(min(distance, size)):
        target[1 + i] = row[i] - above[i]
    for i in range(size - distance):
        left, up, corner = row[i], above[i + distance], above[i]
        from_left = _apart(up, corner)
        from_up = _apart(left, corner)
        from_corner = np.uint8(255)
        if (up >= corner) != (left >= corner):
            from_corner = _apart(from_left, from_up)
        guess = corner
        if from_up <= from_corner:
            guess = up
        if from_left <= from_up and from_left <= from_corner:
            guess = left
        target[1 + i + distance] = row[i + distance] - guess


@kernel(types.void(_flat, types.intp, types.intp, _rows))
def filter_rgb(pixels: Bytes, height: int, width: int, rows: Bytes) -> None:
    """Write RGBA pixels as filtered rows of RGB.

    Args:
        pixels: uint8, flat, `height` * `width` * 4.
        height: Rows.
        width: Pixels per row.
        rows: uint8, flat, at least `height` * (1 + 3 * `width`), written.
    """
    size = 3 * width
    # Two rows without alpha in turns. Whole pixels are stored, each over the alpha of the last,
    # hence one byte more.
    one, other = np.zeros(size + 1, np.uint8), np.zeros(size + 1, np.uint8)
    for y in range(height):
        row, above = (one, other) if y % 2 == 0 else (other, one)
        start = _I(y) * _I(width)
        for x in range(_I(width)):
            store32(row, _I(3) * x, load32(pixels, _I(4) * (start + x)))
        _paeth(row, above, size, 3, rows[y * (size + 1) : (y + 1) * (size + 1)])


@kernel(types.void(_flat, types.intp, types.intp, types.intp, _rows))
def filter_bytes(samples: Bytes, height: int, size: int, distance: int, rows: Bytes) -> None:
    """Write rows of bytes as filtered rows.

    Args:
        samples: uint8, flat, `height` * `size`.
        height: Rows.
        size: Bytes per row.
        distance: Bytes per pixel: 4 for RGBA, 3 for RGB, 2 for grey of 16 bits (big endian), 1 for
            indexes.
        rows: uint8, flat, at least `height` * (1 + `size`), written.
    """
    one, other = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    for y in range(height):
        row, above = (one, other) if y % 2 == 0 else (other, one)
        start = _I(y) * _I(size)
        for i in range(_I(size)):
            row[i] = samples[start + i]
        target = rows[y * (size + 1) : (y + 1) * (size + 1)]
        # With a distance that is known when it is compiled, LLVM needs a third of the time.
        if distance == 4:
            _paeth(row, above, size, 4, target)
        elif distance == 3:
            _paeth(row, above, size, 3, target)
        elif distance == 2:
            _paeth(row, above, size, 2, target)
        else:
            _paeth(row, above, size, 1, target)


@kernel(types.void(_indexes, _flat, _rows))
def filter_indexes(indexes: Bytes, table: Bytes, rows: Bytes) -> None:
    """Write palette indexes, exchanged by a table, as filtered rows.

    Indexes of a colour ramp are as smooth as the values they stand for.

    Args:
        indexes: uint8, shape (height, width).
        table: uint8, shape (256,), new index of each old one.
        rows: uint8, flat, at least `height` * (1 + `width`), written.
    """
    height, width = indexes.shape
    one, other = np.zeros(width, np.uint8), np.zeros(width, np.uint8)
    for y in range(height):
        row, above = (one, other) if y % 2 == 0 else (other, one)
        for x in range(width):
            row[x] = table[indexes[y, x]]
        _paeth(row, above, width, 1, rows[y * (width + 1) : (y + 1) * (width + 1)])


@kernel(_two_counts(_indexes, _palette, _flags, _flags))
def arrange(indexes: Bytes, palette: Bytes, table: Bytes, order: Bytes) -> tuple[int, int]:
    """Order the palette entries that occur: those with transparency first, else as they were.

    Args:
        indexes: uint8, shape (height, width).
        palette: uint8, shape (n <= 256, 4), RGBA.
        table: uint8, shape (256,), written: new index of each old one that occurs.
        order: uint8, shape (256,), written: old index of each new one.

    Returns:
        How many entries occur, and how many of them are not opaque; -1 and -1 if an index points
        past the end of the palette.
    """
    used = np.zeros(256, np.uint8)
    for y in range(indexes.shape[0]):
        for x in range(indexes.shape[1]):
            used[indexes[y, x]] = 1
    count, translucent = 0, 0
    for opaque in (False, True):
        for entry in range(256):
            if used[entry] == 0:
                continue
            if entry >= palette.shape[0]:
                return -1, -1
            if (palette[entry, 3] == 255) == opaque:
                table[entry] = count
                order[count] = entry
                count += 1
        if not opaque:
            translucent = count
    return count, translucent


@kernel(_two_words(_flat, types.boolean))
def extremes(pixels: Bytes, known_opaque: bool) -> tuple[np.uint32, np.uint32]:
    """Tell whether a picture is opaque, and whether it has one colour only.

    Stops looking when neither can change.

    Args:
        pixels: uint8, flat, RGBA.
        known_opaque: Only the second question is asked.

    Returns:
        Bits that all pixels have and bits that any has, of those that were looked at, alpha in the
        upper 8 of 32 bits: equal for a picture of one colour; 255 in the first for an opaque one.
    """
    every, some = _U32(0xFFFFFFFF), _U32(0)
    size = pixels.size // 4
    for start in range(0, size, _GLANCE):
        for i in range(_I(start), _I(min(start + _GLANCE, size))):
            pixel = load32(pixels, _I(4) * i)
            every &= pixel
            some |= pixel
        if every != some and (known_opaque or every >> _U32(24) != _U32(255)):
            break
    return every, some
