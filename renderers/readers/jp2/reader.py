"""JPEG 2000 by byte ranges, tile by tile, at the resolution that is needed and no finer.

Rounds of requests. Without an index: one for boxes and main header, then with TLM one for all
tile-part headers (their PLT); without TLM the tile-parts form a chain, each telling where the next
begins, so one small request per tile-part of a large file (121 for a Sentinel-2 band), once.
With an index: one round for any set of blocks.

OpenJPEG is strict here as it is in GDAL: a tile-part shorter than its length is an error. Damage
inside a packet can still decode to wrong pixels, in GDAL as here, as code-blocks have no checksum.
"""

import struct
from collections.abc import Sequence

import imagecodecs
import numpy as np

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader
from renderers.readers.jp2 import partial
from renderers.readers.jp2.boxes import Jp2Boxes, read_boxes
from renderers.readers.jp2.capability import unsupported
from renderers.readers.jp2.codestream import (
    EOC,
    MainHeader,
    PartHead,
    header_length,
    parse_main_header,
    parse_part_head,
    part_header_length,
)
from renderers.readers.jp2.cutout import cut_out, tile_area
from renderers.readers.jp2.errors import corrupt, truncated
from renderers.readers.jp2.georef import georeference
from renderers.readers.jp2.index import Jp2Index, make_index
from renderers.readers.jp2.window import Window
from renderers.stores import ByteRange, ByteSource

#: Bytes read at a SOT: with PLT, the header of a 1024 px tile has about 60, of 8 bands 200.
PART_READ = 512
#: Tile-parts shorter than this are walked in windows of `WALK_READ` bytes.
SHORT_PART = 32 * 1024
WALK_READ = 128 * 1024
#: No header is longer than this (TLM of 65535 tile-parts has 400 kB).
MAX_HEADER_READ = 1024 * 1024
#: Tile-parts of one file.
MAX_PARTS = 100_000


class Jp2Reader(Reader):
    """Reads JP2 files and raw codestreams; see `capability` for which."""

    id = "jp2"

    async def build_index(self, source: ByteSource) -> Jp2Index:
        """Read boxes, main header and the header of every tile-part."""
        source = await source.pinned()
        window = Window(source, source.ref.size or 0)
        boxes = await read_boxes(window)
        header, first = await _read_main_header(window, boxes)
        reason = unsupported(header, boxes)
        if reason is not None:
            raise SourceUnsupportedError(f"JPEG 2000 with {reason}")
        place = georeference(boxes)
        if header.tile_lengths is not None:
            parts = await _listed_parts(window, header, first, boxes.stop)
        else:
            parts = await _walked_parts(window, first, boxes.stop)
        return make_index(header, parts, boxes, place)

    def load_index(self, data: bytes) -> Jp2Index:
        """Read back a stored index."""
        return Jp2Index.from_bytes(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return one range per tile-part: its packets up to the block's resolution."""
        return _ours(index).ranges(block)

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode one tile at one resolution."""
        own = _ours(index)
        wanted = own.ranges(block)
        if [len(p) for p in parts] != [r.stop - r.start for r in wanted]:
            raise truncated()
        stream = cut_out(own.header, own.tile_number(block), block.level, parts)
        return _decoded(own, block, stream)

    def share(self, index: RasterIndex, block: BlockId, window: PixelWindow) -> float:
        """Return the part of a tile's coefficients that a window needs; see `partial`."""
        return partial.share(_ours(index), block, window)

    def window_ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return what `ranges` does, with the tile-part headers before."""
        return partial.window_ranges(_ours(index), block)

    def decode_window(
        self,
        index: RasterIndex,
        block: BlockId,
        parts: Sequence[bytes],
        window: PixelWindow | None,
    ) -> Block:
        """Decode the precincts of one tile that a window needs, or all."""
        own = _ours(index)
        bodies = partial.bodies(own, block, parts)
        body = None if window is None else partial.body(own, block, window, parts)
        if window is None or body is None:
            return self.decode(index, block, bodies)
        stream = cut_out(own.header, own.tile_number(block), block.level, [body])
        return partial.cropped(_decoded(own, block, stream), window)


def _ours(index: RasterIndex) -> Jp2Index:
    if not isinstance(index, Jp2Index):
        raise TypeError("this index was made by another reader")
    return index


def _decoded(index: Jp2Index, block: BlockId, stream: bytes) -> Block:
    x0, y0, x1, y1 = tile_area(index.header, index.tile_number(block), block.level)
    shape = (len(index.header.size.components), y1 - y0, x1 - x0)
    try:
        pixels = imagecodecs.jpeg2k_decode(stream, planar=True, numthreads=1)
    except (imagecodecs.Jpeg2kError, NotImplementedError, ValueError) as error:
        raise SourceCorruptError("a JPEG 2000 tile does not decode", detail=str(error)) from error
    if pixels.size != np.prod(shape) or pixels.dtype != index.info.dtype:
        raise SourceCorruptError("a JPEG 2000 tile decodes to another shape")
    pixels = np.ascontiguousarray(pixels.reshape(shape))
    if not index.alpha:
        return Block(pixels)
    mask = np.where(pixels[-1] != 0, np.uint8(255), np.uint8(0))
    return Block(np.ascontiguousarray(pixels[:-1]), mask)


async def _read_main_header(window: Window, boxes: Jp2Boxes) -> tuple[MainHeader, int]:
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


async def _part_head(window: Window, start: int, stop: int, data: bytes) -> PartHead:
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


async def _walked_parts(window: Window, first: int, stop: int) -> list[tuple[int, PartHead]]:
    """Follow the chain of tile-parts to the end of the codestream."""
    parts: list[tuple[int, PartHead]] = []
    position, ahead = first, 0
    end = struct.pack(">H", EOC)
    while position < stop:
        data = await window.read(position, min(PART_READ, stop - position), ahead)
        if data[:2] == end:
            break
        if len(parts) == MAX_PARTS:
            raise SourceUnsupportedError("JPEG 2000 with very many tile-parts")
        head = await _part_head(window, position, stop, data)
        head = await _with_length(window, position, stop, head)
        parts.append((position, head))
        position += head.length
        ahead = WALK_READ if head.length < SHORT_PART else 0
    return parts


async def _listed_parts(
    window: Window, header: MainHeader, first: int, stop: int
) -> list[tuple[int, PartHead]]:
    """Read all tile-part headers that TLM lists in one round, and check them against it."""
    entries = header.tile_lengths or ()
    if len(entries) > MAX_PARTS:
        raise SourceUnsupportedError("JPEG 2000 with very many tile-parts")
    starts = [first]
    for entry in entries:
        starts.append(starts[-1] + entry.length)
    if starts[-1] > stop:
        raise truncated()
    wanted = [
        ByteRange(start, start + min(PART_READ, entry.length))
        for start, entry in zip(starts, entries, strict=False)
    ]
    parts = []
    for entry, wish, data in zip(entries, wanted, await window.source.read(wanted), strict=True):
        head = await _part_head(window, wish.start, wish.start + entry.length, data)
        if head.tile != entry.tile or head.length not in (0, entry.length):
            raise corrupt("TLM does not match the tile-parts")
        parts.append((wish.start, head._replace(length=entry.length)))
    return parts
