import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cache.base import Entry
from cache.memory import MemoryCache, SizedLru


def test_a_value_larger_than_the_cache_is_declined_and_drops_the_older_one():
    lru = SizedLru[str, bytes](10, len)
    assert lru.set("a", b"12345")
    assert not lru.set("a", b"12345678901")
    assert lru.get("a") is None


def test_least_recently_used_goes_first():
    lru = SizedLru[str, bytes](10, len)
    lru.set("a", b"12345")
    lru.set("b", b"12345")
    assert lru.get("a") == b"12345"
    lru.set("c", b"1")
    assert lru.get("b") is None
    assert lru.get("a") == b"12345"
    lru.set("c", b"12345")
    lru.set("a", b"2345")
    lru.set("d", b"12")
    assert [lru.get(key) for key in "acd"] == [b"2345", None, b"12"]


def test_values_go_by_what_their_keys_are():
    lru = SizedLru[str, bytes](10, len)
    for key in ("a1", "a2", "b1"):
        lru.set(key, b"123")
    lru.delete_where(lambda key: key.startswith("a"))
    assert lru.get("a1") is None
    assert lru.get("b1") == b"123"
    assert lru.stats()["bytes"] == 3


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60)), max_size=80))
def test_never_holds_more_than_its_capacity(writes):
    lru = SizedLru[int, bytes](100, len)
    for key, size in writes:
        lru.set(key, bytes(size))
        stats = lru.stats()
        assert stats["bytes"] <= 100
        assert lru.get(key) == bytes(size)


async def test_backend_keeps_and_forgets():
    cache = MemoryCache(10_000)
    entry = Entry(b"tile", "image/png", (("X", "1"),))
    await cache.set("k", entry)
    assert cache.peek("k") == entry == await cache.get("k")
    await cache.delete("k")
    assert await cache.get("k") is None
    await asyncio.gather(*(cache.set(str(i), entry) for i in range(5)))
    assert await cache.clear() == 5
    assert cache.stats()["bytes"] == 0
