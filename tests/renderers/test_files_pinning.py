"""Blocks that a kernel reads stay where they are, whatever the cache lets go of."""

import ctypes
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from renderers.files import FileCache, OpenFile
from renderers.readers.base import Block, BlockId
from renderers.scene import ObjectRef
from renderers.sources import Template

SIDE = 64
BLOCK = SIDE * SIDE * 2 + 200


class Reader:
    """Makes blocks full of their column number."""

    id = "fake"

    async def fetch(self, source, index, blocks):
        return [(bytes(1),) for _ in blocks]

    def decode(self, index, block, parts):
        return Block(np.full((1, SIDE, SIDE), block.column, np.uint16))


def opened() -> OpenFile:
    source = SimpleNamespace(ref=ObjectRef("file", "a.tif", "etag", 1))
    level = SimpleNamespace(block_width=SIDE, block_height=SIDE)
    index = SimpleNamespace(
        identity=lambda block: block, complete=True, info=SimpleNamespace(levels=[level] * 9)
    )
    return OpenFile(source, Reader(), index, fresh=False, cost=1)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as threads:
        yield threads


def tables(blocks):
    """Return what a kernel gets for one band in some blocks."""
    none = np.zeros((0, 0), np.int64)
    template = Template(
        layouts=none,
        scales=np.zeros((0, 2)),
        strides=np.zeros(0, np.int64),
        bands=none,
        physics=np.zeros((0, 3)),
        numbers=(0,) * len(blocks),
        forms=tuple(block.form for block in blocks),
        dtypes=("uint16",),
        keep=(),
    )
    return template.tables(blocks)


async def test_eviction_leaves_a_kernel_its_blocks(pool):
    cache, file = FileCache(None, None, pool, block_bytes=4 * BLOCK), opened()
    wanted = [BlockId(0, 0, column, 0) for column in range(3)]
    found = await cache.blocks(file, wanted)
    known = [weakref.ref(found[block].data) for block in wanted]
    read = tables([found[block] for block in wanted])
    del found
    for column in range(3, 40):
        await cache.blocks(file, [BlockId(0, 0, column, 0)])
    gc.collect()
    assert cache.at_hand(file, wanted) is None
    for column, address in enumerate(read.addresses):
        pixels = (ctypes.c_uint16 * (SIDE * SIDE)).from_address(int(address))
        assert set(pixels) == {column}
    # What the kernel holds is its own; the cache counts what it would free itself.
    assert cache.stats()["blocks"]["bytes"] == 4 * BLOCK
    del read, pixels
    gc.collect()
    assert [ref() for ref in known] == [None] * 3


async def test_a_large_subset_leaves_the_blocks_of_the_map_that_is_looked_at(pool):
    cache, file = FileCache(None, None, pool, block_bytes=40 * BLOCK), opened()
    screen = [BlockId(0, row, column, 0) for row in range(3) for column in range(4)]
    for other in range(8):
        await cache.blocks(file, screen)
        await cache.blocks(file, [BlockId(1 + other, 0, column, 0) for column in range(16)])
    await cache.blocks(file, [BlockId(0, 100, column, 0) for column in range(400)])
    assert cache.whole(cache.keys(file, screen)) is not None
