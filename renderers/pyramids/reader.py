"""Reads kept levels from their sidecars and all else from the file.

A sidecar may be gone or damaged at any moment: other processes share the folder and its quota.
Its blocks are then made of the file's own, with the same pixels, so that nothing fails and nothing
else is drawn; it only takes longer until the sidecar is there again.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from struct import pack, unpack_from

from renderers.pyramids.assemble import assembled, covering, made_of, source_window
from renderers.pyramids.levels import Entry, PyramidIndex
from renderers.pyramids.sidecar import BLOCK, DamagedSidecarError, Sidecar
from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader
from renderers.stores import ByteRange, ByteSource

#: First part of what `fetch` gives for a kept block: how the rest is to be read.
_KEPT, _MADE = b"kept", b"made"


class PyramidReader(Reader):
    """The reader of a file, for a `PyramidIndex` of it.

    Attributes:
        base: The file's own reader.
    """

    def __init__(self, base: Reader, lost: Callable[[Sidecar, bool], None]) -> None:
        """Stand in front of a reader.

        Args:
            base: The file's own reader.
            lost: Told, in a thread, of a sidecar that is not there any more, and whether it is
                damaged.
        """
        self.id = base.id
        self.base = base
        self._lost = lost

    async def build_index(self, source: ByteSource) -> RasterIndex:
        """Build the file's own index."""
        return await self.base.build_index(source)

    def load_index(self, data: bytes) -> RasterIndex:
        """Load the file's own index."""
        return self.base.load_index(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the ranges of the file's own blocks; kept ones have none in the file."""
        own, entry = _entry(index, block)
        if entry.candidate is not None:
            return ()
        return self.base.ranges(own.base, block._replace(level=entry.base))

    def share(self, index: RasterIndex, block: BlockId, window: PixelWindow) -> float:
        """Ask the file's own reader; kept blocks are read whole."""
        own, entry = _entry(index, block)
        if entry.candidate is not None:
            return 1.0
        return self.base.share(own.base, block._replace(level=entry.base), window)

    def window_ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Ask the file's own reader."""
        own, entry = _entry(index, block)
        return self.base.window_ranges(own.base, block._replace(level=entry.base))

    def decode_window(
        self,
        index: RasterIndex,
        block: BlockId,
        parts: Sequence[bytes],
        window: PixelWindow | None,
    ) -> Block:
        """Ask the file's own reader."""
        own, entry = _entry(index, block)
        return self.base.decode_window(own.base, block._replace(level=entry.base), parts, window)

    async def fetch(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> list[tuple[bytes, ...]]:
        """Read kept blocks from disk, and what else is needed from the file in one round."""
        own = _own(index)
        kept = [b for b in blocks if own.entries[b.level].candidate is not None]
        found = await asyncio.to_thread(self._read, own, kept) if kept else {}
        needed: dict[BlockId, list[BlockId]] = {
            b: _sources(own, b) for b in blocks if b not in found
        }
        wanted = list(dict.fromkeys(s for sources in needed.values() for s in sources))
        parts = dict(
            zip(wanted, await self.base.fetch(source, own.base, wanted), strict=True)
            if wanted
            else ()
        )
        out: list[tuple[bytes, ...]] = []
        for block in blocks:
            if block in found:
                out.append((_KEPT, found[block]))
            elif own.entries[block.level].candidate is None:
                out.append(parts[needed[block][0]])
            else:
                out.append(_joined(parts[s] for s in needed[block]))
        return out

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode what `fetch` gave."""
        own, entry = _entry(index, block)
        if entry.candidate is None or entry.sidecar is None:
            return self.base.decode(own.base, block._replace(level=entry.base), parts)
        if parts[0] == _KEPT:
            return entry.sidecar.unpack(block, parts[1])
        return self._made(own, block, parts)

    def _read(self, own: PyramidIndex, blocks: Sequence[BlockId]) -> dict[BlockId, bytes]:
        """Read kept blocks; those of a lost sidecar are missing from what is returned."""
        out: dict[BlockId, bytes] = {}
        for number in {b.level for b in blocks}:
            sidecar = own.entries[number].sidecar
            wanted = [b for b in blocks if b.level == number]
            if sidecar is None:
                continue
            try:
                out.update(zip(wanted, sidecar.read(wanted), strict=True))
            except DamagedSidecarError:
                self._lost(sidecar, True)
            except OSError:
                self._lost(sidecar, False)
        return out

    def _made(self, own: PyramidIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Make a kept block of the file's own."""
        candidate = own.entries[block.level].candidate
        if candidate is None:
            raise ValueError("not a kept block")
        info = own.base.info
        sources = _sources(own, block)
        counts = unpack_from(f"<{len(sources)}I", parts[1])
        pieces = iter(parts[2:])
        blocks = {
            s: self.base.decode(own.base, s, [next(pieces) for _ in range(count)])
            for s, count in zip(sources, counts, strict=True)
        }
        inner, outer = source_window(info, candidate, _window(own, block))
        pixels = assembled(info.levels[candidate.base], outer, blocks)
        within = (
            inner[0] - outer[0],
            inner[1] - outer[1],
            inner[2] - outer[0],
            inner[3] - outer[1],
        )
        return made_of(info, own.nodata, pixels, within, [candidate.factor])[0]


def _own(index: RasterIndex) -> PyramidIndex:
    if not isinstance(index, PyramidIndex):
        raise TypeError("this index was made by another reader")
    return index


def _entry(index: RasterIndex, block: BlockId) -> tuple[PyramidIndex, Entry]:
    own = _own(index)
    return own, own.entries[block.level]


def _window(own: PyramidIndex, block: BlockId) -> PixelWindow:
    level = own.entries[block.level].level
    top, left = block.row * BLOCK, block.column * BLOCK
    return top, left, min(top + BLOCK, level.height), min(left + BLOCK, level.width)


def _sources(own: PyramidIndex, block: BlockId) -> list[BlockId]:
    """Return the file's own blocks that a block is, or is made of."""
    entry = own.entries[block.level]
    if entry.candidate is None:
        return [block._replace(level=entry.base)]
    info = own.base.info
    _, outer = source_window(info, entry.candidate, _window(own, block))
    return covering(info.levels[entry.base], entry.base, block.plane, outer)


def _joined(pieces: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Return the parts of several blocks as those of one, with how many each has."""
    listed = list(pieces)
    counts = pack(f"<{len(listed)}I", *(len(p) for p in listed))
    return (_MADE, counts, *(part for p in listed for part in p))
