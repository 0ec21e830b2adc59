"""Looking at pictures that a server sent, or that GDAL got from it."""

import io

import numpy as np
import rasterio
from PIL import Image
from rasterio.warp import transform_bounds


def pixels(body: bytes) -> np.ndarray:
    """Decode a picture to RGBA, shape (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))


def colours(body: bytes) -> int:
    """Count the colours of the pixels that are not transparent."""
    rgba = pixels(body).reshape(-1, 4)
    return len(np.unique(rgba[rgba[:, 3] > 0], axis=0))


def window(source: str, bbox: tuple[float, float, float, float]) -> np.ndarray:
    """Read a box in degrees at 256 x 256 pixels through GDAL; shape (height, width, bands)."""
    with rasterio.open(source) as dataset:
        bounds = transform_bounds("EPSG:4326", dataset.crs, *bbox)
        part = rasterio.windows.from_bounds(*bounds, dataset.transform)
        return np.moveaxis(dataset.read(window=part, out_shape=(dataset.count, 256, 256)), 0, 2)


def colours_of(array: np.ndarray) -> int:
    """Count the colours of an array, shape (height, width, bands)."""
    return len(np.unique(array.reshape(-1, array.shape[-1])[:, :3], axis=0))
