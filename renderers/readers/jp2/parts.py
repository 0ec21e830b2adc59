"""Reading the headers of a codestream: the main header, and those of all tile-parts."""

import struct
from collections.abc import Sequence

from renderers.errors import SourceUnsupportedError
from renderers.readers.jp2.boxes import Jp2Boxes
from renderers.readers.jp2.codestream import (
    EOC,
    MainHeader,
    PartHead,
    TileLength,
    header_length,
    parse_main_header,
    parse_part_head,
    part_header_length,
)
from renderers.readers.jp2.errors import corrupt, truncated
from renderers.readers.jp2.window import Window
from renderers.stores import ByteRange

#: Bytes read at a SOT: with PLT, the header of a 1024 px tile has about 60, of 8 bands 200.
PART_READ = 512
#: Tile-parts shorter than this are walked in windows of `WALK_READ` bytes.
SHORT_PART = 32 * 1024
WALK_READ = 128 * 1024
#: No header is longer than this (TLM of 65535 tile-parts has 400 kB).
MAX_HEADER_READ = 1024 * 1024
#: Tile-parts of one file.
MAX_PARTS = 100_000


async def read_main_header(window: Window, boxes: Jp2Boxes) -> tuple[MainHeader, int]:
    """Return the main header and the position of the first SOT."""
    length = 16 * 1024
    while True:
        data = await window.read(boxes.start, min(length, boxes.stop - boxes.start))
        end = header_length(data)
        if end is not None:
            return parse_main_header(data[:end]), boxes.start + end
        if len(data) < length:
            raise truncated()
        if length >= MAX_HEADER_READ:
            raise SourceUnsupportedError("JPEG 2000 with a very large main header")
        length *= 8


async def part_head(window: Window, start: int, stop: int, data: bytes) -> PartHead:
    """Parse the tile-part header that begins with `data`, reading on where it is longer."""
    while True:
        end = part_header_length(data)
        if end is not None:
            return parse_part_head(data[:end])
        if start + len(data) >= stop:
            raise truncated()
        if len(data) >= MAX_HEADER_READ:
            raise SourceUnsupportedError("JPEG 2000 with a very large tile-part header")
        data = await window.read(start, min(4 * max(len(data), PART_READ), stop - start))


async def _with_length(window: Window, start: int, stop: int, head: PartHead) -> PartHead:
    """Return the head with its length filled in: 0 means "up to EOC" (A.4.2)."""
    if head.length:
        if start + head.length > stop:
            raise truncated()
        return head
    tail = await window.read_exactly(stop - 2, 2)
    closed = tail == struct.pack(">H", EOC)
    length = stop - start - (2 if closed else 0)
    if length < head.header:
        raise truncated()
    if length >> 32:
        raise SourceUnsupportedError("JPEG 2000 with very large tiles")
    return head._replace(length=length)


async def walk_between(
    window: Window, begin: int, end: int, stop: int
) -> list[tuple[int, PartHead]]:
    """Follow the chain of tile-parts.

    Args:
        window: The file.
        begin: Offset of the SOT to begin with.
        end: Where to end: the offset of another SOT, or `stop`.
        stop: Offset after the codestream.

    Returns:
        Offset of the SOT and header of each tile-part, lengths filled in.

    Raises:
        SourceCorruptError: The chain is broken, or does not come by `end`.
        SourceUnsupportedError: There are too many tile-parts, or very large ones.
    """
    parts: list[tuple[int, PartHead]] = []
    position, ahead = begin, 0
    while position < end:
        data = await window.read(position, min(PART_READ, stop - position), ahead)
        if data[:2] == struct.pack(">H", EOC):
            break
        if len(parts) == MAX_PARTS:
            raise SourceUnsupportedError("JPEG 2000 with very many tile-parts")
        head = await part_head(window, position, stop, data)
        head = await _with_length(window, position, stop, head)
        parts.append((position, head))
        position += head.length
        ahead = WALK_READ if head.length < SHORT_PART else 0
    if end not in (stop, position):
        raise corrupt("the chain of tile-parts")
    return parts


def listed_starts(entries: Sequence[TileLength], first: int, stop: int) -> list[int]:
    """Return where the tile-parts of a TLM begin, and where the last one ends.

    Args:
        entries: Of TLM, in the order of the codestream.
        first: Offset of the first SOT.
        stop: Offset after the codestream.

    Raises:
        SourceCorruptError: They reach beyond the codestream.
        SourceUnsupportedError: There are too many.
    """
    if len(entries) > MAX_PARTS:
        raise SourceUnsupportedError("JPEG 2000 with very many tile-parts")
    starts = [first]
    for entry in entries:
        starts.append(starts[-1] + entry.length)
    if starts[-1] > stop:
        raise truncated()
    return starts


async def listed_parts(
    window: Window, header: MainHeader, first: int, stop: int
) -> list[tuple[int, PartHead]]:
    """Read all tile-part headers that TLM lists in one round, and check them against it."""
    entries = header.tile_lengths or ()
    starts = listed_starts(entries, first, stop)
    wanted = [
        ByteRange(start, start + min(PART_READ, entry.length))
        for start, entry in zip(starts, entries, strict=False)
    ]
    parts = []
    for entry, wish, data in zip(entries, wanted, await window.source.read(wanted), strict=True):
        head = await part_head(window, wish.start, wish.start + entry.length, data)
        if head.tile != entry.tile or head.length not in (0, entry.length):
            raise corrupt("TLM does not match the tile-parts")
        parts.append((wish.start, head._replace(length=entry.length)))
    return parts
