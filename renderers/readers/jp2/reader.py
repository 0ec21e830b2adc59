"""JPEG 2000 by byte ranges, tile by tile, at the resolution that is needed and no finer.

Rounds of requests. With an index: one for any set of blocks. Without one (`Reader.open`): one for
boxes and main header, then with TLM one for the wanted tiles, without TLM one to three to find them
(`search`). The complete index (`Reader.build_index`, at ingest) takes two rounds with TLM; without,
the tile-parts form a chain, each telling where the next begins: 121 small requests for a band of
Sentinel-2, once, from up to six places at a time where some are known (`GrowingIndex.finish`).

OpenJPEG is strict here as it is in GDAL: a tile-part shorter than its length is an error. Damage
inside a packet can still decode to wrong pixels, in GDAL as here, as code-blocks have no checksum.
"""

from collections.abc import Sequence
from typing import NamedTuple

import imagecodecs
import numpy as np

from renderers import room
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.held import held
from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader
from renderers.readers.jp2 import partial
from renderers.readers.jp2.boxes import Jp2Boxes, read_boxes
from renderers.readers.jp2.capability import unsupported
from renderers.readers.jp2.codestream import MainHeader
from renderers.readers.jp2.cutout import cut_out, tile_area
from renderers.readers.jp2.errors import truncated
from renderers.readers.jp2.georef import georeference
from renderers.readers.jp2.growing import GrowingIndex, can_grow
from renderers.readers.jp2.index import Jp2Index, make_index
from renderers.readers.jp2.parts import (
    PART_READ,
    listed_parts,
    read_main_header,
    walk_between,
)
from renderers.readers.jp2.whole import reduced_stream
from renderers.readers.jp2.window import Window
from renderers.stores import ByteRange, ByteSource


class Jp2Reader(Reader):
    """Reads JP2 files and raw codestreams; see `capability` for which."""

    id = "jp2"

    async def build_index(self, source: ByteSource) -> Jp2Index:
        """Read boxes, main header and the header of every tile-part."""
        source = await source.pinned()
        return await _whole_index(await _begin(source))

    async def open(self, source: ByteSource) -> Jp2Index:
        """Read boxes and main header, and the tile-parts of files that are not searched."""
        begun = await _begin(await source.pinned())
        first, stop = begun.first, begun.boxes.stop
        data = await begun.window.read(first, min(PART_READ, stop - first))
        if not can_grow(begun.header, begun.boxes, first, data):
            return await _whole_index(begun)
        place = georeference(begun.boxes)
        return GrowingIndex(begun.header, begun.boxes, place, first)

    async def locate(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> None:
        """Find the tiles of some blocks, see `search`."""
        if isinstance(index, GrowingIndex):
            await index.locate(held(source), blocks)

    async def complete(self, source: ByteSource, index: RasterIndex) -> RasterIndex:
        """Read the headers of all tile-parts."""
        return await index.finish(held(source)) if isinstance(index, GrowingIndex) else index

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
        if own.whole:
            bodies = own.bodies(block, parts[0])
            return _decoded(own, block, reduced_stream(own.header, block.level, bodies))
        stream = cut_out(own.header, own.tile_number(block), block.level, parts)
        return _decoded(own, block, stream)

    def share(self, index: RasterIndex, block: BlockId, window: PixelWindow) -> float:
        """Return the part of a tile's coefficients that a window needs; see `partial`."""
        own = _ours(index)
        return 1.0 if own.whole else partial.share(own, block, window)

    def window_ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return what `ranges` does, with the tile-part headers before."""
        own = _ours(index)
        return own.ranges(block) if own.whole else partial.window_ranges(own, block)

    def decode_window(
        self,
        index: RasterIndex,
        block: BlockId,
        parts: Sequence[bytes],
        window: PixelWindow | None,
    ) -> Block:
        """Decode the precincts of one tile that a window needs, or all."""
        own = _ours(index)
        if own.whole:
            return self.decode(index, block, parts)
        bodies = partial.bodies(own, block, parts)
        body = None if window is None else partial.body(own, block, window, parts)
        if window is None or body is None:
            return self.decode(index, block, bodies)
        stream = cut_out(own.header, own.tile_number(block), block.level, [body])
        return partial.cropped(_decoded(own, block, stream), window)


class _Begun(NamedTuple):
    """What the beginning of a file says.

    Attributes:
        window: The file.
        boxes: Its boxes.
        header: The main header, which our reader can decode.
        first: Offset of the first SOT.
    """

    window: Window
    boxes: Jp2Boxes
    header: MainHeader
    first: int


async def _begin(source: ByteSource) -> _Begun:
    window = Window(source, source.ref.size or 0)
    boxes = await read_boxes(window)
    header, first = await read_main_header(window, boxes)
    reason = unsupported(header, boxes)
    if reason is not None:
        raise SourceUnsupportedError(f"JPEG 2000 with {reason}")
    return _Begun(window, boxes, header, first)


async def _whole_index(begun: _Begun) -> Jp2Index:
    window, boxes, header, first = begun
    if header.tile_lengths is not None:
        parts = await listed_parts(window, header, first, boxes.stop)
    else:
        parts = await walk_between(window, first, boxes.stop, boxes.stop)
    return make_index(header, parts, boxes, georeference(boxes))


def _ours(index: RasterIndex) -> Jp2Index:
    if not isinstance(index, Jp2Index):
        raise TypeError("this index was made by another reader")
    return index


def _decoded(index: Jp2Index, block: BlockId, stream: bytes) -> Block:
    x0, y0, x1, y1 = tile_area(index.header, index.tile_number(block), block.level)
    if index.whole:
        level = index.info.levels[block.level]
        x0, y0, x1, y1 = 0, 0, level.width, level.height
    shape = (len(index.header.size.components), y1 - y0, x1 - x0)
    try:
        pixels = room.empty(shape, index.info.dtype)
        imagecodecs.jpeg2k_decode(stream, planar=True, numthreads=1, out=pixels)
    except (imagecodecs.Jpeg2kError, NotImplementedError, ValueError) as error:
        raise SourceCorruptError("a JPEG 2000 tile does not decode", detail=str(error)) from error
    if not index.alpha:
        return Block(pixels)
    mask = room.full(shape[1:], 0, np.uint8)
    mask[pixels[-1] != 0] = 255
    return Block(room.copied(pixels[:-1]), mask)
