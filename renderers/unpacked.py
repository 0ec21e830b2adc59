"""Members of archives that are deflated, read from copies that are unpacked once.

A deflated stream has no places to begin at, so such a member is unpacked as a whole to local disk
when it is first read, and again when its copy had to make room for others.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from renderers import localfiles
from renderers.errors import (
    SourceCorruptError,
    SourceMissingError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.readers.spool import Spool
from renderers.stores import ByteRange, ByteSource, ObjectMeta

#: Copies that may have been evicted between being found and being opened are made again so often.
_ATTEMPTS = 3


class Unpacker:
    """Opens deflated members: `StoreRegistry` has one where copies may be kept."""

    def __init__(self, spool: Spool) -> None:
        """Keep copies.

        Args:
            spool: Bounds one copy and all of them.
        """
        self._spool = spool
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="unpack")

    def __call__(self, packed: ByteSource, size: int) -> ByteSource:
        """Return the source of a member's content.

        Args:
            packed: Its bytes as they are stored.
            size: Bytes of the content.

        Raises:
            SourceUnsupportedError: It is larger than a copy may be.
        """
        if size > self._spool.limit:
            raise SourceUnsupportedError(
                "compressed inside the archive, and too large to be unpacked; repack that without "
                "compression (zip -0)"
            )
        return UnpackedSource(self, packed, size)

    async def read(self, packed: ByteSource, size: int, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Read ranges of a member's content; see `ByteSource.read`."""
        for _ in range(_ATTEMPTS):
            path = await self._spool.copy(packed, self._threads, inflated=size)
            work = packed._registry.on_disk(localfiles.read, str(path), None, ranges)
            try:
                _, parts = await packed._ask(work)
            except SourceMissingError:  # made room for another copy
                continue
            return parts
        raise SourceUnavailableError("no room for another unpacked file just now")


class UnpackedSource(ByteSource):
    """Range reads of the content of one deflated member."""

    def __init__(self, unpacker: Unpacker, packed: ByteSource, size: int) -> None:
        """Begin; see `Unpacker`."""
        ref = replace(packed.ref, size=size, unpacked=size)
        super().__init__(packed._registry, packed._store, ref)
        self._unpacker = unpacker
        self._packed = packed
        self._size = size

    async def head(self) -> ObjectMeta:
        """Return the content's size and the archive's ETag."""
        return ObjectMeta(self._size, (await self._packed.head()).etag)

    async def pinned(self) -> "UnpackedSource":
        """Return this source with the archive's ETag filled in."""
        if self.ref.etag is not None:
            return self
        return UnpackedSource(self._unpacker, await self._packed.repinned(), self._size)

    async def first(self, length: int) -> tuple[ByteSource, bytes]:
        """Read the first bytes of a pinned source; see `ByteSource.first`."""
        source = await self.pinned()
        return source, await source.read_head(length)

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        """Read several ranges; see `ByteSource.read`."""
        if any(wanted.stop > self._size for wanted in ranges):
            raise SourceCorruptError("the file is shorter than its index says")
        source = await self.pinned()
        return await self._unpacker.read(source._packed, self._size, ranges)

    async def read_head(self, length: int) -> bytes:
        """Read at most `length` bytes from the beginning."""
        return (await self.read([ByteRange(0, min(length, self._size))]))[0] if self._size else b""
