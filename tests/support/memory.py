"""A byte source in memory, for children that read damaged files."""

from collections.abc import Sequence
from typing import Any

from renderers.errors import SourceCorruptError, SourceMissingError
from renderers.scene import ObjectRef


class Bytes:
    """A byte source in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ref = ObjectRef("memory", "object", "etag", len(data))

    async def pinned(self) -> "Bytes":
        return self

    def beside(self, suffix: str) -> "Bytes":
        raise SourceMissingError("nothing is beside it", detail=suffix)

    async def read(self, ranges: Sequence[Any]) -> list[bytes]:
        if any(r.stop > len(self.data) for r in ranges):
            raise SourceCorruptError("the file is shorter than its index says")
        return [self.data[r.start : r.stop] for r in ranges]

    async def read_head(self, length: int) -> bytes:
        return self.data[:length]
