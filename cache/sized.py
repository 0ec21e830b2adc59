"""What caches in memory that are bounded by the size of their values have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Sized(ABC, Generic[K, V]):
    """Cache bounded by the summed size of its values; safe between threads.

    A value in use is never freed under its user: eviction drops the cache's own reference only.
    What a user still holds of evicted values does not count against the bound.
    """

    #: What stands for each value that is there.
    _entries: Mapping[K, Any]

    def __init__(self, capacity: int, size_of: Callable[[V], int]) -> None:
        """Begin empty.

        Args:
            capacity: Most bytes (or whatever `size_of` tells) of all values.
            size_of: Size of a value; asked once, when the value comes.
        """
        self.capacity = max(capacity, 0)
        self._size_of = size_of
        self._bytes = 0
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    @abstractmethod
    def get(self, key: K) -> V | None:
        """Return the value and mark it used, or None."""

    @abstractmethod
    def set(self, key: K, value: V) -> bool:
        """Keep a value; False when it alone is larger than the cache."""

    @abstractmethod
    def clear(self) -> int:
        """Forget all; return how many there were."""

    def delete(self, key: K) -> None:
        """Forget a value."""
        with self._lock:
            self._remove(key)

    def delete_where(self, goes: Callable[[K], bool]) -> None:
        """Forget all values whose keys fit."""
        with self._lock:
            for key in [key for key in self._known() if goes(key)]:
                self._remove(key)

    def stats(self) -> dict[str, int]:
        """Return `entries`, `bytes`, `capacity`, `hits`, `misses`."""
        with self._lock:
            return {
                "entries": len(self._entries),
                "bytes": self._bytes,
                "capacity": self.capacity,
                "hits": self.hits,
                "misses": self.misses,
            }

    def _known(self) -> Iterable[K]:
        """Return all keys of which anything is kept; the lock is held."""
        return self._entries

    @abstractmethod
    def _remove(self, key: K) -> None:
        """Forget a key wherever it is; the lock is held."""
