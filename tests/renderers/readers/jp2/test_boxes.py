"""Boxes made by hand around a real codestream."""

import struct

import numpy as np
import pytest

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.readers.jp2.boxes import SIGNATURE


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.fixture
def codestream(pixels, write_jp2) -> bytes:
    data = write_jp2(pixels(64, 80, 1, 3).astype(np.uint8), RESOLUTIONS=2).read_bytes()
    return data[data.index(b"jp2c") + 4 :]


async def first_block(reader, source, index):
    block = BlockId(0, 0, 0, 0)
    return reader.decode(index, block, (await reader.fetch(source, index, [block]))[0])


@pytest.mark.parametrize(
    "head",
    [
        lambda n: struct.pack(">I4s", 0, b"jp2c"),
        lambda n: struct.pack(">I4s", n + 8, b"jp2c"),
        lambda n: struct.pack(">I4sQ", 1, b"jp2c", n + 16),
        lambda n: box(b"free", b"\0" * 200_000) + struct.pack(">I4s", 0, b"jp2c"),
    ],
    ids=["to the end", "plain", "long form", "after a large box"],
)
async def test_lengths(head, codestream, pixels, memory, reader) -> None:
    source = memory(SIGNATURE + head(len(codestream)) + codestream)
    index = await reader.build_index(source)
    assert index.info.crs is None
    block = await first_block(reader, source, index)
    np.testing.assert_array_equal(block.data, pixels(64, 80, 1, 3))


async def test_raw_codestream(codestream, pixels, memory, reader) -> None:
    source = memory(codestream)
    index = await reader.build_index(source)
    block = await first_block(reader, source, index)
    np.testing.assert_array_equal(block.data, pixels(64, 80, 1, 3))


def wrapped(codestream: bytes, *header: bytes) -> bytes:
    return SIGNATURE + box(b"jp2h", b"".join(header)) + box(b"jp2c", codestream)


async def test_palette(codestream, memory, reader) -> None:
    colours = bytes(range(12))
    palette = box(b"pclr", struct.pack(">HB", 4, 3) + b"\x07" * 3 + colours)
    mapping = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, c) for c in range(3)))
    source = memory(wrapped(codestream, palette, mapping))
    index = reader.load_index((await reader.build_index(source)).to_bytes())
    assert index.info.colour_table == (
        (0, 1, 2, 255),
        (3, 4, 5, 255),
        (6, 7, 8, 255),
        (9, 10, 11, 255),
    )
    odd = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, c) for c in (2, 1, 0)))
    with pytest.raises(SourceUnsupportedError, match="palette"):
        await reader.build_index(memory(wrapped(codestream, palette, odd)))


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (box(b"pclr", struct.pack(">HB", 4, 3) + b"\x07"), SourceCorruptError),
        (box(b"cdef", struct.pack(">H", 3)), SourceCorruptError),
        (box(b"cdef", struct.pack(">HHHH", 1, 0, 0, 2)), SourceUnsupportedError),
        (box(b"cdef", struct.pack(">HHHH", 1, 0, 1, 0)), SourceUnsupportedError),
        (struct.pack(">I4s", 500, b"cdef"), SourceCorruptError),
        (struct.pack(">I4s", 3, b"cdef"), SourceCorruptError),
    ],
)
async def test_odd_headers(header, error, codestream, memory, reader) -> None:
    with pytest.raises(error):
        await reader.build_index(memory(wrapped(codestream, header)))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", SourceUnsupportedError),
        (b"II*\0" + b"\0" * 40, SourceUnsupportedError),
        (SIGNATURE, SourceCorruptError),
        (SIGNATURE + box(b"free", b""), SourceCorruptError),
        (SIGNATURE + struct.pack(">I4s", 0, b"jp2c"), SourceCorruptError),
        (b"\xff\x4f\xff\x51", SourceCorruptError),
        (b"\xff\x4f\xff\x51" + b"\0" * 100, SourceCorruptError),
    ],
)
async def test_no_image(data, error, memory, reader) -> None:
    with pytest.raises(error):
        await reader.build_index(memory(data))
