"""The stored index: exact round trip, and anything else refused."""

import asyncio
import hashlib
from typing import Any

import msgpack
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError
from renderers.readers.base import BlockId
from renderers.readers.tiff.reader import TiffReader
from renderers.readers.tiff.serial import MAGIC
from renderers.stores import StorePolicy, StoreRegistry

READER = TiffReader()


def resealed(body: bytes) -> bytes:
    return MAGIC + hashlib.blake2b(body, digest_size=8).digest() + body


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("index")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
        folder / "a.tif", "w", driver="GTiff", width=100, height=90, count=2, dtype="float32",
        tiled=True, blockxsize=32, blockysize=32, compress="DEFLATE", nodata=float("nan"),
        crs="EPSG:32633", transform=rasterio.Affine(10, 0, 0, 0, -10, 0),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((2, 90, 100), "float32"))
        dataset.write_mask(np.ones((90, 100), bool))
    stores = StoreRegistry(policy=StorePolicy(file_roots=(folder,)))
    return asyncio.run(READER.build_index(stores.open(stores.resolve(str(folder / "a.tif")))))


def test_round_trip_keeps_everything(index: Any) -> None:
    loaded: Any = READER.load_index(index.to_bytes())
    assert repr(loaded.info) == repr(index.info)
    assert (loaded.size, loaded.big_endian, loaded.alpha) == (index.size, False, False)
    pairs = zip(loaded.images + loaded.masks, index.images + index.masks, strict=True)
    for ours, theirs in pairs:
        assert ours.offsets.dtype == np.uint64
        assert ours.counts.dtype == np.uint32
        np.testing.assert_array_equal(ours.offsets, theirs.offsets)
        np.testing.assert_array_equal(ours.counts, theirs.counts)
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("data", [b"", b"TIX", MAGIC, b"x" * 100, resealed(b""), resealed(b"\xc1")])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SourceCorruptError):
        READER.load_index(data)


def test_damaged_and_cut_indexes_are_refused(index: Any) -> None:
    data = index.to_bytes()
    for at in range(0, len(data), 3):
        with pytest.raises(SourceCorruptError):
            READER.load_index(data[:at])
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(SourceCorruptError):
            READER.load_index(broken)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_sealed_but_wrong_indexes_are_refused_or_consistent(index: Any, data: Any) -> None:
    """Even with a right digest, wrong values are refused, or describe blocks inside the file."""
    body = bytearray(index.to_bytes()[len(MAGIC) + 8 :])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        loaded = READER.load_index(resealed(bytes(body)))
    except SourceCorruptError:
        return
    level = loaded.info.levels[0]
    block = BlockId(0, (level.height - 1) // level.block_height, 0, 0)
    for part in READER.ranges(loaded, block):
        assert 0 < part.start < part.stop <= loaded.size  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [None, 3, [], {}, "x", [1] * 12, [[1]] * 12])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(SourceCorruptError):
        READER.load_index(resealed(msgpack.packb(value)))


@pytest.mark.parametrize(
    "block", [(1, 0, 0, 0), (-1, 0, 0, 0), (0, 3, 0, 0), (0, 0, 4, 0), (0, 0, 0, 2), (0, -1, 0, 0)]
)
def test_blocks_that_do_not_exist_are_errors(index: Any, block: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such"):
        READER.ranges(index, BlockId(*block))


def test_wrong_parts_are_errors(index: Any) -> None:
    block = BlockId(0, 0, 0, 0)
    count = len(READER.ranges(index, block))
    with pytest.raises(ValueError, match="fewer parts"):
        READER.decode(index, block, [])
    sizes = [r.stop - r.start for r in READER.ranges(index, block)]
    with pytest.raises(SourceCorruptError):
        READER.decode(index, block, [bytes(s) for s in sizes])
    with pytest.raises(SourceCorruptError, match="shorter"):
        READER.decode(index, block, [b"x"] * count)
