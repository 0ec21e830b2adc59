"""JPEG 2000 codestreams put together by hand: any tile-parts, any marker segments."""

import struct
from dataclasses import dataclass, field

import numpy as np

SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
SIZ, COD, QCD, TLM, PLT, COM = 0xFF51, 0xFF52, 0xFF5C, 0xFF55, 0xFF58, 0xFF64


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">HH", marker, len(data) + 2) + data


def sot(tile: int, length: int, number: int = 0, count: int = 1) -> bytes:
    return struct.pack(">HHHIBB", SOT, 10, tile, length, number, count)


def packet_bytes(random: np.random.Generator, length: int) -> bytes:
    """Noise as packets have it: after FF nothing above 8F, and no FF at the end."""
    data = random.integers(0, 256, length, np.uint8)
    after = np.flatnonzero(data[:-1] == 255) + 1
    data[after] &= 0x7F
    if length and data[-1] == 255:
        data[-1] = 0
    return data.tobytes()


@dataclass
class Part:
    """One tile-part: its tile, other marker segments of its header, and its packets."""

    tile: int
    body: bytes
    extra: bytes = b""
    number: int = 0
    count: int = 1
    packets: tuple[int, ...] | None = None

    @property
    def header(self) -> bytes:
        plt = b""
        if self.packets is not None:
            plt = segment(PLT, b"\0" + b"".join(varint(n) for n in self.packets))
        return self.extra + plt + struct.pack(">H", SOD)

    @property
    def length(self) -> int:
        return 12 + len(self.header) + len(self.body)


def varint(value: int) -> bytes:
    """A packet length as PLT holds it."""
    out = [value & 127]
    while value := value >> 7:
        out.append(value & 127 | 128)
    return bytes(reversed(out))


@dataclass
class Stream:
    """A codestream of `columns` by `rows` tiles of 64 px, one component of 8 bits, two resolutions.

    Attributes:
        parts: In the order of the file.
        tlm: Whether the main header lists them.
        closed: Whether it ends with EOC.
        open_end: Whether the last tile-part has the length 0, "up to the end".
        tail: Bytes after EOC.
    """

    columns: int
    rows: int
    parts: list[Part] = field(default_factory=list)
    tlm: bool = False
    closed: bool = True
    open_end: bool = False
    tail: bytes = b""

    def main_header(self) -> bytes:
        width, height = 64 * self.columns, 64 * self.rows
        size = struct.pack(">H8IH", 0, width, height, 0, 0, 64, 64, 0, 0, 1) + bytes((7, 1, 1))
        out = struct.pack(">H", SOC) + segment(SIZ, size)
        # LRCP, one layer, no colour transform; one level, code-blocks of 64, 5-3 reversible
        out += segment(COD, struct.pack(">BBHB5B", 0, 0, 1, 0, 1, 4, 4, 0, 1))
        out += segment(QCD, bytes((0x40, 0x40, 0x48, 0x48, 0x50)))
        if self.tlm:
            entries = b"".join(struct.pack(">HI", p.tile, p.length) for p in self.parts)
            out += segment(TLM, b"\0\x60" + entries)
        return out

    def to_bytes(self) -> bytes:
        out = [self.main_header()]
        for number, part in enumerate(self.parts):
            last = number == len(self.parts) - 1
            length = 0 if last and self.open_end else part.length
            out.append(sot(part.tile, length, part.number, part.count) + part.header + part.body)
        if self.closed:
            out.append(struct.pack(">H", EOC))
        return b"".join(out) + self.tail

    def starts(self) -> list[int]:
        """Offset of each tile-part."""
        edges = np.cumsum([len(self.main_header()), *(p.length for p in self.parts)])
        return [int(edge) for edge in edges[:-1]]


def hostile_comment(stream: Stream, tile: int, kind: str, random: np.random.Generator) -> bytes:
    """A comment that looks like tile-parts.

    `same`: like the tile-part it is in, down to where that ends; `next` and `other`: like another
    tile's; `chain`: like two, of which the second ends where the real one does; `noise`: any bytes
    between FF 90 and valid fields.
    """
    around = packet_bytes(random, int(random.integers(0, 3000)))
    behind = packet_bytes(random, int(random.integers(0, 3000)))
    body = stream.parts[tile].body
    # The real tile-part goes on behind the comment: PLT, SOD and packets.
    rest = len(stream.parts[tile].header) + len(body) + len(behind)
    fake_end = b"\xff\x93"
    if kind == "same":
        fake = sot(tile, 12 + 2 + rest)
    elif kind == "next":
        fake = sot((tile + 1) % len(stream.parts), 12 + 2 + rest)
    elif kind == "other":
        fake = sot(int(random.integers(len(stream.parts))), int(random.integers(14, 99_999)))
    elif kind == "chain":
        first = sot(max(tile - 1, 0), 12 + 2 + 100) + fake_end + packet_bytes(random, 100)
        fake = first + sot(tile, 12 + 2 + rest)
    else:
        fake = b"".join(
            sot(*(int(v) for v in random.integers(0, (99, 2**20, 3, 3)))) for _ in range(40)
        )
    return segment(COM, b"\0\0" + around + fake + fake_end + behind)
