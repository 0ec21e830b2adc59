"""Damaged files: a source error or a block of the right shape, never anything else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from renderers.errors import SourceError
from renderers.readers.base import BlockId
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StorePolicy, StoreRegistry

READER = TiffReader()

KINDS: dict[str, dict[str, Any]] = {
    "none": {"compress": "NONE", "tiled": False},
    "deflate": {"compress": "DEFLATE", "predictor": 2, "BIGTIFF": "YES"},
    "float": {"compress": "DEFLATE", "predictor": 3, "dtype": "float32", "ENDIANNESS": "BIG"},
    "lzw": {"compress": "LZW", "predictor": 2, "interleave": "band"},
    "zstd": {"compress": "ZSTD"},
    "packbits": {"compress": "PACKBITS"},
    "lzma": {"compress": "LZMA"},
    "jpeg": {"compress": "JPEG", "photometric": "YCBCR", "interleave": "pixel"},
    "webp": {"compress": "WEBP"},
    "lerc": {"compress": "LERC_ZSTD", "dtype": "float32"},
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    y, x = np.mgrid[0:48, 0:80]
    found = {}
    for name, options in KINDS.items():
        profile = {"driver": "GTiff", "width": 80, "height": 48, "count": 3, "dtype": "uint8",
                   "crs": "EPSG:3035", "transform": rasterio.Affine(10, 0, 4e6, 0, -10, 3e6),
                   **options}  # fmt: skip
        if profile.get("tiled", True):
            profile |= {"tiled": True, "blockxsize": 32, "blockysize": 32}
        path = folder / f"{name}.tif"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as ds:
            ds.write(np.stack([x + y, x * 2, y * 3]).astype(profile["dtype"]))
            ds.scales = (0.5, 0.5, 0.5)
            ds.write_mask(x > y)
        found[name] = path.read_bytes()
    return found


async def survive(data: bytes, path: Path) -> bool:
    """Read everything; True where the file was accepted and every block decoded."""
    path.write_bytes(data)
    stores = StoreRegistry(policy=StorePolicy(file_roots=(path.parent,)))
    source = stores.open(stores.resolve(str(path)))
    try:
        index = await READER.build_index(source)
    except SourceError:
        return False
    good = True
    READER.load_index(index.to_bytes())
    for number, level in enumerate(index.info.levels):
        rows, columns = -(-level.height // level.block_height), -(-level.width // level.block_width)
        for row, column in {(0, 0), (rows - 1, columns - 1)}:
            block = BlockId(number, row, column, 0)
            try:
                (parts,) = await READER.fetch(source, index, [block])
                decoded = READER.decode(index, block, parts)
            except SourceError:
                good = False
                continue
            shape = (
                min(level.block_height, level.height - row * level.block_height),
                min(level.block_width, level.width - column * level.block_width),
            )
            assert decoded.data.shape[1:] == shape
            assert decoded.mask is None or decoded.mask.shape == shape
    return good


@pytest.mark.parametrize("kind", KINDS)
async def test_whole_files_survive(originals: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    assert await survive(originals[kind], tmp_path / "a.tif")


@pytest.mark.parametrize("kind", KINDS)
async def test_truncated_files(originals: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    data = originals[kind]
    rng = np.random.default_rng(11)
    for length in sorted({*rng.integers(0, len(data), 12).tolist(), 0, 1, 8, len(data) - 1}):
        await survive(data[:length], tmp_path / "a.tif")


@pytest.mark.parametrize("kind", KINDS)
async def test_flipped_bytes(originals: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    """Forty damaged copies per codec, half of them hit in the header."""
    data = originals[kind]
    rng = np.random.default_rng(13)
    for i in range(40):
        broken = bytearray(data)
        reach = 700 if i % 2 else len(data)
        for _ in range(int(rng.integers(1, 5))):
            broken[int(rng.integers(0, min(reach, len(data))))] = int(rng.integers(0, 256))
        await survive(bytes(broken), tmp_path / "a.tif")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_many_flipped_bytes(originals: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    data = originals[kind]
    rng = np.random.default_rng(17)
    for i in range(1500):
        broken = bytearray(data)
        reach = (700, 2000, len(data))[i % 3]
        for _ in range(int(rng.integers(1, 8))):
            broken[int(rng.integers(0, min(reach, len(data))))] = int(rng.integers(0, 256))
        await survive(bytes(broken), tmp_path / "a.tif")
