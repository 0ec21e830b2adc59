"""Windows of tiles equal the same pixels of whole tiles, whatever the file's packets look like."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError
from renderers.readers.base import BlockId
from renderers.readers.jp2 import partial
from renderers.readers.jp2.cutout import cut_out
from renderers.readers.jp2.precincts import (
    blanked,
    coefficient_share,
    find_head,
    head_room,
    wanted_packets,
)
from renderers.readers.jp2.reader import _decoded

LAYOUT = {
    "BLOCKXSIZE": 512,
    "BLOCKYSIZE": 512,
    "PROGRESSION": "LRCP",
    "RESOLUTIONS": 4,
    "PRECINCTS": "{64,64},{64,64},{64,64},{64,64}",
    "CODEBLOCK_WIDTH": 32,
    "CODEBLOCK_HEIGHT": 32,
    "PLT": "YES",
}
VARIANTS = {
    "plain": {},
    "tlm": {"TLM": "YES"},
    "sop-eph": {"SOP": "YES", "EPH": "YES"},
    "eph": {"EPH": "YES"},
    "rlcp-layers": {"PROGRESSION": "RLCP", "QUALITY": "20,50,100"},
    "rpcl-layers": {"PROGRESSION": "RPCL", "QUALITY": "20,50,100"},
    "tile-parts": {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS"},
    "oblong": {"PRECINCTS": "{64,128},{32,64},{128,64},{64,256}"},
    "lossy": {"QUALITY": "30", "REVERSIBLE": "NO"},
    "odd-tiles": {"BLOCKXSIZE": 456, "BLOCKYSIZE": 328},
    "one-resolution": {"RESOLUTIONS": 1, "PROGRESSION": "PCRL", "PRECINCTS": "{64,64}"},
    "one-resolution-by-component": {
        "RESOLUTIONS": 1,
        "PROGRESSION": "CPRL",
        "PRECINCTS": "{64,64}",
    },
}
THREE_BANDS = ("plain", "rlcp-layers", "rpcl-layers", "one-resolution-by-component")


@pytest.fixture(autouse=True)
def any_size_is_worthwhile(monkeypatch) -> None:
    """The files here are small."""
    monkeypatch.setattr(partial, "WORTHWHILE_BYTES", 0)


def part(block, window):
    return block.data[:, window[0] : window[2], window[1] : window[3]]


async def whole_and_parts(reader, source, index, block):
    (own,) = await reader.fetch(source, index, [block])
    parts = await source.read(reader.window_ranges(index, block))
    return reader.decode(index, block, own), parts


def windows(rows: int, columns: int) -> st.SearchStrategy:
    def ends(first, size):
        return st.tuples(*(st.integers(f + 1, s) for f, s in zip(first, size, strict=True)))

    first = st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1))
    return first.flatmap(lambda f: ends(f, (rows, columns)).map(lambda stop: (*f, *stop)))


@pytest.mark.parametrize(
    ("variant", "bands"), [(name, 1) for name in VARIANTS] + [(name, 3) for name in THREE_BANDS]
)
def test_any_window_is_exact(variant, bands, pixels, write_jp2, memory, reader) -> None:
    array = pixels(700, 1100, bands, 255 if bands == 3 else 4000)
    array = array.astype(np.uint8) if bands == 3 else array
    source = memory(write_jp2(array, **LAYOUT | VARIANTS[variant]).read_bytes())
    index = asyncio.run(reader.build_index(source))
    index = reader.load_index(index.to_bytes())
    last = index.info.levels[0].width // index.info.levels[0].block_width

    @settings(max_examples=12, deadline=None, derandomize=True)
    @given(st.data())
    def check(data) -> None:
        level = data.draw(st.integers(0, min(2, len(index.info.levels) - 1)))
        block = BlockId(level, data.draw(st.integers(0, 1)), data.draw(st.integers(0, last)), 0)
        whole, parts = asyncio.run(whole_and_parts(reader, source, index, block))
        window = data.draw(windows(*whole.data.shape[1:]))
        found = reader.decode_window(index, block, parts, window)
        assert found.window == window
        assert found.data.shape == whole.data.shape
        np.testing.assert_array_equal(part(found, window), part(whole, window))
        outside = np.ones(whole.data.shape[1:], bool)
        outside[window[0] : window[2], window[1] : window[3]] = False
        assert not found.data[:, outside].any()
        again = reader.decode_window(index, block, parts, None)
        assert again.window is None
        np.testing.assert_array_equal(again.data, whole.data)

    check()


async def test_packets_are_left_out(pixels, write_jp2, memory, reader) -> None:
    """Guards the test above: small windows do leave most of the bytes out."""
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    parts = await source.read(reader.window_ranges(index, block))
    window = (200, 200, 230, 230)
    body = partial.body(index, block, window, parts)
    assert body is not None
    assert len(body) < 0.15 * sum(len(p) for p in parts)
    assert reader.share(index, block, window) < 0.15
    assert reader.share(index, block, (0, 0, 512, 512)) == 1.0
    wanted = wanted_packets(index.header, 0, 0, window)
    assert wanted.size == sum(index.header.packets(0))
    assert 0 < wanted.sum() < wanted.size / 4


async def test_no_packet_too_many_and_none_too_few(pixels, write_jp2, memory, reader) -> None:
    """Each wanted packet matters: without any one of them some window of its cell changes.

    A random image has a coefficient everywhere, so a pixel whose filters reach a precinct changes
    when that is left out.
    """
    noise = np.random.default_rng(3).integers(0, 4000, (1, 256, 256), np.uint16)
    options = LAYOUT | {"BLOCKXSIZE": 256, "BLOCKYSIZE": 256, "RESOLUTIONS": 2}
    options["PRECINCTS"] = "{64,64},{64,64}"
    source = memory(write_jp2(noise, **options).read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    whole, parts = await whole_and_parts(reader, source, index, block)
    # From the first pixel that needs the precinct before, through the last that needs the next.
    for first, stop in [(64, 128), (66, 128), (66, 127), (65, 126)]:
        window = (first, first, stop, stop)
        wanted = wanted_packets(index.header, 0, 0, window)
        fine = wanted[4:].reshape(4, 4)
        expected = np.zeros((4, 4), bool)
        low = 1 if (first >> 1) - 1 >= 32 else 0
        high = 2 if stop >> 1 >= 64 else 1
        expected[low : high + 1, low : high + 1] = True
        np.testing.assert_array_equal(fine, expected)
        for missing in np.flatnonzero(wanted):
            fewer = wanted.copy()
            fewer[missing] = False
            found = decoded_with(index, block, parts, fewer, reader)
            assert not np.array_equal(part(found, window), part(whole, window))


def decoded_with(index, block, parts, wanted, reader):
    """Decode with a given choice of packets."""
    room = index.ranges(block)[0].start - partial.window_ranges(index, block)[0].start
    head = find_head(parts[0][:room], 0, len(parts[0]) - room)
    body = blanked(index.header, parts[0][room:], head.packets, wanted)
    return _decoded(index, block, cut_out(index.header, 0, block.level, [body]))


async def test_without_packet_lengths_the_whole_tile_is_decoded(
    pixels, write_jp2, memory, reader
) -> None:
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT | {"PLT": "NO"}).read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    whole, parts = await whole_and_parts(reader, source, index, block)
    found = reader.decode_window(index, block, parts, (10, 10, 40, 40))
    assert found.window is None
    np.testing.assert_array_equal(found.data, whole.data)


async def test_opacity_is_cut_too(pixels, write_jp2, memory, reader) -> None:
    array = pixels(512, 512, 4, 255).astype(np.uint8)
    array[3] = 255
    array[3, :210, :220] = 0
    path = write_jp2(array, photometric="RGB", alpha="YES", **LAYOUT)
    source = memory(path.read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    parts = await source.read(reader.window_ranges(index, block))
    found = reader.decode_window(index, block, parts, (200, 200, 300, 300))
    assert found.data.shape == (3, 512, 512)
    np.testing.assert_array_equal(found.mask[200:300, 200:300], array[3, 200:300, 200:300])
    assert not found.mask[:200].any()
    assert not found.mask[:, 300:].any()


async def test_small_tiles_are_decoded_whole(
    pixels, write_jp2, memory, reader, monkeypatch
) -> None:
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    size = sum(r.stop - r.start for r in reader.ranges(index, BlockId(0, 0, 0, 0)))
    for limit, share in ((size, 0.2), (size + 1, 1.1)):
        monkeypatch.setattr(partial, "WORTHWHILE_BYTES", limit)
        assert reader.share(index, BlockId(0, 0, 0, 0), (200, 200, 210, 210)) < share
    assert reader.share(index, BlockId(0, 0, 0, 0), (200, 200, 210, 210)) == 1.0


async def test_a_header_is_found_beside_bytes_that_look_like_one(
    pixels, write_jp2, memory, reader
) -> None:
    source = memory(write_jp2(pixels(512, 1024, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 1, 0)
    own, wide = reader.ranges(index, block)[0], reader.window_ranges(index, block)[0]
    assert own.start - wide.start == head_room(index.header, 1)
    room, body = source.data[wide.start : own.start], own.stop - own.start
    head = find_head(room, 1, body)
    assert head is not None
    assert sum(head.packets) == body
    false = b"\xff\x90\x00\x0a\x00\x01" + bytes(10)
    assert find_head(false + room[-head.header :], 1, body) == head
    assert find_head(room[: -head.header] + room[-head.header + 1 :], 1, body) is None
    many = b"\xff\x90\x00\x0a" * 4000
    assert find_head(many + room[-head.header :], 1, body) == head
    assert find_head(room[-head.header :] + many, 1, body) is None
    assert find_head(room, 0, body) is None
    assert find_head(room, 1, body - 1) is None
    assert find_head(b"", 1, body) is None


async def test_wrong_lengths_are_damage(pixels, write_jp2, memory, reader) -> None:
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    parts = await source.read(reader.window_ranges(index, block))
    with pytest.raises(SourceCorruptError, match="truncated"):
        reader.decode_window(index, block, [parts[0][:-1]], (0, 0, 9, 9))
    with pytest.raises(SourceCorruptError, match="packet lengths"):
        blanked(index.header, b"abc", [1, 1], np.array([True, False]))
    with pytest.raises(SourceCorruptError, match="packet lengths"):
        blanked(index.header, b"abc", [3], np.array([True, False]))


async def test_headers_with_any_byte_changed(pixels, write_jp2, memory, reader) -> None:
    """An error, the whole tile, or the window; where packet lengths still fit, any pixels."""
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    block, window = BlockId(0, 0, 0, 0), (200, 200, 230, 230)
    (wide,) = reader.window_ranges(index, block)
    room = reader.ranges(index, block)[0].start - wide.start
    (good,) = await source.read([wide])
    random = np.random.default_rng(1)
    outcomes = {"error": 0, "whole": 0, "part": 0}
    for at, value in zip(
        random.integers(0, room, 400).tolist(), random.integers(0, 256, 400).tolist(), strict=True
    ):
        bad = good[:at] + bytes([value]) + good[at + 1 :]
        try:
            body = partial.body(index, block, window, [bad])
        except SourceCorruptError:
            outcomes["error"] += 1
        else:
            outcomes["whole" if body is None else "part"] += 1
    assert min(outcomes.values()) > 0


async def test_a_tile_that_claims_very_many_packets(pixels, write_jp2, memory, reader) -> None:
    source = memory(write_jp2(pixels(512, 512, 1, 4000), **LAYOUT).read_bytes())
    index = await reader.build_index(source)
    tiny = (replace(index.header.coding[0], precincts=((1, 1),) * 4),)
    hostile = replace(index.header, coding=tiny)
    assert sum(hostile.packets(0)) > 80_000
    assert head_room(hostile, 0) == 64 * 1024


async def test_real_files_at_every_level(shared, memory, reader) -> None:
    """Genuine Kakadu streams: 192 px tiles of 4 px code-blocks, masks of 8 components."""
    random = np.random.default_rng(11)
    compared = 0
    for name in (
        "T31TDH_20180101T105441_B01.jp2",
        "MSK_DETFOO_B02.jp2",
        "MSK_DETFOO_B05.jp2",
        "MSK_CLASSI_B00.jp2",
        "MSK_QUALIT_B02.jp2",
        "L1C_15bit_1830_T31_sparse.jp2",
    ):
        source = memory(next((shared / "data/sentinel2").rglob(name)).read_bytes())
        index = await reader.build_index(source)
        size = index.header.size
        for _ in range(12):
            level = int(random.integers(0, 3))
            place = random.integers(0, (size.rows, size.columns))
            block = BlockId(level, int(place[0]), int(place[1]), 0)
            whole, parts = await whole_and_parts(reader, source, index, block)
            rows, columns = whole.data.shape[1:]
            top, left = int(random.integers(0, rows)), int(random.integers(0, columns))
            window = (top, left, min(top + 60, rows), min(left + 60, columns))
            found = reader.decode_window(index, block, parts, window)
            assert found.window == window
            np.testing.assert_array_equal(part(found, window), part(whole, window))
            share = coefficient_share(index.header, index.tile_number(block), level, window)
            assert 0 < share <= 1
            compared += share < 1
    assert compared > 20
