"""How one variable lies in an HDF5 file, and the decoding of its chunks.

Sources: HDF5 File Format Specification 3.0, sections III.F (B-trees and chunk indexes) and IV.A.2.l
(filter pipeline message); the filters' own numbers are of the HDF5 registry.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.stores import ByteRange

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
#: What is said of filters that are not decoded here.
FILTER_NAMES: Final = {
    4: "SZIP",
    5: "N-bit",
    6: "scale-offset",
    307: "bzip2",
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32015: "Zstandard",
    32026: "Blosc2",
}
#: Bytes of one decoded chunk.
MAX_CHUNK: Final = 256 * 1024 * 1024
#: Chunks of one variable.
MAX_CHUNKS: Final = 4 * 1024 * 1024
#: Pixels of the blocks into which contiguous variables are cut.
_ROWS_OF_PIXELS: Final = 256 * 1024
_CHECKSUM: Final = 4


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the chunks of a variable lie, and how they are packed.

    Attributes:
        width: Columns of the variable.
        height: Rows.
        block_width: Columns of a chunk; chunks at the edge are stored as large as all others.
        block_height: Rows of a chunk.
        depth: Slices along the leading dimensions that one chunk holds.
        stored: dtype of the file, with its byte order.
        filters: HDF5 filter numbers, in the order in which they were applied.
        contiguous: The variable lies in one piece without filters; `offsets` are those of the
            slices, and blocks are cut in rows.
        offsets: uint64, shape (planes, blocks down, blocks across).
        sizes: uint32, bytes as stored; 0 for a chunk that is not in the file.
        skipped: uint32, bit n set where filter n was left out.
    """

    width: int
    height: int
    block_width: int
    block_height: int
    depth: int
    stored: str
    filters: tuple[int, ...]
    contiguous: bool
    offsets: NDArray[np.uint64]
    sizes: NDArray[np.uint32]
    skipped: NDArray[np.uint32]

    @property
    def across(self) -> int:
        """Blocks per row."""
        return -(-self.width // self.block_width)

    @property
    def down(self) -> int:
        """Rows of blocks."""
        return -(-self.height // self.block_height)

    @property
    def planes(self) -> int:
        """Chunks along the leading dimensions."""
        return int(self.offsets.shape[0])

    def extent(self, block: BlockId) -> tuple[int, int]:
        """Return rows and columns of a block, cut at the edge.

        Raises:
            ValueError: There is no such block.
        """
        inside = (
            block.level == 0
            and 0 <= block.row < self.down
            and 0 <= block.column < self.across
            and 0 <= block.plane < self.planes
        )
        if not inside:
            raise ValueError(f"no such block: {block}")
        rows = min(self.block_height, self.height - block.row * self.block_height)
        return rows, min(self.block_width, self.width - block.column * self.block_width)

    def place(self, block: BlockId) -> ByteRange | None:
        """Return where a block lies, None where it is not in the file."""
        rows, columns = self.extent(block)
        if self.contiguous:
            if not self.sizes[block.plane, 0, 0]:
                return None
            row_bytes = columns * np.dtype(self.stored).itemsize
            start = int(self.offsets[block.plane, 0, 0])
            start += block.row * self.block_height * row_bytes
            return ByteRange(start, start + rows * row_bytes)
        where = block.plane, block.row, block.column
        size = int(self.sizes[where])
        start = int(self.offsets[where])
        return ByteRange(start, start + size) if size else None


def rows_of(width: int, height: int) -> int:
    """Return how many rows of a contiguous variable make a block."""
    return max(1, min(height, _ROWS_OF_PIXELS // width))


def check(storage: Storage, size: int) -> None:
    """Check that a layout can be decoded and does not contradict itself or the file.

    Args:
        storage: From a header or from a stored index.
        size: Bytes of the file.

    Raises:
        SourceUnsupportedError: Too large, or packed in a way that is not decoded here.
        SourceCorruptError: It contradicts itself.
    """
    sides = storage.width, storage.height, storage.block_width, storage.block_height, storage.depth
    if min(sides) < 1 or max(sides) > 1 << 31:
        raise SourceCorruptError("a NetCDF variable without pixels")
    kind = np.dtype(storage.stored)
    if kind.kind not in "iuf" or kind.itemsize not in (1, 2, 4, 8):
        raise SourceUnsupportedError(f"values of type {kind} are not read")
    if storage.block_width * storage.block_height * storage.depth * kind.itemsize > MAX_CHUNK:
        raise SourceUnsupportedError("the chunks of the NetCDF variable are too large")
    for number in storage.filters:
        if number not in (DEFLATE, SHUFFLE, FLETCHER32):
            name = FILTER_NAMES.get(number, f"number {number}")
            raise SourceUnsupportedError(f"the HDF5 filter {name} is not decoded")
    down, across = (1, 1) if storage.contiguous else (storage.down, storage.across)
    shape = storage.offsets.shape
    if shape[1:] != (down, across) or not storage.offsets.size:
        raise SourceCorruptError("a NetCDF variable with another number of chunks")
    if storage.sizes.shape != shape or storage.skipped.shape != shape:
        raise SourceCorruptError("a NetCDF variable with another number of chunks")
    lengths = storage.sizes.astype(np.uint64)
    if storage.contiguous:
        whole = storage.width * storage.height * kind.itemsize
        lengths = np.where(lengths > 0, np.uint64(whole), np.uint64(0))
    if (lengths > size).any() or (storage.offsets > np.uint64(size) - lengths).any():
        raise SourceCorruptError("the file is shorter than its header says")


def decode(storage: Storage, block: BlockId, data: bytes) -> NDArray[Any]:
    """Decode one block.

    Args:
        storage: How the variable lies.
        block: The block.
        data: Its bytes.

    Returns:
        C-contiguous and writable, shape (depth, rows, columns), native byte order, the stored type;
        half floats become float32.

    Raises:
        SourceCorruptError: The bytes do not decode to a block of the right size.
    """
    rows, columns = storage.extent(block)
    kind = np.dtype(storage.stored)
    if storage.contiguous:
        shape: tuple[int, int, int] = (1, rows, columns)
    else:
        shape = storage.depth, storage.block_height, storage.block_width
        skipped = int(storage.skipped[block.plane, block.row, block.column])
        data = _unfiltered(storage, skipped, data, math.prod(shape) * kind.itemsize)
    if len(data) != math.prod(shape) * kind.itemsize:
        raise SourceCorruptError("a chunk is not as long as it should be")
    values = np.frombuffer(data, kind).reshape(shape)[:, :rows, :columns]
    native = np.dtype(np.float32) if kind == np.float16 else kind.newbyteorder("=")
    return room.copied(values, native)


def _unfiltered(storage: Storage, skipped: int, data: bytes, size: int) -> bytes:
    """Undo the filters of one chunk, the last one first."""
    for number in reversed(range(len(storage.filters))):
        if skipped >> number & 1:
            continue
        data = _undo(storage.filters[number], data, size, np.dtype(storage.stored).itemsize)
    return data


def _undo(number: int, data: bytes, size: int, itemsize: int) -> bytes:
    if number == FLETCHER32:
        return _checked(data)
    if number == SHUFFLE:
        return _unshuffled(data, itemsize)
    try:
        # a checksum may follow the values inside the stream, never more
        space: Any = np.empty(size + _CHECKSUM, np.uint8)
        out: Any = imagecodecs.deflate_decode(data, out=space)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise SourceCorruptError("a chunk does not decode", detail=str(error)) from error
    return bytes(memoryview(out))


def _checked(data: bytes) -> bytes:
    """Take the checksum off.

    Raises:
        SourceCorruptError: It is another.
    """
    body, stored = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if len(stored) < _CHECKSUM or not body:
        raise SourceCorruptError("a chunk is shorter than its checksum")
    if int(imagecodecs.h5checksum_fletcher32(body)) != int.from_bytes(stored, "little"):
        raise SourceCorruptError("a chunk has another checksum than it should have")
    return body


def _unshuffled(data: bytes, itemsize: int) -> bytes:
    """Put the bytes of each value together again; what is left of no whole value stays."""
    if itemsize == 1:
        return data
    count = len(data) // itemsize
    values = np.frombuffer(data, np.uint8, count * itemsize).reshape(itemsize, count)
    return values.T.tobytes() + data[count * itemsize :]
