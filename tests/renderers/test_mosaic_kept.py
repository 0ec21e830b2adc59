"""What is remembered of scenes between pictures: never more than allowed, never what was before."""

import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers import mosaic
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, Spent
from renderers.mosaic import Mosaicker
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset, Scene

POLE = "EPSG:3413"


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def files(stores, tmp_path, pool):
    return FileCache(stores, default_registry(tmp_path / "spool"), pool)


def write(path, value, crs="EPSG:32632", transform=None):
    """Write a file of one value beside the path, then put it in its place."""
    profile = {
        "driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint16", "crs": crs,
        "transform": transform or Affine(10, 0, 600000, 0, -10, 5400000),
        "tiled": True, "blockxsize": 32, "blockysize": 32,
    }  # fmt: skip
    new = path.with_suffix(".new")
    with rasterio.open(new, "w", **profile) as dataset:
        dataset.write(np.full((1, 64, 64), value, np.uint16))
    os.utime(new, ns=(value * 10**9, value * 10**9))
    new.replace(path)


async def shown(mosaicker, scene, box):
    found = await mosaicker.scaled([scene], ["red"], box, "nearest", Spent(Budget()))
    return np.unique(found.data[0][found.valid == 1]).tolist()


async def test_grids_with_a_position_for_each_pixel_are_not_kept_without_bound(
    tmp_path, stores, files, pool, monkeypatch
):
    monkeypatch.setattr(mosaic, "_KEPT_BYTES", 64 * 1024)
    write(tmp_path / "a.tif", 7, "EPSG:4326", Affine(5.6, 0, -180, 0, -0.2, 90))
    scene = Scene("s", "c", None, {"red": BandAsset(stores.resolve(str(tmp_path / "a.tif")))})
    mosaicker = Mosaicker(files, pool)
    made: list[weakref.ref] = []
    get = mosaicker._grids.get

    def seen(*asked):
        grid = get(*asked)
        made.append(weakref.ref(grid))
        assert grid.step == 1
        return grid

    monkeypatch.setattr(mosaicker._grids, "get", seen)
    for number in range(3):
        box = GeoBox(256, 256, Affine(1000, 0, -128e3 + number, 0, -1000, 128e3), POLE)
        for _ in range(2):  # the first opens the file
            assert await shown(mosaicker, scene, box) == [7]
    mosaicker._grids._grids.clear()
    gc.collect()
    assert made
    assert not any(ref() for ref in made)


async def test_a_file_that_is_replaced_again_and_again_is_read_again(tmp_path, stores, files, pool):
    path = tmp_path / "a.tif"
    write(path, 5)
    plain = BandAsset(stores.resolve(str(path)))
    pinned = (await files.open(plain)).source.ref
    assert pinned.etag
    files.forget(plain)
    scene = Scene("s", "c", None, {"red": BandAsset(pinned)})
    mosaicker = Mosaicker(files, pool)
    for number, value in enumerate((5, 6, 7, 8)):  # of another block each time
        write(path, value)
        x, y = 600120 + 320 * (number % 2), 5399880 - 320 * (number // 2)
        box = GeoBox(8, 8, Affine(10, 0, x, 0, -10, y), "EPSG:32632")
        assert await shown(mosaicker, scene, box) == [value]


async def test_no_tile_shows_a_file_that_another_found_replaced(tmp_path, stores, files, pool):
    path = tmp_path / "a.tif"
    write(path, 7)
    source = await stores.open(stores.resolve(str(path))).pinned()
    scene = Scene("s", "c", None, {"red": BandAsset(source.ref)})
    left, right = (
        GeoBox(16, 16, Affine(10, 0, 600000 + shift, 0, -10, 5400000), "EPSG:32632")
        for shift in (0, 400)
    )
    mosaicker = Mosaicker(files, pool)
    assert await shown(mosaicker, scene, left) == [7]
    write(path, 9)
    assert await shown(mosaicker, scene, left) == [7], "in memory, and nobody has looked"
    assert await shown(mosaicker, scene, right) == [9]
    assert await shown(mosaicker, scene, left) == [9]
