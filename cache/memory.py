"""Caches in this process's memory, bounded by bytes."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

from cache.base import Entry

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SizedLru(Generic[K, V]):
    """Least-recently-used cache bounded by the summed size of its values; safe between threads.

    A value in use is never freed under its user: eviction only drops the cache's own reference.
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int]) -> None:
        self._lru: LRUCache[K, V] = LRUCache(max(capacity, 0), getsizeof=size_of)
        self._size_of = size_of
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    def get(self, key: K) -> V | None:
        """Return the value and mark it used, or None."""
        with self._lock:
            value = self._lru.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
            return value

    def set(self, key: K, value: V) -> bool:
        """Keep a value; False when it alone is larger than the cache."""
        with self._lock:
            if self._size_of(value) > self._lru.maxsize:
                self._lru.pop(key, None)
                return False
            self._lru[key] = value
            return True

    def delete(self, key: K) -> None:
        """Forget a value."""
        with self._lock:
            self._lru.pop(key, None)

    def delete_where(self, goes: Callable[[K], bool]) -> None:
        """Forget all values whose keys fit."""
        with self._lock:
            for key in [key for key in self._lru if goes(key)]:
                del self._lru[key]

    def clear(self) -> int:
        """Forget all; return how many there were."""
        with self._lock:
            count = len(self._lru)
            self._lru.clear()
            return count

    def stats(self) -> dict[str, int]:
        """Return `entries`, `bytes`, `capacity`, `hits`, `misses`."""
        with self._lock:
            return {
                "entries": len(self._lru),
                "bytes": int(self._lru.currsize),
                "capacity": int(self._lru.maxsize),
                "hits": self.hits,
                "misses": self.misses,
            }


class MemoryCache:
    """`CacheBackend` in memory."""

    def __init__(self, capacity: int) -> None:
        self._entries: SizedLru[str, Entry] = SizedLru(capacity, lambda entry: entry.size)

    def peek(self, key: str) -> Entry | None:
        """Return an entry that is at hand without waiting, else None."""
        return self._entries.get(key)

    async def get(self, key: str) -> Entry | None:
        """Return an entry, or None."""
        return self._entries.get(key)

    async def set(self, key: str, entry: Entry) -> None:
        """Keep an entry unless it alone is larger than the cache."""
        self._entries.set(key, entry)

    async def delete(self, key: str) -> None:
        """Forget an entry."""
        self._entries.delete(key)

    async def clear(self) -> int:
        """Forget all; return how many entries there were."""
        return self._entries.clear()

    def stats(self) -> dict[str, int]:
        """Return `entries`, `bytes`, `capacity`, `hits`, `misses`."""
        return self._entries.stats()
