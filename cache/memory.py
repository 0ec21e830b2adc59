"""Caches in this process's memory, bounded by bytes."""

from collections import OrderedDict
from collections.abc import Callable

from cache.base import Entry
from cache.sized import K, Sized, V


class SizedLru(Sized[K, V]):
    """Cache that gives up what was not used for longest.

    `cachetools.LRUCache` hashes a key six times for one `get`, and its bookkeeping is in Python.
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int]) -> None:
        """Begin empty; see `Sized` for the arguments."""
        super().__init__(capacity, size_of)
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value and mark it used, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def set(self, key: K, value: V) -> bool:
        """Keep a value; False when it alone is larger than the cache."""
        size = self._size_of(value)
        with self._lock:
            self._remove(key)
            if size > self.capacity:
                return False
            self._entries[key] = value, size
            self._bytes += size
            while self._bytes > self.capacity:
                _, (_, gone) = self._entries.popitem(last=False)
                self._bytes -= gone
            return True

    def clear(self) -> int:
        """Forget all; return how many there were."""
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._bytes = 0
            return count

    def _remove(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]


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
