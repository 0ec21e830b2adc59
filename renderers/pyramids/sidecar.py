"""One level of one file in one file of ours: a header, a table of blocks, the blocks.

Layout: magic; little-endian uint32 length and CRC-32 of the header; the header as msgpack; then the
blocks. A block is its pixels, differenced along rows and compressed with Zstandard, then its mask,
compressed. Offsets count from the end of the header. Every block has a CRC-32 of its own, so that
damage is noticed when it is read and never decoded.

A TIFF would do as well, but has no checksums, needs two directories for a mask, and a reader that
trusts nothing parses forty times as much for it.
"""

import os
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import imagecodecs
import msgpack
import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceCorruptError
from renderers.readers.base import Block, BlockId, Level

MAGIC = b"tilepyr1"
#: Pixels of a block along a side.
BLOCK = 512
#: Zstandard level: at 3 instead of 1 a block is 7 % smaller and takes half as long again to read.
COMPRESSION = 1
#: No header is longer: 65536 blocks of 12 bytes and some facts.
MAX_HEADER = 1024 * 1024

#: Seconds after which another use is noted, as the file's modification time.
TOUCH_AFTER = 600.0

_FRONT = struct.Struct("<8sII")
#: Per block: bytes of pixels, bytes of the mask, CRC-32 of both.
_ENTRY = np.dtype([("pixels", "<u4"), ("mask", "<u4"), ("crc", "<u4")])
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, struct.error, msgpack.UnpackException)


class DamagedSidecarError(SourceCorruptError):
    """A sidecar is not what was written; whoever meets it makes it anew."""

    def __init__(self) -> None:
        """Say so, always in the same words."""
        super().__init__("a pyramid file is damaged")


@dataclass(frozen=True)
class LevelShape:
    """A level as it is kept.

    Attributes:
        width: Pixels per row.
        height: Rows.
        scale_x: Full-resolution pixels per pixel.
        scale_y: The same for rows.
        dtype: NumPy name of the pixels.
        planes: Bands of each plane: one entry unless bands lie apart.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float
    dtype: str
    planes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return -(-self.height // BLOCK)

    @property
    def columns(self) -> int:
        """Blocks per row."""
        return -(-self.width // BLOCK)

    @property
    def blocks(self) -> int:
        """Blocks of all planes."""
        return len(self.planes) * self.rows * self.columns

    @property
    def level(self) -> Level:
        """The same in the terms of readers."""
        return Level(self.width, self.height, BLOCK, BLOCK, self.scale_x, self.scale_y)

    def number(self, plane: int, row: int, column: int) -> int:
        """Return the number of a block in the table."""
        return (plane * self.rows + row) * self.columns + column

    def extent(self, plane: int, row: int, column: int) -> tuple[int, int, int]:
        """Return (bands, rows, columns) of a block, cut at the level's edge."""
        height = min(BLOCK, self.height - row * BLOCK)
        width = min(BLOCK, self.width - column * BLOCK)
        return self.planes[plane], height, width


@dataclass(frozen=True)
class Sidecar:
    """A sidecar whose header was read.

    Attributes:
        path: The file.
        shape: What it holds.
        start: Where its blocks begin.
        table: One entry per block.
    """

    path: Path
    shape: LevelShape
    start: int
    table: NDArray[Any]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """int64 (blocks + 1,): where each block begins, and the end of the file."""
        lengths = self.table["pixels"].astype(np.int64) + self.table["mask"]
        return self.start + np.concatenate(([0], np.cumsum(lengths)))

    def read(self, blocks: Sequence[BlockId]) -> list[bytes]:
        """Read blocks from disk; `unpack` decodes them.

        Raises:
            FileNotFoundError: The file is gone: evicted, by whatever process.
            DamagedSidecarError: The bytes are not those that were written.
        """
        out = []
        with self.path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > TOUCH_AFTER:
                os.utime(file.fileno())
            for _, row, column, plane in blocks:
                number = self.shape.number(plane, row, column)
                file.seek(int(self.offsets[number]))
                data = file.read(int(self.offsets[number + 1] - self.offsets[number]))
                if zlib.crc32(data) != int(self.table["crc"][number]):
                    raise DamagedSidecarError
                out.append(data)
        return out

    def unpack(self, block: BlockId, data: bytes) -> Block:
        """Decode what `read` gave. Releases the GIL.

        Raises:
            DamagedSidecarError: It does not decode.
        """
        _, row, column, plane = block
        extent = self.shape.extent(plane, row, column)
        entry = self.table[self.shape.number(plane, row, column)]
        split = int(entry["pixels"])
        pixels = _unpacked(data[:split], extent, np.dtype(self.shape.dtype))
        if not entry["mask"]:
            return Block(pixels)
        mask = _plain(data[split:], extent[1:], np.dtype(np.uint8))
        return Block(pixels, room.copied(mask))


def pack(shape: LevelShape, blocks: Sequence[Block]) -> bytes:
    """Return the contents of a sidecar.

    Args:
        shape: What it holds.
        blocks: By plane, then row by row.
    """
    table = np.zeros(len(blocks), _ENTRY)
    bodies = []
    for number, block in enumerate(blocks):
        pixels = _packed(block.data)
        mask = b"" if block.mask is None else _compressed(block.mask.tobytes())
        bodies.append(pixels + mask)
        table[number] = len(pixels), len(mask), zlib.crc32(bodies[-1])
    header: bytes = msgpack.packb(
        {
            "width": shape.width,
            "height": shape.height,
            "scale_x": shape.scale_x,
            "scale_y": shape.scale_y,
            "dtype": shape.dtype,
            "planes": list(shape.planes),
            "table": table.tobytes(),
        }
    )
    front = _FRONT.pack(MAGIC, len(header), zlib.crc32(header))
    return b"".join((front, header, *bodies))


def open_sidecar(path: Path, shape: LevelShape) -> Sidecar:
    """Read the header of a sidecar.

    Args:
        path: The file.
        shape: What it must hold.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedSidecarError: It is not whole, or holds something else.
    """
    with path.open("rb") as file:
        front = file.read(_FRONT.size)
        if len(front) != _FRONT.size:
            raise DamagedSidecarError
        magic, length, crc = _FRONT.unpack(front)
        if magic != MAGIC or length > MAX_HEADER:
            raise DamagedSidecarError
        header = file.read(length)
        size = file.seek(0, 2)
    if zlib.crc32(header) != crc:
        raise DamagedSidecarError
    try:
        found = msgpack.unpackb(header)
        table = np.frombuffer(found.pop("table"), _ENTRY)
        kept = LevelShape(**{**found, "planes": tuple(found["planes"])})
    except _UNREADABLE as error:
        raise DamagedSidecarError from error
    sidecar = Sidecar(path, shape, _FRONT.size + length, table)
    if kept != shape or len(table) != shape.blocks or int(sidecar.offsets[-1]) != size:
        raise DamagedSidecarError
    return sidecar


def _packed(data: NDArray[Any]) -> bytes:
    code = imagecodecs.floatpred_encode if data.dtype.kind == "f" else imagecodecs.delta_encode
    return _compressed(np.ascontiguousarray(code(np.ascontiguousarray(data), axis=-1)).tobytes())


def _compressed(data: bytes) -> bytes:
    return bytes(imagecodecs.zstd_encode(data, COMPRESSION))


def _unpacked(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    code = imagecodecs.floatpred_decode if dtype.kind == "f" else imagecodecs.delta_decode
    out = room.empty(shape, dtype)
    code(_plain(data, shape, dtype), axis=-1, out=out)
    return out


def _plain(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    size = int(np.prod(shape)) * dtype.itemsize
    try:
        plain = imagecodecs.zstd_decode(data, out=size)
    except (imagecodecs.ZstdError, ValueError) as error:
        raise DamagedSidecarError from error
    if len(plain) != size:
        raise DamagedSidecarError
    return np.frombuffer(plain, dtype).reshape(shape)
