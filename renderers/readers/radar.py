"""`RadarReader`: images of radar amplitudes with calibrated bands beside the stored one.

A file of one band is shown as several: band 1 holds the amplitudes, each further one the squared
amplitude over the squared gain of a table, as products such as Sentinel-1 GRD define backscatter
(sigma nought, gamma). They are calibrated as blocks are decoded, before anything is resampled:
averages and interpolations are those of power. On an overview the gain is that of each of its
pixels' middles.

Where the thermal noise of an image is known, there is a band without it for each calibrated one:
the noise power is taken off the squared amplitude. Where nothing is left, the value is `FLOOR`, as
0 is no data.

Products come in strips of one line, of which a picture of a whole image would need more than any
budget allows; strips are joined to blocks of some lines.
"""

import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from struct import pack, unpack
from typing import Any, Self

import msgpack
import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import FloatArray
from renderers.kernels.calibrate import backscatter
from renderers.readers.base import Block, BlockId, Level, RasterIndex, RasterInfo, Reader
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import ByteRange, ByteSource

MAGIC = b"RIX\x02"
#: What is left where noise is as strong as what was measured: -100 dB.
FLOOR = 1e-10
#: Values of one table, and of all of one file in bytes.
_MAX_VALUES = 4_000_000
_MAX_BYTES = 128 * 1024 * 1024
#: Bands of one file.
_MAX_TABLES = 8
#: Lines to which strips are joined: three bands of the longest products (17,000 lines) are then
#: 3,200 blocks, where 4,096 are allowed; more would make tiles read lines that they do not show.
_LINES = 16


@dataclass(frozen=True, slots=True, eq=False)
class LineTable:
    """Values by line and pixel, between which they are interpolated bilinearly.

    Attributes:
        lines: Line numbers from 0 (the middle of the first line), rising, two or more.
        pixels: The same along lines.
        values: Not negative, shape (lines, pixels).
    """

    lines: FloatArray
    pixels: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        for axis in (self.lines, self.pixels):
            rising = axis.ndim == 1 and len(axis) >= 2 and bool((np.diff(axis) > 0).all())
            if not rising or not np.isfinite(axis).all():
                raise ValueError("places of values do not rise")
        if self.values.shape != (len(self.lines), len(self.pixels)):
            raise ValueError("values of another shape")
        if not (np.isfinite(self.values).all() and self.allowed(self.values)):
            raise ValueError("values that are not allowed")

    @staticmethod
    def allowed(values: FloatArray) -> bool:
        """Tell whether values may be in such a table."""
        return bool((values >= 0).all())

    def to_plain(self) -> list[bytes]:
        """Return plain values."""
        return [v.astype("<f8").tobytes() for v in (self.lines, self.pixels, self.values)]

    @classmethod
    def from_plain(cls, values: Any) -> Self:
        """Read back what `to_plain` returned.

        Raises:
            ValueError: The values make no table.
            TypeError: They are of another type.
        """
        if type(values) is not list or [type(v) for v in values] != [bytes] * 3:
            raise TypeError("not a table of values")
        lines, pixels, gains = (np.frombuffer(v, "<f8").astype(np.float64) for v in values)
        if gains.size > _MAX_VALUES:
            raise ValueError("too many values")
        return cls(lines, pixels, gains.reshape(len(lines), len(pixels)))

    def at(self, lines: FloatArray, pixels: FloatArray) -> FloatArray:
        """Return values, shape (lines, pixels); beyond the table those of its edge."""
        place = np.interp(lines, self.lines, np.arange(len(self.lines)))
        above = np.minimum(place.astype(np.int64), len(self.lines) - 2)
        share = (place - above)[:, None]
        rows = self.values[above] * (1.0 - share) + self.values[above + 1] * share
        return np.vstack([np.interp(pixels, self.pixels, row) for row in rows])


class GainTable(LineTable):
    """Gains by line and pixel: a `LineTable` of positive values."""

    @staticmethod
    def allowed(values: FloatArray) -> bool:
        """Tell whether values may be gains."""
        return bool((values > 0).all())


@dataclass(frozen=True, slots=True, eq=False)
class AzimuthNoise:
    """Factors of the noise along the lines of one block of an image.

    Attributes:
        rows: First and last line of the block.
        columns: First and last pixel.
        lines: Line numbers of the factors, rising, one or more.
        factors: Not negative, one for each of these lines.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    lines: FloatArray
    factors: FloatArray

    def __post_init__(self) -> None:
        if self.lines.ndim != 1 or not len(self.lines) or self.factors.shape != self.lines.shape:
            raise ValueError("factors of another number")
        if not (np.diff(self.lines) > 0).all() or not np.isfinite(self.lines).all():
            raise ValueError("lines of factors do not rise")
        if not np.isfinite(self.factors).all() or (self.factors < 0).any():
            raise ValueError("factors that are negative")


@dataclass(frozen=True, slots=True, eq=False)
class NoiseTable:
    """The thermal noise of an image, as power in the units of squared amplitudes.

    Attributes:
        along: Of each line and pixel.
        blocks: By whose factors that is multiplied; outside of all it stays.
    """

    along: LineTable
    blocks: tuple[AzimuthNoise, ...] = ()

    def at(self, lines: FloatArray, pixels: FloatArray) -> FloatArray:
        """Return the noise at lines and pixels, both rising, shape (lines, pixels)."""
        noise = self.along.at(lines, pixels)
        for block in self.blocks:
            # a pixel's middle is its number, so its block reaches half a pixel further
            top, bottom = np.searchsorted(lines, [block.rows[0] - 0.5, block.rows[1] + 0.5])
            left, right = np.searchsorted(pixels, [block.columns[0] - 0.5, block.columns[1] + 0.5])
            factors = np.interp(lines[top:bottom], block.lines, block.factors)
            noise[top:bottom, left:right] *= factors[:, None]
        return noise

    def to_plain(self) -> list[Any]:
        """Return plain values."""
        blocks = [
            [
                *b.rows,
                *b.columns,
                b.lines.astype("<f8").tobytes(),
                b.factors.astype("<f8").tobytes(),
            ]
            for b in self.blocks
        ]
        return [self.along.to_plain(), blocks]

    @classmethod
    def from_plain(cls, values: Any) -> Self:
        """Read back what `to_plain` returned.

        Raises:
            ValueError: The values make no table.
            TypeError: They are of another type.
        """
        along, blocks = values
        return cls(LineTable.from_plain(along), tuple(map(_azimuth, blocks)))


def _azimuth(values: Any) -> AzimuthNoise:
    first, last, left, right, lines, factors = values
    if {type(v) for v in (first, last, left, right)} != {int}:
        raise TypeError("a block without a place")
    arrays = (np.frombuffer(v, "<f8").astype(np.float64) for v in (lines, factors))
    return AzimuthNoise((first, last), (left, right), *arrays)


@dataclass(frozen=True, slots=True)
class RadarIndex(RasterIndex):
    """The index of a file and its tables.

    Attributes:
        base: The file's own index, by `TiffReader`.
        tables: Of bands 2 and up.
        noise: That of the image, for as many bands more, or None.
        described: What the file is shown as.
        strips: Stored blocks, one below the other, that a block is made of, for each level.
    """

    base: RasterIndex
    tables: tuple[GainTable, ...]
    noise: NoiseTable | None
    described: RasterInfo
    strips: tuple[int, ...]

    @classmethod
    def over(
        cls, base: RasterIndex, tables: Sequence[GainTable], noise: NoiseTable | None = None
    ) -> "RadarIndex":
        """Put tables over a file.

        Args:
            base: The file's own index.
            tables: Gains.
            noise: To be taken off in as many bands more.

        Raises:
            SourceUnsupportedError: The file is no image of one band of 16 bits.
        """
        info = base.info
        if info.dtype != "uint16" or info.count != 1 or info.colour_table is not None:
            raise SourceUnsupportedError("a radar image that is not one band of 16 bits")
        if not 1 <= len(tables) <= _MAX_TABLES:
            raise SourceUnsupportedError("no gains, or too many")
        count = 1 + len(tables) * (1 if noise is None else 2)
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
        return cls(base, tuple(tables), noise, described, strips)

    @property
    def info(self) -> RasterInfo:
        """What the file is shown as."""
        return self.described

    def to_bytes(self) -> bytes:
        """Serialise."""
        noise = None if self.noise is None else self.noise.to_plain()
        tables = zlib.compress(msgpack.packb([[t.to_plain() for t in self.tables], noise]))
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
            gains, noise = msgpack.unpackb(_unzipped(packed))
            tables = [GainTable.from_plain(t) for t in gains]
            found = None if noise is None else NoiseTable.from_plain(noise)
            return RadarIndex.over(self._base.load_index(base), tables, found)
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
        number, level = block.plane - 1, own.info.levels[block.level]
        table = own.tables[number % len(own.tables)]
        rows, columns = _places(level, block, stored.data.shape[1:])
        work = np.empty(len(table.pixels))
        backscatter(
            stored.data[0], rows, columns, table.lines, table.pixels, table.values, work, values[0]
        )
        if own.noise is not None and number >= len(own.tables):
            _take_off(own.noise.at(rows, columns), stored.data[0], values[0])
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


def _take_off(
    noise: FloatArray, amplitudes: NDArray[np.uint16], values: NDArray[np.float32]
) -> None:
    """Take noise off calibrated values: what is left is the part of the power that is no noise."""
    power = np.square(amplitudes, dtype=np.float64)
    seen = power > 0.0
    left = 1.0 - np.divide(noise, power, out=np.zeros_like(noise), where=seen)
    np.multiply(values, left, out=values, casting="same_kind")
    np.maximum(values, FLOOR, out=values, where=seen)


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
    if not 0 <= block.plane < index.info.count:
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
