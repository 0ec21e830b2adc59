"""Markers of a JPEG 2000 codestream (ISO/IEC 15444-1, Annex A) and its geometry (Annex B)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from renderers.readers.jp2.errors import corrupt, truncated

SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
SIZ, CAP, COD, COC, RGN, QCD, QCC, POC = (
    0xFF51,
    0xFF50,
    0xFF52,
    0xFF53,
    0xFF5E,
    0xFF5C,
    0xFF5D,
    0xFF5F,
)
TLM, PLM, PLT, PPM, PPT, CRG, COM = 0xFF55, 0xFF57, 0xFF58, 0xFF60, 0xFF61, 0xFF63, 0xFF64

#: Progression orders by number (table A.16).
PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")

#: Bytes of SOT: marker, length 10, tile, length of the tile-part, its number, how many there are.
SOT_FORMAT = ">HHHIBB"
SOT_LENGTH = 12


class Component(NamedTuple):
    """Bits per sample, sign, and horizontal and vertical sub-sampling of one component."""

    precision: int
    signed: bool
    dx: int
    dy: int


@dataclass(frozen=True, slots=True)
class Size:
    """SIZ (A.5.1): image and tile geometry on the reference grid, in grid points.

    Attributes:
        capabilities: Rsiz.
        x1: Right edge of the image area (exclusive), Xsiz.
        y1: Lower edge, Ysiz.
        x0: Left edge, XOsiz.
        y0: Upper edge, YOsiz.
        tile_width: XTsiz.
        tile_height: YTsiz.
        tile_x0: Left edge of the first tile, XTOsiz.
        tile_y0: Its upper edge, YTOsiz.
        components: One per component.
    """

    capabilities: int
    x1: int
    y1: int
    x0: int
    y0: int
    tile_width: int
    tile_height: int
    tile_x0: int
    tile_y0: int
    components: tuple[Component, ...]

    @property
    def columns(self) -> int:
        """Tiles per row."""
        return -(-(self.x1 - self.tile_x0) // self.tile_width)

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-(self.y1 - self.tile_y0) // self.tile_height)

    def tile(self, number: int) -> tuple[int, int, int, int]:
        """Return (x0, y0, x1, y1) of a tile on the reference grid (equations B-7 to B-10)."""
        row, column = divmod(number, self.columns)
        left = self.tile_x0 + column * self.tile_width
        top = self.tile_y0 + row * self.tile_height
        return (
            max(left, self.x0),
            max(top, self.y0),
            min(left + self.tile_width, self.x1),
            min(top + self.tile_height, self.y1),
        )


@dataclass(frozen=True, slots=True)
class Coding:
    """Coding style of one component (COD A.6.1, COC A.6.2).

    Attributes:
        levels: Decomposition levels; there is one resolution more.
        block_style: Code-block style bits; 0x40 is high-throughput coding.
        reversible: True for the 5-3 transform.
        precincts: Exponents (PPx, PPy) by resolution, coarsest first.
    """

    levels: int
    block_style: int
    reversible: bool
    precincts: tuple[tuple[int, int], ...]


class Segment(NamedTuple):
    """One marker segment; `data` is what follows the length field."""

    marker: int
    data: bytes


class TileLength(NamedTuple):
    """One entry of TLM: tile number and length in bytes of a tile-part."""

    tile: int
    length: int


@dataclass(frozen=True, slots=True)
class MainHeader:
    """The main header, parsed.

    Attributes:
        size: SIZ.
        progression: Name of the packet order.
        layers: Quality layers.
        coding: By component.
        segments: All marker segments in their order, SIZ first.
        tile_lengths: Entries of TLM in codestream order, None where there is no TLM.
    """

    size: Size
    progression: str
    layers: int
    coding: tuple[Coding, ...]
    segments: tuple[Segment, ...]
    tile_lengths: tuple[TileLength, ...] | None

    @property
    def markers(self) -> frozenset[int]:
        """Kinds of marker segments that occur."""
        return frozenset(segment.marker for segment in self.segments)

    def packets(self, tile: int) -> list[int]:
        """Return the number of packets of a tile by resolution, coarsest first (B.6, B.9).

        Only for files whose components have the same number of levels.
        """
        return [
            self.layers * sum(self._precincts(tile, c, r) for c in range(len(self.coding)))
            for r in range(self.coding[0].levels + 1)
        ]

    def _precincts(self, tile: int, component: int, resolution: int) -> int:
        """Count the precincts of a tile-component at a resolution (equation B-16)."""
        x0, y0, x1, y1 = self.size.tile(tile)
        part, coding = self.size.components[component], self.coding[component]
        shift = coding.levels - resolution
        edges = [
            ceil_shift(-(-edge // step), shift)
            for edge, step in ((x0, part.dx), (y0, part.dy), (x1, part.dx), (y1, part.dy))
        ]
        if edges[2] <= edges[0] or edges[3] <= edges[1]:
            return 0
        ppx, ppy = coding.precincts[resolution]
        wide = ceil_shift(edges[2], ppx) - (edges[0] >> ppx)
        high = ceil_shift(edges[3], ppy) - (edges[1] >> ppy)
        return wide * high


def ceil_shift(value: int, shift: int) -> int:
    """Return value / 2**shift rounded up."""
    return -(-value >> shift)


def header_length(data: bytes) -> int | None:
    """Return the bytes of the main header, SOC to before the first SOT.

    Returns:
        None where `data` ends before the header does.

    Raises:
        SourceCorruptError: `data` is not the beginning of a codestream.
    """
    if len(data) >= 4 and data[:4] != struct.pack(">HH", SOC, SIZ):
        raise corrupt("no SIZ marker")
    position = 2
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == SOT:
            return position
        if marker < 0xFF00 or length < 2:
            raise corrupt("main header")
        position += 2 + length
    return None


def segments(data: bytes, position: int) -> Iterator[Segment]:
    """Give the marker segments of a header that ends with `data`.

    Raises:
        SourceCorruptError: A segment runs over the end.
    """
    while position < len(data):
        if position + 4 > len(data):
            raise truncated()
        marker, length = struct.unpack_from(">HH", data, position)
        stop = position + 2 + length
        if marker < 0xFF00 or length < 2 or stop > len(data):
            raise corrupt("marker segment")
        yield Segment(marker, data[position + 4 : stop])
        position = stop


def parse_main_header(data: bytes) -> MainHeader:
    """Parse a main header, SOC to before the first SOT.

    Raises:
        SourceCorruptError: It does not follow the standard.
    """
    found = tuple(segments(data, 2))
    try:
        return _main_header(found)
    except (struct.error, IndexError, StopIteration) as error:
        raise corrupt("main header") from error


def _main_header(found: tuple[Segment, ...]) -> MainHeader:
    if not found or found[0].marker != SIZ:
        raise corrupt("no SIZ marker")
    size = _size(found[0].data)
    count = len(size.components)
    cod = [s.data for s in found if s.marker == COD]
    if len(cod) != 1 or not any(s.marker == QCD for s in found):
        raise corrupt("no coding style or quantisation")
    style, order, layers = struct.unpack_from(">BBH", cod[0])
    if order >= len(PROGRESSIONS) or not layers:
        raise corrupt("coding style")
    coding = [_coding(cod[0], 5, bool(style & 1))] * count
    wide = 2 if count > 256 else 1
    for segment in found:
        if segment.marker == COC:
            number = int.from_bytes(segment.data[:wide], "big")
            if number >= count:
                raise corrupt("coding style")
            coding[number] = _coding(segment.data, wide + 1, bool(segment.data[wide] & 1))
    lengths = _tile_lengths([s.data for s in found if s.marker == TLM])
    return MainHeader(size, PROGRESSIONS[order], layers, tuple(coding), found, lengths)


def _size(data: bytes) -> Size:
    fields = struct.unpack_from(">H8IH", data)
    count = fields[9]
    if len(data) != 36 + 3 * count or not 1 <= count <= 16384:
        raise corrupt("SIZ")
    parts = tuple(
        Component((ssiz & 0x7F) + 1, bool(ssiz & 0x80), dx, dy)
        for ssiz, dx, dy in struct.iter_unpack(">BBB", data[36:])
    )
    rsiz, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0 = fields[:9]
    size = Size(rsiz, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, parts)
    if not (size.x0 < size.x1 and size.y0 < size.y1 and size.tile_width and size.tile_height):
        raise corrupt("SIZ")
    if size.tile_x0 > size.x0 or size.tile_y0 > size.y0 or not all(p.dx and p.dy for p in parts):
        raise corrupt("SIZ")
    if (
        size.tile_x0 + size.tile_width <= size.x0
        or size.tile_y0 + size.tile_height <= size.y0
        or size.columns * size.rows > 65535
    ):
        raise corrupt("SIZ")
    return size


def _coding(data: bytes, position: int, has_precincts: bool) -> Coding:
    levels, width, height, style, transform = struct.unpack_from(">5B", data, position)
    if levels > 32 or width > 8 or height > 8 or transform > 1:
        raise corrupt("coding style")
    sizes = data[position + 5 :]
    if has_precincts:
        if len(sizes) != levels + 1:
            raise corrupt("precinct sizes")
        precincts = tuple((s & 15, s >> 4) for s in sizes)
    else:
        precincts = ((15, 15),) * (levels + 1)
    return Coding(levels, style, transform == 1, precincts)


def _tile_lengths(parts: list[bytes]) -> tuple[TileLength, ...] | None:
    """Read all TLM segments (A.7.1) in the order of their index."""
    if not parts:
        return None
    out: list[TileLength] = []
    for data in sorted(parts, key=lambda d: d[0]):
        st, sp = data[1] >> 4 & 3, data[1] >> 6 & 1
        entry = ">" + ("", "B", "H")[st] + ("H", "I")[sp]
        if (len(data) - 2) % struct.calcsize(entry):
            raise corrupt("TLM")
        for values in struct.iter_unpack(entry, data[2:]):
            out.append(TileLength(values[0] if st else len(out), values[-1]))
    return tuple(out)


class PartHead(NamedTuple):
    """Header of one tile-part.

    Attributes:
        tile: Tile number.
        length: Bytes from SOT to the end of the tile-part, 0 for "to the end of the codestream".
        number: TPsot, the tile-part's number within the tile.
        header: Bytes from SOT to after SOD.
        packets: Lengths of its packets from PLT, None where there is no PLT.
        markers: Other marker segments it holds.
        parts: TNsot, how many tile-parts the tile has, 0 where this one does not tell.
    """

    tile: int
    length: int
    number: int
    header: int
    packets: tuple[int, ...] | None
    markers: frozenset[int]
    parts: int = 0


def part_header_length(data: bytes) -> int | None:
    """Return the bytes from SOT to after SOD, or None where `data` ends before.

    Raises:
        SourceCorruptError: `data` does not begin a tile-part.
    """
    if len(data) >= 4 and struct.unpack_from(">HH", data) != (SOT, 10):
        raise corrupt("a tile-part does not begin with SOT")
    position = SOT_LENGTH
    while position + 2 <= len(data):
        (marker,) = struct.unpack_from(">H", data, position)
        if marker == SOD:
            return position + 2
        if position + 4 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker < 0xFF00 or length < 2:
            raise corrupt("tile-part header")
        position += 2 + length
    return None


def parse_part_head(data: bytes) -> PartHead:
    """Parse a tile-part header, SOT to after SOD.

    Raises:
        SourceCorruptError: It does not follow the standard.
    """
    _, _, tile, length, number, count = struct.unpack_from(SOT_FORMAT, data)
    if length and length < len(data):
        raise corrupt("tile-part length")
    found = list(segments(data[:-2], SOT_LENGTH))
    lists = sorted((s.data for s in found if s.marker == PLT), key=lambda d: d[:1])
    packets = _packet_lengths(b"".join(d[1:] for d in lists)) if lists else None
    markers = frozenset(s.marker for s in found)
    return PartHead(tile, length, number, len(data), packets, markers, count)


def _packet_lengths(data: bytes) -> tuple[int, ...]:
    """Decode PLT (A.7.3): seven bits a byte, high bit set on all but a length's last byte."""
    if data and data[-1] & 0x80:
        raise corrupt("PLT")
    out = []
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if value >> 32:
            raise corrupt("PLT")
        if byte < 0x80:
            out.append(value)
            value = 0
    return tuple(out)
