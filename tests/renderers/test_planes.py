"""Pictures of formulas that look at neighbours and dates, against NumPy."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers import planes
from renderers.draw import Renderer
from renderers.errors import BudgetExceededError
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.ground import pixel_metres
from renderers.job import Budget, CoverageJob, DrawJob, LayerJob
from renderers.readers.registry import default_registry
from renderers.rule import ClassMask, MosaicRule
from renderers.scene import BandAsset, Scene
from styles import reference
from styles.inline import formula_style

SIDE = 96
MERCATOR = "EPSG:3857"
NORTH = 6_000_000


@pytest.fixture
def renderer(stores, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        yield Renderer(FileCache(stores, default_registry(tmp_path / "spool"), pool), pool)


@pytest.fixture
def scene(stores, tmp_path):
    """Writes bands of float32 with 10 m pixels in Mercator, and returns a scene of a day."""

    def written(name, day, column=0, cloud=0.0, **bands):
        assets = {}
        for band, values in bands.items():
            path = tmp_path / f"{name}-{band}.tif"
            height, width = values.shape
            grid = GeoBox(width, height, Affine(10, 0, column * 10, 0, -10, NORTH), MERCATOR)
            profile = {
                "driver": "GTiff", "width": width, "height": height, "count": 1,
                "dtype": "float32", "crs": MERCATOR, "transform": grid.transform,
                "nodata": -9999, "tiled": True, "blockxsize": 32, "blockysize": 32,
            }  # fmt: skip
            with rasterio.open(path, "w", **profile) as out:
                out.write(np.where(np.isnan(values), -9999, values).astype(np.float32), 1)
            assets[band] = BandAsset(stores.resolve(str(path)), grid=grid)
        when = datetime(2024, 6, day, 10, tzinfo=UTC)
        return Scene(name, "c", when, assets, cloud, 0.0)

    return written


def box(width=SIDE, height=SIDE):
    return GeoBox(width, height, Affine(10, 0, 0, 0, -10, NORTH), MERCATOR)


def hills(seed=1, shape=(SIDE, SIDE)):
    rng = np.random.default_rng(seed)
    return np.cumsum(np.cumsum(rng.normal(0, 1, shape), 0), 1).astype(np.float32)


async def image(renderer, formula, scenes, grid, rule=None, **more):
    style = formula_style(formula, **({"resampling": "nearest"} | more))
    rule = rule or MosaicRule()
    layer = LayerJob(tuple(rule.ordered(scenes)), style, rule)
    return (await renderer.picture(DrawJob((layer,), grid, Budget()), lambda i: i)).result


async def values(renderer, formula, scenes, grid, rule=None):
    program = formula_style(formula, resampling="nearest").program
    rule = rule or MosaicRule()
    names = tuple(str(k) for k in range(program.outputs))
    job = CoverageJob(tuple(rule.ordered(scenes)), names, grid, Budget(), "nearest", rule, program)
    raster = (await renderer.coverage(job)).raster
    return np.where(raster.valid, raster.data, np.nan)[0]


@pytest.mark.parametrize(
    ("formula", "kind", "numbers"),
    [
        ("slope(dem)", "slope", ()),
        ("aspect(dem)", "aspect", ()),
        ("hillshade(dem)", "hillshade", (315.0, 45.0, 1.0)),
        ("hillshade(dem, 90, 20, 3)", "hillshade", (90.0, 20.0, 3.0)),
    ],
)
async def test_relief_is_in_metres_on_the_ground(renderer, scene, formula, kind, numbers):
    height = hills()
    height[40:43, 50] = np.nan
    grid = box()
    found = await values(renderer, formula, [scene("a", 1, dem=height)], grid)
    expected = reference.relief(kind, height, *pixel_metres(grid), numbers)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    # Mercator at 47 degrees north: the ground is a third smaller than the map says.
    scale = pixel_metres(grid)[0][0, 0] / 10
    assert scale == pytest.approx(math.cos(math.radians(47.4)), abs=0.01)


async def test_means_and_passes_of_passes(renderer, scene):
    height = hills(2)
    grid = box()
    scenes = [scene("a", 1, dem=height, red=height * 0 + 3)]
    found = await values(renderer, "focal_mean(slope(dem) + red, 5) - red", scenes, grid)
    slope = reference.relief("slope", height, *pixel_metres(grid))
    expected = reference.focal_mean(slope + np.float32(3), 5) - np.float32(3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize(
    "formula", ["hillshade(dem)", "focal_mean(slope(dem), 7)", "aspect(dem), slope(dem), dem"]
)
async def test_a_tile_is_the_crop_of_a_larger_one(renderer, scene, formula, resampling):
    """Over the edge between two scenes, on pixels that are not those of the files."""
    height = hills(3, (SIDE, 2 * SIDE))
    scenes = [
        scene("left", 1, dem=height[:, :SIDE]),
        scene("right", 2, column=SIDE, dem=height[:, SIDE:]),
    ]
    whole = GeoBox(160, 64, Affine(8, 0, 100, 0, -8, NORTH - 100), MERCATOR)
    large = (await image(renderer, formula, scenes, whole, resampling=resampling)).rgba()
    for column, row in ((0, 0), (64, 0), (96, 32)):
        part = whole.crop(column, row, 64, 32)
        tile = (await image(renderer, formula, scenes, part, resampling=resampling)).rgba()
        off = np.abs(tile.astype(int) - large[row : row + 32, column : column + 64])
        assert off.max() <= 1
        assert (off == 0).all(axis=-1).mean() > 0.999
    assert large[..., 3].any()


STACKS = {
    "time_min(x)": np.nanmin,
    "time_max(x)": np.nanmax,
    "time_mean(x)": np.nanmean,
    "time_median(x)": np.nanmedian,
}


@pytest.fixture
def dates(scene):
    """Five days with holes; the days and their pixels in time's order."""
    rng = np.random.default_rng(8)
    pixels = rng.normal(5, 2, (5, SIDE, SIDE)).astype(np.float32)
    pixels[rng.random(pixels.shape) < 0.3] = np.nan
    pixels[:, :2] = np.nan
    pixels[:, 2:4] = 7
    clouds = [30.0, 10.0, 50.0, 20.0, 40.0]
    scenes = [
        scene(f"d{k}", 1 + 3 * k, cloud=clouds[k], x=pixels[k], y=pixels[k] * 0 + k)
        for k in range(5)
    ]
    return scenes, pixels


def first(stack):
    """The first value along time."""
    return np.take_along_axis(stack, (~np.isnan(stack)).argmax(axis=0)[None], axis=0)[0]


RULES = [MosaicRule(), MosaicRule("least-recent"), MosaicRule("least-cloudy", by="scene")]


@pytest.mark.filterwarnings("ignore:All-NaN|Mean of empty")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.priority)
@pytest.mark.parametrize("formula", STACKS)
async def test_reductions_over_dates(renderer, dates, formula, rule):
    scenes, pixels = dates
    found = await values(renderer, formula, scenes, box(), rule)
    expected = STACKS[formula](pixels.astype(np.float64), axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.priority)
async def test_first_last_count_and_the_band_that_shows(renderer, dates, rule):
    scenes, pixels = dates
    grid = box()
    last = first(pixels[::-1])
    found = await values(renderer, "time_last(x) - time_first(x)", scenes, grid, rule)
    np.testing.assert_allclose(found, last - first(pixels), rtol=1e-5, atol=1e-5)
    found = await values(renderer, "time_count(x)", scenes, grid, rule)
    count = (~np.isnan(pixels)).sum(axis=0)
    np.testing.assert_array_equal(np.nan_to_num(found), count)
    assert np.isnan(found[:2]).all()
    order = rule.ordered(scenes)
    shown = first(np.stack([pixels[scenes.index(s)] for s in order]))
    found = await values(renderer, "x - time_mean(x) * 0", scenes, grid, rule)
    np.testing.assert_allclose(found, shown, rtol=1e-6)


async def test_a_reduction_is_of_clear_pixels_and_of_chosen_dates(renderer, dates):
    scenes, pixels = dates
    rule = MosaicRule(clear=ClassMask("y", (1, 3)))
    found = await values(renderer, "time_count(x)", scenes, box(), rule)
    count = (~np.isnan(pixels[[0, 2, 4]])).sum(axis=0)
    np.testing.assert_array_equal(np.nan_to_num(found), count)
    found = await values(renderer, "time_count(x)", scenes, box(), MosaicRule(dates=2))
    count = (~np.isnan(pixels[[3, 4]])).sum(axis=0)
    np.testing.assert_array_equal(np.nan_to_num(found), count)


async def test_reductions_and_passes_go_into_one_another(renderer, dates):
    scenes, pixels = dates
    found = await values(renderer, "focal_mean(time_max(x), 3)", scenes, box())
    filled = np.where(np.isnan(pixels), -np.inf, pixels).max(axis=0)
    expected = reference.focal_mean(np.where(np.isinf(filled), np.nan, filled), 3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    found = await values(renderer, "time_max(focal_mean(x, 3))", scenes, box())
    means = np.stack([reference.focal_mean(date, 3) for date in pixels])
    means = np.where(np.isnan(means), -np.inf, means).max(axis=0)
    np.testing.assert_allclose(found, np.where(np.isinf(means), np.nan, means), rtol=1e-5)


async def test_a_picture_has_the_colours_of_the_values(renderer, dates):
    scenes, pixels = dates
    drawn = await image(renderer, "time_max(x)", scenes, box(), ranges=[(0.0, 10.0)])
    most = np.where(np.isnan(pixels), -np.inf, pixels).max(axis=0)
    assert (drawn.pixels[:2] == 255).all()
    level = np.where(np.isinf(most), 255, np.rint(np.clip(most / 10, 0, 1) * 254))
    assert np.abs(drawn.pixels - level).max() <= 1


async def test_outside_all_data_there_is_no_picture(renderer, dates):
    far = GeoBox(8, 8, Affine(10, 0, 1e6, 0, -10, NORTH), MERCATOR)
    assert await image(renderer, "time_max(x) + slope(x)", dates[0], far) is None


async def test_memory_is_bounded_before_anything_is_read(renderer, dates, monkeypatch):
    monkeypatch.setattr(planes, "STACK_BYTES", 10 * 4 * SIDE * SIDE)
    assert await image(renderer, "time_max(x)", dates[0], box())
    for formula in ("time_median(x) + time_median(x * 2)", "slope(x) + slope(y) + aspect(x)"):
        with pytest.raises(BudgetExceededError, match="memory"):
            await image(renderer, formula, dates[0], box())
