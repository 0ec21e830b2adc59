"""The index of a file whose tile-parts are looked for when they are needed."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

from renderers.errors import SourceChangedError, SourceCorruptError, SourceUnsupportedError
from renderers.held import HELD_BYTES, HeldSource
from renderers.readers.base import BlockId
from renderers.readers.jp2.boxes import Jp2Boxes
from renderers.readers.jp2.capability import is_whole
from renderers.readers.jp2.codestream import (
    MainHeader,
    PartHead,
    parse_part_head,
    part_header_length,
)
from renderers.readers.jp2.errors import corrupt
from renderers.readers.jp2.georef import Georeference
from renderers.readers.jp2.index import EMPTY, Jp2Index, PartRow, make_index, tile_rows
from renderers.readers.jp2.parts import listed_parts, listed_starts, part_head, walk_between
from renderers.readers.jp2.precincts import head_room
from renderers.readers.jp2.search import IrregularError, KnownParts
from renderers.readers.jp2.window import Window
from renderers.stores import ByteRange
from renderers.together import together

#: Files with fewer tiles are walked: a search would hardly take fewer rounds.
MIN_TILES = 4
#: Codestreams of fewer bytes are walked, in windows of 128 KiB.
MIN_BYTES = 256 * 1024
#: Tile-parts that a TLM may list for an index that grows.
MAX_LISTED = 4096
#: Tiles looked for at once; for more, all tile-parts are walked from several places.
MANY_TILES = 8
#: Chains of tile-parts that are walked at the same time.
CHAINS = 6
#: Vain looks for one tile.
MAX_ATTEMPTS = 5
#: The part of a tile's bytes that reductions by 0, 1, 2, .. need: measured on bands of 10 m (0.27,
#: 0.073, 0.02, 0.006) and more where there is little detail; what is missing is read after.
SHARES = (1.0, 0.32, 0.1, 0.03, 0.012)


class GrowingIndex(Jp2Index):
    """Main header and georeference of a file, and those of its tiles that were asked for.

    `locate` finds tiles, `complete` makes the whole index.

    Attributes:
        boxes: What the boxes say.
        first: Offset of the first SOT.
        known: Tile-parts found, None where TLM lists them.
        finished: The complete index, once there is one.
    """

    def __init__(
        self, header: MainHeader, boxes: Jp2Boxes, place: Georeference | None, first: int
    ) -> None:
        """Begin with no tile known."""
        super().__init__(header, EMPTY, place, boxes.palette, boxes.alpha is not None)
        self.boxes = boxes
        self.first = first
        self.place = place
        tiles = header.size.columns * header.size.rows
        self.known = None if header.tile_lengths else KnownParts(tiles, first, boxes.stop)
        self.finished: Jp2Index | None = None
        self._found: dict[int, tuple[PartRow, ...]] = {}
        self._completing = asyncio.Lock()

    @property
    def complete(self) -> bool:
        """Always False: the complete index is another."""
        return False

    def rows(self, tile: int) -> tuple[PartRow, ...]:
        """Return where the packets of a tile lie, which must have been located."""
        if self.finished is not None:
            return self.finished.rows(tile)
        return self._found[tile]

    def located(self, tile: int) -> bool:
        """Tell whether a tile's place is known."""
        return self.finished is not None or tile in self._found

    def to_bytes(self) -> bytes:
        """Refuse: only complete indexes are stored."""
        raise TypeError("an index that still grows is not stored")

    async def locate(self, source: HeldSource, blocks: Iterable[BlockId]) -> None:
        """Find the tiles of some blocks; what was read of them on the way is held by `source`.

        Raises:
            SourceCorruptError: The file is damaged.
            SourceUnsupportedError: The file is of a kind that is not read by cut-outs.
            SourceError: Other kinds, by what the store answered.
        """
        wanted: dict[int, int] = {}
        for block in blocks:
            tile = self.tile_number(block)
            if not self.located(tile):
                wanted[tile] = min(block.level, wanted.get(tile, block.level))
        if not wanted:
            return
        if self.known is None:
            await self._read_listed(source, wanted)
            return
        try:
            if len(wanted) > MANY_TILES:
                await self._search(source, self.known, self._spread(self.known))
            else:
                await self._search(source, self.known, wanted)
                return
        except (IrregularError, SourceCorruptError, SourceUnsupportedError):
            pass  # the walk tells for certain what is wrong, if anything is
        await self.finish(source)

    async def finish(self, source: HeldSource) -> Jp2Index:
        """Return the complete index, reading the headers of all tile-parts.

        Raises:
            SourceChangedError: It contradicts what was found before.
            SourceError: As in `locate`.
        """
        async with self._completing:
            if self.finished is None:
                parts = await self._all_parts(source)
                whole = make_index(self.header, parts, self.boxes, self.place)
                if any(whole.rows(tile) != rows for tile, rows in self._found.items()):
                    raise SourceChangedError("a tile of a JPEG 2000 file is not where it seemed")
                self.finished = whole
            return self.finished

    async def _all_parts(self, source: HeldSource) -> list[tuple[int, PartHead]]:
        first, stop = self.first, self.boxes.stop
        if self.known is None:
            window = Window(source, source.ref.size or 0)
            return await listed_parts(window, self.header, first, stop)
        chain = self.known.chain()
        if len(chain) > CHAINS:
            step = len(chain) / CHAINS
            chain = [chain[int(n * step)] for n in range(CHAINS)]
        edges = [*(position for _, position in chain), stop]
        try:
            walks = (
                walk_between(Window(source, source.ref.size or 0), begin, end, stop)
                for begin, end in pairwise(edges)
            )
            return [part for parts in await together(*walks) for part in parts]
        except (SourceCorruptError, SourceUnsupportedError):
            # Some place was none where a tile-part begins: the chain from the first one decides.
            window = Window(source, source.ref.size or 0)
            return await walk_between(window, first, stop, stop)

    def _spread(self, known: KnownParts) -> dict[int, int]:
        """Return tiles from which to walk, evenly spread, to be found without their packets."""
        coarsest = self.header.coding[0].levels
        tiles = {n * known.count // CHAINS: coarsest for n in range(CHAINS)}
        return {tile: level for tile, level in tiles.items() if not self.located(tile)}

    async def _search(self, source: HeldSource, known: KnownParts, wanted: dict[int, int]) -> None:
        """Read where the tiles should be until they are found and proven."""
        attempts = dict.fromkeys(wanted, 0)
        begun: set[int] = set()
        while pending := [tile for tile in wanted if not self.located(tile)]:
            before = {tile: known.around(tile) for tile in pending}
            ranges: list[ByteRange] = []
            for tile in pending:
                if tile in known.heads:
                    ranges += [*self._data(known, tile, wanted[tile]), known.proof(tile)]
                else:
                    share = SHARES[min(wanted[tile], len(SHARES) - 1)]
                    room = head_room(self.header, tile)
                    ranges.append(known.window(tile, attempts[tile], share, room))
            merged = _merged(ranges)
            for place, data in zip(merged, await source.hold(merged), strict=True):
                known.learn(data, place.start)
            for tile in pending:
                if known.proven(tile):
                    self._settle(known, tile)
                elif tile in known.heads and tile not in begun:
                    begun.add(tile)
                elif known.around(tile) == before[tile]:
                    attempts[tile] += 1
                    if attempts[tile] > MAX_ATTEMPTS:
                        raise IrregularError

    def _settle(self, known: KnownParts, tile: int) -> None:
        position, head = known.heads[tile]
        head = head._replace(length=known.length(tile))
        self._found[tile] = tile_rows(self.header, [(position, head)])

    def _data(self, known: KnownParts, tile: int, level: int) -> list[ByteRange]:
        """Return the bytes of a tile that a level needs; none where they are too many."""
        position, head = known.heads[tile]
        head = head._replace(length=known.length(tile))
        (row,) = tile_rows(self.header, [(position, head)])
        length = row.prefixes[self.header.coding[0].levels - level]
        if length > HELD_BYTES // 4:
            return []
        return [ByteRange(max(position - head_room(self.header, tile), 0), row.start + length)]

    async def _read_listed(self, source: HeldSource, wanted: dict[int, int]) -> None:
        """Read the headers of the wanted tiles where TLM says, with the packets wanted behind."""
        entries = self.header.tile_lengths or ()
        starts = listed_starts(entries, self.first, self.boxes.stop)
        places = [
            (ByteRange(start, start + entry.length), entry.tile)
            for start, entry in zip(starts, entries, strict=False)
            if entry.tile in wanted
        ]
        ranges = []
        for place, tile in places:
            room = head_room(self.header, tile)
            share = SHARES[min(wanted[tile], len(SHARES) - 1)]
            needed = min(2 * room + int(share * (place.stop - place.start)), HELD_BYTES // 4)
            stop = min(place.start + needed, place.stop)
            ranges.append(ByteRange(max(place.start - room, 0), stop))
        window = Window(source, source.ref.size or 0)
        parts: dict[int, list[tuple[int, PartHead]]] = {tile: [] for tile in wanted}
        found = await source.hold(ranges)
        for (place, tile), wish, data in zip(places, ranges, found, strict=True):
            begin = data[place.start - wish.start :]
            head = await part_head(window, place.start, place.stop, begin)
            if head.tile != tile or head.length not in (0, place.stop - place.start):
                raise corrupt("TLM does not match the tile-parts")
            parts[tile].append((place.start, head._replace(length=place.stop - place.start)))
        for tile, own in parts.items():
            if not own:
                raise corrupt("tiles are missing")
            self._found[tile] = tile_rows(self.header, own)


def _merged(ranges: list[ByteRange]) -> list[ByteRange]:
    """Return the union of ranges, those that touch as one."""
    out: list[ByteRange] = []
    for start, stop in sorted(ranges):
        if out and start <= out[-1].stop:
            out[-1] = ByteRange(out[-1].start, max(out[-1].stop, stop))
        else:
            out.append(ByteRange(start, stop))
    return out


def can_grow(header: MainHeader, boxes: Jp2Boxes, first: int, data: bytes) -> bool:
    """Tell whether the tiles of a file can be found one by one.

    Args:
        header: Main header.
        boxes: What the boxes say.
        first: Offset of the first SOT.
        data: Bytes from there, as many as are at hand.
    """
    if is_whole(header):
        return False
    tiles = header.size.columns * header.size.rows
    if header.tile_lengths is not None:
        return MIN_TILES <= len(header.tile_lengths) <= MAX_LISTED
    if tiles < MIN_TILES or boxes.stop - first < MIN_BYTES:
        return False
    length = part_header_length(data)
    if length is None:
        return False
    head = parse_part_head(data[:length])
    return (head.tile, head.number, head.parts) == (0, 0, 1) and head.length > 0
