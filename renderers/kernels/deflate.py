"""Deflate (RFC 1951) made for filtered rows of pictures: one dynamic block, literals and runs.

What a general compressor spends most of its time on, the search for matches, gains little on
filtered satellite pictures. Here a run is a unit of bytes that equals the bytes one pixel before
it, so nothing is searched; all else are literals of a Huffman code that is fitted to the picture,
from a sample of its rows.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.deflate_huffman import (
    END_OF_BLOCK,
    LENGTH_SYMBOL,
    LONGEST,
    SYMBOLS,
    canonical_codes,
    code_lengths,
    match_codes,
)
from renderers.kernels.deflate_words import load32, load64, store64
from renderers.kernels.options import inlined, kernel

Bytes = NDArray[np.uint8]

#: Rows whose symbols are counted for the code. 32 rows of 256 cost 0.015 ms of 0.27; all of them
#: cost 0.11 ms and save 0.1 to 0.8 % of the bytes.
SAMPLED_ROWS: Final = 32
#: Spreads the sampled rows over every phase, as pictures that were enlarged repeat rows.
_GOLDEN = 0.6180339887498949
#: Bytes in front of the first row: what the head of the block takes at most.
HEAD: Final = 200
#: Bytes behind the end of what is deflated that may be read, but have no meaning.
SLACK: Final = 8

_I = np.uintp
_NOTHING: Any = np.uintp(0)
_U32 = np.uint32
_U64 = np.uint64
_BYTE = np.uint64(255)
_SIX_BITS = np.uint64(63)
#: Where the code begins in an entry of `match_codes`, and the mask of its length.
_CODE = np.uint32(8)
_LENGTH = np.uint32(255)

_rows = types.Array(types.uint8, 1, "C", readonly=True)
_out = types.Array(types.uint8, 1, "C")


@inlined
def _flush(out: Bytes, at: np.uintp, bits: np.uint64, count: np.uint64) -> tuple[Any, ...]:
    """Write the whole bytes of up to 63 waiting bits; return where the rest begins, and the rest.

    Eight bytes are always stored, so `out` must have room for them.
    """
    store64(out, at, bits)
    return at + _I(count >> _U64(3)), bits >> (count & _U64(56)), count & _U64(7)


@inlined
def _head(out: Bytes, at: np.uintp, lengths: NDArray[np.uint8], distance: int) -> tuple[Any, ...]:
    """Write the head of a final dynamic block (RFC 1951, 3.2.7).

    The code of the code lengths is fixed, four bits for each of 0 to 15: nothing in 286 lengths
    repeats enough to be worth a search. At most 17 + 57 + 4 * (286 + 4) bits, 155 bytes.
    """
    # Final block, dynamic codes, 286 literal and length codes, `distance + 1` codes of distances
    # (distances 1 to 4 are symbols 0 to 3), 19 codes of code lengths.
    bits = _U64(0b101) | _U64(SYMBOLS - 257) << _U64(3)
    bits |= _U64(distance - 1) << _U64(8) | _U64(15) << _U64(13)
    # Symbols 16, 17 and 18 come first and are not used, the others have length 4.
    at, bits, count = _flush(out, at, bits, _U64(17))
    count += _U64(9)
    for _ in range(16):
        bits |= _U64(4) << count
        at, bits, count = _flush(out, at, bits, count + _U64(3))
    for symbol in range(SYMBOLS + distance):
        length = _U64(0)
        if symbol < SYMBOLS:
            length = _U64(lengths[symbol])
        elif symbol == SYMBOLS + distance - 1:
            length = _U64(1)
        # Canonical codes of equal length are the numbers themselves, their first bit highest.
        code = ((length & _U64(1)) << _U64(3)) | ((length & _U64(2)) << _U64(1))
        code |= ((length & _U64(4)) >> _U64(1)) | (length >> _U64(3))
        bits |= code << count
        at, bits, count = _flush(out, at, bits, count + _U64(4))
    return at, bits, count


@inlined
def _run(rows: Bytes, at: np.uintp, end: np.uintp, unit: np.uintp, distance: np.uintp) -> np.uintp:
    """Return where the units end that each equal the bytes `distance` before them."""
    mask = _U32(0xFFFFFFFF) if unit == _I(4) else _U32(0xFFFFFF)
    while at < end and (load32(rows, at) ^ load32(rows, at - distance)) & mask == _U32(0):
        at += unit
    return at


@inlined
def _count(
    rows: Bytes, start: np.uintp, width: np.uintp, unit: np.uintp, distance: np.uintp,
    counts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Count the symbols that `_row` writes for one row."""
    end = start + width
    last = end - (width - _I(1)) % unit
    at = start
    while at < start + _I(1) + min(unit, width - _I(1)):
        counts[rows[at]] += 1
        at += _I(1)
    while at < last:
        stop = _run(rows, at, last, unit, distance)
        if stop > at:
            while at < stop:
                length = _I(min(stop - at, _I(LONGEST) - _I(LONGEST) % unit))
                counts[LENGTH_SYMBOL[length]] += 1
                at += length
        else:
            for i in range(unit):
                counts[rows[at + _I(i)]] += 1
            at += unit
    while at < end:
        counts[rows[at]] += 1
        at += _I(1)


def _literal_joiner(unit: int) -> Callable[..., tuple[Any, ...]]:
    """Make the function that joins the codes of a unit's bytes."""

    @inlined
    def literals(
        word: np.uint64, codes: NDArray[np.uint64], widths: NDArray[np.uint64]
    ) -> tuple[Any, ...]:
        """Return the codes of a unit's bytes, one behind the other, and their bits."""
        at = _I(word & _BYTE)
        bits, count = codes[at], widths[at]
        for shift in range(8, 8 * unit, 8):
            at = _I((word >> _U64(shift)) & _BYTE)
            bits |= codes[at] << (count & _SIX_BITS)
            count += widths[at]
        return bits, count

    return literals


def _row_writer(unit: int) -> Callable[..., tuple[Any, ...]]:
    """Make the function that writes one row; the unit, 3 or 4 bytes, is compiled into it."""
    size, both = _I(unit), _I(2 * unit)
    one = _U64((1 << 8 * unit) - 1)
    other = _U64(one << _U64(8 * unit))
    step = _I(LONGEST - LONGEST % unit)

    literals = _literal_joiner(unit)

    @inlined
    def write(
        rows: Bytes, start: np.uintp, width: np.uintp, distance: np.uintp,
        codes: NDArray[np.uint64], widths: NDArray[np.uint64], matches: NDArray[np.uint32],
        out: Bytes, to: np.uintp, bits: np.uint64, count: np.uint64,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Write one row.

        Its filter type and first unit are literals, as a run needs bytes before it. Then either a
        run, or all bytes of a unit as literals: up to 4 * 14 bits on top of 7 that wait. What is
        left of a width that is no multiple of the unit are literals again.
        """
        end = start + width
        last = end - (width - _I(1)) % size
        at = start
        while at < start + _I(1) + min(size, width - _I(1)):
            bits |= codes[rows[at]] << count
            to, bits, count = _flush(out, to, bits, count + widths[rows[at]])
            at += _I(1)
        while at < last:
            # Two units of literals at a time.
            while at + both <= last:
                word = load64(rows, at)
                changed = word ^ load64(rows, at - distance)
                if changed & one == _U64(0) or changed & other == _U64(0):
                    break
                first, first_bits = literals(word, codes, widths)
                second, second_bits = literals(word >> _U64(8 * unit), codes, widths)
                bits |= first << count
                count += first_bits
                if count + second_bits > _SIX_BITS:
                    to, bits, count = _flush(out, to, bits, count)
                bits |= second << count
                to, bits, count = _flush(out, to, bits, count + second_bits)
                at += both
            if at >= last:
                break
            stop = at
            while stop < last and (load32(rows, stop) ^ load32(rows, stop - distance)) & _U32(
                one
            ) == _U32(0):
                stop += size
            if stop == at:
                first, first_bits = literals(_U64(load32(rows, at)), codes, widths)
                bits |= first << count
                to, bits, count = _flush(out, to, bits, count + first_bits)
                at += size
            while at < stop:
                length = min(stop - at, step)
                match = matches[length]
                bits |= _U64(match >> _CODE) << count
                to, bits, count = _flush(out, to, bits, count + _U64(match & _LENGTH))
                at += length
        while at < end:
            bits |= codes[rows[at]] << count
            to, bits, count = _flush(out, to, bits, count + widths[rows[at]])
            at += _I(1)
        return to, bits, count

    return write


_row_of_3 = _row_writer(3)
_row_of_4 = _row_writer(4)


@inlined
def _sampled_counts(rows: Bytes, height: int, width: np.uintp, unit: np.uintp, distance: np.uintp,
                    counts: NDArray[np.int64]) -> None:  # fmt: skip
    """Count the symbols of a sample of rows, scaled to the picture; every symbol at least once.

    Rows that were not sampled may hold any symbol, so each needs a code.
    """
    number = min(height, SAMPLED_ROWS)
    step = height / number
    for i in range(number):
        phase = 0.0 if number == height else (i * _GOLDEN) % 1.0
        y = min(int((i + phase) * step), height - 1)
        _count(rows, _I(y) * width, width, unit, distance, counts)
    for symbol in range(SYMBOLS):
        counts[symbol] = np.int64(counts[symbol] * step) + 1


@inlined
def _gains(counts: NDArray[np.int64], lengths: NDArray[np.uint8]) -> bool:
    """Tell whether the code is expected to save bytes: noise is better stored as it is.

    A run stands for 3 bytes at least.
    """
    saved = 0
    for symbol in range(SYMBOLS):
        gain = 8 if symbol < END_OF_BLOCK else 24
        saved += counts[symbol] * (gain - np.int64(lengths[symbol]))
    return saved > 8 * HEAD


@kernel(types.uintp(_rows, types.uintp, types.uintp, types.uintp, _out, types.uintp))
def deflate_rows(rows: Bytes, height: int, width: int, distance: int, out: Bytes, at: int) -> int:
    """Deflate rows of a picture as one final block.

    No write passes the end of `out`: before each row there must be room for its worst case, which
    is 14 bits for each of its bytes (a run costs at most 20 bits and stands for 3 bytes or more),
    plus the 8 bytes that the last store touches. If there is not, nothing more is written.

    Args:
        rows: uint8, flat: `height` rows of `width` bytes, each a filter type and then samples;
            `SLACK` bytes more that may be read.
        height: At least 1.
        width: Bytes per row with the filter type, at least 2.
        distance: Bytes per pixel, 1 to 4. Runs at distance 3 grow by 3 bytes, others by 4.
        out: uint8, flat, written.
        at: Where to begin in `out`.

    Returns:
        The end of what was written; 0 if the bytes do not compress, be it that nothing is expected
        from it or that `out` is too small.
    """
    unit = _I(3) if distance == _I(3) else _I(4)
    worst = (width * _I(14) + _I(14 + 7)) // _I(8) + _I(8)
    if at + _I(HEAD) + worst > _I(out.size):
        return _NOTHING
    counts = np.zeros(SYMBOLS, np.int64)
    lengths = np.empty(SYMBOLS, np.uint8)
    codes = np.empty(SYMBOLS, np.uint32)
    matches = np.zeros(LONGEST + 1, np.uint32)
    _sampled_counts(rows, int(height), width, unit, distance, counts)
    code_lengths(counts, lengths)
    if not _gains(counts, lengths):
        return _NOTHING
    canonical_codes(lengths, codes)
    match_codes(codes, matches)
    # As tables of their own, codes and lengths need no shift where they are used.
    bare = (codes >> _CODE).astype(np.uint64)
    widths = lengths.astype(np.uint64)
    to, bits, count = _head(out, at, lengths, int(distance))
    for y in range(_I(height)):
        if to + worst > _I(out.size):
            return _NOTHING
        if unit == _I(3):
            to, bits, count = _row_of_3(
                rows, y * width, width, _I(3), bare, widths, matches, out, to, bits, count
            )
        else:
            to, bits, count = _row_of_4(
                rows, y * width, width, distance, bare, widths, matches, out, to, bits, count
            )
    bits |= bare[END_OF_BLOCK] << count
    to, bits, count = _flush(out, to, bits, count + widths[END_OF_BLOCK])
    if count > _U64(0):
        out[to] = np.uint8(bits & _U64(255))
        to += _I(1)
    return to
