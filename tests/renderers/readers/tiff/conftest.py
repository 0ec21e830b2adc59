"""GDAL (through rasterio) as the oracle of every block, mask, CRS and affine."""

import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from renderers.crs import crs_object
from renderers.gcp import GcpModel
from renderers.readers.base import Block, BlockId, Level
from renderers.readers.tiff.index import TiffIndex
from renderers.readers.tiff.layout import Photometric
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StoreRegistry

READER = TiffReader()


@dataclass(frozen=True)
class Opened:
    """A file, its index and where its blocks come from."""

    path: Path
    index: TiffIndex
    stores: StoreRegistry

    async def blocks(self, ids: list[BlockId]) -> list[Block]:
        source = self.stores.open(self.stores.resolve(str(self.path)))
        parts = await READER.fetch(source, self.index, ids)
        return [READER.decode(self.index, i, p) for i, p in zip(ids, parts, strict=True)]


@pytest.fixture
def open_tiff(stores: StoreRegistry) -> Callable[[Path], Awaitable[Opened]]:
    """Build the index of a file, and give it back from its stored form."""

    async def run(path: Path) -> Opened:
        index = await READER.build_index(stores.open(stores.resolve(str(path))))
        stored = index.to_bytes()
        loaded = READER.load_index(stored)
        assert isinstance(loaded, TiffIndex)
        assert loaded.to_bytes() == stored
        return Opened(path, loaded, stores)

    return run


def grid(index: TiffIndex, level: int, most: int) -> list[tuple[int, int]]:
    """Rows and columns of all blocks of a level, or of `most` of them with all four corners."""
    image = index.images[level]
    cells = [(r, c) for r in range(image.down) for c in range(image.across)]
    if len(cells) <= most:
        return cells
    corners = {
        (0, 0),
        (0, image.across - 1),
        (image.down - 1, 0),
        (image.down - 1, image.across - 1),
    }
    chosen = np.random.default_rng(7).choice(len(cells), most, replace=False)
    return sorted(corners | {cells[i] for i in chosen})


def overview_numbers(path: Path) -> dict[tuple[int, int], int | None]:
    """GDAL's overview number by (width, height); None is full resolution."""
    found: dict[tuple[int, int], int | None] = {}
    with rasterio.open(path) as full:
        found[(full.width, full.height)] = None
        count = len(full.overviews(1))
    for i in range(count):
        with rasterio.open(path, overview_level=i) as dataset:
            found.setdefault((dataset.width, dataset.height), i)
    return found


def expected_block(dataset: Any, level: Level, row: int, column: int, bands: list[int]) -> Any:
    window = Window(
        column * level.block_width,
        row * level.block_height,
        min(level.block_width, level.width - column * level.block_width),
        min(level.block_height, level.height - row * level.block_height),
    )
    internal = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    return (
        dataset.read(bands, window=window),
        dataset.read_masks(1, window=window) if internal else None,
    )


def check_points(index: TiffIndex, dataset: Any) -> None:
    """Compare ground control points with GDAL's, in pixel-corner coordinates."""
    points, _ = dataset.gcps
    model = index.info.model
    assert (model is None) == (not points)
    if isinstance(model, GcpModel):
        found = np.frombuffer(model.points, "<f8").reshape(4, -1).T
        np.testing.assert_array_equal(found, [(p.col, p.row, p.x, p.y) for p in points])


def check_facts(index: TiffIndex, dataset: Any) -> None:
    info = index.info
    assert info.dtype == dataset.dtypes[0]
    assert info.count + int(index.alpha) == dataset.count
    crs = dataset.crs or dataset.gcps[1]
    if crs is None:
        assert info.crs is None
    else:
        assert info.crs is not None
        assert crs_object(info.crs) == CRS.from_wkt(crs.to_wkt())
    check_points(index, dataset)
    if info.transform is None:
        assert dataset.transform == rasterio.Affine.identity()
    else:
        assert info.transform == dataset.transform
    if dataset.nodata is None:
        assert info.nodata is None
    else:
        assert info.nodata is not None
        # GDAL compares pixels with the value rounded to their type
        assert np.array_equal(
            np.asarray(info.nodata, info.dtype),
            np.asarray(dataset.nodata).astype(info.dtype),
            equal_nan=np.dtype(info.dtype).kind == "f",
        )
    assert info.scales == dataset.scales[: info.count]
    assert info.offsets == dataset.offsets[: info.count]
    assert info.descriptions == tuple(d or "" for d in dataset.descriptions[: info.count])
    if info.colour_table is not None:
        assert dict(enumerate(info.colour_table)) == dataset.colormap(1)


def check_mask(block: Block, index: TiffIndex, pixels: Any, masks: Any) -> None:
    """Compare validity: alpha by value, masks by GDAL's mask, nodata not at all."""
    if index.alpha:
        expected = np.where(pixels[-1] != 0, 255, 0)
    elif masks is not None:
        expected = np.where(masks != 0, 255, 0)
    else:
        assert block.mask is None
        return
    assert block.mask is not None
    assert block.mask.dtype == np.uint8
    np.testing.assert_array_equal(block.mask, expected)


@pytest.fixture
def compare(open_tiff: Callable[[Path], Awaitable[Opened]]) -> Callable[..., Awaitable[Opened]]:
    """Compare facts and blocks of a file with GDAL.

    The function takes the path and how many blocks of each level to compare at `most`.
    """

    async def run(path: Path, most: int = 10**9) -> Opened:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            opened = await open_tiff(path)
            index = opened.index
            numbers = overview_numbers(path)
            assert {(v.width, v.height) for v in index.info.levels} == set(numbers)
            with rasterio.open(path) as dataset:
                check_facts(index, dataset)
            for number, level in enumerate(index.info.levels):
                options = {}
                if (overview := numbers[(level.width, level.height)]) is not None:
                    options["overview_level"] = overview
                with rasterio.open(path, **options) as dataset:
                    await check_level(opened, dataset, number, grid(index, number, most))
        return opened

    return run


async def check_level(
    opened: Opened, dataset: Any, number: int, cells: list[tuple[int, int]]
) -> None:
    """Compare blocks of one level, fetched 64 cells at a time."""
    index = opened.index
    planes = range(index.info.count if index.images[0].separate else 1)
    level = index.info.levels[number]
    bands = list(range(1, dataset.count + 1))
    for start in range(0, len(cells), 64):
        batch = cells[start : start + 64]
        ids = [BlockId(number, row, column, plane) for row, column in batch for plane in planes]
        blocks = await opened.blocks(ids)
        for i, (row, column) in enumerate(batch):
            pixels, masks = expected_block(dataset, level, row, column, bands)
            check_block(opened, blocks[i * len(planes) :][: len(planes)], pixels, masks)


def check_block(opened: Opened, blocks: list[Block], pixels: Any, masks: Any) -> None:
    """Compare all planes of one block with GDAL's pixels and mask."""
    index = opened.index
    for band in range(1, index.info.count + 1):
        plane, position = index.plane_of(band)
        data = blocks[plane].data
        assert data.flags.c_contiguous
        assert data.flags.writeable
        assert data.dtype == np.dtype(index.info.dtype)
        if index.images[0].photometric == Photometric.YCBCR:
            # rasterio's wheels decode with IJG libjpeg 9, which interpolates chroma in another way
            # than libjpeg-turbo; test_jpeg.py compares with that one exactly
            apart = np.abs(data[position].astype(int) - pixels[band - 1].astype(int))
            assert apart.mean() < 1.5
        else:
            np.testing.assert_array_equal(data[position], pixels[band - 1])
    for block in blocks:
        check_mask(block, index, pixels, masks)
