"""Tiles found without an index: the same places as a walk finds, whatever the file holds."""

import asyncio

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.codestreams import Part, Stream, hostile_comment, packet_bytes, segment

from renderers.errors import SourceCorruptError, SourceError, SourceUnsupportedError
from renderers.held import FIRST_READ, HeldSource
from renderers.readers.base import BlockId
from renderers.readers.jp2.growing import GrowingIndex
from renderers.readers.jp2.reader import Jp2Reader

pytestmark = pytest.mark.usefixtures("memory")
READER = Jp2Reader()
COLUMNS, ROWS = 8, 6
#: Tiles at the beginning of odd files that are not odd.
WHOLE = 2


def lengths(random: np.random.Generator, kind: str) -> np.ndarray:
    """Bytes of tiles: alike, of all sizes, or of a scene that ends at a swath's edge."""
    count = COLUMNS * ROWS
    if kind == "alike":
        return random.normal(40_000, 4_000, count).astype(int)
    if kind == "mixed":
        return random.integers(20, 90_000, count)
    full = random.normal(60_000, 9_000, count).astype(int)
    return np.where(np.arange(count) % COLUMNS < random.integers(1, COLUMNS), full, 25)


def plain(seed: int, kind: str, *, plt: bool = True) -> Stream:
    """One tile-part per tile, in order, each of two packets of half its bytes."""
    random = np.random.default_rng(seed)
    stream = Stream(COLUMNS, ROWS)
    for tile, length in enumerate(lengths(random, kind)):
        body = packet_bytes(random, max(int(length), 2))
        halves = (len(body) // 2, len(body) - len(body) // 2)
        stream.parts.append(Part(tile, body, packets=halves if plt else None))
    return stream


def block_of(tile: int, level: int = 0) -> BlockId:
    return BlockId(level, tile // COLUMNS, tile % COLUMNS, 0)


async def found(memory, data: bytes, blocks: list[BlockId]):
    """Open and locate; returns the index, the source's rounds, and the bytes of the blocks."""
    source = memory(data)
    held = await HeldSource.begin(source, FIRST_READ)
    index = await READER.open(held)
    await READER.locate(held, index, blocks)
    return index, source, await READER.fetch(held, index, blocks)


async def outcome(work) -> object:
    try:
        return await work
    except SourceError as error:
        return type(error)


async def whole(memory, data: bytes):
    return await READER.build_index(memory(data))


async def check(memory, data: bytes, blocks: list[BlockId]) -> GrowingIndex | None:
    """Whatever is answered is what the walk from one tile-part to the next finds."""
    reference = await outcome(whole(memory, data))
    result = await outcome(found(memory, data, blocks))
    if isinstance(result, type):
        assert result is reference
        return None
    index, _, parts = result
    expected = reference
    if isinstance(reference, type):
        # A file damaged elsewhere: what is complete is given, until all of it was looked at.
        with pytest.raises(reference):
            await READER.complete(memory(data), index)
        return None
    for block, own in zip(blocks, parts, strict=True):
        assert index.ranges(block) == expected.ranges(block)
        assert own == tuple(data[r.start : r.stop] for r in expected.ranges(block))
    complete = await READER.complete(memory(data), index)
    assert complete.to_bytes() == expected.to_bytes()
    return index if isinstance(index, GrowingIndex) else None


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["alike", "mixed", "swath"]),
    plt=st.booleans(),
    level=st.integers(0, 1),
    data=st.data(),
)
def test_any_tiles_of_a_plain_file(memory, seed, kind, plt, level, data) -> None:
    tiles = data.draw(st.lists(st.integers(0, COLUMNS * ROWS - 1), min_size=1, max_size=12))
    stream = plain(seed, kind, plt=plt)
    stream.closed, stream.open_end = data.draw(st.sampled_from([(1, 0), (0, 0), (1, 1), (0, 1)]))
    blocks = [block_of(tile, level) for tile in dict.fromkeys(tiles)]
    asyncio.run(check(memory, stream.to_bytes(), blocks))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["same", "next", "other", "chain", "noise"]),
    layout=st.sampled_from(["alike", "mixed", "swath"]),
    every=st.booleans(),
    data=st.data(),
)
def test_what_looks_like_tile_parts_in_comments(memory, seed, kind, layout, every, data) -> None:
    random = np.random.default_rng(seed)
    tile = data.draw(st.integers(0, COLUMNS * ROWS - 1))
    stream = plain(seed, layout)
    for victim in range(COLUMNS * ROWS) if every else (tile,):
        stream.parts[victim].extra = hostile_comment(stream, victim, kind, random)
    level = data.draw(st.integers(0, 1))
    blocks = [block_of(t, level) for t in {tile, min(tile + 1, COLUMNS * ROWS - 1)}]
    asyncio.run(check(memory, stream.to_bytes(), blocks))


def in_halves(parts: list[Part], counts: tuple[int, int], *, mixed: bool) -> list[Part]:
    """Two tile-parts per tile, one after the other, or all first ones before all second ones.

    The first tiles stay as they are, so that the beginning of the file tells nothing.
    """
    whole, parts = parts[:WHOLE], parts[WHOLE:]
    first, second = [], []
    for p in parts:
        at = p.packets[0]
        first.append(Part(p.tile, p.body[:at], packets=p.packets[:1], count=counts[0]))
        second.append(Part(p.tile, p.body[at:], b"", 1, counts[1], p.packets[1:]))
    if mixed:
        return whole + first + second
    return whole + [part for pair in zip(first, second, strict=True) for part in pair]


def reordered(parts: list[Part], kind: str, random: np.random.Generator) -> list[Part]:
    """The tile-parts in another order, without one, or with one twice."""
    n = int(random.integers(1, len(parts)))
    if kind == "shuffled":
        return [parts[0], *(parts[i] for i in 1 + random.permutation(len(parts) - 1))]
    if kind == "reversed":
        return parts[:1] + parts[:0:-1]
    if kind == "two swapped":
        return [*parts[: n - 1], parts[n], parts[n - 1], *parts[n + 1 :]]
    if kind == "missing":
        return parts[:n] + parts[n + 1 :]
    return parts if kind == "truncated" else [*parts[:20], parts[n], *parts[20:]]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(
        ["shuffled", "reversed", "two swapped", "halves", "resolutions", "unsaid count", "tail",
         "missing", "truncated", "twice"]
    ),
    tlm=st.booleans(),
    data=st.data(),
)  # fmt: skip
def test_files_of_other_kinds(memory, seed, kind, tlm, data) -> None:
    random = np.random.default_rng(seed)
    stream = plain(seed, "alike")
    if kind in ("halves", "resolutions"):
        counts = data.draw(st.sampled_from([(2, 2), (0, 2)]))
        stream.parts = in_halves(stream.parts, counts, mixed=kind == "resolutions")
    elif kind == "unsaid count":
        for part in stream.parts[WHOLE:]:
            part.count = 0
    elif kind == "tail":
        stream.tail = bytes(1000)
    else:
        stream.parts = reordered(stream.parts, kind, random)
    cut = int(random.integers(1, 500_000)) if kind == "truncated" else 0
    stream.tlm = tlm
    content = stream.to_bytes()
    tiles = data.draw(st.lists(st.integers(0, COLUMNS * ROWS - 1), min_size=1, max_size=3))
    blocks = [block_of(tile) for tile in dict.fromkeys(tiles)]
    asyncio.run(check(memory, content[: len(content) - cut], blocks))


async def test_rounds_and_bytes_of_a_plain_file(memory) -> None:
    """Head, one look, and the rest of the tile; a second tile mostly needs one look less."""
    stream = plain(3, "alike")
    for part in stream.parts:
        part.body *= 20
        part.packets = (len(part.body) // 2, len(part.body) - len(part.body) // 2)
    data = stream.to_bytes()
    mean = len(data) / len(stream.parts)
    rounds, shares = [], []
    for tile in range(COLUMNS * ROWS):
        index, source, _ = await found(memory, data, [block_of(tile)])
        assert isinstance(index, GrowingIndex)
        assert index.finished is None
        rounds.append(len(source.rounds))
        shares.append(sum(r.stop - r.start for ranges in source.rounds for r in ranges) / mean)
    assert np.median(rounds) <= 3
    assert np.percentile(rounds, 90) <= 4
    assert max(shares) <= 8


async def test_with_tlm_the_tile_comes_in_the_second_round(memory) -> None:
    stream = plain(4, "mixed")
    stream.tlm = True
    data = stream.to_bytes()
    for level in (0, 1):
        for tile in (0, 7, 30, 47):
            index, source, _ = await found(memory, data, [block_of(tile, level)])
            assert isinstance(index, GrowingIndex)
            assert len(source.rounds) <= 2 + level
            await check(memory, data, [block_of(tile, level)])


async def test_many_tiles_are_walked_from_several_places(memory) -> None:
    stream = plain(5, "alike")
    for part in stream.parts:
        part.body *= 10
        part.packets = (len(part.body) // 2, len(part.body) - len(part.body) // 2)
    data = stream.to_bytes()
    blocks = [block_of(tile, 1) for tile in range(COLUMNS * ROWS)]
    source = memory(data)
    held = await HeldSource.begin(source, FIRST_READ)
    index = await READER.open(held)
    await READER.locate(held, index, blocks)
    assert index.finished is not None
    assert max(len(ranges) for ranges in source.rounds) <= 6
    assert index.finished.to_bytes() == (await whole(memory, data)).to_bytes()


async def test_an_index_that_grows_is_not_stored(memory) -> None:
    index, _, _ = await found(memory, plain(6, "alike").to_bytes(), [block_of(9)])
    assert not index.complete
    assert index.located(9)
    assert not index.located(40)
    with pytest.raises(TypeError, match="not stored"):
        index.to_bytes()


async def test_overrides_in_one_tile_make_the_file_another_readers(memory) -> None:
    stream = plain(7, "alike")
    stream.parts[30].extra = segment(0xFF5C, bytes((0x40, 0x40, 0x48, 0x48, 0x50)))
    data = stream.to_bytes()
    with pytest.raises(SourceUnsupportedError, match="differs between tiles"):
        await found(memory, data, [block_of(30)])
    index, _, _ = await found(memory, data, [block_of(3)])
    with pytest.raises(SourceUnsupportedError, match="differs between tiles"):
        await READER.complete(memory(data), index)


async def test_pixels_equal_those_through_the_whole_index(
    pixels, write_jp2, memory, all_blocks
) -> None:
    """A file by OpenJPEG, with a hostile comment in every tile-part header."""
    path = write_jp2(
        pixels(1100, 1000, 1, 2**15 - 1), BLOCKXSIZE=128, BLOCKYSIZE=128, RESOLUTIONS=3, PLT="YES",
        PROGRESSION="LRCP", NBITS=15,
    )  # fmt: skip
    data = path.read_bytes()
    assert len(data) > 1_000_000
    reference = await whole(memory, data)
    for level in range(3):
        for block in all_blocks(reference, level)[:: 7 + level]:
            index, _, ((part,),) = await found(memory, data, [block])
            assert isinstance(index, GrowingIndex)
            ours = READER.decode(index, block, (part,)).data
            (r,) = reference.ranges(block)
            theirs = READER.decode(reference, block, (data[r.start : r.stop],)).data
            np.testing.assert_array_equal(ours, theirs)


async def test_corrupt_where_tlm_does_not_match(memory) -> None:
    stream = plain(8, "alike")
    stream.tlm = True
    data = bytearray(stream.to_bytes())
    data[stream.starts()[20] + 5] = 21
    with pytest.raises(SourceCorruptError, match="TLM"):
        await found(memory, bytes(data), [block_of(20)])
