"""Wavelet levels mix nodata into their neighbours; what the mosaic makes of it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster

from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, Spent
from renderers.mosaic import Mosaicker
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset, Scene


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def write(path, values):
    transform = Affine(10, 0, 600000, 0, -10, 5400000)
    profile = {
        "driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1,
        "dtype": "uint16", "crs": "EPSG:32632", "transform": transform,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(values, 1)
        options = {"REVERSIBLE": "YES", "QUALITY": "100", "RESOLUTIONS": "5", "PLT": "YES"}
        with memory.open() as dataset:
            copy_raster(dataset, path, driver="JP2OpenJPEG", **options)


async def test_the_edge_of_a_swath_has_no_fringe_at_coarser_levels(tmp_path, stores, pool):
    values = np.full((1024, 1024), 3000, np.uint16)
    values[:, 500:] = 0
    write(tmp_path / "swath.jp2", values)
    with rasterio.open(tmp_path / "swath.jp2") as dataset:
        reduced = dataset.read(1, out_shape=(128, 128))
    assert ((reduced > 0) & (reduced < 2900)).any(), "the level mixes: there is something to hide"

    asset = BandAsset(stores.resolve(str(tmp_path / "swath.jp2")), nodata=0.0)
    scene = Scene("s", "c", None, {"red": asset})
    files = FileCache(stores, default_registry(tmp_path / "spool"), pool)
    target = GeoBox(128, 128, Affine(80, 0, 600000, 0, -80, 5400000), "EPSG:32632")
    mosaic = await Mosaicker(files, pool).scaled(
        [scene], ["red"], target, "nearest", Spent(Budget())
    )
    shown = mosaic.data[0][mosaic.valid == 1]
    assert shown.size > 60 * 128
    assert shown.min() > 2900


async def test_native_pixels_beside_nodata_stay(tmp_path, stores, pool):
    values = np.full((256, 256), 3000, np.uint16)
    values[:, 100:] = 0
    write(tmp_path / "swath.jp2", values)
    asset = BandAsset(stores.resolve(str(tmp_path / "swath.jp2")), nodata=0.0)
    files = FileCache(stores, default_registry(tmp_path / "spool"), pool)
    target = GeoBox(256, 256, Affine(10, 0, 600000, 0, -10, 5400000), "EPSG:32632")
    mosaic = await Mosaicker(files, pool).scaled(
        [Scene("s", "c", None, {"red": asset})], ["red"], target, "nearest", Spent(Budget())
    )
    np.testing.assert_array_equal(mosaic.valid == 1, values > 0)
