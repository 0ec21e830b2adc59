"""Tools over an empty catalogue, and small rasters."""

from dataclasses import dataclass

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers.readers.registry import ReaderRegistry, default_registry
from renderers.stores import StoreRegistry
from tileserver.catalogue.combined import CombinedCatalogue, open_catalogue


@dataclass(frozen=True)
class Tools:
    stores: StoreRegistry
    readers: ReaderRegistry
    catalogue: CombinedCatalogue


@pytest.fixture
def tools(tmp_path, stores):
    catalogue = open_catalogue(tmp_path / "catalogue.sqlite", stores)
    yield Tools(stores, default_registry(tmp_path / "spool"), catalogue)
    catalogue.close()


@pytest.fixture
def raster(tmp_path):
    """Write a tiled GeoTIFF of pixels (bands, rows, columns) below a folder of the test."""

    def write(name, pixels, west=10.0, **profile):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(pixels)
        table = profile.pop("table", None)
        options = {
            "driver": "GTiff", "count": pixels.shape[0], "height": pixels.shape[1],
            "width": pixels.shape[2], "dtype": pixels.dtype, "crs": "EPSG:4326",
            "transform": Affine(0.01, 0, west, 0, -0.01, 46.0), "tiled": True,
            "blockxsize": 64, "blockysize": 64,
        } | profile  # fmt: skip
        with rasterio.open(path, "w", **options) as out:
            if table is not None:  # before the pixels, or GDAL puts it into a file beside
                out.write_colormap(1, table)
            out.write(pixels)
        return path

    return write
