"""A cold tile of land cover and heights: what it costs, and that it shows what GDAL shows."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject
from support.application import fill, make_settings, mercator_tile, running, tile_at

import tileserver.products
from renderers.stores import ByteSource
from styles.colormaps import named
from tileserver.products.described.model import load_description


class Case(NamedTuple):
    """A genuine file, a tile finer than its pixels, and the most that the tile may cost."""

    path: str
    collection: str
    style: str
    place: tuple[float, float, int]
    rounds: int
    kilobytes: int


CASES = [
    Case(
        "dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif",
        "cop-dem-glo-30", "elevation-grey", (6.55, 0.27, 13), 1, 2300,
    ),
    Case(
        "landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif",
        "esa-worldcover", "classes", (6.65, 0.3, 15), 1, 20,
    ),
    Case(
        "landcover/U2018_CLC2018_V2020_20u1_FR_GLP.tif",
        "corine-land-cover", "classes", (-61.6, 16.2, 12), 1, 10,
    ),
]  # fmt: skip


FOLDERS = {"esa-worldcover": "esa_worldcover", "corine-land-cover": "corine"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.collection)
async def test_a_cold_tile(case, shared, tmp_path, monkeypatch):
    path = shared / "data" / case.path
    settings = make_settings(tmp_path, file_roots=[shared])
    (outcome,) = await fill(settings, [str(path)])
    assert (outcome.status, outcome.collection) == ("added", case.collection)
    rounds = []
    real = ByteSource.read

    async def counted(self, ranges):
        rounds.append(len(ranges))
        return await real(self, ranges)

    z, x, y = tile_at(*case.place)
    async with running(settings) as server:
        monkeypatch.setattr(ByteSource, "read", counted)
        before = server.services.stores.bytes_read
        url = f"/tiles/{case.collection}/{case.style}/WebMercatorQuad/{z}/{x}/{y}.png"
        answer = await server.get(url)
        assert answer.status_code == 200, answer.text
        size = server.services.stores.bytes_read - before
    assert 1 <= len(rounds) <= case.rounds
    assert 0 < size <= case.kilobytes * 1000
    with Image.open(io.BytesIO(answer.content)) as image:
        picture = np.asarray(image.convert("RGBA"))
    expected = wanted(path, case, mercator_tile(z, x, y))
    assert (expected[..., 3] > 0).mean() > 0.3  # there is something to see
    off = np.abs(picture.astype(int) - expected.astype(int)).max(axis=2)
    # heights: one of 255 steps of grey; classes: pixels whose centre lies on an edge
    near = 4 if case.collection.startswith("cop-dem") else 0
    assert (off > near).mean() < 0.005


def wanted(path: Path, case: Case, tile) -> np.ndarray:
    """The tile's RGBA by GDAL's warper and the product's own colours."""
    heights = case.collection.startswith("cop-dem")
    with rasterio.open(path) as source:
        kind = np.float32 if heights else np.uint8
        values, _ = reproject(
            rasterio.band(source, 1), np.zeros((256, 256), kind), dst_crs="EPSG:3857",
            dst_transform=Affine(*tile.transform[:6]), tolerance=0.0,
            resampling=Resampling.bilinear if heights else Resampling.nearest,
        )  # fmt: skip
    if heights:
        steps = np.rint(np.clip(values / 3000.0, 0, 1) * 254).astype(int)
        return named("greys_r")[steps]
    table = np.zeros((256, 4), np.uint8)
    folder = Path(tileserver.products.__file__).parent / FOLDERS[case.collection]
    for entry in load_description(folder / "description.yaml").bands[0].classes:
        table[entry.value] = entry.info.colour
    return table[values]
