"""JPEG blocks against Pillow's libtiff with libjpeg-turbo, the decoder most builds of GDAL use."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from renderers.readers.base import BlockId


def smooth(bands: int, height: int, width: int) -> Any:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (7 + b)) * np.cos(y / (11 + 2 * b)) for b in range(bands)]
    noise = np.random.default_rng(3).normal(0, 6, (bands, height, width))
    return np.clip(128 + 90 * np.stack(waves) + noise, 0, 255).astype(np.uint8)


async def level_pixels(opened: Any) -> Any:
    level = opened.index.info.levels[0]
    out = np.zeros((opened.index.info.count, level.height, level.width), np.uint8)
    image = opened.index.images[0]
    for row in range(image.down):
        for column in range(image.across):
            block = (await opened.blocks([BlockId(0, row, column, 0)]))[0].data
            y, x = row * level.block_height, column * level.block_width
            out[:, y : y + block.shape[1], x : x + block.shape[2]] = block
    return out


@pytest.mark.parametrize(
    "name",
    [
        "cog/internal_mask_jpeg.tif",
        "cog/cog_hirise_mars.tif",
        "cog/non_square_pixels_world.tif",
        "cog/image_geos_jpeg_perdataset_mask.tif",
        "cog_odd/rgbsmall_JPEG_ycbcr.tif",
    ],
)
async def test_ycbcr_equals_libjpeg_turbo(
    shared: Path, name: str, open_tiff: Callable[[Path], Awaitable[Any]]
) -> None:
    opened = await open_tiff(shared / "data" / name)
    with Image.open(shared / "data" / name) as image:
        expected = np.asarray(image).transpose(2, 0, 1)
    np.testing.assert_array_equal(await level_pixels(opened), expected)


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("tiled", [True, False])
async def test_jpeg_without_colour_conversion_equals_gdal(
    tmp_path: Path,
    compare: Callable[..., Awaitable[Any]],
    *,
    bands: int,
    interleave: str,
    tiled: bool,
) -> None:
    path = tmp_path / "a.tif"
    options = {"blockxsize": 64, "blockysize": 64} if tiled else {}
    with rasterio.open(
        path, "w", driver="GTiff", width=150, height=101, count=bands, dtype="uint8",
        compress="JPEG", jpeg_quality=80, interleave=interleave, tiled=tiled,
        crs="EPSG:32633", transform=Affine(10, 0, 500000, 0, -10, 5000000), **options,
    ) as dataset:  # fmt: skip
        dataset.write(smooth(bands, 101, 150))
    await compare(path)
