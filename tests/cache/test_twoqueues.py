"""The cache of decoded blocks: its bound, and what a look over a large area leaves of it."""

import gc
import random
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.memory import SizedLru
from cache.twoqueues import TwoQueues

CAPACITY = 1000
HOT = [f"hot {n}" for n in range(40)]


def ask(cache, key: object) -> bool:
    """Read a value of 10 bytes, or make it; tell whether it was there."""
    if cache.get(key) is not None:
        return True
    cache.set(key, bytes(10))
    return False


def heat(cache) -> None:
    """Look at the hot values again and again, with others between."""
    for turn in range(6):
        for key in HOT:
            ask(cache, key)
        for n in range(40):
            ask(cache, (turn, n))


@pytest.mark.parametrize("reads", [1, 5])
def test_one_pass_over_a_large_area_leaves_what_is_looked_at_often(reads):
    ours, lru = (kind(CAPACITY, len) for kind in (TwoQueues, SizedLru))
    for cache in (ours, lru):
        heat(cache)
        for n in range(1000):  # ten times the cache; neighbouring tiles share the last values
            for back in range(reads):
                ask(cache, ("pass", max(n - back, 0)))
    assert [key for key in HOT if ours.get(key) is None] == []
    assert all(lru.get(key) is None for key in HOT)


def test_what_is_looked_at_now_replaces_what_was_looked_at_before():
    cache: TwoQueues[object, bytes] = TwoQueues(CAPACITY, len)
    heat(cache)
    new = [("new", n) for n in range(90)]
    for _ in range(8):
        for key in new:
            ask(cache, key)
    assert sum(ask(cache, key) for key in new) >= 80


def test_a_set_that_fits_is_never_lost():
    cache: TwoQueues[int, bytes] = TwoQueues(CAPACITY, len)
    keys = random.Random(1).choices(range(100), k=3000)  # noqa: S311 - no secret
    for key in keys:
        ask(cache, key)
    assert cache.misses == len(set(keys))


def test_all_or_nothing():
    cache: TwoQueues[str, bytes] = TwoQueues(CAPACITY, len)
    cache.set("a", b"1")
    cache.set("b", b"2")
    assert cache.get_all(["b", "a"]) == [b"2", b"1"]
    assert cache.get_all(["a", "c", "b"]) is None
    assert cache.get_all([]) == []
    assert (cache.hits, cache.misses) == (2, 1)


def test_a_value_larger_than_the_cache_is_declined_and_drops_the_older_one():
    cache: TwoQueues[str, bytes] = TwoQueues(10, len)
    assert cache.set("a", b"12345")
    assert not cache.set("a", bytes(11))
    assert cache.get("a") is None
    assert not TwoQueues[str, bytes](0, len).set("a", b"1")


def test_values_go_by_what_their_keys_are():
    cache: TwoQueues[str, bytes] = TwoQueues(10, len)
    for key in ("a1", "a2", "b1"):
        cache.set(key, b"123")
    cache.delete_where(lambda key: key.startswith("a"))
    assert cache.get("a1") is None
    assert cache.get("b1") == b"123"
    assert cache.stats()["bytes"] == 3
    assert cache.clear() == 1
    assert cache.stats()["bytes"] == 0


def test_an_evicted_value_lives_as_long_as_its_reader():
    cache: TwoQueues[int, np.ndarray] = TwoQueues(1000, lambda array: array.nbytes)
    cache.set(0, np.arange(100, dtype=np.uint64))
    held = cache.get(0)
    known = weakref.ref(held)
    for key in range(1, 50):
        cache.set(key, np.zeros(100, np.uint64))
    assert cache.get(0) is None
    assert cache.stats()["bytes"] == 800  # what the reader holds is not the cache's
    assert held.sum() == 4950
    del held
    gc.collect()
    assert known() is None


class Anything(RuleBasedStateMachine):
    """Whatever is done to it, the bound holds and the books are right."""

    keys = st.integers(0, 30)

    def __init__(self) -> None:
        super().__init__()
        self.cache: TwoQueues[int, bytes] = TwoQueues(100, lambda value: len(value) + 1)
        self.written: dict[int, bytes] = {}

    @rule(key=keys, size=st.integers(0, 110))
    def write(self, key, size):
        value = bytes([key]) * size
        kept = self.cache.set(key, value)
        assert kept == (size + 1 <= 100)
        assert self.cache.get(key) == (value if kept else None)
        self.written[key] = value

    @rule(key=keys, times=st.integers(1, 4))
    def read(self, key, times):
        for _ in range(times):
            assert self.cache.get(key) in (None, self.written.get(key))

    @rule(keys=st.lists(keys, max_size=4))
    def read_all(self, keys):
        found = self.cache.get_all(keys)
        assert found in (None, [self.written.get(key) for key in keys])
        assert (found is None) == any(self.cache.get(key) is None for key in keys)

    @rule(key=keys)
    def forget(self, key):
        self.cache.delete(key)
        assert self.cache.get(key) is None

    @rule(odd=st.booleans())
    def forget_some(self, odd):
        self.cache.delete_where(lambda key: key % 2 == odd)
        assert all(self.cache.get(key) is None for key in range(31) if key % 2 == odd)

    @invariant()
    def books_are_right(self):
        cache = self.cache
        young, main, gone = set(cache._young), set(cache._main), set(cache._gone)
        assert young | main == set(cache._entries)
        assert not young & main
        assert not gone & set(cache._entries)
        sizes = {key: entry.size for key, entry in cache._entries.items()}
        assert all(len(e.value) + 1 == e.size for e in cache._entries.values())
        assert cache._bytes == sum(sizes.values()) <= 100
        assert cache._young_bytes == sum(sizes[key] for key in young)
        assert cache._gone_bytes == sum(cache._gone.values()) <= 100
        assert cache.stats()["entries"] == len(sizes)


TestAnything = Anything.TestCase


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 60)), max_size=80))
def test_never_holds_more_than_its_capacity(writes):
    cache: TwoQueues[int, bytes] = TwoQueues(100, len)
    for key, size in writes:
        cache.set(key, bytes(size))
        assert cache.stats()["bytes"] <= 100
        assert cache.get(key) == bytes(size)


def test_threads_leave_right_books():
    cache: TwoQueues[int, bytes] = TwoQueues(500, len)

    def work(seed: int) -> None:
        numbers = random.Random(seed)  # noqa: S311 - no secret
        for _ in range(3000):
            key = numbers.randrange(100)
            if cache.get(key) is None:
                cache.set(key, bytes(10))
            if numbers.random() < 0.05:
                cache.delete(numbers.randrange(100))

    with ThreadPoolExecutor(4) as threads:
        for job in [threads.submit(work, seed) for seed in range(4)]:
            job.result()
    assert cache._bytes == sum(entry.size for entry in cache._entries.values()) <= 500
    assert set(cache._young) | set(cache._main) == set(cache._entries)
    assert cache.hits + cache.misses == 12_000


def test_a_pass_may_keep_new_values_to_their_share():
    cache: TwoQueues[int, bytes] = TwoQueues(1000, len)
    for key in range(5):
        cache.set(key, bytes(100))
    cache.set(5, bytes(100))
    cache.get(0)  # again, after others were written: that does not keep it
    cache.trim_young(250)
    kept = [key for key in range(6) if cache.get(key) is not None]
    assert kept == [4, 5]
    assert cache.stats()["bytes"] == 200
    cache.set(0, bytes(100))  # looked at before: it is no new value any more
    for key in range(6, 12):
        cache.set(key, bytes(100))
    cache.trim_young(250)
    assert cache.get(0) is not None
