"""Sun and view angles of genuine granules from the file to pictures and values."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.application import fill, make_settings, mercator_tile, running, tile_at
from support.pictures import colours

from renderers.files import FileCache
from renderers.job import Budget, Spent
from renderers.mosaic import Mosaicker
from renderers.readers.registry import default_registry
from tileserver.area import of_geobox
from tileserver.timeaxis import ALWAYS

SAFE = "data/sentinel2/S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911.SAFE"
COGS = "data/sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json"


@pytest.mark.parametrize(
    ("href", "collection", "lon", "lat", "mean"),
    [
        (SAFE, "sentinel-2-l1c", 2.3, 42.8, {"sun_zenith": 67.04, "sun_azimuth": 166.33}),
        (COGS, "sentinel-2-l2a", 15.7, 45.5, {"sun_zenith": 32.89, "sun_azimuth": 150.52}),
    ],
)
async def test_they_are_drawn_without_reading_a_byte(
    shared, tmp_path, href, collection, lon, lat, mean
):
    settings = make_settings(tmp_path, file_roots=[shared])
    (outcome,) = await fill(settings, [str(shared / href)])
    assert (outcome.status, outcome.collection) == ("added", collection)
    place = tile_at(lon, lat, 10)
    async with running(settings) as app:
        stores = app.services.stores
        before = stores.requests
        path = f"{collection}/sun_zenith/WebMercatorQuad/{'/'.join(map(str, place))}.png"
        answer = await app.get(f"/tiles/{path}")
        assert answer.status_code == 200, answer.text
        assert colours(answer.content) > 0
        assert stores.requests == before
        box = mercator_tile(*place)
        (scene,) = await app.services.catalogue.search(collection, of_geobox(box), ALWAYS, 9)
    names = ["sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth"]
    with ThreadPoolExecutor(1) as pool:
        files = FileCache(stores, default_registry(tmp_path / "spool"), pool)
        drawn = await Mosaicker(files, pool).stored([scene], names, box, Spent(Budget()))
    valid = drawn.valid.astype(bool)
    assert valid.mean() > 0.5
    values = dict(zip(names, drawn.data, strict=True))
    for name, expected in mean.items():
        assert np.mean(values[name][valid]) == pytest.approx(expected, abs=1.5)
    assert 1.0 < np.mean(values["view_zenith"][valid]) < 12.0
