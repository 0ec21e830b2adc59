"""Pixels that do not count are seen through, and no scene is asked that earlier ones cover."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers.draw import Renderer
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, DrawJob, LayerJob, Spent
from renderers.mosaic import Mosaicker
from renderers.readers.registry import default_registry
from renderers.rule import ClassMask, MosaicRule
from renderers.scene import BandAsset, Scene
from styles.registry import stretch_style

SIDE = 64
CLOUDS = ClassMask("SCL", (0, 3, 8, 9))
FLAGS = ClassMask("SCL", bits=(0, 3))
BOX = GeoBox(SIDE, SIDE, Affine(10, 0, 600000, 0, -10, 5400000), "EPSG:32632")


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def files(stores, tmp_path, pool):
    return FileCache(stores, default_registry(tmp_path / "spool"), pool)


@pytest.fixture
def make(tmp_path, stores):
    """Makes scenes: `red` of 10 m with nodata 0, `SCL` of 20 m, both over the box or a part."""

    def write(name, pixels, step, x=0):
        path = tmp_path / f"{name}.tif"
        profile = {
            "driver": "GTiff", "width": pixels.shape[1], "height": pixels.shape[0], "count": 1,
            "dtype": pixels.dtype, "crs": BOX.crs, "nodata": 0 if step == 10 else None,
            "transform": BOX.transform @ Affine.translation(x, 0) @ Affine.scale(step / 10),
            "tiled": True, "blockxsize": 32, "blockysize": 32,
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as out:
            out.write(pixels, 1)
        with rasterio.open(path) as read:
            grid = GeoBox(read.width, read.height, read.transform, BOX.crs)
        return BandAsset(stores.resolve(str(path)), grid=grid)

    def scene(name, red, classes=None, x=0):
        bands = {"red": write(f"{name}-red", red, 10, x)}
        if classes is not None:
            bands["SCL"] = write(f"{name}-scl", classes, 20, x)
        return Scene(name, "c", datetime(2024, 6, 1, tzinfo=UTC), bands)

    return scene


def random_scenes(make, rng, count):
    """Scenes with holes and clouds, and what each of them holds."""
    made = []
    for number in range(count):
        red = rng.integers(1, 4000, (SIDE, SIDE)).astype(np.uint16)
        red[rng.random(red.shape) < 0.3] = 0
        classes = rng.integers(0, 12, (SIDE // 2, SIDE // 2)).astype(np.uint8)
        made.append((make(f"s{number}", red, classes), red, np.kron(classes, np.ones((2, 2), int))))
    return made


def twin(made, mask):
    """The first scene at each pixel that has data and counts; (values, number or -1)."""
    values, source = np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), -1)
    for number, (_, red, classes) in enumerate(made):
        good = red != 0
        if mask is not None:
            good &= ~np.isin(classes, mask.classes)
            for bit in mask.bits:
                good &= (classes >> bit) & 1 == 0
        new = good & (source < 0)
        values[new], source[new] = red[new], number
    return values, source


@pytest.mark.parametrize("mask", [None, CLOUDS, FLAGS], ids=["all", "classes", "bits"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_each_pixel_is_of_the_first_scene_where_it_counts(make, files, pool, mask, seed):
    made = random_scenes(make, np.random.default_rng(seed), 4)
    scenes = [scene for scene, _, _ in made]
    values, source = twin(made, mask)
    assert (source < 0).any()
    assert len(np.unique(source)) == 5
    mosaicker = Mosaicker(files, pool)
    for _ in range(2):  # the second time out of memory
        for found in (
            await mosaicker.scaled(scenes, ["red"], BOX, "nearest", Spent(Budget()), mask),
            await mosaicker.stored(scenes, ["red"], BOX, Spent(Budget()), mask),
        ):
            np.testing.assert_array_equal(found.source, source)
            np.testing.assert_array_equal(found.valid == 1, source >= 0)
            np.testing.assert_array_equal(found.data[0][source >= 0], values[source >= 0])
            assert not found.data[0][source < 0].any()


async def test_a_picture_shows_the_values_that_count(make, files, pool):
    made = random_scenes(make, np.random.default_rng(3), 3)
    style = stretch_style("grey", "red", 0.0, 4000.0)
    values, source = twin(made, CLOUDS)
    layer = LayerJob(tuple(scene for scene, _, _ in made), style, MosaicRule(clear=CLOUDS))
    renderer = Renderer(files, pool)
    drawn = await renderer.picture(DrawJob((layer,), BOX, Budget()), lambda image: image)
    image = drawn.result
    np.testing.assert_array_equal(image.rgba()[..., 3] == 255, source >= 0)
    levels = np.rint(254 * values / 4000)
    np.testing.assert_allclose(image.pixels[source >= 0], levels[source >= 0], atol=1)


async def test_scenes_without_the_mask_s_band_do_not_count(make, files, pool):
    full = np.full((SIDE, SIDE), 7, np.uint16)
    clear = np.full((SIDE // 2, SIDE // 2), 4, np.uint8)
    scenes = [make("bare", full), make("known", full * 2, clear)]
    mosaicker = Mosaicker(files, pool)
    found = await mosaicker.scaled(scenes, ["red"], BOX, "nearest", Spent(Budget()), CLOUDS)
    assert (found.source == 1).all()


async def test_classes_of_a_mask_are_stored_values_whatever_their_scale(make, files, pool):
    full = np.full((SIDE, SIDE), 7, np.uint16)
    quality = np.arange(SIDE * SIDE // 4, dtype=np.uint8).reshape(SIDE // 2, SIDE // 2) % 101
    scene = make("scaled", full, quality)
    bands = {**scene.bands, "SCL": replace(scene.bands["SCL"], scale=0.01)}
    mask = ClassMask("SCL", tuple(range(75)))
    found = await Mosaicker(files, pool).scaled(
        [replace(scene, bands=bands)], ["red"], BOX, "nearest", Spent(Budget()), mask
    )
    np.testing.assert_array_equal(found.source >= 0, np.kron(quality >= 75, np.ones((2, 2))) > 0)


def piece(value, columns=SIDE):
    return np.full((SIDE, columns), value, np.uint16)


@pytest.mark.parametrize(
    ("parts", "asked"),
    [
        (["full", "full", "full"], ["0"]),
        (["holes", "full", "full"], ["0", "1"]),
        (["holes", "holes", "full"], ["0", "1", "2"]),
        (["left", "right", "full", "full"], ["0", "1"]),
        (["left", "full", "right"], ["0", "1"]),
        (["left", "left", "right", "full"], ["0", "1", "2"]),
    ],
    ids="-".join,
)
async def test_no_scene_is_asked_that_earlier_ones_cover(
    make, files, pool, monkeypatch, parts, asked
):
    holes = piece(5)
    holes[10, 10] = 0
    kinds = {
        "full": (piece(5), 0), "holes": (holes, 0),
        "left": (piece(5, 40), 0), "right": (piece(5, 40), 24),
    }  # fmt: skip
    scenes = [make(str(n), kinds[kind][0], x=kinds[kind][1]) for n, kind in enumerate(parts)]
    mosaicker, seen = Mosaicker(files, pool), []
    read = mosaicker._read

    async def noted(scene, wanted, spent):
        seen.append(scene.id)
        return await read(scene, wanted, spent)

    monkeypatch.setattr(mosaicker, "_read", noted)
    for _ in range(2):
        found = await mosaicker.scaled(scenes, ["red"], BOX, "nearest", Spent(Budget()))
        assert (found.data == 5).all()
    assert seen == asked


async def test_what_a_mask_costs_counts(make, files, pool):
    clear = np.full((SIDE // 2, SIDE // 2), 4, np.uint8)
    scenes = [make("a", piece(5), clear)]
    mosaicker = Mosaicker(files, pool)
    for _ in range(2):
        for mask, pixels in ((None, SIDE * SIDE), (CLOUDS, SIDE * SIDE * 5 // 4)):
            spent = Spent(Budget())
            await mosaicker.scaled(scenes, ["red"], BOX, "nearest", spent, mask)
            assert spent.source_pixels == pixels


async def test_the_catalogue_knows_types_and_nothing_is_opened_for_them(make, files, pool):
    scenes = [make(str(number), piece(number + 5)) for number in range(3)]
    known = [
        replace(s, bands={k: replace(b, dtype="uint16") for k, b in s.bands.items()})
        for s in scenes
    ]
    found = await Mosaicker(files, pool).stored(known, ["red"], BOX, Spent(Budget()))
    assert (found.data.dtype, (found.data == 5).all()) == (np.uint16, True)
    opened = [files.known(scene.bands["red"]) is not None for scene in scenes]
    assert opened == [True, False, False]
    found = await Mosaicker(files, pool).stored(scenes, ["red"], BOX, Spent(Budget()))
    assert all(files.known(scene.bands["red"]) is not None for scene in scenes)


async def test_a_file_of_another_type_than_the_catalogue_says_widens_the_values(make, files, pool):
    holes = piece(300)
    holes[:9] = 0
    scenes = [make("a", holes), make("b", piece(70_000 - 5000))]
    wrong = [
        replace(s, bands={k: replace(b, dtype="uint8") for k, b in s.bands.items()}) for s in scenes
    ]
    found = await Mosaicker(files, pool).stored(wrong, ["red"], BOX, Spent(Budget()))
    assert found.data.dtype == np.uint16
    np.testing.assert_array_equal(found.data[0], np.where(holes == 0, 65_000, 300))
