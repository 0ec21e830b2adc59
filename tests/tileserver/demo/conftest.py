"""A small generated series, and a codestream walker that shares no code with the writer."""

import struct
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from tileserver.demo.safe import generate_series

SIZE = 252
CLEAR_DAY, CLOUDY_DAY, PARTIAL_DAY = date(2025, 4, 20), date(2025, 6, 9), date(2025, 5, 18)


@dataclass
class TilePart:
    tile: int
    part: int
    parts: int
    length: int
    packet_lengths: list[int] = field(default_factory=list)
    data_bytes: int = 0


@dataclass
class Codestream:
    boxes: list[str]
    gml: str
    markers: list[str]
    width: int
    height: int
    tile: int
    components: int
    bits: int
    signed: bool
    progression: int
    layers: int
    mct: int
    levels: int
    block: tuple[int, int]
    precincts: list[tuple[int, int]]
    reversible: bool
    profile: int
    tlm_lengths: list[int]
    tile_parts: list[TilePart]


def walk_boxes(data: bytes, at: int, end: int, boxes: list[str], found: dict[str, bytes]) -> None:
    """ISO/IEC 15444-1 annex I: length, type, content; asoc and jp2h hold boxes."""
    while at < end:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        length = length or end - at
        name = kind.decode("latin-1").strip()
        boxes.append(name)
        found.setdefault(name, data[at + head : at + length])
        if name in ("asoc", "jp2h"):
            walk_boxes(data, at + head, at + length, boxes, found)
        at += length
    assert at == end


def packet_lengths(segment: bytes) -> list[int]:
    """PLT (A.7.3): index byte, then numbers in groups of 7 bits, high bit set until the last."""
    lengths, number = [], 0
    for byte in segment[1:]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            lengths.append(number)
            number = 0
    return lengths


def tile_part_lengths(segment: bytes) -> list[int]:
    """TLM (A.7.1): index, sizes of the two numbers, then pairs of tile and length."""
    tile_bytes, long = segment[1] >> 4 & 3, segment[1] >> 6 & 1
    step = tile_bytes + (4 if long else 2)
    pairs = [segment[i : i + step] for i in range(2, len(segment), step)]
    return [int.from_bytes(p[tile_bytes:], "big") for p in pairs]


NAMES = {0xFF51: "SIZ", 0xFF52: "COD", 0xFF5C: "QCD", 0xFF64: "COM", 0xFF55: "TLM", 0xFF58: "PLT"}


def walk_tile_parts(data: bytes, at: int) -> list[TilePart]:
    parts = []
    while data[at : at + 2] == b"\xff\x90":
        tile, length, part, count = struct.unpack_from(">HIBB", data, at + 4)
        entry = TilePart(tile, part, count, length)
        here = at + 12
        while data[here : here + 2] != b"\xff\x93":
            marker, size = struct.unpack_from(">HH", data, here)
            assert NAMES[marker] == "PLT"
            entry.packet_lengths += packet_lengths(data[here + 4 : here + 2 + size])
            here += 2 + size
        entry.data_bytes = at + length - (here + 2)
        parts.append(entry)
        at += length
    assert data[at:] == b"\xff\xd9"
    return parts


def walk(path: Path) -> Codestream:
    data = path.read_bytes()
    boxes: list[str] = []
    found: dict[str, bytes] = {}
    walk_boxes(data, 0, len(data), boxes, found)
    stream = found["jp2c"]
    assert stream[:2] == b"\xff\x4f"
    at, markers, segments, tlm = 2, [], {}, []
    while stream[at : at + 2] != b"\xff\x90":
        marker, size = struct.unpack_from(">HH", stream, at)
        name = NAMES[marker]
        markers.append(name)
        segments[name] = stream[at + 4 : at + 2 + size]
        if name == "TLM":
            tlm += tile_part_lengths(segments[name])
        at += 2 + size
    siz, cod = segments["SIZ"], segments["COD"]
    profile, width, height, _, _, tile, tile_high = struct.unpack_from(">H6I", siz)
    assert tile == tile_high
    style, progression, layers, mct, levels, block_x, block_y, _, wavelet = struct.unpack_from(
        ">BBHBBBBBB", cod
    )
    assert style == 1  # precincts given, no SOP, no EPH
    return Codestream(
        boxes=boxes,
        gml=found["xml"].decode(),
        markers=markers,
        width=width,
        height=height,
        tile=tile,
        components=struct.unpack_from(">H", siz, 34)[0],
        bits=(siz[36] & 0x7F) + 1,
        signed=bool(siz[36] & 0x80),
        progression=progression,
        layers=layers,
        mct=mct,
        levels=levels,
        block=(4 << block_x, 4 << block_y),
        precincts=[(1 << (b & 15), 1 << (b >> 4)) for b in cod[10:]],
        reversible=wavelet == 1,
        profile=profile,
        tlm_lengths=tlm,
        tile_parts=walk_tile_parts(stream, at),
    )


@pytest.fixture(scope="session")
def codestream():
    """Parse a JP2 file's boxes and codestream markers."""
    return walk


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[date, Path]:
    """Three dates of a 2.5 km scene: clear, cloudy, and cut by the edge of the swath."""
    root = tmp_path_factory.mktemp("series")
    days = [CLEAR_DAY, CLOUDY_DAY, PARTIAL_DAY]
    return dict(zip(days, generate_series(root, size=SIZE, dates=days), strict=True))
