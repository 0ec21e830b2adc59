"""What a cache of ready bytes gives."""

from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One cached answer: its bytes and the small facts needed to send it again."""

    body: bytes
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """Bytes counted against a cache's bound; 200 stand for the objects around the body."""
        return len(self.body) + sum(len(k) + len(v) for k, v in self.headers) + 200


class CacheBackend(Protocol):
    """Byte-bounded storage under opaque keys. A failing backend is a miss, never an error."""

    def peek(self, key: str) -> Entry | None:
        """Return an entry that is at hand without waiting, else None."""

    async def get(self, key: str) -> Entry | None:
        """Return an entry, or None."""

    async def set(self, key: str, entry: Entry) -> None:
        """Keep an entry; the backend may decline."""

    async def delete(self, key: str) -> None:
        """Forget an entry."""

    async def clear(self) -> int:
        """Forget all; return how many entries there were."""

    def stats(self) -> dict[str, int]:
        """Return `entries`, `bytes`, `capacity`, `hits`, `misses`."""
