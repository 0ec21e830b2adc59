"""Nearest pixels of real products against GDAL's exact warp (tolerance 0) of the same level.

Level rule (`renderers.plan`): the coarsest level whose pixels are not larger than the target's. At
the native zoom that is full resolution; overview zooms have a test and a bound of their own.
"""

import os
import random
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from support.application import HALF, mercator_tile, tile_at
from support.parity import ANYWHERE, REFUSED, Subject, rasters

from renderers.crs import metres_per_unit, transform_points
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, Spent
from renderers.mosaic import Mosaicker
from renderers.plan import choose_level
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset, Scene
from renderers.stores import StoreRegistry
from renderers.warp import coordinate_grid

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared")) / "data"
ALL = rasters(ROOT) if ROOT.is_dir() else []

#: Least part of pixels that are those of the exact warp; all others are within one source pixel.
EQUAL = 0.98

L1C = (
    "sentinel2/S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911.SAFE/GRANULE/"
    "L1C_T31TDH_A013204_20180101T105435/IMG_DATA/T31TDH_20180101T105441_B01.jp2"
)
QI = (
    "sentinel2/S2B_33TWL_20230810_0_L2A/GRANULE/L2A_T33TWL_A033567_20230810T095651/QI_DATA/"
    "MSK_DETFOO_{}.jp2"
)
LANDSAT = "landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031/LC08_L2SR_099120_20191129_20201016_02_T2_SR_B4.TIF"  # noqa: E501
COGS = (
    "cog/S2A_29RKH_20200219_0_L2A/B04.tif",
    "cog/S2A_29RKH_20200219_0_L2A/B11.tif",
    "cog/S2A_29RKH_20200219_0_L2A/SCL.tif",
    "cog/s2_b04_10m_crop.tif",
    "cog/s2_b08_10m_crop.tif",
    "cog/cog_dateline.tif",
    "landsat/LC08_B7_Memphis_COG.tiff",
    LANDSAT,
    "dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif",
    "dem/Copernicus_DSM_COG_30_S90_00_W164_00_DEM.tif",
    "landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif",
    "landcover/U2018_CLC2018_V2020_20u1_FR_GLP.tif",
)
JP2S = (
    L1C,
    QI.format("B01"),
    QI.format("B02"),
    QI.format("B05"),
    "sentinel2/antimeridian/T01WCQ_B04.jp2",
    "sentinel2/antimeridian/T01WCQ_SCL.jp2",
)
#: Files whose overviews GDAL reads as files of their own, and which the file holds.
PYRAMIDS = (*COGS[:2], COGS[5], COGS[6], COGS[8], COGS[10], JP2S[0], JP2S[2], JP2S[4])


@dataclass
class Parity:
    """Pixels compared: all, equal, within one source pixel, none of these."""

    pixels: int = 0
    equal: int = 0
    near: int = 0
    wrong: int = 0
    valid: int = 0

    @property
    def share(self) -> float:
        return self.equal / self.pixels

    def __str__(self) -> str:
        return (
            f"{self.share:.4%} equal, {self.near} within one pixel, {self.wrong} wrong,"
            f" {self.valid / self.pixels:.0%} valid of {self.pixels}"
        )


class Ours:
    """One file through our readers and mosaic."""

    def __init__(self, stores: StoreRegistry, path: Path, pool: ThreadPoolExecutor, tmp: Path):
        self._files = FileCache(stores, default_registry(tmp / "spool"), pool)
        self._mosaic = Mosaicker(self._files, pool)
        self._asset = BandAsset(stores.resolve(str(path)))

    async def info(self):
        return (await self._files.open(self._asset)).index.info

    async def grid(self) -> GeoBox:
        """Where the pixels lie; somewhere, for files that do not say."""
        info = await self.info()
        return info.geobox or GeoBox(info.width, info.height, *ANYWHERE)

    async def draw(self, box: GeoBox) -> tuple[np.ndarray, np.ndarray]:
        asset = replace(self._asset, grid=await self.grid())
        scene = Scene("one", "c", None, {"b": asset})
        mosaic = await self._mosaic.stored([scene], ["b"], box, Spent(Budget()))
        return mosaic.data[0], mosaic.valid.astype(bool)


def source_at(path: Path, level: int) -> rasterio.DatasetReader:
    """Open one level, and none other: GDAL would choose by a rule of its own."""
    return rasterio.open(path, **({"overview_level": level - 1} if level else {}))


def crs_name(source: rasterio.DatasetReader) -> str:
    code = source.crs.to_epsg()
    return f"EPSG:{code}" if code else str(source.crs.to_wkt())


def window_of(source: GeoBox, box: GeoBox) -> Window:
    """The part of a source that a grid needs, with room around it."""
    rows, columns = np.mgrid[0 : box.height + 8 : 8, 0 : box.width + 8 : 8].astype(np.float64)
    t = box.transform
    x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
    x, y = transform_points(box.crs, source.crs, x, y)
    column, row = source.to_pixel(x, y)
    left, right = np.clip([column.min() - 20, column.max() + 20], 0, source.width)
    top, bottom = np.clip([row.min() - 20, row.max() + 20], 0, source.height)
    return Window(int(left), int(top), int(right) - int(left), int(bottom) - int(top))


def stored(source: rasterio.DatasetReader, window: Window) -> np.ndarray:
    """Values of the first band; of TIFF with colour JPEG those of libjpeg-turbo, through Pillow.

    The libjpeg in rasterio's wheels brings up chroma in its own way, up to 24 levels elsewhere.
    """
    kind = source.driver, source.profile.get("compress"), source.profile.get("photometric")
    if kind != ("GTiff", "jpeg", "ycbcr"):
        return source.read(1, window=window)
    with Image.open(source.name) as image:
        assert image.size == (source.width, source.height), "full resolution only"
        rows, columns = window.toslices()
        return np.ascontiguousarray(np.asarray(image)[rows, columns, 0])


class Around:
    """GDAL's pixels of one level around a target grid.

    Attributes:
        pixels: Stored values.
        mask: 0 where there is no data.
        transform: Of these pixels.
        crs: Their CRS.
    """

    def __init__(self, source: rasterio.DatasetReader, box: GeoBox, grid: GeoBox) -> None:
        window = window_of(grid, box)
        self.pixels = stored(source, window)
        self.mask = source.read_masks(1, window=window)
        self.transform = grid.transform @ Affine.translation(window.col_off, window.row_off)
        self.crs = grid.crs

    def exact_warp(self, box: GeoBox) -> tuple[np.ndarray, np.ndarray]:
        """Warp by GDAL with no approximation; return values and validity."""
        if not self.pixels.size:
            empty = np.zeros((box.height, box.width), self.pixels.dtype)
            return empty, empty > 0
        return self._warped(self.pixels, box), self._warped(self.mask, box) > 0

    def _warped(self, pixels: np.ndarray, box: GeoBox) -> np.ndarray:
        placed = {"crs": self.crs, "transform": self.transform, "dtype": pixels.dtype, "count": 1}
        height, width = pixels.shape
        with MemoryFile() as memory:
            with memory.open(driver="GTiff", height=height, width=width, **placed) as made:
                made.write(pixels, 1)
            # `reproject` takes a tolerance and does not heed it (rasterio 1.4), and the VRT does
            # not take 0; this is a millionth of a source pixel.
            with (
                memory.open() as made,
                WarpedVRT(
                    made,
                    crs=box.crs,
                    transform=box.transform,
                    width=box.width,
                    height=box.height,
                    resampling=Resampling.nearest,
                    tolerance=1e-6,
                ) as vrt,
            ):
                return vrt.read(1)

    def explains(self, box: GeoBox, at: np.ndarray, value: np.generic, valid: bool) -> bool:
        """Whether a target pixel is one of the 3 x 3 around its exact position (by pyproj)."""
        x, y = box.transform @ (at[1] + 0.5, at[0] + 0.5)
        px, py = transform_points(box.crs, self.crs, np.array([x]), np.array([y]))
        column, row = GeoBox(1, 1, self.transform, self.crs).to_pixel(px, py)
        left, top = int(np.floor(column[0])) - 1, int(np.floor(row[0])) - 1
        near = np.s_[max(top, 0) : max(top + 3, 0), max(left, 0) : max(left + 3, 0)]
        values, good = self.pixels[near], self.mask[near] > 0
        if valid:
            return bool((values[good] == value).any())
        return int(good.sum()) < 9


async def compare(
    ours: Ours, source: rasterio.DatasetReader, box: GeoBox, level: int, total: Parity
) -> None:
    info, grid = await ours.info(), await ours.grid()
    shown = info.levels[level]
    assert choose_level(info.levels, coordinate_grid(box, grid).ratio) == level
    assert (source.width, source.height) == (shown.width, shown.height)
    transform = grid.transform @ Affine.scale(shown.scale_x, shown.scale_y)
    if source.driver != "JP2OpenJPEG" and info.geobox is not None:
        # JPEG 2000 reduces by whole powers of two (T.800, B.5); GDAL says width0 / width.
        assert source.transform.almost_equals(transform, 1e-6)
    crs = grid.crs if source.crs is None or box.crs == grid.crs else crs_name(source)
    data, valid = await ours.draw(box)
    around = Around(source, box, GeoBox(source.width, source.height, transform, crs))
    expected, expected_valid = around.exact_warp(box)
    assert data.dtype == expected.dtype
    equal = (valid == expected_valid) & (~valid | (data == expected))
    total.pixels += equal.size
    total.equal += int(equal.sum())
    total.valid += int(expected_valid.sum())
    for at in np.argwhere(~equal):
        if around.explains(box, at, data[tuple(at)], bool(valid[tuple(at)])):
            total.near += 1
        else:
            total.wrong += 1


def native_zoom(info, lat: float) -> int:
    """Lowest zoom whose pixels are no larger than the file's, on the ground."""
    size = info.geobox.resolution[0] * metres_per_unit(info.crs)
    if info.geobox.crs == "EPSG:4326":
        size *= np.cos(np.radians(lat))
    return int(np.ceil(np.log2(2 * HALF * np.cos(np.radians(lat)) / 256 / size) - 1e-6))


def boxes_of_level(
    source: rasterio.DatasetReader, info, level: int, count: int
) -> Iterator[GeoBox]:
    """Tiles around random pixels that have data, at the highest zoom that reads a level.

    Squares in polar stereographic where the tiles of the web end.
    """
    chance = random.Random(f"{source.name.rpartition('/')[2]} {level}")  # noqa: S311 - a test
    found = 0
    while found < count:
        at = chance.uniform(0, info.width), chance.uniform(0, info.height)
        if not source.read_masks(1, window=Window(int(at[0]), int(at[1]), 1, 1)).any():
            continue
        x, y = info.geobox.transform @ at
        for zoom_out in range(12):
            box = box_at(info, x, y, zoom_out)
            read = choose_level(info.levels, coordinate_grid(box, info.geobox).ratio)
            if read == level:
                found += 1
                yield box
            if read >= level:
                break


def box_at(info, x: float, y: float, zoom_out: int) -> GeoBox:
    lon, lat = transform_points(info.crs, "EPSG:4326", np.array([x]), np.array([y]))
    if abs(lat[0]) <= 85:
        zoom = max(native_zoom(info, lat[0]) - zoom_out, 0)
        return mercator_tile(*tile_at(lon[0], lat[0], zoom))
    px, py = transform_points(info.crs, "EPSG:3031", np.array([x]), np.array([y]))
    step = 25.0 * 2**zoom_out
    transform = Affine(step, 0, px[0] - 128 * step, 0, -step, py[0] + 128 * step)
    return GeoBox(256, 256, transform, "EPSG:3031")


def short(name: str) -> str:
    return name.rpartition("/")[2]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _odd_references():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@pytest.mark.parametrize("name", COGS + JP2S, ids=short)
async def test_native_zoom(shared, stores, pool, tmp_path, name, record_testsuite_property):
    path = shared / "data" / name
    ours = Ours(stores, path, pool, tmp_path)
    info = await ours.info()
    total = Parity()
    with source_at(path, 0) as source:
        for box in boxes_of_level(source, info, 0, 4):
            await compare(ours, source, box, 0, total)
    record_testsuite_property(f"native {short(name)}", str(total))
    assert total.valid > 0
    assert total.wrong == 0, total
    assert total.share >= EQUAL, total


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
async def test_every_file_at_native_zoom(
    shared, stores, pool, tmp_path, name, record_testsuite_property
):
    """Nearest pixels of all that opens, with a place where the file has none."""
    path = shared / "data" / name
    subject = Subject(stores, path, pool, tmp_path)
    try:
        await subject.open()
    except REFUSED as refused:
        pytest.skip(f"not drawn: {refused}")
    ours = Ours(stores, path, pool, tmp_path)
    total = Parity()
    with source_at(path, 0) as source:
        for box in subject.boxes(1.0, 2):
            await compare(ours, source, box, 0, total)
    record_testsuite_property(f"every {name}", str(total))
    assert total.wrong == 0, total
    assert total.share >= EQUAL, total


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("name", PYRAMIDS, ids=short)
async def test_overview_zooms(
    shared, stores, pool, tmp_path, name, level, record_testsuite_property
):
    path = shared / "data" / name
    ours = Ours(stores, path, pool, tmp_path)
    info = await ours.info()
    if len(info.levels) <= level:
        pytest.skip(f"the file has {len(info.levels)} levels")
    total = Parity()
    with source_at(path, 0) as full, source_at(path, level) as source:
        for box in boxes_of_level(full, info, level, 2):
            await compare(ours, source, box, level, total)
    record_testsuite_property(f"level {level} {short(name)}", str(total))
    assert total.valid > 0
    assert total.wrong == 0, total
    assert total.share >= EQUAL, total
