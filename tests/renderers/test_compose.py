"""Pictures of many dates against NumPy, and what must hold of every mosaic."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from renderers import compose
from renderers.draw import Renderer
from renderers.errors import BudgetExceededError
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, CoverageJob, DrawJob, LayerJob
from renderers.readers.registry import default_registry
from renderers.rule import ClassMask, MosaicRule
from renderers.scene import BandAsset, Scene
from styles.expression import compile_formula
from styles.registry import stretch_style

SIDE = 64
UTM32 = "EPSG:32632"
BOX = GeoBox(SIDE, SIDE, Affine(10, 0, 600000, 0, -10, 5400000), UTM32)
GREY = replace(stretch_style("grey", "red", 0.0, 4000.0), resampling="nearest")
NIR = compile_formula("nir * 1")
RULES = {
    "most-recent": MosaicRule(),
    "least-recent": MosaicRule("least-recent"),
    "least-cloudy": MosaicRule("least-cloudy"),
    "nearest": MosaicRule("nearest", date(2024, 6, 3)),
    "clear": MosaicRule(clear=ClassMask("scl", (3, 8, 9))),
    **{how: MosaicRule(compose=how) for how in ("mean", "median", "min", "max", "count")},
    "three": MosaicRule(compose="median", dates=3),
    "best": MosaicRule(compose="best", best=NIR),
    "all of it": MosaicRule("least-cloudy", None, "scene", ClassMask("scl", (3, 8)), "mean", 4),
}


@pytest.fixture
def renderer(stores, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        yield Renderer(FileCache(stores, default_registry(tmp_path / "spool"), pool), pool)


@pytest.fixture
def write(tmp_path, stores):
    """Writes bands of 10 m, nodata 0, and returns the assets."""

    def bands(name, crs=UTM32, origin=(600000, 5400000), step=10, **pixels):
        transform = Affine(step, 0, origin[0], 0, -step, origin[1])
        found = {}
        for band, values in pixels.items():
            path = tmp_path / f"{name}-{band}.tif"
            height, width = values.shape
            profile = {
                "driver": "GTiff", "width": width, "height": height, "count": 1, "nodata": 0,
                "dtype": values.dtype, "crs": crs, "transform": transform,
                "tiled": True, "blockxsize": 32, "blockysize": 32,
            }  # fmt: skip
            with rasterio.open(path, "w", **profile) as out:
                out.write(values, 1)
            grid = GeoBox(width, height, transform, crs)
            found[band] = BandAsset(stores.resolve(str(path)), grid=grid)
        return found

    return bands


@pytest.fixture
def dates(write):
    """Eight scenes with holes on five days, two of them on three days, and their pixels."""
    rng = np.random.default_rng(7)
    scenes, pixels = [], []
    for number, day in enumerate((1, 1, 2, 3, 3, 4, 5, 5)):
        red = rng.integers(1, 4000, (SIDE, SIDE)).astype(np.uint16)
        red[rng.random(red.shape) < 0.5] = 0
        nir = rng.integers(1, 60000, (SIDE, SIDE)).astype(np.uint16)
        scl = rng.integers(1, 12, (SIDE, SIDE)).astype(np.uint8)
        when = datetime(2024, 6, day, 10, number, tzinfo=UTC)
        assets = write(f"s{number}", red=red, nir=nir, scl=scl)
        scenes.append(Scene(f"s{number}", "c", when, assets, float(rng.integers(100)), 10.0))
        pixels.append({"red": red.astype(float), "nir": nir.astype(float), "scl": scl})
    return scenes, pixels


async def draw(renderer, scenes, rule, box=BOX, style=GREY, budget=None):
    layer = LayerJob(tuple(rule.ordered(scenes)), style, rule)
    job = DrawJob((layer,), box, budget or Budget())
    return await renderer.picture(job, lambda image: image)


async def picture(renderer, scenes, rule, box=BOX, style=GREY):
    image = (await draw(renderer, scenes, rule, box, style)).result
    return np.zeros((box.height, box.width, 4), np.uint8) if image is None else image.rgba()


def stacks(dates, rule):
    """Red and nir of every date, (dates, rows, columns), NaN where there is none."""
    scenes, pixels = dates
    order = rule.ordered(scenes)
    # The first valid one is looked for scene by scene, which need not be date by date.
    numbers = list(range(len(order))) if rule.compose == "first" else rule.date_numbers(order)
    red = np.full((max(numbers) + 1, SIDE, SIDE), np.nan)
    nir = red.copy()
    for scene, number in zip(order, numbers, strict=True):
        found = pixels[scenes.index(scene)]
        new = (found["red"] != 0) & np.isnan(red[number])
        if rule.clear is not None:
            new &= ~np.isin(found["scl"], rule.clear.classes)
        red[number][new], nir[number][new] = found["red"][new], found["nir"][new]
    return red, nir


def twin(dates, rule):
    red, nir = stacks(dates, rule)
    there = ~np.isnan(red)
    if rule.compose == "count":
        return np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    if rule.compose in ("first", "best"):
        value = there * 1.0 if rule.compose == "first" else np.where(there, nir, -1)
        return np.take_along_axis(red, value.argmax(axis=0)[None], axis=0)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        how = {"mean": np.nanmean, "median": np.nanmedian, "min": np.nanmin, "max": np.nanmax}
        return how[rule.compose](red, axis=0)


def style_of(name):
    return replace(GREY, colour=replace(GREY.colour, high=8.0)) if name == "count" else GREY


@pytest.mark.parametrize("name", RULES)
async def test_values_are_those_of_numpy(renderer, dates, name):
    rule = RULES[name]
    style = style_of(name)
    expected = twin(dates, rule)
    high = style.colour.high
    levels = np.clip(np.nan_to_num(expected) / high, 0, 1) * 254
    for _ in range(2):  # the second time out of memory
        image = (await draw(renderer, dates[0], rule, style=style)).result
        there = ~np.isnan(expected)
        np.testing.assert_array_equal(image.rgba()[..., 3] == 255, there)
        np.testing.assert_allclose(image.pixels[there], levels[there], atol=0.51)


@pytest.mark.parametrize("name", RULES)
async def test_any_order_of_scenes_gives_the_same_picture(renderer, dates, name):
    style = style_of(name)
    expected = await picture(renderer, dates[0], RULES[name], style=style)
    assert len(np.unique(expected)) > 5
    rng = np.random.default_rng(1)
    for _ in range(3):
        scenes = [dates[0][k] for k in rng.permutation(8)]
        found = await picture(renderer, scenes, RULES[name], style=style)
        np.testing.assert_array_equal(found, expected)


async def test_a_colour_picture_is_composed_channel_by_channel(renderer, dates):
    style = replace(stretch_style("rgb", ("red", "nir", "red"), 0.0, 4000.0), resampling="nearest")
    red, nir = stacks(dates, MosaicRule(compose="median"))
    image = await picture(renderer, dates[0], MosaicRule(compose="median"), style=style)
    there = ~np.isnan(red).all(axis=0)
    for channel, values in ((0, red), (1, nir)):
        expected = np.clip(np.nanmedian(values[:, there], axis=0) / 4000, 0, 1) * 255
        np.testing.assert_allclose(image[there][:, channel], expected, atol=0.51)


async def test_scenes_of_a_date_that_is_whole_are_not_asked(renderer, write, monkeypatch):
    full = np.full((SIDE, SIDE), 9, np.uint16)
    scenes = [
        Scene(f"{day}{n}", "c", datetime(2024, 6, day, 10, n, tzinfo=UTC),
              write(f"{day}{n}", red=full), None, 10.0)
        for day, n in product((1, 2, 3, 4, 5), (0, 1))
    ]  # fmt: skip
    asked, read = [], renderer._mosaic._read

    async def noted(scene, wanted, spent):
        asked.append(scene.id)
        return await read(scene, wanted, spent)

    monkeypatch.setattr(renderer._mosaic, "_read", noted)
    await picture(renderer, scenes, MosaicRule(compose="mean"))
    assert sorted(asked) == ["11", "21", "31", "41", "51"]


async def test_dates_beyond_the_budget_are_told(renderer, dates):
    rule = MosaicRule(compose="mean")
    assert (await draw(renderer, dates[0], rule)).complete
    assert not (await draw(renderer, dates[0], rule, budget=Budget(scenes=7))).complete


async def test_a_median_of_too_much_is_refused_before_it_is_read(renderer, dates, monkeypatch):
    monkeypatch.setattr(compose, "STACK_BYTES", 4 * 5 * SIDE * SIDE - 1)

    async def read(*_):
        raise AssertionError("read")

    monkeypatch.setattr(renderer._mosaic, "_read", read)
    with pytest.raises(BudgetExceededError, match="median of 5 dates"):
        await picture(renderer, dates[0], MosaicRule(compose="median"))


async def test_without_scenes_there_is_no_picture(renderer):
    for compose_ in ("mean", "median"):
        assert (await draw(renderer, [], MosaicRule(compose=compose_))).result is None


# Over the edges of zones and of the world


def zones(write, crs, lon, lat):
    """Scenes of three days in two neighbouring zones, each over both sides of a meridian."""
    rng = np.random.default_rng(5)
    scenes, pixels = [], []
    for number, (code, day) in enumerate(product(crs, (1, 2, 3))):
        to = Transformer.from_crs("EPSG:4326", code, always_xy=True)
        x, y = (round(v, -1) for v in to.transform(lon, lat))
        red = rng.integers(1, 4000, (300, 300)).astype(np.uint16)
        red[rng.random(red.shape) < 0.4] = 0
        origin = x - 1500, y + 1500
        assets = write(f"z{number}", code, origin, red=red)
        when = datetime(2024, 6, day, 10, number, tzinfo=UTC)
        scenes.append(Scene(f"z{number}", "c", when, assets, None, lon))
        pixels.append((to, origin, red))
    return scenes, pixels


def brute(scenes, pixels, box, rule):
    """First valid scene at each pixel, every position computed; NaN for none."""
    columns, rows = np.meshgrid(np.arange(box.width) + 0.5, np.arange(box.height) + 0.5)
    lon, lat = Transformer.from_crs(box.crs, "EPSG:4326", always_xy=True).transform(
        *(box.transform @ (columns, rows))
    )
    out = np.full(lon.shape, np.nan)
    for scene in rule.ordered(scenes):
        to, (west, north), red = pixels[scenes.index(scene)]
        x, y = to.transform(lon, lat)
        column, row = (x - west) // 10, (north - y) // 10
        inside = (column >= 0) & (column < 300) & (row >= 0) & (row < 300)
        found = np.zeros(lon.shape)
        found[inside] = red[row[inside].astype(int), column[inside].astype(int)]
        new = np.isnan(out) & (found != 0)
        out[new] = found[new]
    return out


PLACES = {
    "zones": (("EPSG:32632", "EPSG:32633"), 12.0, 49.0, "EPSG:3857"),
    "antimeridian": (("EPSG:32760", "EPSG:32701"), 180.0, -17.0, "EPSG:3832"),
    "south of the equator and north": (("EPSG:32632", "EPSG:32732"), 9.0, 0.0, "EPSG:4326"),
}


def over(lon, lat, crs, side=256):
    to = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = to.transform(lon, lat)
    step = 0.0001 if crs == "EPSG:4326" else 10.0
    return GeoBox(
        side, side, Affine(step, 0, x - step * side / 2, 0, -step, y + step * side / 2), crs
    )


@pytest.mark.parametrize("place", PLACES)
async def test_scenes_of_several_zones_lie_where_they_are(renderer, write, place):
    codes, lon, lat, crs = PLACES[place]
    scenes, pixels = zones(write, codes, lon, lat)
    box = over(lon, lat, crs)
    expected = brute(scenes, pixels, box, MosaicRule())
    image = (await draw(renderer, scenes, MosaicRule(), box)).result
    there = ~np.isnan(expected)
    assert there.mean() > 0.5
    levels = np.rint(np.nan_to_num(expected) / 4000 * 254)
    same = np.where(there, np.abs(image.pixels - levels) <= 1, image.pixels == 255)
    assert same.mean() > 0.995, "positions are interpolated to a hundredth of a pixel"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["most-recent", "median", "max"])
async def test_a_tile_is_a_crop_of_a_larger_one(renderer, write, place, name):
    codes, lon, lat, crs = PLACES[place]
    scenes, _ = zones(write, codes, lon, lat)
    box, rule = over(lon, lat, crs), RULES[name]
    whole = await picture(renderer, scenes, rule, box)
    assert len(np.unique(whole)) > 100
    for column, row in product((0, 128), (0, 128)):
        tile = GeoBox(128, 128, box.transform @ Affine.translation(column, row), crs)
        piece = await picture(renderer, scenes, rule, tile)
        expected = whole[row : row + 128, column : column + 128]
        np.testing.assert_array_equal(piece, expected)


@pytest.mark.parametrize("compose", ["mean", "median", "min", "max", "count"])
async def test_bands_are_composed_each_by_itself(renderer, dates, compose):
    """A date that lacks one band counts for the others."""
    scenes, pixels = dates
    scenes = [scenes[0], *(replace(s, bands=dict(list(s.bands.items())[1:])) for s in scenes[1:])]
    rule = MosaicRule(compose=compose, by="scene")
    job = CoverageJob(tuple(rule.ordered(scenes)), ("red", "nir"), BOX, Budget(), rule=rule)
    found = (await renderer.coverage(job)).raster
    red = pixels[0]["red"]
    np.testing.assert_array_equal(found.valid[0], red != 0)
    np.testing.assert_array_equal(found.data[0], (red != 0) * 1.0 if compose == "count" else red)
    stack = np.stack([p["nir"] for p in pixels])
    how = {"count": len, "mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
    expected = len(stack) if compose == "count" else how[compose](stack, axis=0)
    np.testing.assert_allclose(found.data[1], np.broadcast_to(expected, red.shape), rtol=1e-6)
    assert found.valid[1].all()


async def test_the_best_date_gives_all_bands(renderer, dates):
    scenes, _ = dates
    rule = MosaicRule(compose="best", best=NIR)
    job = CoverageJob(tuple(rule.ordered(scenes)), ("nir", "red"), BOX, Budget(), rule=rule)
    found = (await renderer.coverage(job)).raster
    red, nir = stacks(dates, rule)
    there = ~np.isnan(red)
    chosen = np.argmax(np.where(there, nir, -1), axis=0)[None]
    np.testing.assert_array_equal(found.valid[0], there.any(axis=0))
    for row, stack in zip(found.data, (nir, red), strict=True):
        expected = np.nan_to_num(np.take_along_axis(stack, chosen, 0)[0])
        np.testing.assert_array_equal(row, expected)
