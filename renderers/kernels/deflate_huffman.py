"""Codes of a dynamic deflate block (RFC 1951): lengths from counts, and tables for writing.

A code and its length share one uint32: the length in the low 8 bits, the code's bits above, the
first to be written lowest.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import inlined

#: Literals 0 to 255, end of block, and length symbols 257 to 285 (RFC 1951, 3.2.5).
SYMBOLS: Final = 286
END_OF_BLOCK: Final = 256
#: Longest match.
LONGEST: Final = 258
#: Longest code that is made; deflate allows 15. With 14, four codes and the up to 7 bits that wait
#: to be written fit 64 bits.
LONGEST_CODE: Final = 14

_SHIFT = np.uint32(8)
_LOW = np.uint32(255)


def _length_symbols() -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return symbol, number of extra bits and extra bits of each match length up to 258."""
    symbols = np.zeros(LONGEST + 1, np.uint16)
    counts = np.zeros(LONGEST + 1, np.uint8)
    extras = np.zeros(LONGEST + 1, np.uint8)
    length = 3
    for symbol in range(257, 285):
        bits = 0 if symbol < 265 else (symbol - 261) // 4
        for extra in range(min(1 << bits, LONGEST + 1 - length)):
            symbols[length], counts[length], extras[length] = symbol, bits, extra
            length += 1
    symbols[LONGEST], counts[LONGEST], extras[LONGEST] = 285, 0, 0
    return symbols, counts, extras


LENGTH_SYMBOL, _EXTRA_COUNT, _EXTRA_BITS = _length_symbols()


@inlined
def code_lengths(counts: NDArray[np.int64], lengths: NDArray[np.uint8]) -> None:
    """Give each symbol the length of its code, at most `LONGEST_CODE`.

    Minimum redundancy in place (Moffat and Katajainen, "In-place calculation of minimum-redundancy
    codes", 1995); longer codes are then cut off, and the shorter ones that pay for it lengthened.

    Args:
        counts: int64, one per symbol, all at least 1 and below 2**54; two symbols at least.
        lengths: uint8, one per symbol, written.
    """
    size = counts.size
    # Sorted by count; the symbol rides in the low 9 bits.
    keys = np.empty(size, np.int64)
    for symbol in range(size):
        keys[symbol] = (counts[symbol] << 9) | symbol
    _sort(keys)
    depths = keys >> 9
    _minimum_redundancy(depths)
    per_length = np.zeros(LONGEST_CODE + 1, np.int64)
    for i in range(size):
        per_length[min(depths[i], LONGEST_CODE)] += 1
    _limit(per_length)
    # The rarest symbols come first in `keys` and get the longest codes.
    at = 0
    for length in range(LONGEST_CODE, 0, -1):
        for _ in range(per_length[length]):
            lengths[keys[at] & 511] = length
            at += 1


@inlined
def _sort(keys: NDArray[np.int64]) -> None:
    """Sort a few hundred numbers (Shell 1959, gaps of Ciura 2001).

    NumPy's sort would be as fast, but takes three seconds to compile.
    """
    for gap in (132, 57, 23, 10, 4, 1):
        for i in range(gap, keys.size):
            key, at = keys[i], i
            while at >= gap and keys[at - gap] > key:
                keys[at] = keys[at - gap]
                at -= gap
            keys[at] = key


@inlined
def _minimum_redundancy(work: NDArray[np.int64]) -> None:
    """Turn counts in ascending order into code lengths, in place."""
    size = work.size
    # 1. Join the two lightest nodes; a joined node keeps the index of its parent.
    work[0] += work[1]
    root, leaf = 0, 2
    for node in range(1, size - 1):
        if leaf >= size or work[root] < work[leaf]:
            work[node] = work[root]
            work[root] = node
            root += 1
        else:
            work[node] = work[leaf]
            leaf += 1
        if leaf >= size or (root < node and work[root] < work[leaf]):
            work[node] += work[root]
            work[root] = node
            root += 1
        else:
            work[node] += work[leaf]
            leaf += 1
    # 2. Depths of the inner nodes, from the top.
    work[size - 2] = 0
    for node in range(size - 3, -1, -1):
        work[node] = work[work[node]] + 1
    # 3. Depths of the leaves: what inner nodes leave free at each level.
    free, depth, inner, at = 1, 0, size - 2, size - 1
    while free > 0:
        used = 0
        while inner >= 0 and work[inner] == depth:
            used += 1
            inner -= 1
        while free > used:
            work[at] = depth
            at -= 1
            free -= 1
        free = 2 * used
        depth += 1


@inlined
def _limit(per_length: NDArray[np.int64]) -> None:
    """Make numbers of codes per length, cut at the longest, a complete code (Kraft's sum is 1)."""
    total = 0
    for length in range(1, LONGEST_CODE + 1):
        total += per_length[length] << (LONGEST_CODE - length)
    while total > 1 << LONGEST_CODE:
        # One code of the longest moves up beside a shorter one that gets a bit longer.
        length = LONGEST_CODE - 1
        while per_length[length] == 0:
            length -= 1
        per_length[length] -= 1
        per_length[length + 1] += 2
        per_length[LONGEST_CODE] -= 1
        total -= 1


@inlined
def canonical_codes(lengths: NDArray[np.uint8], codes: NDArray[np.uint32]) -> None:
    """Give each symbol its canonical code (RFC 1951, 3.2.2).

    Args:
        lengths: uint8, one per symbol, 1 to 15.
        codes: uint32, one per symbol, written: code with the first bit lowest, and length.
    """
    following = np.zeros(16, np.uint32)
    per_length = np.zeros(16, np.uint32)
    for symbol in range(lengths.size):
        per_length[lengths[symbol]] += 1
    for length in range(1, 16):
        following[length] = (following[length - 1] + per_length[length - 1]) << 1
    for symbol in range(lengths.size):
        length = lengths[symbol]
        value = following[length]
        following[length] += 1
        turned = np.uint32(0)
        for _ in range(length):
            turned = np.uint32((turned << 1) | (value & 1))
            value >>= 1
        codes[symbol] = (turned << _SHIFT) | length


@inlined
def match_codes(codes: NDArray[np.uint32], matches: NDArray[np.uint32]) -> None:
    """Give each match length all its bits: symbol, extra bits, and the one bit of the distance.

    The block has a single distance code, which is the bit 0 (RFC 1951, 3.2.7).

    Args:
        codes: uint32, shape (286,), of `canonical_codes`.
        matches: uint32, shape (259,), written from index 3: at most 14 + 5 + 1 bits, and their
            number in the low 8 bits.
    """
    for length in range(3, LONGEST + 1):
        entry = codes[LENGTH_SYMBOL[length]]
        bits = entry & _LOW
        value = (entry >> _SHIFT) | (np.uint32(_EXTRA_BITS[length]) << bits)
        matches[length] = np.uint32(value << _SHIFT) | np.uint32(bits + _EXTRA_COUNT[length] + 1)
