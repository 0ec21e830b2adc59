"""Every real JPEG 2000 file: pixels and georeference equal GDAL's, or a stated refusal."""

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import CRS
from rasterio.windows import Window

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.readers.jp2.index import Jp2Index
from renderers.stores import StoreRegistry

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

#: Files that this reader refuses, and why.
REFUSED = {
    "3_13bit_and_1bit.jp2": "components of different depth",
    "byte_one_poc.j2k": "coding that differs between tiles",
    "gtsmall_11_int16.jp2": "packets not ordered by resolution",
}
TRUNCATED = "small_world_truncated.jp2"


def jpeg2000_files(root: Path) -> list[Path]:
    """Files by content, as names lie."""
    found = []
    for path in sorted((root / "data").rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(12)
            if head.startswith(b"\xff\x4f\xff\x51") or head[4:8] == b"jP  ":
                found.append(path)
    return found


def by_pillow(path: Path, level: int) -> np.ndarray:
    """Decode at a reduction with Pillow's OpenJPEG; it shifts 15-bit grey up to 16 bits."""
    with Image.open(path) as image:
        image.reduce = level
        array = np.asarray(image)
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def some_blocks(blocks: list[BlockId]) -> list[BlockId]:
    """All blocks of small files; of large ones corners, edges and a fixed choice within."""
    if len(blocks) <= 16:
        return blocks
    chosen = np.random.default_rng(5).choice(len(blocks), 5, replace=False)
    return [blocks[i] for i in sorted({0, len(blocks) - 1, *chosen.tolist()})]


def window_of(index: Jp2Index, block: BlockId) -> Window:
    shape = index.info.levels[block.level]
    left, top = block.column * shape.block_width, block.row * shape.block_height
    width, height = shape.block_width, shape.block_height
    return Window(left, top, min(width, shape.width - left), min(height, shape.height - top))


async def read_block(reader, source, index, block: BlockId) -> np.ndarray:
    (parts,) = await reader.fetch(source, index, [block])
    return reader.decode(index, block, parts).data


async def test_every_file_equals_gdal_at_every_level(shared, stores, reader, all_blocks) -> None:
    files = jpeg2000_files(shared)
    assert len(files) >= 30
    refused, compared, deeper = set(), 0, 0
    for path in files:
        source = await stores.open(stores.resolve(str(path))).pinned()
        if path.name in REFUSED:
            with pytest.raises(SourceUnsupportedError, match=REFUSED[path.name]):
                await reader.build_index(source)
            refused.add(path.name)
            continue
        if path.name == TRUNCATED:
            with pytest.raises(SourceCorruptError, match="truncated"):
                await reader.build_index(source)
            continue
        index = await reader.build_index(source)
        with rasterio.open(path) as dataset:
            overviews = dataset.overviews(1)
            assert (dataset.count, dataset.dtypes[0]) == (index.info.count, index.info.dtype)
        for level in range(len(index.info.levels)):
            if level <= len(overviews):
                options = {"overview_level": level - 1} if level else {}
                with rasterio.open(path, **options) as dataset:
                    shape = index.info.levels[level]
                    assert (dataset.width, dataset.height) == (shape.width, shape.height)
                    for block in some_blocks(all_blocks(index, level)):
                        ours = await read_block(reader, source, index, block)
                        theirs = dataset.read(window=window_of(index, block))
                        np.testing.assert_array_equal(ours, theirs, err_msg=path.name)
                compared += 1
            elif index.info.dtype != "int16" and level < 3:
                # Pillow has no signed 16-bit grey, and refuses reduction 3 of the 658 px file
                (block,) = all_blocks(index, level)
                theirs = by_pillow(path, level)
                shift = 16 - index.info.bits if index.info.dtype == "uint16" else 0
                ours = await read_block(reader, source, index, block)
                np.testing.assert_array_equal(ours, theirs >> shift, err_msg=path.name)
                deeper += 1
    assert refused == set(REFUSED)
    assert compared >= 70
    assert deeper >= 10


async def test_georeference_equals_gdals(shared, stores: StoreRegistry, reader) -> None:
    placed = 0
    for path in jpeg2000_files(shared):
        if path.name in REFUSED or path.name == TRUNCATED:
            continue
        index = await reader.build_index(stores.open(stores.resolve(str(path))))
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"),
            rasterio.open(path) as dataset,
        ):
            crs, transform = dataset.crs, dataset.transform
        if crs is None:
            assert index.info.crs is None
            assert index.info.transform is None
            continue
        placed += 1
        assert index.info.transform is not None
        np.testing.assert_allclose(index.info.transform, transform, rtol=1e-12, atol=1e-6)
        if crs.to_epsg() is not None:
            assert index.info.crs == f"EPSG:{crs.to_epsg()}"
        else:
            assert CRS(index.info.crs).equals(CRS(crs.to_wkt()), ignore_axis_order=True)
    assert placed >= 20


async def test_sentinel_2_mask_has_five_levels_and_little_to_read(shared, memory, reader) -> None:
    path = next((shared / "data/sentinel2").rglob("MSK_DETFOO_B02.jp2"))
    source = memory(path.read_bytes())
    index = await reader.build_index(source)
    assert [(v.width, v.block_width, v.scale_x) for v in index.info.levels] == [
        (10980, 1024, 1.0),
        (5490, 512, 2.0),
        (2745, 256, 4.0),
        (1373, 128, 8.0),
        (687, 64, 16.0),
    ]
    assert len(index.to_bytes()) < 5000
    total = []
    for level in range(5):
        blocks = [BlockId(level, r, c, 0) for r in range(11) for c in range(11)]
        ranges = [r for b in blocks for r in reader.ranges(index, b)]
        total.append(sum(r.stop - r.start for r in ranges))
    shares = [t / total[0] for t in total]
    assert total[0] == 57709
    np.testing.assert_allclose(shares, [1, 0.621, 0.435, 0.343, 0.296], atol=0.0006)


async def test_real_60_m_band_needs_few_bytes_at_low_resolution(shared, memory, reader) -> None:
    path = next((shared / "data/sentinel2").rglob("T31TDH_20180101T105441_B01.jp2"))
    index = await reader.build_index(memory(path.read_bytes()))
    assert index.info.bits == 15
    total = []
    for level in range(5):
        blocks = [BlockId(level, r, c, 0) for r in range(10) for c in range(10)]
        ranges = [r for b in blocks for r in reader.ranges(index, b)]
        total.append(sum(r.stop - r.start for r in ranges))
    shares = [t / total[0] for t in total]
    np.testing.assert_allclose(shares, [1, 0.287, 0.079, 0.022, 0.008], atol=0.0006)


async def test_one_round_for_any_blocks_with_an_index(shared, memory, reader) -> None:
    path = next((shared / "data/sentinel2").rglob("MSK_CLASSI_B00.jp2"))
    source = memory(path.read_bytes())
    stored = (await reader.build_index(source)).to_bytes()
    source.rounds.clear()
    index = reader.load_index(stored)
    blocks = [BlockId(level, 3, column, 0) for level in (0, 2) for column in range(8)]
    payloads = await reader.fetch(source, index, blocks)
    assert len(source.rounds) == 1
    assert all(
        reader.decode(index, b, p).data.any() >= 0 for b, p in zip(blocks, payloads, strict=True)
    )


def test_pillow_is_an_oracle_for_reductions(shared) -> None:
    """Guards the comparison above: where GDAL has the level too, both oracles agree."""
    path = next((shared / "data/sentinel2").rglob("T31TDH_20180101T105441_B01.jp2"))
    with rasterio.open(path, overview_level=1) as dataset:
        theirs = dataset.read()
    np.testing.assert_array_equal(by_pillow(io.BytesIO(path.read_bytes()), 2) >> 1, theirs)


async def test_a_preview_of_1849_tiles_is_one_block_of_four_levels(shared, memory, reader) -> None:
    path = shared / "data/sentinel2/jp2/L1C_PVI_343_rgb.jp2"
    source = memory(path.read_bytes())
    index = await reader.open(source)
    assert index.complete
    # The file by windows of 128 KiB.
    assert len(source.rounds) <= 4
    stored = index.to_bytes()
    assert len(stored) < 64 * 1024
    index = reader.load_index(stored)
    assert [(v.width, v.block_width) for v in index.info.levels] == [
        (343, 343), (172, 172), (86, 86), (43, 43)
    ]  # fmt: skip
    source.rounds.clear()
    for level in range(4):
        block = BlockId(level, 0, 0, 0)
        assert reader.share(index, block, (0, 0, 8, 8)) == 1.0
        assert reader.window_ranges(index, block) == reader.ranges(index, block)
        ours = await read_block(reader, source, index, block)
        np.testing.assert_array_equal(ours, by_pillow(path, level))
    assert [len(ranges) for ranges in source.rounds] == [1] * 4
    with pytest.raises(ValueError, match="no block"):
        reader.ranges(index, BlockId(0, 0, 1, 0))
