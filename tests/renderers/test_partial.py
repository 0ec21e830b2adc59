"""Partial blocks: who gets one, who joins, and that none is ever used outside of its window."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from renderers import partial
from renderers.errors import SourceUnavailableError
from renderers.files import FileCache, OpenFile
from renderers.partial import part_of
from renderers.readers.base import Block, BlockId, Level, covers
from renderers.scene import ObjectRef
from renderers.stores import ByteRange

SIDE = 100
ONE, TWO = BlockId(0, 0, 0, 0), BlockId(0, 0, 1, 0)
PIXELS = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(1, SIDE, SIDE)


class Source:
    """Bytes that come when they are let."""

    def __init__(self) -> None:
        self.ref = ObjectRef("file", "a.jp2", "etag", 1)
        self.go = asyncio.Event()
        self.rounds: list[list[ByteRange]] = []
        self.failure: Exception | None = None

    async def read(self, ranges):
        self.rounds.append(list(ranges))
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return [b"bytes"] * len(ranges)


class Reader:
    """Decodes parts at a cost that is their share of the pixels; decoding can be held up."""

    id = "fake"

    def __init__(self) -> None:
        self.decoded: list[tuple[int, tuple[int, int, int, int] | None]] = []
        self.hold: dict[tuple[int, int, int, int] | None, threading.Event] = {}

    def share(self, index, block, window):
        return (window[2] - window[0]) * (window[3] - window[1]) / SIDE**2

    def window_ranges(self, index, block):
        return (ByteRange(block.column, block.column + 1),)

    def decode_window(self, index, block, parts, window):
        assert list(parts) == [b"bytes"]
        self.decoded.append((block.column, window))
        if window in self.hold:
            assert self.hold[window].wait(5)
        if window is None:
            return Block(PIXELS)
        data = np.zeros_like(PIXELS)
        inside = (0, slice(window[0], window[2]), slice(window[1], window[3]))
        data[inside] = PIXELS[inside]
        return Block(data, None, window)

    async def fetch(self, source, index, blocks):
        parts = await source.read([r for b in blocks for r in self.window_ranges(index, b)])
        return [(part,) for part in parts]

    def decode(self, index, block, parts):
        return self.decode_window(index, block, parts, None)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
async def cache(pool):
    made = FileCache(SimpleNamespace(), SimpleNamespace(), pool)
    yield made
    await made.close()


@pytest.fixture
def file():
    info = SimpleNamespace(levels=(Level(2 * SIDE, SIDE, SIDE, SIDE, 1.0, 1.0),))
    index = SimpleNamespace(info=info, identity=lambda block: block, complete=True)
    return OpenFile(Source(), Reader(), index, fresh=False, cost=1)


async def settled(cache, finished: int = 1) -> None:
    async with asyncio.timeout(5):
        while cache.stats()["background"]["finished"] < finished:
            await asyncio.sleep(0.001)


async def started(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_small_window_gets_a_part_and_the_whole_follows(cache, file) -> None:
    file.source.go.set()
    block = (await cache.blocks(file, [ONE], (10, 10, 40, 40)))[ONE]
    assert block.window == (10, 10, 40, 40)
    np.testing.assert_array_equal(block.data[0, 10:40, 10:40], PIXELS[0, 10:40, 10:40])
    await settled(cache)
    assert file.reader.decoded == [(0, (10, 10, 40, 40)), (0, None)]
    assert len(file.source.rounds) == 1
    block = (await cache.blocks(file, [ONE], (60, 60, 90, 90)))[ONE]
    assert block.window is None
    assert len(file.reader.decoded) == 2
    assert cache.stats()["blocks"]["entries"] == 1


async def test_nothing_follows_a_part_that_the_cache_cannot_hold(pool, file) -> None:
    cache = FileCache(SimpleNamespace(), SimpleNamespace(), pool, block_bytes=PIXELS.nbytes)
    file.source.go.set()
    assert (await cache.blocks(file, [ONE], (10, 10, 40, 40)))[ONE].window == (10, 10, 40, 40)
    assert (await cache.blocks(file, [ONE], (60, 60, 90, 90)))[ONE].window == (60, 60, 90, 90)
    background = cache.stats()["background"]
    assert (background["waiting"], background["finished"]) == (0, 0)
    await cache.close()
    assert [window for _, window in file.reader.decoded] == [(10, 10, 40, 40), (60, 60, 90, 90)]


async def test_without_a_window_blocks_are_whole(cache, file) -> None:
    file.source.go.set()
    assert (await cache.blocks(file, [ONE]))[ONE].window is None
    assert file.reader.decoded == [(0, None)]


async def test_a_large_window_is_decoded_whole(cache, file) -> None:
    file.source.go.set()
    assert (await cache.blocks(file, [ONE], (0, 0, 80, 80)))[ONE].window is None
    assert (await cache.blocks(file, [TWO], (0, 0, 100, 2 * SIDE)))[TWO].window is None
    assert file.reader.decoded == [(0, None), (1, None)]


async def test_a_window_over_two_blocks_takes_a_part_of_each(cache, file) -> None:
    file.source.go.set()
    blocks = await cache.blocks(file, [ONE, TWO], (20, 80, 50, 130))
    assert blocks[ONE].window == (20, 80, 50, 100)
    assert blocks[TWO].window == (20, 0, 50, 30)


async def test_the_same_part_again_and_smaller_comes_from_the_cache(cache, file) -> None:
    file.source.go.set()
    hold = file.reader.hold[None] = threading.Event()
    first = (await cache.blocks(file, [ONE], (10, 10, 40, 40)))[ONE]
    again = (await cache.blocks(file, [ONE], (12, 12, 30, 30)))[ONE]
    assert again is first
    hold.set()
    await settled(cache)


async def test_windows_asked_for_at_once_share_one_decode(cache, file) -> None:
    tasks = [
        asyncio.ensure_future(cache.blocks(file, [ONE], window))
        for window in [(10, 10, 40, 40), (10, 30, 40, 70), (10, 10, 40, 40)]
    ]
    await asyncio.sleep(0)
    file.source.go.set()
    found = [blocks[ONE] for blocks in await asyncio.gather(*tasks)]
    assert {block.window for block in found} == {(10, 10, 40, 70)}
    await settled(cache)
    assert file.reader.decoded == [(0, (10, 10, 40, 70)), (0, None)]
    assert len(file.source.rounds) == 1


async def test_a_screen_of_windows_is_one_whole_decode(cache, file) -> None:
    tiles = [(r, c, r + 25, c + 25) for r in range(0, 100, 25) for c in range(0, 100, 25)]
    tasks = [asyncio.ensure_future(cache.blocks(file, [ONE], tile)) for tile in tiles]
    await asyncio.sleep(0)
    file.source.go.set()
    found = [blocks[ONE] for blocks in await asyncio.gather(*tasks)]
    assert all(block.window is None for block in found)
    assert file.reader.decoded == [(0, None)]
    assert len(file.source.rounds) == 1


async def test_a_whole_wish_while_bytes_come_makes_it_whole(cache, file) -> None:
    tasks = [
        asyncio.ensure_future(cache.blocks(file, [ONE], (0, 0, 9, 9))),
        asyncio.ensure_future(cache.blocks(file, [ONE])),
    ]
    await asyncio.sleep(0)
    file.source.go.set()
    for blocks in await asyncio.gather(*tasks):
        assert blocks[ONE].window is None
    assert file.reader.decoded == [(0, None)]


async def test_another_window_while_a_part_decodes_takes_the_whole_from_the_same_bytes(
    cache, file
) -> None:
    file.source.go.set()
    hold = file.reader.hold[(10, 10, 40, 40)] = threading.Event()
    first = asyncio.ensure_future(cache.blocks(file, [ONE], (10, 10, 40, 40)))
    await started(lambda: file.reader.decoded)
    inside = asyncio.ensure_future(cache.blocks(file, [ONE], (20, 20, 30, 30)))
    other = (await cache.blocks(file, [ONE], (60, 60, 90, 90)))[ONE]
    assert other.window is None
    hold.set()
    await first
    assert (await inside)[ONE].covers((20, 20, 30, 30))
    assert file.reader.decoded == [(0, (10, 10, 40, 40)), (0, None)]
    assert len(file.source.rounds) == 1
    assert cache.stats()["background"] == {
        "waiting": 0,
        "bytes": 0,
        "finished": 0,
        "dropped": 0,
    }


async def test_another_window_joins_the_whole_decode_in_the_background(cache, file) -> None:
    file.source.go.set()
    hold = file.reader.hold[None] = threading.Event()
    await cache.blocks(file, [ONE], (10, 10, 40, 40))
    await started(lambda: len(file.reader.decoded) == 2)
    other = asyncio.ensure_future(cache.blocks(file, [ONE], (60, 60, 90, 90)))
    await asyncio.sleep(0.01)
    assert not other.done()
    hold.set()
    assert (await other)[ONE].window is None
    assert file.reader.decoded == [(0, (10, 10, 40, 40)), (0, None)]
    assert len(file.source.rounds) == 1


async def test_nothing_begins_in_the_background_while_a_request_waits(cache, file) -> None:
    file.source.go.set()
    slow = file.reader.hold[(0, 0, 9, 9)] = threading.Event()
    waiting = asyncio.ensure_future(cache.blocks(file, [TWO], (0, 100, 9, 109)))
    await started(lambda: file.reader.decoded)
    await cache.blocks(file, [ONE], (10, 10, 40, 40))
    await asyncio.sleep(0.01)
    assert (0, None) not in file.reader.decoded
    slow.set()
    await waiting
    await settled(cache, 2)
    assert {(0, None), (1, None)} < set(file.reader.decoded)


async def test_errors_reach_who_waits_and_are_not_kept(cache, file) -> None:
    file.source.failure = SourceUnavailableError("away")
    file.source.go.set()
    tasks = [cache.blocks(file, [ONE], (10, 10, n, n)) for n in (20, 30)]
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, SourceUnavailableError)
    file.source.failure = None
    assert (await cache.blocks(file, [ONE], (10, 10, 20, 20)))[ONE].window == (10, 10, 20, 20)


async def test_a_part_that_nobody_waits_for_is_given_up(cache, file) -> None:
    task = asyncio.ensure_future(cache.blocks(file, [ONE], (10, 10, 20, 20)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    file.source.go.set()
    await asyncio.sleep(0.01)
    assert file.reader.decoded == []
    assert (await cache.blocks(file, [ONE]))[ONE].window is None


async def test_a_reader_that_gives_too_little_is_found_out(cache, file) -> None:
    file.source.go.set()
    file.reader.decode_window = lambda *_: Block(PIXELS, None, (0, 0, 5, 5))
    with pytest.raises(RuntimeError, match="outside of its window"):
        await cache.blocks(file, [ONE], (10, 10, 20, 20))


async def test_random_windows_are_always_covered(cache, file) -> None:
    """Whatever comes in which order, what is handed out has the pixels that were asked for."""
    file.source.go.set()
    random = np.random.default_rng(2)

    async def ask() -> None:
        await asyncio.sleep(random.random() / 100)
        first = random.integers(0, 90, 2)
        stop = first + random.integers(1, 60, 2)
        window = (int(first[0]), int(first[1]), int(min(stop[0], 100)), int(stop[1]))
        wanted = [ONE, TWO] if window[3] > SIDE else [ONE]
        for block_id, block in (await cache.blocks(file, wanted, window)).items():
            part = part_of(file.index, block_id, window) or (0, 0, SIDE, SIDE)
            inside = (0, slice(part[0], part[2]), slice(part[1], part[3]))
            np.testing.assert_array_equal(block.data[inside], PIXELS[inside])

    for _ in range(5):
        await asyncio.gather(*(ask() for _ in range(12)))
        cache._blocks.clear()
    assert any(window is not None for _, window in file.reader.decoded)


def test_windows_of_blocks() -> None:
    index = SimpleNamespace(info=SimpleNamespace(levels=(Level(250, 130, 100, 100, 1, 1),)))
    assert part_of(index, BlockId(0, 1, 2, 0), (90, 190, 130, 230)) == (0, 0, 30, 30)
    assert part_of(index, BlockId(0, 1, 2, 0), (100, 200, 130, 250)) is None
    assert part_of(index, BlockId(0, 0, 1, 0), (0, 0, 130, 250)) is None
    assert part_of(index, BlockId(0, 0, 0, 0), None) is None


def test_covering() -> None:
    assert covers(None, None)
    assert covers(None, (0, 0, 9, 9))
    assert not covers((0, 0, 9, 9), None)
    assert covers((0, 0, 9, 9), (1, 1, 9, 9))
    assert not covers((0, 0, 9, 9), (0, 0, 10, 9))
    assert not covers((1, 0, 9, 9), (0, 0, 9, 9))


def test_joining_within_the_same_moment() -> None:
    """A window that is let in is decoded, however late it comes."""
    file = SimpleNamespace(reader=Reader(), index=None)
    load = partial.PartialLoad(file, ONE, (0, 0, 10, 10))
    load._parts = [b"bytes"]
    assert load.join((0, 0, 10, 20))
    assert load.decode().window == (0, 0, 10, 20)
    assert load.join((0, 5, 10, 20))
    assert not load.join((0, 5, 11, 20))
    assert not load.join(None)
