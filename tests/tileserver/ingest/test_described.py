"""Described collections in the catalogue: their styles, and what a changed description changes."""

import numpy as np
import pytest

from styles.registry import StyleRegistry
from tileserver.catalogue.base import Area
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.timeaxis import ALWAYS

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))
RAMP = np.arange(64 * 64, dtype=np.float32).reshape(1, 64, 64)
STYLES = """\
styles:
  - id: low
    title: Low
    bands: [height]
    ramp: {range: [0, 100], map: greys_r}
"""


@pytest.fixture
def describe(tmp_path):
    def write(text, name="heights.yaml"):
        path = tmp_path / "data" / name
        path.write_text("collection: heights\nfiles: ['*.tif']\n" + text)
        return str(path)

    return write


async def test_a_changed_description_changes_the_collection(tools, raster, describe):
    raster("a.tif", RAMP)
    raster("b.tif", RAMP + 9000, west=20.0)
    path = describe("title: One\nbands:\n  - {name: height, unit: m}\n" + STYLES)
    assert [o.status for o in await add([path], tools)] == ["added", "added"]
    collection = await tools.catalogue.collection("heights")
    assert (collection.title, collection.styles) == ("One", ("low",))
    assert collection.bbox == pytest.approx((10.0, 45.36, 20.64, 46.0))
    assert [o.status for o in await add([path], tools)] == ["unchanged", "unchanged"]
    path = describe("title: Two\nbands:\n  - {name: height, unit: km, scale: 0.001}\n")
    assert [o.status for o in await add([path], tools)] == ["updated", "updated"]
    collection = await tools.catalogue.collection("heights")
    assert (collection.title, collection.styles) == ("Two", ("values",))
    assert collection.bands[0].unit == "km"
    assert collection.bbox == pytest.approx((10.0, 45.36, 20.64, 46.0))
    low, high = collection.own_styles[0]["ramp"]["range"]
    assert (low, high) == (pytest.approx(0.082, abs=0.01), pytest.approx(13.0, abs=0.1))
    scenes = await tools.catalogue.search("heights", WORLD, ALWAYS, 10)
    assert {s.bands["height"].scale for s in scenes} == {0.001}


async def test_styles_of_the_library_are_only_those_named(tools, raster, describe):
    raster("a.tif", np.concatenate([RAMP, RAMP + 1, RAMP + 2]))
    bands = "bands:\n" + "".join(
        f"  - {{name: {n}, common_name: {c}}}\n"
        for n, c in (("B4", "red"), ("B8", "nir"), ("B3", "green"))
    )
    await add([describe(bands + "styles: [ndvi]\n")], tools)
    assert (await tools.catalogue.collection("heights")).styles == ("ndvi",)
    await add([describe(bands)], tools)
    styles = (await tools.catalogue.collection("heights")).styles
    fitting = StyleRegistry.load_library().available({"red", "nir", "green", "B3", "B4", "B8"})
    assert set(styles) == {s.id for s in fitting if s.featured}
    assert set(styles) >= {"false-color", "ndvi"}


async def test_a_collection_made_otherwise_is_not_described_over(tools, raster, describe):
    path = raster("a.tif", RAMP)
    await add([str(path)], tools, Hints("heights"))
    before = await tools.catalogue.collection("heights")
    (outcome,) = await add([describe("bands:\n  - name: height\n")], tools)
    assert outcome.status == "skipped"
    assert "without a description" in outcome.reason
    assert await tools.catalogue.collection("heights") == before


async def test_one_bad_file_is_skipped_and_a_bad_description_is_told(tools, raster, describe):
    raster("a.tif", RAMP)
    raster("b.tif", RAMP, crs=None)
    outcomes = await add([describe("bands:\n  - name: height\n")], tools)
    assert [(o.status, o.reason) for o in outcomes] == [
        ("added", ""),
        ("skipped", "the raster has no georeference"),
    ]
    (outcome,) = await add([describe("bands:\n  - nme: height\n", "other.yaml")], tools)
    assert outcome.status == "skipped"
    assert outcome.reason.startswith("other.yaml, line 4: bands[0]")
