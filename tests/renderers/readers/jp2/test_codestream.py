"""Marker parsing against hand-made bytes, and no surprise from any bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError
from renderers.readers.jp2.codestream import (
    MainHeader,
    TileLength,
    header_length,
    parse_main_header,
    parse_part_head,
    part_header_length,
)
from renderers.readers.jp2.cutout import cut_out


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">HH", marker, len(data) + 2) + data


def siz(width: int, height: int, tile: int, components: int = 1) -> bytes:
    numbers = (0, width, height, 0, 0, tile, tile, 0, 0, components)
    return segment(0xFF51, struct.pack(">H8IH", *numbers) + b"\x0e\x01\x01" * components)


#: LRCP, 1 layer, 4 levels, 64x64 code-blocks, 5-3, precincts of 256.
COD = segment(0xFF52, struct.pack(">BBHB5B", 1, 0, 1, 0, 4, 4, 4, 0, 1) + b"\x88" * 5)
QCD = segment(0xFF5C, bytes([0x40, *range(13)]))
HEADER = b"\xff\x4f" + siz(10980, 10980, 1024) + COD + QCD


def test_sentinel_2_header() -> None:
    header = parse_main_header(HEADER)
    assert (header.size.columns, header.size.rows) == (11, 11)
    assert header.size.tile(12) == (1024, 1024, 2048, 2048)
    assert header.size.tile(120) == (10240, 10240, 10980, 10980)
    assert (header.progression, header.layers, header.tile_lengths) == ("LRCP", 1, None)
    assert header.packets(0) == [1, 1, 1, 4, 16]
    assert header.packets(120) == [1, 1, 1, 4, 9]
    assert header_length(HEADER + b"\xff\x90\0\x0a") == len(HEADER)
    assert header_length(HEADER) is None


@pytest.mark.parametrize(
    ("style", "entries"),
    [(0x00, ">H"), (0x40, ">I"), (0x10, ">BH"), (0x50, ">BI"), (0x60, ">HI")],
)
def test_tlm_forms(style, entries) -> None:
    rows = [(3, 500), (1, 60000)]
    data = b"".join(struct.pack(entries, *(r if style & 0x30 else r[1:])) for r in rows)
    header = parse_main_header(HEADER + segment(0xFF55, bytes([0, style]) + data))
    expected = [TileLength(t if style & 0x30 else n, size) for n, (t, size) in enumerate(rows)]
    assert list(header.tile_lengths or ()) == expected


def test_tlm_segments_in_their_own_order() -> None:
    second = segment(0xFF55, bytes([1, 0x10]) + struct.pack(">BH", 1, 20))
    first = segment(0xFF55, bytes([0, 0x10]) + struct.pack(">BH", 0, 10))
    header = parse_main_header(HEADER + second + first)
    assert header.tile_lengths == (TileLength(0, 10), TileLength(1, 20))


def test_tile_part_header() -> None:
    lengths = segment(0xFF58, b"\x01\x05") + segment(0xFF58, b"\x00\x03\x81\x00")
    data = struct.pack(">HHHIBB", 0xFF90, 10, 7, 1000, 0, 1) + lengths + b"\xff\x93"
    assert part_header_length(data + b"rest") == len(data)
    assert part_header_length(data[:-1]) is None
    head = parse_part_head(data)
    assert (head.tile, head.length, head.number, head.header) == (7, 1000, 0, len(data))
    assert head.packets == (3, 128, 5)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\x4f" + COD + QCD,
        b"\xff\x4f" + siz(10, 10, 0) + COD + QCD,
        b"\xff\x4f" + siz(0, 10, 8) + COD + QCD,
        b"\xff\x4f" + siz(70000, 70000, 8) + COD + QCD,
        b"\xff\x4f" + siz(10, 10, 8) + QCD,
        b"\xff\x4f" + siz(10, 10, 8) + COD,
        b"\xff\x4f" + siz(10, 10, 8) + COD[:-1] + QCD,
        HEADER + segment(0xFF55, b"\0"),
        HEADER + segment(0xFF55, bytes([0, 0x10, 1])),
        HEADER + segment(0xFF53, b"\x05"),
    ],
)
def test_broken_headers(data) -> None:
    with pytest.raises(SourceCorruptError):
        parse_main_header(data)


def test_cut_out_moves_the_tile_and_lowers_the_levels() -> None:
    stream = cut_out(parse_main_header(HEADER), 120, 3, [b"ab", b"cd"])
    end = header_length(stream)
    assert end is not None
    header: MainHeader = parse_main_header(stream[:end])
    assert (header.size.columns, header.size.rows) == (1, 1)
    assert header.size.tile(0) == (1280, 1280, 1373, 1373)
    assert header.coding[0].levels == 1
    assert header.coding[0].precincts == ((8, 8), (8, 8))
    quantisation = next(s for s in header.segments if s.marker == 0xFF5C)
    assert quantisation.data == bytes([0x40, 0, 1, 2, 3])
    head = parse_part_head(stream[end : end + 14])
    assert (head.tile, head.length) == (0, 18)
    assert stream[end + 14 :] == b"abcd\xff\xd9"


@given(st.binary(max_size=200), st.integers(0, len(HEADER)))
def test_any_bytes_parse_or_raise(data, keep) -> None:
    for text in (data, HEADER[:keep] + data):
        try:
            length = header_length(text)
            parse_main_header(text if length is None else text[:length])
        except SourceCorruptError:
            pass
        try:
            part_header_length(text)
            part_header_length(struct.pack(">HHHIBB", 0xFF90, 10, 7, 1000, 0, 1) + text)
        except SourceCorruptError:
            pass
