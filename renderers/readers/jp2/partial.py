"""Windows of JPEG 2000 tiles: what they cost, which bytes they take, and what becomes of them.

The read index knows where a tile-part's packets begin and where each resolution ends, not where
single packets do: kept for every packet it would be five times as large. That stands in the
tile-part's own header (PLT), which lies just before the packets, so the header is fetched along in
the same range. No bytes are saved: the whole tile is wanted next anyway, from the same bytes.
"""

from collections.abc import Sequence

import numpy as np

from renderers.readers.base import Block, BlockId, PixelWindow
from renderers.readers.jp2.errors import corrupt, truncated
from renderers.readers.jp2.index import Jp2Index
from renderers.readers.jp2.precincts import (
    blanked,
    coefficient_share,
    divisible,
    find_head,
    head_room,
    wanted_packets,
)
from renderers.room import full
from renderers.stores import ByteRange

#: Packet bytes of a block below which it is decoded whole: 10 ms or less (200 ms for 1.3 MB).
WORTHWHILE_BYTES = 64 * 1024


def share(index: Jp2Index, block: BlockId, window: PixelWindow) -> float:
    """Return the part of a tile's coefficients that a window needs; 1.0 where that saves little."""
    size = sum(r.stop - r.start for r in index.ranges(block))
    if size < WORTHWHILE_BYTES or not divisible(index.header):
        return 1.0
    return coefficient_share(index.header, index.tile_number(block), block.level, window)


def window_ranges(index: Jp2Index, block: BlockId) -> tuple[ByteRange, ...]:
    """Return the ranges of a block with room for the tile-part headers before them."""
    room = head_room(index.header, index.tile_number(block))
    return tuple(ByteRange(max(r.start - room, 0), r.stop) for r in index.ranges(block))


def _rooms(index: Jp2Index, block: BlockId, parts: Sequence[bytes]) -> list[int]:
    """Return how many bytes of each part come before its packets."""
    own, wide = index.ranges(block), window_ranges(index, block)
    if [len(part) for part in parts] != [r.stop - r.start for r in wide]:
        raise truncated()
    return [mine.start - with_room.start for mine, with_room in zip(own, wide, strict=True)]


def bodies(index: Jp2Index, block: BlockId, parts: Sequence[bytes]) -> list[bytes]:
    """Return the bytes of the block's `ranges` out of those of its `window_ranges`.

    Raises:
        SourceCorruptError: They are not as long as they should be.
    """
    rooms = _rooms(index, block, parts)
    return [part[room:] for room, part in zip(rooms, parts, strict=True)]


def body(
    index: Jp2Index, block: BlockId, window: PixelWindow, parts: Sequence[bytes]
) -> bytes | None:
    """Return the packet bytes that decode to a window, other packets being empty.

    Returns:
        None where the tile-parts do not tell the lengths of their packets.

    Raises:
        SourceCorruptError: They tell lengths that do not fit.
    """
    tile = index.tile_number(block)
    starts = {r.start: r.stop - r.start for r in index.ranges(block._replace(level=0))}
    lengths: list[int] = []
    own = index.ranges(block)
    rooms = _rooms(index, block, parts)
    for mine, room, part in zip(own, rooms, parts, strict=True):
        head = find_head(part[:room], tile, starts[mine.start])
        if head is None or head.packets is None:
            return None
        lengths += head.packets
    packets_by_resolution = index.header.packets(tile)
    if len(lengths) < sum(packets_by_resolution[: len(packets_by_resolution) - block.level]):
        raise corrupt("packet lengths")
    wanted = wanted_packets(index.header, tile, block.level, window)
    packets = b"".join(part[room:] for room, part in zip(rooms, parts, strict=True))
    return blanked(index.header, packets, lengths, wanted)


def cropped(block: Block, window: PixelWindow) -> Block:
    """Return a block with nothing but a window of its pixels.

    What the decoder made of the missing coefficients outside is thrown away, so that a mistake
    shows as missing data and not as wrong values.
    """
    inside = (slice(window[0], window[2]), slice(window[1], window[3]))
    data = full(block.data.shape, 0, block.data.dtype)
    data[(slice(None), *inside)] = block.data[(slice(None), *inside)]
    if block.mask is None:
        return Block(data, None, window)
    mask = full(block.mask.shape, 0, np.uint8)
    mask[inside] = block.mask[inside]
    return Block(data, mask, window)
