"""Calibrated bands of small images: against NumPy at every pixel of every level."""

import zlib

import msgpack
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.readers.radar import MAGIC, GainTable, RadarIndex, RadarReader
from renderers.readers.tiff.reader import TiffReader

READER = RadarReader()
LINES, PIXELS = np.array([0.0, 40.0, 99.0]), np.array([0.0, 30.0, 60.0, 149.0])
TABLES = tuple(
    GainTable(LINES, PIXELS, np.linspace(low, low + 100.0, 12).reshape(3, 4)) for low in (400, 600)
)


def gains(table, rows, columns):
    along = np.array([np.interp(columns, table.pixels, line) for line in table.values])
    return np.array([np.interp(rows, table.lines, column) for column in along.T]).T


def write(path, values, factors=(), **more):
    options = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "compress": "deflate",
               "crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 0, 0, -10, 0),
               "width": values.shape[1], "height": values.shape[0], "tiled": True,
               "blockxsize": 64, "blockysize": 48} | more  # fmt: skip
    with rasterio.open(path, "w", **options) as dataset:
        dataset.write(values, 1)
        if factors:
            dataset.build_overviews(factors, rasterio.enums.Resampling.nearest)
    return path


@pytest.fixture
def values():
    out = np.random.default_rng(3).integers(1, 2000, (100, 150), np.uint16)
    out[:, :7] = 0
    return out


async def opened(path, stores):
    source = await stores.open(stores.resolve(str(path))).pinned()
    return source, await TiffReader().build_index(source)


async def level(source, index, number, plane):
    """All pixels of one level of a band."""
    shape = index.info.levels[number]
    out = np.full((shape.height, shape.width), np.nan, np.float32)
    for row in range(-(-shape.height // shape.block_height)):
        for column in range(-(-shape.width // shape.block_width)):
            block = BlockId(number, row, column, plane)
            (parts,) = await READER.fetch(source, index, [block])
            data = READER.decode(index, block, parts).data
            assert data.dtype == np.float32
            top, left = row * shape.block_height, column * shape.block_width
            out[top : top + data.shape[1], left : left + data.shape[2]] = data[0]
    return out


@pytest.mark.parametrize("storage", [{}, {"tiled": False, "blockysize": 1}])
async def test_each_band_at_each_level(tmp_path, stores, values, storage):
    path = write(tmp_path / "a.tif", values, (2, 4), **storage)
    source, base = await opened(path, stores)
    index = READER.load_index(RadarIndex.over(base, TABLES).to_bytes())
    assert (index.info.count, index.info.dtype, index.info.nodata) == (3, "float32", 0.0)
    assert len(index.info.levels) == 3
    for number, shape in enumerate(index.info.levels):
        with rasterio.open(path, **({"overview_level": number - 1} if number else {})) as dataset:
            stored = dataset.read(1)
        np.testing.assert_array_equal(await level(source, index, number, 0), stored)
        rows = (np.arange(shape.height) + 0.5) * shape.scale_y - 0.5
        columns = (np.arange(shape.width) + 0.5) * shape.scale_x - 0.5
        for plane, table in enumerate(TABLES, 1):
            expected = (stored / gains(table, rows, columns)) ** 2
            found = await level(source, index, number, plane)
            np.testing.assert_allclose(found, expected, rtol=1e-6)
            assert (found[stored == 0] == 0).all()


async def test_bands_of_one_block_are_fetched_once_and_kept_apart(tmp_path, stores, values):
    source, base = await opened(write(tmp_path / "a.tif", values), stores)
    index = RadarIndex.over(base, TABLES)
    blocks = [BlockId(0, 0, 1, plane) for plane in (1, 0, 2)]
    asked = []
    read = source.read

    async def counted(ranges):
        asked.extend(ranges)
        return await read(ranges)

    source.read = counted
    parts = await READER.fetch(source, index, blocks)
    assert len(asked) == 1
    assert parts[0] == parts[1] == parts[2]
    assert len({index.identity(block) for block in blocks}) == 3
    assert await READER.fetch(source, index, []) == []


async def test_a_mask_stays(tmp_path, stores, values):
    path = write(tmp_path / "a.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(values > 1000)
    source, base = await opened(path, stores)
    index = RadarIndex.over(base, TABLES)
    block = BlockId(0, 1, 0, 2)
    (parts,) = await READER.fetch(source, index, [block])
    mask = READER.decode(index, block, parts).mask
    np.testing.assert_array_equal(mask > 0, values[48:96, :64] > 1000)


async def test_strips_are_joined(tmp_path, stores, values):
    path = write(tmp_path / "a.tif", values, tiled=False, blockysize=3)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(values > 1000)
    source, base = await opened(path, stores)
    index = RadarIndex.over(base, TABLES)
    (shape,) = index.info.levels
    assert (shape.block_width, shape.block_height) == (150, 15)
    blocks = [BlockId(0, row, 0, 0) for row in range(7)]
    parts = await READER.fetch(source, index, blocks)
    found = [READER.decode(index, b, p) for b, p in zip(blocks, parts, strict=True)]
    assert [len(p) - 1 for p in parts] == [len(READER.ranges(index, b)) for b in blocks]
    np.testing.assert_array_equal(np.vstack([b.data[0] for b in found]), values)
    np.testing.assert_array_equal(np.vstack([b.mask for b in found]) > 0, values > 1000)
    with pytest.raises(ValueError, match="no such block"):
        READER.ranges(index, BlockId(0, 7, 0, 0))


async def test_what_cannot_be_calibrated_is_refused(tmp_path, stores, values):
    floats = write(tmp_path / "f.tif", values.astype(np.float32))
    _, base = await opened(floats, stores)
    with pytest.raises(SourceUnsupportedError, match="one band of 16 bits"):
        RadarIndex.over(base, TABLES)
    _, base = await opened(write(tmp_path / "n.tif", values, nodata=5), stores)
    with pytest.raises(SourceUnsupportedError, match="nodata"):
        RadarIndex.over(base, TABLES)
    source, base = await opened(write(tmp_path / "a.tif", values), stores)
    with pytest.raises(SourceUnsupportedError, match="no gains"):
        RadarIndex.over(base, ())
    with pytest.raises(SourceUnsupportedError, match="without its tables"):
        await READER.build_index(source)
    index = RadarIndex.over(base, TABLES)
    for plane in (-1, 3):
        with pytest.raises(ValueError, match="no such block"):
            READER.ranges(index, BlockId(0, 0, 0, plane))


@pytest.mark.parametrize(
    ("lines", "pixels", "table"),
    [
        ([0, 0], [0, 1], [[1, 1], [1, 1]]),
        ([0], [0, 1], [[1, 1]]),
        ([0, np.nan], [0, 1], [[1, 1], [1, 1]]),
        ([0, 1], [1, 0], [[1, 1], [1, 1]]),
        ([0, 1], [0, 1], [[1, 1], [1, 0]]),
        ([0, 1], [0, 1], [[1, 1], [1, np.inf]]),
        ([0, 1], [0, 1], [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_tables_that_are_none(lines, pixels, table):
    with pytest.raises(ValueError, match="values"):
        GainTable(*(np.array(v, np.float64) for v in (lines, pixels, table)))


async def test_damaged_indexes_are_refused(tmp_path, stores, values):
    _, base = await opened(write(tmp_path / "a.tif", values), stores)
    data = RadarIndex.over(base, TABLES).to_bytes()
    for at in range(0, len(data), 7):
        with pytest.raises(SourceCorruptError):
            READER.load_index(data[:at])
    bomb = msgpack.packb([base.to_bytes(), zlib.compress(bytes(200_000_000))])
    with pytest.raises(SourceCorruptError):
        READER.load_index(MAGIC + bomb)


@settings(deadline=None)
@given(data=st.binary(max_size=80))
def test_other_bytes_are_refused(data):
    for start in (b"", MAGIC):
        with pytest.raises(SourceCorruptError):
            READER.load_index(start + data)
