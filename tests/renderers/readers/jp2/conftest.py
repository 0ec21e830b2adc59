"""Sources in memory, and JPEG 2000 files written by GDAL."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError
from renderers.readers.base import Block, BlockId
from renderers.readers.jp2.index import Jp2Index
from renderers.readers.jp2.reader import Jp2Reader
from renderers.scene import ObjectRef
from renderers.stores import ByteRange


class MemorySource:
    """A byte source over bytes that notes every round of requests."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ref = ObjectRef("memory", "object", "etag", len(data))
        self.rounds: list[list[ByteRange]] = []

    _registry = _store = None

    async def pinned(self) -> "MemorySource":
        return self

    async def first(self, length: int) -> tuple["MemorySource", bytes]:
        stop = min(length, len(self.data))
        return self, (await self.read([ByteRange(0, stop)]))[0]

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        self.rounds.append(list(ranges))
        parts = [self.data[r.start : r.stop] for r in ranges]
        if any(len(p) != r.stop - r.start for p, r in zip(parts, ranges, strict=True)):
            raise SourceCorruptError("the file is shorter than its index says")
        return parts


@pytest.fixture
def memory() -> type[MemorySource]:
    return MemorySource


@pytest.fixture
def reader() -> Jp2Reader:
    return Jp2Reader()


def scene(height: int, width: int, bands: int, top: int, seed: int = 1) -> NDArray[np.uint16]:
    """Smooth hills with noise, values from 0 to `top`."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    out = np.empty((bands, height, width), np.float64)
    for band in range(bands):
        out[band] = np.sin(x / (37 + band)) + np.cos(y / 53) + random.normal(0, 0.08, x.shape)
    out = (out - out.min()) / (out.max() - out.min())
    return (out * top).astype(np.uint16)


@pytest.fixture
def pixels() -> Callable[..., NDArray[np.uint16]]:
    return scene


@pytest.fixture
def write_jp2(tmp_path: Path) -> Callable[..., Path]:
    """Write an array with GDAL's OpenJPEG driver."""

    def write(array: NDArray[np.generic], name: str = "file.jp2", **options: object) -> Path:
        path = tmp_path / name
        count, height, width = array.shape
        profile = {
            "crs": "EPSG:32633",
            "transform": Affine(10.0, 0.0, 499980.0, 0.0, -10.0, 5100000.0),
            "QUALITY": "100",
            "REVERSIBLE": "YES",
            "YCBCR420": "NO",
            "tiled": "BLOCKXSIZE" in options,  # else rasterio drops the tile width
        } | options
        with rasterio.open(
            path,
            "w",
            driver="JP2OpenJPEG",
            width=width,
            height=height,
            count=count,
            dtype=array.dtype,
            **profile,
        ) as dataset:
            dataset.write(array)
        return path

    return write


def block_ids(index: Jp2Index, level: int) -> list[BlockId]:
    """All blocks of a level, row by row."""
    shape = index.info.levels[level]
    rows = -(-shape.height // shape.block_height)
    columns = -(-shape.width // shape.block_width)
    return [BlockId(level, r, c, 0) for r in range(rows) for c in range(columns)]


@pytest.fixture
def all_blocks() -> Callable[[Jp2Index, int], list[BlockId]]:
    return block_ids


@pytest.fixture
def read_level(reader: Jp2Reader) -> Callable[..., object]:
    """Assemble a whole level from its blocks, checking that each block fits its place."""

    async def read(source: object, index: Jp2Index, level: int) -> NDArray[np.generic]:
        shape = index.info.levels[level]
        out = np.zeros((index.info.count, shape.height, shape.width), index.info.dtype)
        ids = block_ids(index, level)
        for block, parts in zip(ids, await reader.fetch(source, index, ids), strict=True):
            top, left = block.row * shape.block_height, block.column * shape.block_width
            decoded: Block = reader.decode(index, block, parts)
            height = min(shape.block_height, shape.height - top)
            width = min(shape.block_width, shape.width - left)
            assert decoded.data.shape == (index.info.count, height, width)
            assert decoded.data.flags.c_contiguous
            assert decoded.data.dtype == index.info.dtype
            out[:, top : top + height, left : left + width] = decoded.data
        return out

    return read
