"""Buffered reads of one object, so that a walk through headers costs few requests."""

from renderers.readers.jp2.errors import truncated
from renderers.stores import ByteRange, ByteSource


class Window:
    """Reads near the last one come from its buffer.

    Attributes:
        source: The object, with its ETag.
        size: Bytes of the object.
    """

    def __init__(self, source: ByteSource, size: int) -> None:
        self.source = source
        self.size = size
        self._start = 0
        self._buffer = b""

    async def read(self, start: int, length: int, ahead: int = 0) -> bytes:
        """Read `length` bytes at `start`, fewer only at the end of the object.

        Args:
            start: First byte.
            length: Bytes wanted.
            ahead: When a request is needed, ask for this many bytes at once.

        Raises:
            SourceError: One of its kinds, by what the store answered.
        """
        stop = min(start + length, self.size)
        if start >= stop:
            return b""
        offset = start - self._start
        if offset < 0 or stop > self._start + len(self._buffer):
            end = min(self.size, start + max(length, ahead))
            self._buffer = (await self.source.read([ByteRange(start, end)]))[0]
            self._start, offset = start, 0
        return self._buffer[offset : offset + stop - start]

    async def read_exactly(self, start: int, length: int, ahead: int = 0) -> bytes:
        """Read `length` bytes at `start`.

        Raises:
            SourceCorruptError: The object ends before them.
            SourceError: Other kinds, by what the store answered.
        """
        data = await self.read(start, length, ahead)
        if len(data) != length:
            raise truncated()
        return data
