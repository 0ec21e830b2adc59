"""The first tile of genuine products after they were added: what is read, and what is drawn."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from support.application import fill, make_settings, mercator_tile, running, tile_at
from support.pictures import colours

from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, Spent
from renderers.mosaic import Mosaicker
from renderers.readers.registry import default_registry
from renderers.scene import Scene
from renderers.stores import StoreRegistry
from tileserver.area import of_geobox
from tileserver.timeaxis import ALWAYS

LANDSAT = "landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031"


class Case(NamedTuple):
    """A product, the style and place of its tile, and what reading it costs.

    Attributes:
        href: Address below the folder of real data.
        collection: Where it goes.
        style: Of the tile.
        lon: Of a point in the tile.
        lat: Of the same.
        zoom: Native zoom of the file.
        bands: Names of the bands that the style needs.
        requests: Range requests of the cold tile, one round for each file.
        bytes_read: Most bytes that it may read.
    """

    href: str
    collection: str
    style: str
    lon: float
    lat: float
    zoom: int
    bands: tuple[str, ...]
    requests: int
    bytes_read: int


COGS = "sentinel2/S2B_33TWL_20230810_0_L2A"

CASES = {
    "cogs": Case(COGS, "sentinel-2-l2a", "ndvi", 15.7, 45.55, 9, ("B04", "B08"), 2, 1_700_000),
    "classes": Case(COGS, "sentinel-2-l2a", "scl", 15.7, 45.55, 9, ("SCL",), 1, 130_000),
    "quality": Case(
        LANDSAT, "landsat-c2-l2", "qa-pixel", 68.5, -81.2, 8, ("qa_pixel",), 1, 100_000
    ),
    "landsat": Case(LANDSAT, "landsat-c2-l2", "ndvi", 68.5, -81.2, 8, ("red", "nir"), 2, 150_000),
    "nbar": Case("modis", "modis-mcd43a4", "ndvi", 33.6, -24.5, 5, ("red", "nir"), 2, 200_000),
    "snow": Case(
        "modis/MOD10A2.A2022033.h09v05_Eight_Day_Snow_Cover.tif", "modis-mod10a2", "snow-days",
        -106.0, 37.5, 8, ("Eight_Day_Snow_Cover",), 1, 150_000,
    ),
    "ndvi": Case(
        "modis/TERRA_MODIS_012010_NDVI_2014-06-26.jp2", "modis-terra-ndvi", "stored-ndvi",
        -55.5, -11.65, 10, ("NDVI",), 1, 20_000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_a_cold_tile_reads_little_and_shows_what_rasterio_reads(shared, tmp_path, name):
    case = CASES[name]
    settings = make_settings(tmp_path, file_roots=[shared])
    outcomes = await fill(settings, [str(shared / "data" / case.href)])
    assert case.collection in {o.collection for o in outcomes}
    place = tile_at(case.lon, case.lat, case.zoom)
    async with running(settings) as app:
        collection = await app.services.catalogue.collection(case.collection)
        assert case.style in collection.styles
        area, stores = of_geobox(mercator_tile(*place)), app.services.stores
        (scene, *_) = await app.services.catalogue.search(case.collection, area, ALWAYS, 100)
        before = stores.requests, stores.bytes_read
        path = f"{case.collection}/{case.style}/WebMercatorQuad/{'/'.join(map(str, place))}.png"
        answer = await app.get(f"/tiles/{path}")
        requests, size = stores.requests - before[0], stores.bytes_read - before[1]
    assert answer.status_code == 200, answer.text
    assert colours(answer.content) > 0
    assert requests == case.requests
    assert 0 < size <= case.bytes_read, size
    for band in case.bands:
        await compare(stores, scene, band, mercator_tile(*place), tmp_path)


async def compare(stores: StoreRegistry, scene: Scene, band: str, box: GeoBox, folder: Path):
    """Hold the stored values of a band against GDAL's exact nearest warp of the same file."""
    asset = scene.bands[band]
    with ThreadPoolExecutor(2) as pool:
        files = FileCache(stores, default_registry(folder / "spool"), pool)
        drawn = await Mosaicker(files, pool).stored([scene], [band], box, Spent(Budget()))
    with (
        rasterio.open(f"/{asset.ref.path}") as file,
        WarpedVRT(
            file,
            crs=box.crs,
            transform=box.transform,
            width=box.width,
            height=box.height,
            resampling=Resampling.nearest,
            src_nodata=asset.nodata,
            nodata=asset.nodata,
            tolerance=1e-6,
        ) as warped,
    ):
        expected = warped.read(1)
    valid = expected != asset.nodata
    assert valid.mean() > 0.02
    agree = (drawn.valid.astype(bool) == valid) & (~valid | (drawn.data[0] == expected))
    assert np.mean(agree) > 0.999
