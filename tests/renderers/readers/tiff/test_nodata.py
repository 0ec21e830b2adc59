"""Nodata values of all kinds, as the text of the tag says them, in files with blocks left out."""

import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine

from renderers.errors import SourceUnsupportedError

Open = Callable[[Path], Awaitable[Any]]
Compare = Callable[..., Awaitable[Any]]

GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 499980, 0, -10, 5000040)}


def with_text(path: Path, dtype: str, text: str, *, sparse: bool) -> Path:
    """Write a file whose nodata tag holds this text; the second block is left out or holds 1."""
    with rasterio.open(
        path, "w", driver="GTiff", width=128, height=64, count=1, dtype=dtype, SPARSE_OK=sparse,
        tiled=True, blockxsize=64, blockysize=64, **GRID,
    ) as dataset:  # fmt: skip
        data = np.ones((1, 64, 64 if sparse else 128), dtype)
        dataset.write(data, window=rasterio.windows.Window(0, 0, data.shape[2], 64))
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].offset
    count = struct.unpack_from("<H", raw, start)[0]
    entries = raw[start + 2 : start + 2 + 12 * count]
    raw += bytes(len(raw) % 2)
    value = text.encode() + b"\0"
    place = struct.pack("<I", len(raw) + 2 + 12 * (count + 1) + 4)
    entry = struct.pack("<HHI", 42113, 2, len(value))
    entry += value.ljust(4, b"\0") if len(value) <= 4 else place
    struct.pack_into("<I", raw, 4, len(raw))
    raw += struct.pack("<H", count + 1) + entries + entry + bytes(4) + value
    path.write_bytes(raw)
    return path


HELD = [
    ("uint8", "255"), ("int8", "-128"), ("int16", "-32768"), ("uint16", "65535.0"),
    ("int64", "-9223372036854775808"), ("float32", "nan"), ("float32", "-inf"),
    ("float64", "1e300"), ("float32", "1e300"), ("float32", "-3.402823466e+38"),
    ("float64", "-1.7976931348623157e+308"),
]  # fmt: skip
BEYOND = [
    ("uint8", "-9999"), ("uint8", "300"), ("uint8", "nan"), ("int16", "40000"), ("uint16", "-1"),
    ("uint16", "inf"), ("uint32", "4294967296"), ("int8", "200"),
]  # fmt: skip
#: GDAL drops the fraction for its masks and rounds it for its blocks.
BROKEN = [("uint8", "1.5"), ("int16", "-32767.5")]
WIDE = [("uint64", "18446744073709551615"), ("uint64", "9007199254740993")]


@pytest.mark.parametrize(("dtype", "text"), HELD)
async def test_values_that_the_type_holds_equal_gdal(
    tmp_path: Path, compare: Compare, dtype: str, text: str
) -> None:
    opened = await compare(with_text(tmp_path / "a.tif", dtype, text, sparse=True))
    assert opened.index.info.nodata is not None


@pytest.mark.parametrize(("dtype", "text"), BEYOND)
async def test_values_beyond_the_type_mask_nothing(
    tmp_path: Path, open_tiff: Open, dtype: str, text: str
) -> None:
    path = with_text(tmp_path / "a.tif", dtype, text, sparse=False)
    with rasterio.open(path) as dataset:
        assert np.all(dataset.read_masks(1) == 255)
    assert (await open_tiff(path)).index.info.nodata is None


@pytest.mark.parametrize(("dtype", "text"), BROKEN)
async def test_fractions_are_no_value_of_an_integer(
    tmp_path: Path, open_tiff: Open, dtype: str, text: str
) -> None:
    path = with_text(tmp_path / "a.tif", dtype, text, sparse=False)
    assert (await open_tiff(path)).index.info.nodata is None


@pytest.mark.parametrize(("dtype", "text"), WIDE)
async def test_values_of_64_bits_are_the_nearest_float(
    tmp_path: Path, open_tiff: Open, dtype: str, text: str
) -> None:
    path = with_text(tmp_path / "a.tif", dtype, text, sparse=False)
    assert (await open_tiff(path)).index.info.nodata == float(text)


@pytest.mark.parametrize(("dtype", "text"), BEYOND + BROKEN + WIDE)
async def test_blocks_left_out_under_such_values_are_refused(
    tmp_path: Path, open_tiff: Open, dtype: str, text: str
) -> None:
    """GDAL fills them with the nearest value that the type holds."""
    with pytest.raises(SourceUnsupportedError, match="blocks left out"):
        await open_tiff(with_text(tmp_path / "a.tif", dtype, text, sparse=True))
