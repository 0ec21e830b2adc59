"""The read index of a JP2 file: where each tile's packets lie, and how far each resolution goes."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgpack
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId, Level, RasterIndex, RasterInfo
from renderers.readers.jp2.boxes import RGBA, Jp2Boxes
from renderers.readers.jp2.capability import (
    MAX_WHOLE_BYTES,
    OVERRIDES,
    is_whole,
    unsupported,
    usable_levels,
)
from renderers.readers.jp2.codestream import (
    PPM,
    SOC,
    MainHeader,
    PartHead,
    ceil_shift,
    parse_main_header,
)
from renderers.readers.jp2.cutout import KEPT
from renderers.readers.jp2.errors import corrupt
from renderers.readers.jp2.georef import Georeference
from renderers.stores import ByteRange

#: Names the form of `to_bytes`; another form has another number.
MAGIC = b"jp2-index-1\n"
#: What damage to a stored index raises while it is read back.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    struct.error,
    msgpack.UnpackException,
)
#: Bytes of a main header that an index keeps.
MAX_HEADER = 64 * 1024


class PartRow(NamedTuple):
    """Where the packets of one tile-part lie.

    Attributes:
        start: Offset of the first packet byte in the file.
        prefixes: Bytes from there to the end of the packets of each resolution, coarsest first.
            All equal where the file has no PLT.
    """

    start: int
    prefixes: tuple[int, ...]


@dataclass(frozen=True)
class PacketTable:
    """Where packets lie, one row per tile-part, sorted by tile and tile-part number.

    Attributes:
        tiles: uint32 (parts,), tile numbers.
        starts: uint64 (parts,), offset of the first packet byte in the file.
        prefixes: uint32 (parts, resolutions), bytes from there to the end of the packets of each
            resolution, coarsest first. Equal in a row where the file has no PLT.
    """

    tiles: NDArray[np.uint32]
    starts: NDArray[np.uint64]
    prefixes: NDArray[np.uint32]

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """int64 (tiles + 1,), the first row of each tile and the end."""
        count = int(self.tiles[-1]) + 1
        return np.searchsorted(self.tiles, np.arange(count + 1))


#: The table of a file of which nothing is known yet.
EMPTY = PacketTable(np.zeros(0, np.uint32), np.zeros(0, np.uint64), np.zeros((0, 1), np.uint32))


class Jp2Index(RasterIndex):
    """Main header, packet table and georeference of one file.

    Attributes:
        header: The main header's segments that decoding needs.
        table: Packet positions.
        alpha: True where the last component is opacity.
        whole: True where all tiles together are one block.
    """

    def __init__(
        self,
        header: MainHeader,
        table: PacketTable,
        place: Georeference | None,
        palette: tuple[RGBA, ...] | None,
        alpha: bool,
    ) -> None:
        self.header = header
        self.table = table
        self.alpha = alpha
        self.whole = is_whole(header)
        self._place = place
        self._palette = palette
        self._info = _describe(header, place, palette, alpha)

    @property
    def info(self) -> RasterInfo:
        """What the file says of itself."""
        return self._info

    def tile_number(self, block: BlockId) -> int:
        """Return the JPEG 2000 tile of a block.

        Raises:
            ValueError: There is no such block.
        """
        size = self.header.size
        if not (
            0 <= block.level < len(self._info.levels)
            and 0 <= block.row < (1 if self.whole else size.rows)
            and 0 <= block.column < (1 if self.whole else size.columns)
            and block.plane == 0
        ):
            raise ValueError(f"no block {tuple(block)} in this file")
        return block.row * size.columns + block.column

    def ranges(self, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the packet bytes of a tile up to its resolution, one range per tile-part.

        Of a file that is one block, the one range with all packets of all tiles.
        """
        if self.whole:
            self.tile_number(block)
            return (self.extent,)
        resolution = self.header.coding[0].levels - block.level
        return tuple(
            ByteRange(row.start, row.start + row.prefixes[resolution])
            for row in self.rows(self.tile_number(block))
            if row.prefixes[resolution]
        )

    @cached_property
    def extent(self) -> ByteRange:
        """From the first packet of the file to the last, whichever tiles they are of."""
        table = self.table
        ends = table.starts + table.prefixes[:, -1]
        return ByteRange(int(table.starts.min()), int(ends.max()))

    def bodies(self, block: BlockId, data: bytes) -> list[bytes]:
        """Return the packets of each tile up to a resolution, of a file that is one block.

        Args:
            block: The block.
            data: Bytes of its only range.
        """
        base = self.extent.start
        resolution = self.header.coding[0].levels - block.level
        return [
            b"".join(
                data[row.start - base : row.start - base + row.prefixes[resolution]]
                for row in self.rows(tile)
            )
            for tile in range(len(self.table.rows) - 1)
        ]

    def rows(self, tile: int) -> tuple[PartRow, ...]:
        """Return where the packets of a tile lie, by tile-part."""
        table = self.table
        first, stop = int(table.rows[tile]), int(table.rows[tile + 1])
        return tuple(
            PartRow(int(table.starts[row]), tuple(table.prefixes[row].tolist()))
            for row in range(first, stop)
        )

    def to_bytes(self) -> bytes:
        """Serialise: the kept header segments, the table as little-endian arrays, facts."""
        table = self.table
        crs, transform = self._place or (None, None)
        document = {
            "header": _header_bytes(self.header),
            "parts": len(table.tiles),
            "tiles": table.tiles.astype("<u4").tobytes(),
            "starts": table.starts.astype("<u8").tobytes(),
            "prefixes": table.prefixes.astype("<u4").tobytes(),
            "crs": crs,
            "transform": None if transform is None else list(transform)[:6],
            "palette": None if self._palette is None else bytes(sum(self._palette, ())),
            "alpha": self.alpha,
        }
        packed: bytes = msgpack.packb(document)
        return MAGIC + packed

    @classmethod
    def from_bytes(cls, data: bytes) -> "Jp2Index":
        """Read back what `to_bytes` wrote.

        Raises:
            SourceCorruptError: Not such an index, or one of an older form.
        """
        if not data.startswith(MAGIC):
            raise SourceCorruptError("not a JPEG 2000 index of this version")
        try:
            return cls._load(msgpack.unpackb(data[len(MAGIC) :], strict_map_key=True))
        except SourceCorruptError:
            raise
        except _UNREADABLE as error:
            raise SourceCorruptError("the stored JPEG 2000 index is damaged") from error

    @classmethod
    def _load(cls, document: dict[str, Any]) -> "Jp2Index":
        header = parse_main_header(_typed(document["header"], bytes))
        palette = None
        if document["palette"] is not None:
            flat = _typed(document["palette"], bytes)
            palette = tuple(struct.iter_unpack("4B", flat))
        alpha = _typed(document["alpha"], bool)
        boxes = Jp2Boxes(0, 0, palette=palette, alpha=len(header.coding) - 1 if alpha else None)
        if unsupported(header, boxes) is not None:
            raise SourceCorruptError("the stored JPEG 2000 index is damaged")
        count, resolutions = _typed(document["parts"], int), header.coding[0].levels + 1
        table = PacketTable(
            np.frombuffer(_typed(document["tiles"], bytes), "<u4").astype(np.uint32),
            np.frombuffer(_typed(document["starts"], bytes), "<u8").astype(np.uint64),
            np.frombuffer(_typed(document["prefixes"], bytes), "<u4")
            .astype(np.uint32)
            .reshape(count, resolutions),
        )
        _check(table, header.size.columns * header.size.rows)
        place = None
        if document["crs"] is not None:
            numbers = [float(n) for n in _typed(document["transform"], list)]
            if len(numbers) != 6 or not np.isfinite(numbers).all():
                raise ValueError("transform")
            place = (_typed(document["crs"], str), Affine(*numbers))
        index = cls(header, table, place, palette, alpha)
        if index.whole and index.extent.stop - index.extent.start > MAX_WHOLE_BYTES:
            raise ValueError("starts")
        return index


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value


def _check(table: PacketTable, tiles: int) -> None:
    """Refuse a table that could lead reads astray."""
    rows, numbers = len(table.prefixes), table.tiles.astype(np.int64)
    if not (len(numbers) == len(table.starts) == rows) or rows < tiles:
        raise ValueError("lengths")
    steps = np.diff(numbers, prepend=-1, append=tiles)
    if numbers.max(initial=-1) >= tiles or np.any(steps < 0) or np.any(steps > 1):
        raise ValueError("tiles")
    if np.any(np.diff(table.prefixes.astype(np.int64), axis=1) < 0):
        raise ValueError("prefixes")
    if np.any(table.starts > np.uint64(1 << 62)):
        raise ValueError("starts")


def _header_bytes(header: MainHeader) -> bytes:
    kept = [s for s in header.segments if s.marker in KEPT]
    body = b"".join(struct.pack(">HH", s.marker, len(s.data) + 2) + s.data for s in kept)
    return struct.pack(">H", SOC) + body


def _describe(
    header: MainHeader,
    place: Georeference | None,
    palette: tuple[RGBA, ...] | None,
    alpha: bool,
) -> RasterInfo:
    size, sample = header.size, header.size.components[0]
    whole = is_whole(header)
    levels = []
    for r in range(usable_levels(header)):
        width, height = ceil_shift(size.x1, r), ceil_shift(size.y1, r)
        block_width = width if size.columns == 1 or whole else size.tile_width >> r
        block_height = height if size.rows == 1 or whole else size.tile_height >> r
        levels.append(Level(width, height, block_width, block_height, 2.0**r, 2.0**r))
    count = len(size.components) - int(alpha)
    crs, transform = place or (None, None)
    return RasterInfo(
        dtype=f"{'' if sample.signed else 'u'}int{8 if sample.precision <= 8 else 16}",
        count=count,
        levels=tuple(levels),
        crs=crs,
        transform=transform,
        masked=alpha,
        scales=(1.0,) * count,
        offsets=(0.0,) * count,
        descriptions=("",) * count,
        colour_table=palette,
        bits=sample.precision,
        mixed=True,
    )


def make_index(
    header: MainHeader,
    parts: Sequence[tuple[int, PartHead]],
    boxes: Jp2Boxes,
    place: Georeference | None,
) -> Jp2Index:
    """Make the index of a file from what its headers say.

    Args:
        header: Main header, already checked by `unsupported`.
        parts: Offset of the SOT and header of every tile-part, lengths filled in, in the order
            of the codestream.
        boxes: What the boxes say.
        place: CRS and affine, or None.

    Raises:
        SourceCorruptError: Tiles are missing or lengths contradict one another.
        SourceUnsupportedError: Tile-parts that a cut-out cannot reproduce.
    """
    if len(_header_bytes(header)) > MAX_HEADER:
        raise SourceUnsupportedError("JPEG 2000 with a very large main header")
    tiles: list[list[tuple[int, PartHead]]]
    tiles = [[] for _ in range(header.size.columns * header.size.rows)]
    for offset, head in parts:
        if head.tile >= len(tiles):
            raise corrupt("tile number")
        tiles[head.tile].append((offset, head))
    if not all(tiles):
        raise corrupt("tiles are missing")
    if PPM in header.markers and [head.tile for _, head in parts] != list(range(len(tiles))):
        raise SourceUnsupportedError("JPEG 2000 with packed packet headers of several tile-parts")
    rows = [tile_rows(header, found) for found in tiles]
    flat = [row for found in rows for row in found]
    table = PacketTable(
        np.array([n for n, found in enumerate(rows) for _ in found], np.uint32),
        np.array([row.start for row in flat], np.uint64),
        np.array([row.prefixes for row in flat], np.uint32),
    )
    kept = parse_main_header(_header_bytes(header))
    index = Jp2Index(kept, table, place, boxes.palette, boxes.alpha is not None)
    if index.whole and index.extent.stop - index.extent.start > MAX_WHOLE_BYTES:
        raise SourceUnsupportedError("JPEG 2000 with many tiles that are read as one")
    return index


def tile_rows(header: MainHeader, parts: Sequence[tuple[int, PartHead]]) -> tuple[PartRow, ...]:
    """Return where the packets of one tile lie.

    Args:
        header: Main header, already checked by `unsupported`.
        parts: Offset of the SOT and header of all tile-parts of the tile, lengths filled in, in
            the order of the codestream.

    Raises:
        SourceUnsupportedError: Tile-parts that a cut-out cannot reproduce.
    """
    for number, (_, head) in enumerate(parts):
        if head.number != number:
            raise SourceUnsupportedError("JPEG 2000 with tile-parts out of order")
        if head.markers & OVERRIDES:
            raise SourceUnsupportedError("JPEG 2000 with coding that differs between tiles")
    prefixes = _prefixes(header, parts[0][1].tile, parts)
    return tuple(
        PartRow(offset + head.header, tuple(row))
        for (offset, head), row in zip(parts, prefixes, strict=True)
    )


def _prefixes(
    header: MainHeader, tile: int, parts: Sequence[tuple[int, PartHead]]
) -> list[list[int]]:
    """Return for each tile-part the bytes up to the end of each resolution, coarsest first."""
    bodies = [head.length - head.header for _, head in parts]
    resolutions = header.coding[0].levels + 1
    if PPM in header.markers or any(head.packets is None for _, head in parts):
        return [[body] * resolutions for body in bodies]
    ends = np.cumsum(header.packets(tile)).tolist()
    if sum(len(head.packets or ()) for _, head in parts) != ends[-1]:
        raise SourceUnsupportedError("JPEG 2000 whose packet lengths do not match its packets")
    out = []
    first = 0
    for (_, head), body in zip(parts, bodies, strict=True):
        lengths = np.cumsum((0, *(head.packets or ()))).tolist()
        if lengths[-1] != body:
            raise SourceUnsupportedError("JPEG 2000 whose packet lengths do not match its packets")
        last = len(lengths) - 1
        out.append([lengths[min(max(end - first, 0), last)] for end in ends])
        first += last
    return out
