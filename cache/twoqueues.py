"""A cache that one pass over a large area does not empty."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from cache.sized import K, Sized, V

#: Share of the cache that new values get while old ones are still read.
YOUNG = 0.25
#: A value in the young queue is read *again* when this share of the cache was written since it
#: came; reads before that belong to the same look: neighbouring tiles share their blocks.
SAME_LOOK = 0.15
#: Turns of the main queue that reads can keep a value for.
_MOST_TURNS = 3


class _Entry(Generic[V]):
    """A value, its bytes, turns that it stays for, and from which moment on reads count."""

    __slots__ = ("counts_from", "size", "turns", "value")

    def __init__(self, value: V, size: int, counts_from: float) -> None:
        self.value = value
        self.size = size
        self.turns = 0
        self.counts_from = counts_from


class TwoQueues(Sized[K, V]):
    """Cache that keeps what is looked at again and again; O(1), amortised.

    The rule is 2Q's (Johnson and Shasha, VLDB 1994) with a clock as its main queue. A new value
    enters the young queue, first in, first out. When it leaves that, it goes to the main queue if
    it was read again meanwhile, else its key is remembered (as many as stand for a whole cache of
    values); a value whose key is remembered enters the main queue at once. The main queue gives up
    what was not read for a turn. So a value that is looked at once, however often in that look,
    never takes the place of one that is looked at again and again.
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int]) -> None:
        """Begin empty; see `Sized` for the arguments. Every value has a size of at least 1."""
        super().__init__(capacity, size_of)
        self._young_share = YOUNG * self.capacity
        self._same_look = SAME_LOOK * self.capacity
        self._entries: dict[K, _Entry[V]] = {}
        self._young: OrderedDict[K, None] = OrderedDict()
        self._main: OrderedDict[K, None] = OrderedDict()
        self._gone: OrderedDict[K, int] = OrderedDict()
        self._young_bytes = self._gone_bytes = 0
        self._written = 0

    def get(self, key: K) -> V | None:
        """Return the value and mark it read, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            if entry.turns < _MOST_TURNS and self._written >= entry.counts_from:
                entry.turns += 1
            return entry.value

    def get_all(self, keys: Sequence[K]) -> list[V] | None:
        """Return the values of all keys and mark them read; None where one is missing."""
        out: list[V] = []
        with self._lock:
            entries, written = self._entries, self._written
            for key in keys:
                entry = entries.get(key)
                if entry is None:
                    self.misses += 1
                    return None
                if entry.turns < _MOST_TURNS and written >= entry.counts_from:
                    entry.turns += 1
                out.append(entry.value)
            self.hits += len(out)
        return out

    def set(self, key: K, value: V) -> bool:
        """Keep a value; False when it alone is larger than the cache."""
        size = self._size_of(value)
        with self._lock:
            old = self._entries.get(key)
            if size > self.capacity:
                self._remove(key)
                return False
            if old is None:
                self._add(key, value, size)
            else:
                if key in self._young:
                    self._young_bytes += size - old.size
                self._bytes += size - old.size
                old.value, old.size = value, size
            self._make_room(key)
            return True

    def trim_young(self, most: int) -> None:
        """Let go of new values beyond so many bytes, the oldest first; their keys are remembered.

        For one pass over a large area, which knows that it will not look back: without it the
        young queue grows until the cache is full. Reads do not keep a value here, as the parts of a
        pass touch one another.
        """
        with self._lock:
            while self._young and self._young_bytes > most:
                self._drop_young(next(iter(self._young)))

    def clear(self) -> int:
        """Forget all; return how many there were."""
        with self._lock:
            count = len(self._entries)
            for kept in (self._entries, self._young, self._main, self._gone):
                kept.clear()
            self._bytes = self._young_bytes = self._gone_bytes = 0
            return count

    def _known(self) -> Iterable[K]:
        return *self._entries, *self._gone

    def _add(self, key: K, value: V, size: int) -> None:
        self._written += size
        self._bytes += size
        known = self._gone.pop(key, None)
        if known is None:
            self._entries[key] = _Entry(value, size, self._written + self._same_look)
            self._young[key] = None
            self._young_bytes += size
        else:
            self._gone_bytes -= known
            self._entries[key] = _Entry(value, size, 0)
            self._main[key] = None

    def _remove(self, key: K) -> None:
        """Forget a key wherever it is."""
        self._gone_bytes -= self._gone.pop(key, 0)
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        if key in self._main:
            del self._main[key]
        else:
            del self._young[key]
            self._young_bytes -= entry.size

    def _make_room(self, new: K) -> None:
        """Let go of values until the rest fits; the newest one stays."""
        while self._bytes > self.capacity:
            oldest = next(iter(self._main), new)
            if oldest == new and len(self._main) > 1:
                self._main.move_to_end(new)
                continue
            first = next(iter(self._young), new)
            if oldest == new or (first != new and self._young_bytes > self._young_share):
                if first == new:  # it came first, and others after it
                    self._young.move_to_end(new)
                    continue
                self._leave_young(first)
            else:
                self._turn(oldest)

    def _leave_young(self, key: K) -> None:
        """Move the first of the young queue on to the main queue, or out."""
        entry = self._entries[key]
        if entry.turns:
            del self._young[key]
            self._young_bytes -= entry.size
            entry.turns, entry.counts_from = 0, 0
            self._main[key] = None
            return
        self._drop_young(key)

    def _drop_young(self, key: K) -> None:
        """Let go of a value of the young queue, and remember its key."""
        entry = self._entries[key]
        self._remove(key)
        self._gone[key] = entry.size
        self._gone_bytes += entry.size
        while self._gone_bytes > self.capacity:
            self._gone_bytes -= self._gone.popitem(last=False)[1]

    def _turn(self, key: K) -> None:
        """Give the first of the main queue another turn where it was read, else let it go."""
        entry = self._entries[key]
        if entry.turns:
            entry.turns -= 1
            self._main.move_to_end(key)
        else:
            self._remove(key)
