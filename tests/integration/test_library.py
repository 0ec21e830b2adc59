"""Every style of the library over every collection that has its bands: pictures and legends.

Over the generated demo, and over real products where they are.
"""

from io import BytesIO

import numpy as np
from PIL import Image
from support.application import fill, make_settings, running, tile_at
from support.golden import FOLDER, Goldens

from tileserver.products.base import Hints

#: Styles that may show nothing over a tile: no pixel of it may have what they are about.
MAY_BE_EMPTY = {"snow-days", "classes"}
#: A period that takes in every date of the demo.
PERIOD = "2015-01-01/2030-01-01"


def tile_over(bbox):
    """A tile in the middle of a box, about as wide as the box."""
    west, south, east, north = bbox
    width = max(min(east - west, 360.0), 1e-3)
    zoom = int(np.clip(np.ceil(np.log2(360.0 / width)), 0, 20))
    return tile_at((west + east) / 2, float(np.clip((south + north) / 2, -80, 80)), zoom)


async def faults_of(app, collection, goldens):
    """What is wrong with the styles of a collection, by style."""
    z, x, y = tile_over(collection.bbox)
    faults = {}
    for style in await app.services.pipeline.styles(collection.id):
        if style.id == "footprints":
            continue
        key = f"{collection.id}/{style.id}"
        period = f"?time={PERIOD}" if style.program.over_time else ""
        path = f"/tiles/{key}/WebMercatorQuad/{z}/{x}/{y}.png{period}"
        answer = await app.get(path)
        if answer.status_code != 200:
            faults[key] = answer.text
            continue
        if fault := goldens.fault(key, answer.content):
            faults[key] = fault
        with Image.open(BytesIO(answer.content)) as picture:
            empty = not np.asarray(picture.convert("RGBA"))[..., 3].any()
        if empty and style.id not in MAY_BE_EMPTY:
            faults[key] = "nothing is drawn"
        if not style.legend.entries:
            faults[key] = "it has no legend"
    return faults


async def check(settings, name):
    goldens = Goldens(name)
    faults = {}
    async with running(settings) as app:
        for collection in await app.services.catalogue.collections():
            faults |= await faults_of(app, collection, goldens)
    assert faults == {}
    assert goldens.finish() == [], "these styles are not there any more: scripts/bless"
    return len(goldens.seen)


async def test_over_the_demo(demo_products, tmp_path):
    settings = make_settings(tmp_path, file_roots=[demo_products])
    safes = sorted(str(p) for p in demo_products.glob("sentinel-2-*/*.SAFE"))
    await fill(settings, safes)
    marble = Hints(collection="blue-marble")
    await fill(settings, [str(demo_products / "blue-marble.tif")], marble)
    assert await check(settings, "demo") > 200


async def test_over_real_products(shared, tmp_path):
    data = shared / "data"
    settings = make_settings(tmp_path, file_roots=[data])
    products = (
        "landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031",
        "dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif",
        "landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif",
        "landcover/U2018_CLC2018_V2020_20u1_FR_GLP.tif",
        "modis",
        "sentinel1/S1A_IW_GRDH_20180716_FD5B_decimated",
    )
    await fill(settings, [str(data / product) for product in products])
    assert await check(settings, "products") > 80


def test_goldens_are_small():
    files = list(FOLDER.glob("*.npz"))
    assert files
    assert sum(path.stat().st_size for path in files) < 1_000_000
