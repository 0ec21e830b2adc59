"""Kernels for odd sample sizes and run lengths against NumPy and plain Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.kernels.unpack import unpack_bits, unpack_runs


def packed(values: Any, bits: int) -> Any:
    """Pack (rows, columns, samples) with the high bits first, each row to whole bytes."""
    rows = values.reshape(values.shape[0], -1)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    single = (rows[..., None].astype(np.uint64) >> places) & np.uint64(1)
    return np.packbits(single.astype(np.uint8).reshape(len(rows), -1), axis=1)


def word(bits: int) -> str:
    return "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"


@pytest.mark.parametrize("bits", range(1, 33))
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 13, 1), (4, 7, 3)])
def test_bits_equal_twin(bits: int, shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, shape, np.uint64)
    source = np.frombuffer(packed(values, bits).tobytes(), np.uint8).reshape(shape[0], -1)
    rows, columns = max(shape[0] - 1, 1), max(shape[1] - 2, 1)
    for cut in ((shape[0], shape[1]), (rows, columns)):
        out = np.full((shape[2], *cut), 77, word(bits))
        unpack_bits(source, bits, out)
        np.testing.assert_array_equal(out, values[: cut[0], : cut[1]].transpose(2, 0, 1))


def unpacked(data: bytes) -> tuple[bytes, list[int]]:
    """PackBits in plain Python: all output, and how much of it complete runs gave."""
    out = bytearray()
    at = 0
    ends = [0]
    while at < len(data):
        code = data[at]
        at += 1
        if code < 128:
            piece = data[at : at + code + 1]
            at += code + 1
            if len(piece) <= code:
                return bytes(out + piece), ends
            out += piece
        elif code > 128:
            if at == len(data):
                break
            out += data[at : at + 1] * (257 - code)
            at += 1
        ends.append(len(out))
    return bytes(out), ends


@given(st.binary(max_size=300), st.integers(0, 700))
def test_runs_equal_plain_python(data: bytes, size: int) -> None:
    expected, ends = unpacked(data)
    out = np.full(size, 77, np.uint8)
    filled = unpack_runs(np.frombuffer(data, np.uint8), out)
    assert filled == (size if len(expected) >= size else ends[-1])
    assert out[:filled].tobytes() == expected[:filled]
    assert np.all(out[filled:] == 77)
