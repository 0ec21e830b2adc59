"""Samples that are no whole bytes, and codecs that GDAL's builds lack or that writers bend."""

import itertools
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId

Compare = Callable[..., Awaitable[Any]]
Open = Callable[[Path], Awaitable[Any]]

GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 499980, 0, -10, 5000040)}


def noise(bits: int, count: int) -> Any:
    dtype = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return np.random.default_rng(bits).integers(0, 1 << bits, (count, 75, 131), dtype)


def write_packed(path: Path, data: Any, bits: int, **options: Any) -> Path:
    count, height, width = data.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, nbits=bits,
        dtype=data.dtype.name, **GRID, **options,
    ) as dataset:  # fmt: skip
        dataset.write(data)
    return path


@pytest.mark.parametrize("bits", [*range(1, 8), *range(9, 16), *range(17, 24), *range(25, 32)])
async def test_any_number_of_bits_equals_gdal(tmp_path: Path, compare: Compare, bits: int) -> None:
    tile = {"tiled": True, "blockxsize": 64, "blockysize": 32}
    cases = itertools.product((1, 3), ("pixel", "band"), (tile, {}))
    for number, (count, interleave, shape) in enumerate(cases):
        data = noise(bits, count)
        path = write_packed(
            tmp_path / f"{number}.tif", data, bits, interleave=interleave,
            compress=("NONE", "DEFLATE", "LZW")[number % 3],
            ENDIANNESS=("LITTLE", "BIG")[number % 2], **shape,
        )  # fmt: skip
        opened = await compare(path)
        info = opened.index.info
        assert (info.bits, info.dtype) == (bits, data.dtype.name)
        blocks = await opened.blocks([BlockId(0, 0, 0, 0)])
        np.testing.assert_array_equal(
            blocks[0].data[0], data[0, : blocks[0].data.shape[1], : blocks[0].data.shape[2]]
        )


async def test_words_of_24_bits_are_refused(tmp_path: Path, open_tiff: Open) -> None:
    """GDAL turns their bytes by the file's order, libtiff the other way round."""
    with pytest.raises(SourceUnsupportedError, match="unsigned samples of 24 bits"):
        await open_tiff(write_packed(tmp_path / "a.tif", noise(24, 1), 24))


@pytest.mark.parametrize("bits", [1, 2, 4])
async def test_palettes_of_few_bits(tmp_path: Path, compare: Compare, bits: int) -> None:
    path = write_packed(tmp_path / "a.tif", noise(bits, 1), bits, photometric="PALETTE")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {i: (10 * i, 255 - i, i, 255) for i in range(1 << bits)})
    info = (await compare(path)).index.info
    assert info.colour_table is not None
    assert len(info.colour_table) == 1 << bits
    assert info.colour_table[1] == (10, 254, 1, 255)


async def test_single_bits_are_black_and_white(tmp_path: Path, compare: Compare) -> None:
    info = (await compare(write_packed(tmp_path / "a.tif", noise(1, 1), 1))).index.info
    assert info.colour_table == ((0, 0, 0, 255), (255, 255, 255, 255))


@pytest.mark.parametrize("compression", ["jpegxl", "jpegxl_dng"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 3, 4])
async def test_lossless_jpeg_xl_is_exact(
    tmp_path: Path, open_tiff: Open, compression: str, dtype: str, bands: int
) -> None:
    """The written pixels are the oracle: the GDAL in reach has no JPEG XL."""
    data = np.random.default_rng(3).random((75, 130, bands))
    data = data.astype(dtype) if dtype.startswith("f") else (data * 255).astype(dtype)
    path = tmp_path / "a.tif"
    extra = {"extrasamples": ["unspecified"]} if bands == 4 else {}
    tifffile.imwrite(
        path, data if bands > 1 else data[..., 0], tile=(64, 64), compression=compression,
        compressionargs={"lossless": True}, photometric="rgb" if bands > 1 else "minisblack",
        **extra,
    )  # fmt: skip
    opened = await open_tiff(path)
    assert opened.index.images[0].compression == {"jpegxl": 50002, "jpegxl_dng": 52546}[compression]
    cells = [BlockId(0, row, column, 0) for row in range(2) for column in range(3)]
    for block_id, block in zip(cells, await opened.blocks(cells), strict=True):
        y, x = block_id.row * 64, block_id.column * 64
        expected = data[y : y + 64, x : x + 64].transpose(2, 0, 1)
        np.testing.assert_array_equal(block.data, expected.astype(opened.index.info.dtype))


@pytest.mark.parametrize(("bands", "dtype"), [(5, "uint8"), (1, "float16"), (1, "int16")])
async def test_other_jpeg_xl_is_refused(
    tmp_path: Path, open_tiff: Open, bands: int, dtype: str
) -> None:
    """Extra bands come in another form, and the library rounds the smallest float16."""
    path = tmp_path / "a.tif"
    stream = imagecodecs.jpegxl_encode(np.zeros((16, 16), np.uint8), lossless=True)
    tifffile.imwrite(
        path, iter([stream]), shape=(16, 16, bands) if bands > 1 else (16, 16), dtype=dtype,
        tile=(16, 16), compression="jpegxl", photometric="minisblack",
        planarconfig="contig" if bands > 1 else None,
    )  # fmt: skip
    with pytest.raises(SourceUnsupportedError, match="JPEG XL"):
        await open_tiff(path)


@pytest.mark.parametrize(("dtype", "predictor"), [("uint8", 2), ("uint16", 2), ("float32", 3)])
async def test_lzma_with_predictor_equals_gdal(
    tmp_path: Path, compare: Compare, dtype: str, predictor: int
) -> None:
    data = np.cumsum(np.random.default_rng(5).random((75, 130, 3)), axis=1).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, data, tile=(64, 64), compression="lzma", predictor=predictor, photometric="rgb"
    )
    opened = await compare(path)
    assert opened.index.images[0].predictor == predictor


def one_block(path: Path, stream: bytes, compression: str) -> Path:
    """A file of 16 x 16 bytes whose block is this stream."""
    tifffile.imwrite(
        path, iter([stream]), shape=(16, 16), dtype="uint8", tile=(16, 16),
        compression=compression, photometric="minisblack",
    )  # fmt: skip
    return path


PLAIN = bytes(range(256))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("compression", "stream"),
    [
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN * 3)),
        ("deflate", zlib.compress(PLAIN) + b"after it"),
        ("packbits", imagecodecs.packbits_encode(PLAIN)),
        ("packbits", imagecodecs.packbits_encode(PLAIN) + b"\x05x"),
        ("packbits", imagecodecs.packbits_encode(PLAIN * 2)),
        ("packbits", b"\x80" + imagecodecs.packbits_encode(PLAIN)),
        ("lzw", imagecodecs.lzw_encode(PLAIN * 2)),
    ],
)
async def test_streams_longer_than_their_block_equal_gdal(
    tmp_path: Path, compare: Compare, compression: str, stream: bytes
) -> None:
    path = one_block(tmp_path / "a.tif", stream, compression)
    with rasterio.open(path) as dataset:
        assert dataset.read(1).tobytes() == PLAIN
    await compare(path)


@pytest.mark.parametrize(
    ("compression", "stream"),
    [
        ("deflate", zlib.compress(PLAIN[:-1])),
        ("deflate", zlib.compress(PLAIN)[:-9]),
        ("deflate", zlib.compress(PLAIN)[:-1] + b"\0"),
        ("packbits", imagecodecs.packbits_encode(PLAIN)[:-1]),
        ("lzw", imagecodecs.lzw_encode(PLAIN[:-1])),
        ("zstd", imagecodecs.zstd_encode(PLAIN[:-1])),
        ("lzma", imagecodecs.lzma_encode(PLAIN[:-1])),
    ],
)
async def test_streams_shorter_than_their_block_are_errors(
    tmp_path: Path, open_tiff: Open, compression: str, stream: bytes
) -> None:
    """Never what the memory held before: the same bytes are an error every time."""
    opened = await open_tiff(one_block(tmp_path / "a.tif", stream, compression))
    for _ in range(3):
        with pytest.raises(SourceCorruptError):
            await opened.blocks([BlockId(0, 0, 0, 0)])
