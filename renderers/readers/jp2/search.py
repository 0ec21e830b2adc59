"""Where tile-parts are in a codestream that does not list them: interpolated reads and their proof.

For files with one tile-part per tile in ascending order, as Sentinel-2 products before 2026 have.
Pure: says what to read next and learns from what was read.

A tile-part begins with SOT, FF 90 00 0A. Packets never hold FF 90 (T.800, B.10.1 and D.2.1: after
FF the next bit is stuffed), but the marker segments of a tile-part header (PLT, COM) can hold any
bytes. What looks like SOT is believed only where

* it lies where the tile-part before it ends, as the first tile-part, which follows the main header,
  or another one that is believed says; or it is not inside the header of anything that looks like
  SOT, for which a window shows `CONTEXT` bytes before it, more than the longest marker segment;
* its number fits between those of its neighbours, and it is the only tile-part of its tile;
* the tile-part before it ends there, or its own length leads to the next SOT or to EOC (within the
  window, else read with the tile).

Whatever else is found means that the file is of another kind, which is no error: `IrregularError`
tells the caller to walk from one tile-part to the next instead.
"""

import math
import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from renderers.errors import SourceCorruptError
from renderers.readers.jp2.codestream import (
    EOC,
    SOT,
    SOT_FORMAT,
    SOT_LENGTH,
    PartHead,
    parse_part_head,
    part_header_length,
)
from renderers.stores import ByteRange

#: Bytes before a SOT that show that it is not inside a marker segment (65537 bytes at most) of a
#: header: the segment, the SOT before it and room for a short segment or two between.
CONTEXT = 66 * 1024
#: What looks like SOT in one window, before the search is given up.
MAX_CANDIDATES = 1000
#: Bytes of the shortest tile-part: SOT, SOD.
SHORTEST_PART = SOT_LENGTH + 2
#: Bytes read behind a tile to see that there is the next.
PROOF = SOT_LENGTH

#: A window reaches this many tile-lengths beyond where the tile is expected, on both sides: a part
#: for neighbours of another size, and one that grows with the distance to known tile-parts like
#: the sum of independent deviations; at most `_REACH_LIMIT`, doubled with each vain attempt.
_REACH, _DEVIATION, _REACH_LIMIT = 0.5, 0.3, 1.25
#: How many tiles away a known length still says as much as the mean.
_NEAR = 3
#: A tile of unknown length may be this much longer than expected.
_LONGER = 1.4

_SOT_BEGIN = struct.pack(">HH", SOT, 10)
_EOC = struct.pack(">H", EOC)


class IrregularError(Exception):
    """The file does not have one tile-part per tile in ascending order, or it cannot be told."""


class KnownParts:
    """Tile-parts found so far in a file that has one for each tile, in order.

    Attributes:
        count: Tiles.
        first: Offset of the first SOT.
        stop: Offset after the codestream.
        heads: By tile, offset of the SOT and header; those that were read.
    """

    def __init__(self, count: int, first: int, stop: int) -> None:
        self.count = count
        self.first = first
        self.stop = stop
        self.heads: dict[int, tuple[int, PartHead]] = {}
        #: Tiles whose beginning is known, sorted, and where; `count` stands for the end.
        self._tiles = [0, count]
        self._starts = {0: first, count: stop - len(_EOC)}
        self._proven: set[int] = set()
        self._ended = False

    @property
    def mean(self) -> float:
        """Mean bytes of a tile-part."""
        return (self._starts[self.count] - self.first) / self.count

    def proven(self, tile: int) -> bool:
        """Tell whether a tile's header is known and its length was seen to be right."""
        return tile in self._proven

    def chain(self) -> list[tuple[int, int]]:
        """Return tile and offset of all beginnings known, sorted; the first tile is among them."""
        return [(tile, self._starts[tile]) for tile in self._tiles if tile < self.count]

    def around(self, tile: int) -> tuple[int, int]:
        """Return the nearest tiles at or before, and after this one, whose beginning is known."""
        place = bisect_right(self._tiles, tile)
        return self._tiles[place - 1], self._tiles[place]

    def length(self, tile: int) -> int:
        """Return the bytes of a tile-part whose header is known; length 0 means up to the end.

        Raises:
            IrregularError: A tile-part has no length that is not the last.
        """
        position, head = self.heads[tile]
        if head.length:
            return head.length
        if tile != self.count - 1:
            raise IrregularError
        return self._starts[self.count] - position

    def learn(self, data: bytes, start: int) -> None:
        """Learn from a window.

        Args:
            data: Bytes of the file.
            start: Their offset.

        Raises:
            IrregularError: It shows that the file is of another kind.
        """
        for position, head in self._believed(data, start):
            self._follow(data, start, position, head)
        self._prove(data, start)

    def proof(self, tile: int) -> ByteRange:
        """Return what to read so that a tile whose header is known is proven."""
        if tile == self.count - 1:
            return ByteRange(self.stop - len(_EOC), self.stop)
        position, _ = self.heads[tile]
        end = position + self.length(tile)
        return ByteRange(end, min(end + PROOF, self.stop))

    def _prove(self, data: bytes, start: int) -> None:
        """Note which tile-parts are linked to a neighbour; refuse those that nothing follows."""
        if start <= self.stop - len(_EOC) and start + len(data) >= self.stop:
            closed = data[self.stop - len(_EOC) - start :].startswith(_EOC)
            self._starts[self.count] = self.stop - (len(_EOC) if closed else 0)
            self._ended = True
        for tile, (position, head) in self.heads.items():
            if tile in self._proven:
                continue
            before = self.heads.get(tile - 1)
            if tile == 0 or (before and before[0] + self.length(tile - 1) == position):
                self._proven.add(tile)
                continue
            end = position + self.length(tile)
            if tile == self.count - 1:
                if head.length and end not in (self.stop, self.stop - len(_EOC)):
                    raise IrregularError
                if head.length or self._ended:
                    self._proven.add(tile)
            elif start <= end and end + PROOF <= start + len(data):
                found = struct.unpack_from(SOT_FORMAT, data, end - start)
                if found[:3] != (SOT, 10, tile + 1):
                    raise IrregularError
                self._proven.add(tile)

    def _believed(self, data: bytes, start: int) -> Iterator[tuple[int, PartHead]]:
        """Give tile-parts whose header lies in the window and cannot be something else."""
        known = {offset: tile for tile, offset in self._starts.items() if tile < self.count}
        covered = CONTEXT
        position = data.find(_SOT_BEGIN)
        for _ in range(MAX_CANDIDATES):
            if position < 0:
                return
            head, end = _header_at(data, position)
            place = start + position
            if place in known:
                if end == position or (head is not None and head.tile != known[place]):
                    raise IrregularError
                if head is not None:
                    yield place, head
                # All before it was another tile-part's; its own header begins here.
                covered = end
            elif end > position:
                if head is not None and position >= covered:
                    yield place, head
                covered = max(covered, end)
            position = data.find(_SOT_BEGIN, max(position + 1, 0))
        raise IrregularError

    def _follow(self, data: bytes, start: int, position: int, head: PartHead) -> None:
        """Note a tile-part and those behind it as far as the window goes."""
        while True:
            self._note(position, head)
            if head.tile == self.count - 1:
                return
            position += self.length(head.tile)
            self._begin(head.tile + 1, position)
            here = position - start
            if here + SOT_LENGTH > len(data):
                return
            if not data.startswith(_SOT_BEGIN, here):
                raise IrregularError
            following, _ = _header_at(data, here)
            if following is None:
                return
            if following.tile != head.tile + 1:
                raise IrregularError
            head = following

    def _note(self, position: int, head: PartHead) -> None:
        """Keep a tile-part header.

        Raises:
            IrregularError: It is not the only one of its tile, or does not fit the others.
        """
        if head.tile >= self.count or (head.number, head.parts) != (0, 1):
            raise IrregularError
        if head.length and position + head.length > self.stop:
            raise IrregularError
        self._begin(head.tile, position)
        self.heads[head.tile] = position, head
        if not head.length:
            self.length(head.tile)

    def _begin(self, tile: int, position: int) -> None:
        """Note where a tile-part begins, which must lie between its neighbours."""
        place = bisect_left(self._tiles, tile)
        if self._tiles[place] == tile:
            if self._starts[tile] != position:
                raise IrregularError
            return
        below, above = self._tiles[place - 1], self._tiles[place]
        if not (
            self._starts[below] + SHORTEST_PART * (tile - below)
            <= position
            <= self._starts[above] - SHORTEST_PART * (above - tile)
        ):
            raise IrregularError
        insort(self._tiles, tile)
        self._starts[tile] = position

    def window(self, tile: int, attempt: int, share: float, room: int) -> ByteRange:
        """Return what to read to find a tile whose header is not known.

        Args:
            tile: Tile number.
            attempt: How often it was looked for in vain.
            share: The part of the tile that is needed, 0 to 1.
            room: Bytes wanted before the tile-part.
        """
        below, above = self.around(tile)
        low, high = self._starts[below], self._starts[above]
        length = self._expected(tile, below, above)
        if below == tile:
            longest = high - low if above == tile + 1 else length * _LONGER
            needed = share * longest if share < 1 else longest + PROOF
            return self._clipped(low - room, low + max(needed, 2 * room) * 2**attempt)
        spread = _DEVIATION * math.sqrt((tile - below) * (above - tile) / (above - below))
        limit = _REACH_LIMIT * 2**attempt
        reach = min(_REACH * 2**attempt + spread, limit) * max(self.mean, length)
        if above == tile + 1:
            begin = high - max(length * _LONGER, reach)
            return self._clipped(max(begin - CONTEXT, low), high + PROOF)
        nearer = tile - below <= above - tile
        centre = low + (tile - below) * length if nearer else high - (above - tile) * length
        centre = min(max(centre, low), high)
        return self._clipped(max(centre - reach - CONTEXT, low), min(centre + reach, high + PROOF))

    def _clipped(self, start: float, stop: float) -> ByteRange:
        begin = max(int(start), 0)
        return ByteRange(begin, max(min(math.ceil(stop), self.stop), begin))

    def _expected(self, tile: int, below: int, above: int) -> float:
        """Return the expected length of tile-parts between a known beginning and a tile."""
        mean = (self._starts[above] - self._starts[below]) / (above - below)
        distance = min(tile - below, above - tile)
        around = range(below - 2, below + 1) if tile - below <= above - tile else range(
            above, above + 3
        )  # fmt: skip
        near = [self.length(n) for n in around if n in self.heads]
        if not near or above - below == 1:
            return mean
        weight = _NEAR / (_NEAR + distance)
        return weight * sum(near) / len(near) + (1 - weight) * mean


def _header_at(data: bytes, position: int) -> tuple[PartHead | None, int]:
    """Return the tile-part header at a place, and where in `data` it ends.

    Returns:
        None and the end of the data where the header goes on behind; None and the place where
        what stands there is no tile-part header.
    """
    if position + SOT_LENGTH > len(data):
        return None, len(data)
    piece = data[position : position + 256 * 1024]
    try:
        length = part_header_length(piece)
        if length is None:
            return None, len(data)
        return parse_part_head(piece[:length]), position + length
    except SourceCorruptError:
        return None, position
