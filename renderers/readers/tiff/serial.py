"""The stored form of a TIFF read index.

Four bytes of magic and version, eight of a digest, then one msgpack list of plain values; offsets
and counts are raw little-endian arrays of the smallest type that holds them. Nothing in it can run
code, and reading it repeats all checks of the header.
"""

import hashlib
from typing import Any, TypeVar

import msgpack
import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError
from renderers.readers.tiff.layout import Layout, check_layout

MAGIC = b"TIX\x01"
_DIGEST = 8
_LAYOUT_TYPES = (int, int, int, int, bool, int, bool, str, int, int, int, int, int, bytes)
_SIZES = (2, 4, 8)

T = TypeVar("T")


def dump(fields: list[Any]) -> bytes:
    """Serialise plain values."""
    body: bytes = msgpack.packb(fields)
    return MAGIC + _digest(body) + body


def load(data: bytes) -> Any:
    """Read back what `dump` wrote; the caller checks the types.

    Raises:
        SourceCorruptError: Not such bytes, damaged, or of another version.
        ValueError: Not msgpack.
    """
    body = data[len(MAGIC) + _DIGEST :]
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : len(MAGIC) + _DIGEST] != _digest(body):
        raise SourceCorruptError("not a TIFF read index of this version")
    return msgpack.unpackb(body)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST).digest()


def _pack_array(values: NDArray[Any]) -> bytes:
    """Return the width of the type in bytes, as one byte, and the values."""
    most = int(values.max()) if len(values) else 0
    size = next(s for s in _SIZES if most < 1 << (8 * s))
    return bytes([size]) + values.astype(f"<u{size}").tobytes()


def _unpack_array(data: Any, dtype: type[np.generic]) -> NDArray[Any]:
    raw = expect(data, bytes)
    if not raw or raw[0] not in _SIZES:
        raise ValueError("an array of an unknown type")
    return np.frombuffer(raw, f"<u{raw[0]}", offset=1).astype(dtype)


def pack_layout(layout: Layout) -> list[Any]:
    """Return a layout as plain values."""
    return [
        layout.width,
        layout.height,
        layout.block_width,
        layout.block_height,
        layout.tiled,
        layout.samples,
        layout.separate,
        layout.kind,
        layout.bits,
        layout.compression,
        layout.predictor,
        layout.photometric,
        layout.lerc,
        layout.jpeg_tables,
        _pack_array(layout.offsets),
        _pack_array(layout.counts),
    ]


def unpack_layout(values: Any, size: int) -> Layout:
    """Read a layout back and make all checks of the header again.

    Raises:
        TypeError: A value has another type.
        ValueError: A list has another length.
        SourceError: The layout contradicts itself or is not decoded here.
    """
    fields = expect(values, list)
    if len(fields) != len(_LAYOUT_TYPES) + 2:
        raise ValueError("a layout of another length")
    plain: list[Any] = [expect(v, t) for v, t in zip(fields, _LAYOUT_TYPES, strict=False)]
    offsets = _unpack_array(fields[-2], np.uint64)
    counts = _unpack_array(fields[-1], np.uint32)
    layout = Layout(*[*plain, offsets, counts])
    check_layout(layout, size)
    return layout


def expect(value: Any, kind: type[T]) -> T:
    """Return a value that must be of a type; bool is no int here."""
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value


def numbers(values: Any, count: int) -> tuple[float, ...]:
    """Return a list that must have `count` numbers."""
    found = tuple(float(v) for v in expect(values, list))
    if len(found) != count:
        raise ValueError("a list of another length")
    return found
