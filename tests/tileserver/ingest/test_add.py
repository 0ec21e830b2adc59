"""Adding products: what goes in, what is skipped, and what the collection becomes."""

import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from styles.registry import StyleRegistry, from_definition
from tileserver.catalogue.base import Area
from tileserver.ingest import add as module
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.timeaxis import ALWAYS

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))
RAMP = np.arange(64 * 64, dtype=np.float32).reshape(1, 64, 64)


async def scenes(tools, collection):
    return await tools.catalogue.search(collection, WORLD, ALWAYS, 100)


async def test_genuine_products_of_every_kind(shared, tools):
    data = shared / "data"
    hrefs = [
        data / "sentinel2/S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911.SAFE",
        data / "sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json",
        data / "cog/S2A_29RKH_20200219_0_L2A",
        data / "dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif",
        data / "landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif",
        data / "landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031",
    ]
    outcomes = await add([str(h) for h in hrefs], tools)
    assert [(o.status, o.collection) for o in outcomes] == [
        ("added", "sentinel-2-l1c"),
        ("added", "sentinel-2-l2a"),
        ("added", "sentinel-2-l2a"),
        ("added", "cop-dem-glo-30"),
        ("added", "esa-worldcover"),
        ("added", "landsat-c2-l2"),
    ]
    by_id = {c.id: c for c in await tools.catalogue.collections()}
    assert list(by_id) == list(dict.fromkeys(o.collection for o in outcomes))
    assert {"true-color", "false-color", "ndvi", "scl"} <= set(by_id["sentinel-2-l2a"].styles)
    assert by_id["sentinel-2-l1c"].styles == ("B01", "sun_zenith", "view_zenith")
    cover = by_id["esa-worldcover"]
    assert cover.styles == ("classes",)
    assert [c.value for c in cover.bands[0].classes] == [
        10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100,
    ]  # fmt: skip
    assert cover.bands[0].classes[0].colour == (0, 100, 0, 255)
    library = StyleRegistry.load_library()
    for collection in by_id.values():
        own = {s["id"]: from_definition(s) for s in collection.own_styles}
        assert collection.styles
        for style_id in collection.styles:
            style = own.get(style_id) or library.get(style_id)
            assert style.bands <= collection.band_names
    for collection in by_id:
        for scene in await scenes(tools, collection):
            for band in scene.bands.values():
                reader = tools.readers.get(band.reader)
                info = reader.load_index(band.index).info
                assert (info.width, info.height) == (band.grid.width, band.grid.height)
                assert band.ref.etag
    again = await add([str(h) for h in hrefs], tools)
    assert {o.status for o in again} == {"unchanged"}


async def test_a_reduced_copy_of_a_file_takes_the_grid_it_really_has(shared, tools):
    await add([str(shared / "data/sentinel2/S2B_33TWL_20230810_0_L2A/")], tools)
    (scene,) = await scenes(tools, "sentinel-2-l2a")
    grid = scene.bands["red"].grid
    assert (grid.width, grid.height) == (915, 915)
    assert grid.transform[:6] == (120.0, 0.0, 499980.0, 0.0, -120.0, 5100000.0)


async def test_a_bad_product_is_skipped_and_the_rest_goes_in(tools, raster, tmp_path):
    raster("good.tif", RAMP)
    folder = tmp_path / "data"
    (folder / "cut.tif").write_bytes((folder / "good.tif").read_bytes()[:300])
    raster("nowhere.tif", RAMP, crs=None)
    raster("complex.tif", RAMP.astype(np.complex64))
    outcomes = await add([str(folder), str(tmp_path / "missing"), "/etc/passwd"], tools)
    done = {o.href.rpartition("/")[2]: o for o in outcomes}
    assert done["good.tif"].status == "added"
    assert {n: o.status for n, o in done.items() if n != "good.tif"} == {
        "cut.tif": "skipped", "nowhere.tif": "skipped", "complex.tif": "skipped",
        "missing": "skipped", "passwd": "skipped",
    }  # fmt: skip
    assert "georeference" in done["nowhere.tif"].reason
    assert done["passwd"].reason == "the location is outside the allowed folders"
    assert all(str(tmp_path) not in o.reason for o in outcomes)
    assert [c.id for c in await tools.catalogue.collections()] == ["good"]


async def test_a_fault_of_ours_stops_only_its_product(tools, raster, monkeypatch, caplog):
    raster("a.tif", RAMP)
    raster("b.tif", RAMP)
    real = module.describe

    async def failing(candidate, access, hints):
        if candidate.href.endswith("a.tif"):
            raise ZeroDivisionError("secret")
        return await real(candidate, access, hints)

    monkeypatch.setattr(module, "describe", failing)
    outcomes = await add([str(raster("c.tif", RAMP).parent)], tools)
    assert [o.status for o in outcomes] == ["skipped", "added", "added"]
    assert "secret" not in outcomes[0].reason
    assert "ZeroDivisionError" in caplog.text


async def test_files_of_the_same_name_get_collections_of_their_own(tools, raster):
    one, two = raster("x/dem.tif", RAMP), raster("y/dem.tif", RAMP + 1, west=20.0)
    outcomes = await add([str(one), str(two)], tools)
    assert [(o.collection, o.item) for o in outcomes] == [("dem", "dem"), ("y_dem", "dem")]
    again = await add([str(two), str(one)], tools)
    assert [(o.status, o.collection) for o in again] == [
        ("unchanged", "y_dem"),
        ("unchanged", "dem"),
    ]


async def test_a_folder_into_one_collection(tools, raster):
    raster("x/dem.tif", RAMP, nodata=-1.0)
    raster("y/dem.tif", RAMP + 5000, west=20.0)
    folder = raster("z.tif", RAMP, west=30.0).parent
    hints = Hints("heights", "Heights", datetime(2020, 5, 1, tzinfo=UTC))
    outcomes = await add([str(folder)], tools, hints)
    assert sorted(o.item for o in outcomes) == ["dem", "y_dem", "z"]
    (collection,) = await tools.catalogue.collections()
    assert (collection.id, collection.title) == ("heights", "Heights")
    assert collection.bbox == pytest.approx((10.0, 45.36, 30.64, 46.0))
    assert collection.time == (hints.time, hints.time)
    low, high = collection.bands[0].statistics
    assert low == pytest.approx(0.02 * 4095, abs=2)
    assert high == pytest.approx(5000 + 0.98 * 4095, abs=2)
    assert collection.own_styles[0]["ramp"]["range"] == pytest.approx([low, high])


async def test_a_changed_file_is_noticed(tools, raster):
    path = raster("a.tif", RAMP)
    await add([str(path)], tools)
    here = Area(((10.1, 45.5, 10.2, 45.6),))
    before = tools.catalogue.revision("a", here, ALWAYS)
    assert (await add([str(path)], tools))[0].status == "unchanged"
    assert tools.catalogue.revision("a", here, ALWAYS) == before
    raster("a.tif", RAMP * 2)
    assert (await add([str(path)], tools))[0].status == "updated"
    assert tools.catalogue.revision("a", here, ALWAYS) != before


async def test_pictures_tables_and_values_get_styles_that_fit(tools, raster):
    bytes_ = np.tile(np.arange(64, dtype=np.uint8), (3, 64, 1))
    raster("picture.tif", bytes_, photometric="RGB")
    raster(
        "classes.tif",
        bytes_[:1] % 3,
        photometric="palette",
        table={1: (255, 0, 0, 255), 2: (0, 0, 255, 255)},
    )
    raster("values.tif", RAMP)
    raster("bands.tif", np.concatenate([RAMP, RAMP + 10, RAMP + 20]))
    await add([str(raster("two.tif", np.concatenate([RAMP, RAMP])).parent)], tools)
    styles = {c.id: c.styles for c in await tools.catalogue.collections()}
    assert styles == {
        "bands": ("composite", "b1", "b2", "b3"),
        "classes": ("classes",),
        "picture": ("rgb",),
        "two": ("b1", "b2"),
        "values": ("values",),
    }
    collection = await tools.catalogue.collection("classes")
    assert [(c.value, c.colour) for c in collection.bands[0].classes] == [
        (1, (255, 0, 0, 255)),
        (2, (0, 0, 255, 255)),
    ]
    for collection in await tools.catalogue.collections():
        for definition in collection.own_styles:
            assert from_definition(definition).bands <= collection.band_names


async def test_a_raster_of_nothing_but_nodata_is_skipped(tools, raster):
    path = raster("empty.tif", np.zeros((1, 64, 64), np.float32), nodata=0.0)
    (outcome,) = await add([str(path)], tools)
    assert outcome.status == "skipped"
    assert "no data" in outcome.reason


async def test_missing_files_of_an_item_are_named(shared, tools, tmp_path):
    folder = tmp_path / "item"
    source = shared / "data/cog/S2A_29RKH_20200219_0_L2A"
    folder.mkdir()
    for name in ("S2A_29RKH_20200219_0_L2A.json", "B04.tif"):
        shutil.copy(source / name, folder / name)
    text = (folder / "S2A_29RKH_20200219_0_L2A.json").read_text()
    text = text.replace("https://sentinel-cogs.s3.us-west-2.amazonaws.com/", f"file://{folder}/")
    (folder / "S2A_29RKH_20200219_0_L2A.json").write_text(text)
    (outcome,) = await add([str(folder)], tools)
    assert outcome.status == "added"
    assert "B08" in outcome.missing
    (scene,) = await scenes(tools, "sentinel-2-l2a")
    assert set(scene.bands) == {"B04", "red"}


async def test_progress_counts_every_product(tools, raster):
    raster("a.tif", RAMP)
    folder = raster("b.tif", RAMP).parent
    told = []
    await add([str(folder)], tools, progress=lambda *a: told.append(a))
    assert told[0][1:] == (2, 0)
    assert told[-1][1:] == (2, 2)
    assert [t[0].item for t in told if t[0] is not None] == ["a", "b"]
