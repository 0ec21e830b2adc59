"""Files as Sentinel-2 has them, written by GDAL: all levels, ranges and rounds."""

import numpy as np
import pytest
import rasterio

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.readers.jp2 import index as jp2_index

SENTINEL_2 = {
    "BLOCKXSIZE": 1024,
    "BLOCKYSIZE": 1024,
    "PROGRESSION": "LRCP",
    "RESOLUTIONS": 5,
    "PRECINCTS": "{256,256},{256,256},{256,256},{256,256},{256,256}",
    "NBITS": 15,
}


async def compare_with_gdal(path, source, reader, read_level, levels: int) -> object:
    """Every level equals GDAL's overview of the same number; returns the index."""
    index = reader.load_index((await reader.build_index(source)).to_bytes())
    assert len(index.info.levels) == levels
    for level in range(levels):
        options = {"overview_level": level - 1} if level else {}
        with rasterio.open(path, **options) as dataset:
            theirs = dataset.read()
        np.testing.assert_array_equal(await read_level(source, index, level), theirs)
    return index


@pytest.mark.parametrize(
    "options",
    [
        {"PLT": "YES"},
        {"PLT": "YES", "TLM": "YES"},
        {"TLM": "YES"},
        {},
        {"PLT": "YES", "SOP": "YES", "EPH": "YES"},
        {"PLT": "YES", "PROGRESSION": "RLCP"},
        {"PLT": "YES", "PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS"},
        {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS", "TLM": "YES"},
        {"PLT": "YES", "PROGRESSION": "RLCP", "QUALITY": "20,50,100"},
        {"PLT": "YES", "QUALITY": "30", "REVERSIBLE": "NO"},
        {"PLT": "YES", "CODEBLOCK_STYLE": "BYPASS,TERMALL"},
    ],
    ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()) or "plain",
)
async def test_15_bit_band_equals_gdal(
    options, pixels, write_jp2, memory, reader, read_level
) -> None:
    path = write_jp2(pixels(1300, 1500, 1, 2**15 - 1), **SENTINEL_2 | options)
    source = memory(path.read_bytes())
    index = await compare_with_gdal(path, source, reader, read_level, 5)
    assert index.info.dtype == "uint16"
    assert index.info.bits == 15
    assert index.info.crs == "EPSG:32633"
    assert tuple(index.info.transform)[:6] == (10, 0, 499980, 0, -10, 5100000)


@pytest.mark.parametrize("colours", ["YES", "NO"])
async def test_three_bands_with_and_without_colour_transform(
    colours, pixels, write_jp2, memory, reader, read_level
) -> None:
    array = pixels(700, 500, 3, 255).astype(np.uint8)
    path = write_jp2(
        array,
        BLOCKXSIZE=256,
        BLOCKYSIZE=256,
        YCC=colours,
        RESOLUTIONS=3,
        PLT="YES",
    )
    source = memory(path.read_bytes())
    index = await compare_with_gdal(path, source, reader, read_level, 3)
    np.testing.assert_array_equal(await read_level(source, index, 0), array)


@pytest.mark.parametrize(
    "kind",
    [("int16", -2000, 9000, 16), ("uint16", 0, 4095, 12), ("uint8", 0, 1, 1), ("uint8", 0, 15, 4)],
)
async def test_sample_depths(kind, pixels, write_jp2, memory, reader, read_level) -> None:
    dtype, low, high, bits = kind
    array = (pixels(600, 513, 1, high - low).astype(np.int32) + low).astype(dtype)
    path = write_jp2(array, BLOCKXSIZE=128, BLOCKYSIZE=128, NBITS=bits, RESOLUTIONS=3, PLT="YES")
    source = memory(path.read_bytes())
    index = await compare_with_gdal(path, source, reader, read_level, 3)
    assert index.info.bits == bits
    np.testing.assert_array_equal(await read_level(source, index, 0), array)


async def test_last_band_as_alpha_becomes_the_mask(pixels, write_jp2, memory, reader) -> None:
    array = pixels(300, 300, 4, 255).astype(np.uint8)
    array[3] = 255
    array[3, :70, :90] = 0
    path = write_jp2(array, photometric="RGB", alpha="YES", BLOCKXSIZE=256, BLOCKYSIZE=256)
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3].name == "alpha"
    source = memory(path.read_bytes())
    index = await reader.build_index(source)
    assert (index.info.count, index.info.masked) == (3, True)
    block = BlockId(0, 0, 0, 0)
    decoded = reader.decode(index, block, (await reader.fetch(source, index, [block]))[0])
    np.testing.assert_array_equal(decoded.data, array[:3, :256, :256])
    np.testing.assert_array_equal(decoded.mask, array[3, :256, :256])


async def test_levels_stop_where_blocks_would_be_irregular(
    pixels, write_jp2, memory, reader
) -> None:
    """Tiles of 112 px would be 3.5 px wide at the sixth level; a single tile halves as it can."""
    options = {"RESOLUTIONS": 6, "PLT": "YES"}
    array = pixels(1100, 1803, 1, 255)
    path = write_jp2(array, "tiles.jp2", BLOCKXSIZE=112, BLOCKYSIZE=112, **options)
    index = await reader.build_index(memory(path.read_bytes()))
    assert [level.block_width for level in index.info.levels] == [112, 56, 28, 14, 7]
    path = write_jp2(array[:, :901, :903], "one.jp2", BLOCKXSIZE=1024, BLOCKYSIZE=1024, **options)
    index = await reader.build_index(memory(path.read_bytes()))
    assert [level.block_width for level in index.info.levels] == [903, 452, 226, 113, 57]


async def test_bytes_of_a_10_m_band_by_level(pixels, write_jp2, memory, reader) -> None:
    """With detail like a real scene, low resolutions need few per cent of the bytes."""
    path = write_jp2(pixels(2048, 2048, 1, 9000), **SENTINEL_2, PLT="YES")
    index = await reader.build_index(memory(path.read_bytes()))
    total = [
        sum(
            r.stop - r.start
            for row in range(2)
            for column in range(2)
            for r in reader.ranges(index, BlockId(level, row, column, 0))
        )
        for level in range(5)
    ]
    shares = [t / total[0] for t in total]
    assert shares[1] < 0.30
    assert shares[2] < 0.08
    assert shares[3] < 0.025
    assert shares[4] < 0.01


async def test_ranges_of_several_tile_parts(pixels, write_jp2, memory, reader) -> None:
    """With a tile-part per resolution and PLT, a reduction leaves the finer parts out."""
    options = SENTINEL_2 | {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS", "PLT": "YES"}
    path = write_jp2(pixels(1024, 1024, 1, 255), **options)
    index = await reader.build_index(memory(path.read_bytes()))
    counts = [len(reader.ranges(index, BlockId(level, 0, 0, 0))) for level in range(5)]
    assert counts == [5, 4, 3, 2, 1]


async def test_rounds_of_requests(pixels, write_jp2, memory, reader) -> None:
    """With TLM the index takes two rounds; without, one small request per tile-part."""
    array = pixels(2048, 3072, 1, 2**15 - 1)
    listed = memory(write_jp2(array, "tlm.jp2", **SENTINEL_2, PLT="YES", TLM="YES").read_bytes())
    index = await reader.build_index(listed)
    assert [len(ranges) for ranges in listed.rounds] == [1, 6]
    chained = memory(write_jp2(array, "sot.jp2", **SENTINEL_2, PLT="YES").read_bytes())
    await reader.build_index(chained)
    assert len(chained.rounds) <= 1 + 6
    assert all(r.stop - r.start <= 512 for ranges in chained.rounds[1:] for r in ranges)
    listed.rounds.clear()
    blocks = [BlockId(level, row, 1, 0) for level in (0, 1, 3) for row in range(2)]
    await reader.fetch(listed, index, blocks)
    assert [len(ranges) for ranges in listed.rounds] == [6]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"PROGRESSION": "PCRL"}, "packets not ordered by resolution"),
        ({"PROGRESSION": "CPRL"}, "packets not ordered by resolution"),
        ({"PROGRESSION": "LRCP", "QUALITY": "20,100"}, "packets not ordered by resolution"),
    ],
)
async def test_refused_by_the_header(options, reason, pixels, write_jp2, memory, reader) -> None:
    options = {"RESOLUTIONS": 3, "BLOCKXSIZE": 256, "BLOCKYSIZE": 256} | options
    path = write_jp2(pixels(512, 512, 1, 255), **options)
    with pytest.raises(SourceUnsupportedError, match=reason):
        await reader.build_index(memory(path.read_bytes()))


async def test_one_resolution_is_read_in_any_order(
    pixels, write_jp2, memory, reader, read_level
) -> None:
    array = pixels(500, 500, 1, 255)
    path = write_jp2(array, RESOLUTIONS=1, PROGRESSION="CPRL", BLOCKXSIZE=256, BLOCKYSIZE=256)
    source = memory(path.read_bytes())
    index = await reader.build_index(source)
    np.testing.assert_array_equal(await read_level(source, index, 0), array)


async def test_truncated_file_is_said_to_be(pixels, write_jp2, memory, reader) -> None:
    data = write_jp2(pixels(1300, 1500, 1, 2**15 - 1), **SENTINEL_2, PLT="YES").read_bytes()
    with pytest.raises(SourceCorruptError, match="truncated"):
        await reader.build_index(memory(data[: len(data) * 2 // 3]))


async def test_short_parts_are_not_decoded(pixels, write_jp2, memory, reader) -> None:
    source = memory(write_jp2(pixels(300, 300, 1, 255), PLT="YES").read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 0, 0, 0)
    ((part,),) = await reader.fetch(source, index, [block])
    with pytest.raises(SourceCorruptError, match="truncated"):
        reader.decode(index, block, (part[:-1],))
    for wrong in (
        BlockId(0, 1, 0, 0),
        BlockId(9, 0, 0, 0),
        BlockId(0, 0, -1, 0),
        BlockId(0, 0, 0, 1),
    ):
        with pytest.raises(ValueError, match="no block"):
            reader.ranges(index, wrong)


async def test_component_overrides_are_lowered_too(
    pixels, write_jp2, memory, reader, read_level
) -> None:
    """COC and QCC that repeat COD and QCD change no pixel at any level."""
    array = pixels(400, 400, 3, 255).astype(np.uint8)
    path = write_jp2(
        array, BLOCKXSIZE=256, BLOCKYSIZE=256, YCC="NO", RESOLUTIONS=3, PLT="YES", CODEC="J2K"
    )
    data = path.read_bytes()
    data = data[data.index(b"\xff\x4f\xff\x51") :]
    cod, qcd = data.index(b"\xff\x52"), data.index(b"\xff\x5c")
    coding = data[cod + 4 : cod + 2 + int.from_bytes(data[cod + 2 : cod + 4], "big")]
    steps = data[qcd + 4 : qcd + 2 + int.from_bytes(data[qcd + 2 : qcd + 4], "big")]
    extra = b""
    for marker, body in (
        (b"\xff\x53", b"\1" + coding[:1] + coding[5:]),
        (b"\xff\x5d", b"\1" + steps),
    ):
        extra += marker + (len(body) + 2).to_bytes(2, "big") + body
    at = qcd + 4 + len(steps)
    plain, overridden = memory(data), memory(data[:at] + extra + data[at:])
    first, second = await reader.build_index(plain), await reader.build_index(overridden)
    assert len(second.header.segments) == len(first.header.segments) + 2
    for level in range(3):
        expected = await read_level(plain, first, level)
        np.testing.assert_array_equal(await read_level(overridden, second, level), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"PLT": "YES"},
        {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS", "PLT": "YES"},
        {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS", "TLM": "YES"},
        {"QUALITY": "30", "REVERSIBLE": "NO"},
    ],
    ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()),
)
async def test_very_many_small_tiles_are_one_block(
    options, pixels, write_jp2, memory, reader, read_level
) -> None:
    array = pixels(350, 411, 2, 255).astype(np.uint8)
    path = write_jp2(array, BLOCKXSIZE=32, BLOCKYSIZE=32, RESOLUTIONS=3, **options)
    source = memory(path.read_bytes())
    index = await compare_with_gdal(path, source, reader, read_level, 3)
    assert index.whole
    assert [v.block_width for v in index.info.levels] == [411, 206, 103]


async def test_very_many_small_tiles_of_a_large_file_are_refused(
    pixels, write_jp2, memory, reader, monkeypatch
) -> None:
    path = write_jp2(pixels(350, 411, 1, 255), BLOCKXSIZE=32, BLOCKYSIZE=32, RESOLUTIONS=3)
    stored = (await reader.build_index(memory(path.read_bytes()))).to_bytes()
    monkeypatch.setattr(jp2_index, "MAX_WHOLE_BYTES", 20_000)
    with pytest.raises(SourceUnsupportedError, match="read as one"):
        await reader.build_index(memory(path.read_bytes()))
    with pytest.raises(SourceCorruptError):
        reader.load_index(stored)
