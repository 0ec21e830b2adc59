"""Kernels that unpack samples of odd sizes and run lengths.

Source: TIFF 6.0, section 2 (FillOrder 1: the first sample lies in the high bits, and rows begin at
whole bytes, whatever the file's byte order) and section 9 (PackBits).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import kernel

_BYTES = "Array(uint8, {}, 'C', readonly=True)"


@kernel(
    [
        f"void({_BYTES.format(2)}, int64, {word}[:, :, ::1])"
        for word in ("uint8", "uint16", "uint32")
    ]
)
def unpack_bits(source: NDArray[Any], bits: int, out: NDArray[Any]) -> None:
    """Unpack samples that are not whole bytes, and separate their bands.

    Args:
        source: (rows, bytes per row) as stored.
        bits: Of one sample, 1 to 32; no more than a word of `out` holds.
        out: (samples, rows', columns') to fill; at most as large as the block.
    """
    samples, rows, columns = out.shape
    size = np.uint64(bits)
    most = (np.uint64(1) << size) - np.uint64(1)
    for y in range(rows):
        window = np.uint64(0)
        have = np.uint64(0)
        at = 0
        for x in range(columns):
            for s in range(samples):
                while have < size:
                    window = (window << np.uint64(8)) | np.uint64(source[y, at])
                    at += 1
                    have += np.uint64(8)
                have -= size
                out[s, y, x] = (window >> have) & most


@kernel(f"int64({_BYTES.format(1)}, uint8[::1])")
def unpack_runs(source: NDArray[Any], out: NDArray[Any]) -> int:
    """Undo PackBits until the output is full or the input ends.

    Args:
        source: The stored bytes; what follows the last needed run is not looked at, as writers pad.
        out: To fill.

    Returns:
        How many bytes were filled; a run that the input cuts off is not.
    """
    length, most = source.size, out.size
    at = filled = 0
    while at < length and filled < most:
        code = int(source[at])
        at += 1
        if code < 128:
            count = min(code + 1, most - filled)
            if at + count > length:
                break
            for i in range(count):
                out[filled + i] = source[at + i]
            at += code + 1
            filled += count
        elif code > 128:
            if at == length:
                break
            count = min(257 - code, most - filled)
            for i in range(count):
                out[filled + i] = source[at]
            at += 1
            filled += count
    return filled
