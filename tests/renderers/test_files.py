"""Who waits for blocks, and what happens to work that nobody waits for."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from support.inhand import Hand, Large

from renderers.errors import SourceUnavailableError
from renderers.files import FileCache, OpenFile
from renderers.readers.base import Block, BlockId
from renderers.scene import ObjectRef

ONE, TWO, THREE = (BlockId(0, 0, column, 0) for column in range(3))


class Reader:
    """Fetches when it is let, and knows what was asked and what was given up."""

    id = "fake"

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[tuple[BlockId, ...]] = []
        self.abandoned: list[tuple[BlockId, ...]] = []
        self.failure: Exception | None = None

    async def fetch(self, source, index, blocks):
        self.asked.append(tuple(blocks))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.abandoned.append(tuple(blocks))
            raise
        if self.failure is not None:
            raise self.failure
        return [(bytes([block.column]),) for block in blocks]

    def decode(self, index, block, parts):
        return Block(np.frombuffer(parts[0], np.uint8).reshape(1, 1, 1))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as threads:
        yield threads


@pytest.fixture
def cache(pool):
    return FileCache(SimpleNamespace(), SimpleNamespace(), pool)


def opened(reader: Reader) -> OpenFile:
    source = SimpleNamespace(ref=ObjectRef("file", "a.tif", "etag", 1))
    # Blocks so large that each is a piece of work of its own.
    level = SimpleNamespace(block_width=1024, block_height=1024)
    info = SimpleNamespace(levels=(level,) * 8)
    index = SimpleNamespace(identity=lambda block: block, complete=True, info=info)
    return OpenFile(source, reader, index, fresh=False, cost=1)


async def gone(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)


async def test_blocks_are_loaded_once_for_all(cache):
    file = opened(Reader())
    first = asyncio.ensure_future(cache.blocks(file, [ONE, TWO]))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(cache.blocks(file, [TWO, THREE]))
    await asyncio.sleep(0)
    file.reader.go.set()
    assert set(await first) == {ONE, TWO}
    blocks = await second
    assert [blocks[b].data.item() for b in (TWO, THREE)] == [1, 2]
    assert sorted(file.reader.asked) == [(ONE, TWO), (THREE,)]
    assert set(await cache.blocks(file, [ONE, TWO, THREE])) == {ONE, TWO, THREE}
    assert len(file.reader.asked) == 2


async def test_blocks_that_nobody_waits_for_are_given_up(cache):
    file = opened(Reader())
    task = asyncio.ensure_future(cache.blocks(file, [ONE, TWO]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await gone(task)
    assert file.reader.abandoned == [(ONE, TWO)]
    file.reader.go.set()
    assert set(await cache.blocks(file, [ONE])) == {ONE}


async def test_a_caller_that_goes_away_leaves_the_others_their_blocks(cache):
    file = opened(Reader())
    first = asyncio.ensure_future(cache.blocks(file, [ONE]))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(cache.blocks(file, [ONE]))
    await asyncio.sleep(0)
    await gone(first)
    file.reader.go.set()
    assert set(await second) == {ONE}
    assert file.reader.asked == [(ONE,)]


async def test_an_error_reaches_all_and_is_not_kept(cache):
    file = opened(Reader())
    file.reader.failure = SourceUnavailableError("away")
    file.reader.go.set()
    for outcome in await asyncio.gather(
        cache.blocks(file, [ONE]), cache.blocks(file, [ONE]), return_exceptions=True
    ):
        assert isinstance(outcome, SourceUnavailableError)
    file.reader.failure = None
    assert set(await cache.blocks(file, [ONE])) == {ONE}


async def test_what_a_failed_load_had_in_hand_goes_with_its_error(cache):
    file, hand = opened(Reader()), Hand()

    async def fetch(source, index, blocks):
        large = Large()
        hand.hold(large)
        await asyncio.sleep(0)
        raise SourceUnavailableError("away")

    file.reader.fetch = fetch
    await hand.is_empty_after(cache.blocks(file, [ONE]), SourceUnavailableError)


async def test_blocks_of_another_reader_of_the_same_file_are_others(cache):
    one, other = Reader(), Reader()
    other.id = "another"
    for reader in (one, other):
        reader.go.set()
        await cache.blocks(opened(reader), [ONE])
    assert cache.at_hand(opened(one), [ONE])[ONE] is not cache.at_hand(opened(other), [ONE])[ONE]
    assert other.asked == [(ONE,)]
