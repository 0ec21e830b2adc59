"""A byte source that keeps what it was told to keep, so that nothing is fetched twice."""

from bisect import bisect_right
from collections.abc import Sequence

from renderers.stores import ByteRange, ByteSource

#: Bytes of the first request: more than the header of nearly every file, GeoTIFF or JPEG 2000.
FIRST_READ = 64 * 1024
#: Bytes that one source holds at most; the oldest go first.
HELD_BYTES = 16 * 1024 * 1024


class HeldSource(ByteSource):
    """Answers from bytes at hand where it can, and asks the real source for the rest.

    Made for files that are opened by reading at places that may be wrong at first: what was read
    on the search for a tile is mostly the tile itself. For one event loop.
    """

    def __init__(self, source: ByteSource) -> None:
        """Begin with nothing at hand."""
        super().__init__(source._registry, source._store, source.ref)
        self.plain = source
        self._held: list[tuple[int, bytes]] = []

    @classmethod
    async def begin(cls, source: ByteSource, length: int) -> "HeldSource":
        """Read the first bytes, which also tells size and ETag, in one round.

        Args:
            source: Pinned or not.
            length: Bytes wanted; fewer are held of a shorter object.

        Raises:
            SourceError: One of its kinds, by what the store answered.
        """
        pinned, head = await source.first(length)
        held = cls(pinned)
        held._held.append((0, head))
        return held

    async def pinned(self) -> "HeldSource":
        """Return itself; size and ETag are known."""
        return self

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Read several ranges, in one round if any byte of them is not at hand."""
        return await self._read(ranges, keep=False)

    async def hold(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Read several ranges in one round and keep them at hand."""
        return await self._read(ranges, keep=True)

    async def read_head(self, length: int) -> bytes:
        """Read at most `length` bytes from the beginning."""
        size = length if self.ref.size is None else min(length, self.ref.size)
        return (await self.read([ByteRange(0, size)]))[0] if size else b""

    async def _read(self, ranges: Sequence[ByteRange], *, keep: bool) -> list[bytes]:
        held = sorted(self._held)
        pieces = [_split(wanted, held) for wanted in ranges]
        missing = [part for parts in pieces for part in parts if isinstance(part, ByteRange)]
        if missing:
            fetched = await self.plain.read(missing)
            if keep:
                self._keep(missing, fetched)
            answers = iter(fetched)
            pieces = [[next(answers) if isinstance(p, ByteRange) else p for p in parts]
                      for parts in pieces]  # fmt: skip
        return [b"".join(p for p in parts if isinstance(p, bytes)) for parts in pieces]

    def _keep(self, places: Sequence[ByteRange], parts: Sequence[bytes]) -> None:
        self._held += [(place.start, part) for place, part in zip(places, parts, strict=True)]
        total = sum(len(part) for _, part in self._held)
        while total > HELD_BYTES and len(self._held) > 1:
            total -= len(self._held.pop(0)[1])


def _split(wanted: ByteRange, held: Sequence[tuple[int, bytes]]) -> list[bytes | ByteRange]:
    """Return a range as what is at hand and what is missing, in order.

    Args:
        wanted: The range.
        held: (start, bytes), sorted by start.
    """
    out: list[bytes | ByteRange] = []
    position, stop = wanted
    while position < stop:
        after = bisect_right(held, position, key=lambda entry: entry[0])
        best = max(held[:after], key=lambda entry: entry[0] + len(entry[1]), default=(0, b""))
        end = min(best[0] + len(best[1]), stop)
        if end > position:
            out.append(best[1][position - best[0] : end - best[0]])
        else:
            end = min(held[after][0], stop) if after < len(held) else stop
            out.append(ByteRange(position, end))
        position = end
    return out


def plain(source: ByteSource) -> ByteSource:
    """Return the source without anything at hand."""
    return source.plain if isinstance(source, HeldSource) else source


def held(source: ByteSource) -> HeldSource:
    """Return the source as one that can hold bytes."""
    return source if isinstance(source, HeldSource) else HeldSource(source)
