"""`RadarReader`: images of radar amplitudes with calibrated bands beside the stored one.

A file of one band is shown as several: band 1 holds the amplitudes, each further one the squared
amplitude over the squared gain of a table, as products such as Sentinel-1 GRD define backscatter
(sigma nought, gamma). They are calibrated as blocks are decoded, before anything is resampled:
averages and interpolations are those of power. On an overview the gain is that of each of its
pixels' middles.

Products come in strips of one line, of which a picture of a whole image would need more than any
budget allows; strips are joined to blocks of some lines.
"""

import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from struct import pack, unpack
from typing import Any

import msgpack
import numpy as np

from renderers import room
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import FloatArray
from renderers.kernels.calibrate import backscatter
from renderers.readers.base import Block, BlockId, Level, RasterIndex, RasterInfo, Reader
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import ByteRange, ByteSource

MAGIC = b"RIX\x01"
#: Values of one table, and of all of one file in bytes.
_MAX_VALUES = 4_000_000
_MAX_BYTES = 128 * 1024 * 1024
#: Bands of one file.
_MAX_TABLES = 8
#: Lines to which strips are joined: three bands of the longest products (17,000 lines) are then
#: 3,200 blocks, where 4,096 are allowed; more would make tiles read lines that they do not show.
_LINES = 16


@dataclass(frozen=True, slots=True, eq=False)
class GainTable:
    """Gains by line and pixel, between which they are interpolated bilinearly.

    Attributes:
        lines: Line numbers from 0 (the middle of the first line), rising, two or more.
        pixels: The same along lines.
        values: Positive, shape (lines, pixels).
    """

    lines: FloatArray
    pixels: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        for axis in (self.lines, self.pixels):
            rising = axis.ndim == 1 and len(axis) >= 2 and bool((np.diff(axis) > 0).all())
            if not rising or not np.isfinite(axis).all():
                raise ValueError("places of gains do not rise")
        if self.values.shape != (len(self.lines), len(self.pixels)):
            raise ValueError("gains of another shape")
        if not (np.isfinite(self.values).all() and (self.values > 0).all()):
            raise ValueError("gains that are not positive")

    def to_plain(self) -> list[bytes]:
        """Return plain values."""
        return [v.astype("<f8").tobytes() for v in (self.lines, self.pixels, self.values)]

    @classmethod
    def from_plain(cls, values: Any) -> "GainTable":
        """Read back what `to_plain` returned.

        Raises:
            ValueError: The values make no table.
            TypeError: They are of another type.
        """
        if type(values) is not list or [type(v) for v in values] != [bytes] * 3:
            raise TypeError("not a table of gains")
        lines, pixels, gains = (np.frombuffer(v, "<f8").astype(np.float64) for v in values)
        if gains.size > _MAX_VALUES:
            raise ValueError("too many gains")
        return cls(lines, pixels, gains.reshape(len(lines), len(pixels)))


@dataclass(frozen=True, slots=True)
class RadarIndex(RasterIndex):
    """The index of a file and its tables.

    Attributes:
        base: The file's own index, by `TiffReader`.
        tables: Of bands 2 and up.
        described: What the file is shown as.
        strips: Stored blocks, one below the other, that a block is made of, for each level.
    """

    base: RasterIndex
    tables: tuple[GainTable, ...]
    described: RasterInfo
    strips: tuple[int, ...]

    @classmethod
    def over(cls, base: RasterIndex, tables: Sequence[GainTable]) -> "RadarIndex":
        """Put tables over a file.

        Raises:
            SourceUnsupportedError: The file is no image of one band of 16 bits.
        """
        info = base.info
        if info.dtype != "uint16" or info.count != 1 or info.colour_table is not None:
            raise SourceUnsupportedError("a radar image that is not one band of 16 bits")
        if not 1 <= len(tables) <= _MAX_TABLES:
            raise SourceUnsupportedError("no gains, or too many")
        count = 1 + len(tables)
        strips = tuple(map(_strips, info.levels))
        described = replace(
            info,
            dtype="float32",
            levels=tuple(
                replace(level, block_height=level.block_height * joined)
                for level, joined in zip(info.levels, strips, strict=True)
            ),
            count=count,
            scales=(1.0,) * count,
            offsets=(0.0,) * count,
            descriptions=("",) * count,
            bits=0,
            nodata=0.0 if info.nodata is None else info.nodata,
        )
        if described.nodata != 0.0:
            raise SourceUnsupportedError("a radar image whose nodata value is not 0")
        return cls(base, tuple(tables), described, strips)

    @property
    def info(self) -> RasterInfo:
        """What the file is shown as."""
        return self.described

    def to_bytes(self) -> bytes:
        """Serialise."""
        tables = zlib.compress(msgpack.packb([t.to_plain() for t in self.tables]))
        packed: bytes = msgpack.packb([self.base.to_bytes(), tables])
        return MAGIC + packed

    def identity(self, block: BlockId) -> Hashable:
        """Return what tells a block from others in caches: the file's own way, and the band."""
        return block.plane, self.base.identity(block._replace(plane=0))

    def stored(self, block: BlockId) -> list[BlockId]:
        """Return the stored blocks that a block is made of, from above."""
        joined, level = self.strips[block.level], self.base.info.levels[block.level]
        first = block.row * joined
        rows = -(-level.height // level.block_height)
        if not 0 <= first < rows:
            raise ValueError(f"no such block: {block}")
        below = range(first, min(first + joined, rows))
        return [BlockId(block.level, row, block.column, 0) for row in below]

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, 0): each band is calibrated by itself."""
        return band - 1, 0


class RadarReader(Reader):
    """Reads calibrated bands, from the blocks that `TiffReader` reads; see `RadarIndex`.

    Nothing in a file says that it has tables: its index is made by `RadarIndex.over`, and from
    then on it is known by that.
    """

    id = "radar"

    def __init__(self) -> None:
        """Stand in front of a reader of its own."""
        self._base = TiffReader()

    async def build_index(self, source: ByteSource) -> RasterIndex:
        """Refuse: the file alone does not have its tables.

        Raises:
            SourceUnsupportedError: Always.
        """
        del source
        raise SourceUnsupportedError("a radar image without its tables of gains")

    def load_index(self, data: bytes) -> RadarIndex:
        """Read back a stored index.

        Raises:
            SourceCorruptError: Not such an index, damaged, or of another version.
        """
        if not data.startswith(MAGIC):
            raise SourceCorruptError("not a radar index of this version")
        try:
            base, packed = msgpack.unpackb(data[len(MAGIC) :])
            tables = [GainTable.from_plain(t) for t in msgpack.unpackb(_unzipped(packed))]
            return RadarIndex.over(self._base.load_index(base), tables)
        except (
            ValueError, TypeError, zlib.error, msgpack.UnpackException, SourceUnsupportedError
        ) as error:  # fmt: skip
            raise SourceCorruptError("the radar index is damaged", detail=str(error)) from error

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the ranges of the stored blocks that a block is made of."""
        own = _own(index, block)
        return tuple(r for s in own.stored(block) for r in self._base.ranges(own.base, s))

    async def fetch(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> list[tuple[bytes, ...]]:
        """Fetch stored blocks, each once for all bands made of it, in one round.

        Returns:
            For each block how many parts each stored block has, then these.
        """
        if not blocks:
            return []
        own = _own(index, blocks[0])
        needed = [own.stored(b) for b in blocks]
        wanted = list(dict.fromkeys(s for stored in needed for s in stored))
        parts = dict(zip(wanted, await self._base.fetch(source, own.base, wanted), strict=True))
        return [_joined([parts[s] for s in stored]) for stored in needed]

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode stored blocks and calibrate them, from what `fetch` gave.

        Raises:
            SourceCorruptError: The bytes do not decode.
        """
        own = _own(index, block)
        stored = self._stored(own, block, parts)
        if block.plane == 0:
            return Block(room.copied(stored.data, np.float32), stored.mask)
        values = room.empty(stored.data.shape, np.float32)
        table, level = own.tables[block.plane - 1], own.info.levels[block.level]
        rows, columns = _places(level, block, stored.data.shape[1:])
        work = np.empty(len(table.pixels))
        backscatter(
            stored.data[0], rows, columns, table.lines, table.pixels, table.values, work, values[0]
        )
        return Block(values, stored.mask)

    def _stored(self, own: RadarIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Return the stored amplitudes of a block."""
        ids = own.stored(block)
        counts = unpack(f"<{len(ids)}I", parts[0])
        pieces = iter(parts[1:])
        found = [
            self._base.decode(own.base, stored, [next(pieces) for _ in range(count)])
            for stored, count in zip(ids, counts, strict=True)
        ]
        if len(found) == 1:
            return found[0]
        masks = [b.mask for b in found if b.mask is not None]
        mask = np.vstack(masks) if len(masks) == len(found) else None
        return Block(np.concatenate([b.data for b in found], axis=1), mask)


def _strips(level: Level) -> int:
    """Return how many stored blocks are joined."""
    if level.block_width < level.width or level.block_height >= _LINES:
        return 1
    return min(_LINES // level.block_height, -(-level.height // level.block_height))


def _joined(pieces: Sequence[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Return the parts of several stored blocks as those of one, with how many each has."""
    counts = pack(f"<{len(pieces)}I", *map(len, pieces))
    return (counts, *(part for piece in pieces for part in piece))


def _own(index: RasterIndex, block: BlockId) -> RadarIndex:
    if not isinstance(index, RadarIndex):
        raise TypeError("not a radar index")
    if not 0 <= block.plane <= len(index.tables):
        raise ValueError(f"no such block: {block}")
    return index


def _unzipped(data: bytes) -> bytes:
    unzip = zlib.decompressobj()
    out = unzip.decompress(data, _MAX_BYTES)
    if not unzip.eof:
        raise ValueError("the tables of gains are cut off or too large")
    return out


def _places(level: Level, block: BlockId, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return line and pixel numbers at full resolution of the middles of a block's pixels."""
    rows = np.arange(shape[0], dtype=np.float64) + block.row * level.block_height + 0.5
    columns = np.arange(shape[1], dtype=np.float64) + block.column * level.block_width + 0.5
    return rows * level.scale_y - 0.5, columns * level.scale_x - 0.5
