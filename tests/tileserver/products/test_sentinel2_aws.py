"""Sentinel-2 tiles in the layout of the archives on AWS: a genuine tile, and made-up neighbours."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError, SourceError, SourceMissingError
from renderers.readers.registry import default_registry
from tileserver.catalogue.base import Area
from tileserver.catalogue.combined import open_catalogue
from tileserver.catalogue.footprint import bbox_of, geojson_footprint
from tileserver.ingest.add import add
from tileserver.ingest.newest import standing
from tileserver.products.base import Access
from tileserver.products.registry import find, recognise
from tileserver.products.sentinel2.aws import parse_tile_info
from tileserver.timeaxis import ALWAYS

TILE = "sentinel2/T19UDP_20170729_L1C_preview"
NAME = "S2A_MSIL1C_20170729T153601_N0205_R111_T19UDP_20170729T153557"


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.fixture
def info(shared):
    return json.loads((shared / "data" / TILE / "tileInfo.json").read_text())


async def test_the_genuine_tile(shared, stores, readers):
    folder = shared / "data" / TILE
    (found,) = await recognise(str(folder), stores, readers)
    item = found.item
    assert (item["id"], item["collection"]) == (NAME, "sentinel-2-l1c")
    properties = item["properties"]
    assert properties["datetime"] == "2017-07-29T15:35:57.455Z"
    assert properties["platform"] == "sentinel-2a"
    assert properties["grid:code"] == "MGRS-19UDP"
    assert properties["sat:relative_orbit"] == 111
    assert properties["s2:processing_baseline"] == "02.05"
    assert properties["eo:cloud_cover"] == 24.48
    assert not {"sat:orbit_state", "s2:generation_time", "s2:datatake_id"} & set(properties)
    assert set(item["assets"]) == {"B02", "B03", "B04", "B08", "B11"}
    red = item["assets"]["B04"]
    assert (red["proj:code"], red["proj:shape"]) == ("EPSG:32619", [10980, 10980])
    assert red["proj:transform"] == [10, 0, 399960, 0, -10, 5400000]
    assert red["bands"][0].get("raster:offset", 0) == 0
    # what was sensed: the east of the tile, 62 % of it
    assert bbox_of(geojson_footprint(item["geometry"])) == pytest.approx(
        (-69.971, 47.756, -68.866, 48.752), abs=0.02
    )
    by_document = await recognise(str(folder / "tileInfo.json"), stores, readers)
    assert by_document[0].item == item


async def test_images_without_georeference_lie_where_the_document_says(
    shared, stores, readers, tmp_path
):
    catalogue = open_catalogue(tmp_path / "catalogue.sqlite", stores)

    class Tools:
        pass

    tools = Tools()
    tools.stores, tools.readers, tools.catalogue = stores, readers, catalogue
    try:
        (outcome,) = await add([str(shared / "data" / TILE)], tools)
        assert outcome.status == "added", outcome
        world = Area(((-180.0, -90.0, 180.0, 90.0),))
        (scene,) = await catalogue.search("sentinel-2-l1c", world, ALWAYS, 10)
    finally:
        catalogue.close()
    grid = scene.bands["red"].grid
    assert (grid.width, grid.height) == (687, 687)
    assert grid.transform.a == pytest.approx(109_800 / 687)
    assert (grid.transform.c, grid.transform.f) == (399960, 5400000)


async def test_an_l2a_tile_takes_each_band_at_its_finest(info, stores, readers, tmp_path):
    info["productName"] = "S2B_MSIL2A_20220413T150759_N0400_R025_T19UDP_20220414T082126"
    folder = tmp_path / "tile"
    for path in (
        "R10m/B02.jp2", "R20m/B02.jp2", "R60m/B02.jp2", "R20m/B8A.jp2", "R20m/SCL.jp2",
        "R60m/SCL.jp2", "R10m/TCI.jp2", "qi/CLD_20m.jp2", "preview/B02.jp2", "R10m/XYZ.jp2",
    ):  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    (folder / "tileInfo.json").write_text(json.dumps(info))
    (found,) = await recognise(str(folder), stores, readers)
    assets = {k: a["href"].removeprefix(f"{folder}/") for k, a in found.item["assets"].items()}
    assert assets == {
        "B02": "R10m/B02.jp2", "B8A": "R20m/B8A.jp2", "SCL": "R20m/SCL.jp2",
        "visual": "R10m/TCI.jp2", "CLD": "qi/CLD_20m.jp2",
    }  # fmt: skip
    assert found.template.id == "sentinel-2-l2a"
    assert found.item["assets"]["B02"]["bands"][0]["raster:offset"] == -0.1
    candidates = await find(str(folder), Access(stores, readers))
    assert [c.product for c in candidates] == ["sentinel2-aws"]  # previews belong to it


async def test_a_tile_without_images(info, stores, readers, tmp_path):
    (tmp_path / "tileInfo.json").write_text(json.dumps(info))
    with pytest.raises(SourceMissingError, match="none of its image files"):
        await recognise(str(tmp_path / "tileInfo.json"), stores, readers)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("productName", "S2A_OPER_PRD_MSIL1C_PDMC_20160101", "December 2016"),
        ("tileGeometry", {}, "cannot be read"),
        ("tileGeometry", None, "cannot be read"),
        ("timestamp", "yesterday", "cannot be read"),
        ("tileDataGeometry", {"coordinates": [[[0, 0]]]}, "outline"),
        ("tileDataGeometry", {"coordinates": [[["a"]]]}, "cannot be read"),
    ],
)
async def test_faults_are_told(key, value, message, info, stores, readers, tmp_path):
    info[key] = value
    (tmp_path / "tileInfo.json").write_text(json.dumps(info))
    with pytest.raises(SourceError, match=message):
        await recognise(str(tmp_path), stores, readers)


@given(st.data())
def test_any_document_is_read_or_refused(shared, data):
    content = json.loads((shared / "data" / TILE / "tileInfo.json").read_text())
    values = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.sampled_from(sorted(content)))] = data.draw(values)
    refused = (SourceError, KeyError, TypeError, ValueError, IndexError, AttributeError)
    with contextlib.suppress(*refused):
        metadata, tile = parse_tile_info(content)
        assert metadata.level == "L1C"
        assert set(tile.grids) == {10, 20, 60}


async def test_it_is_the_same_scene_as_the_safe(shared, stores, readers):
    (found,) = await recognise(str(shared / "data" / TILE), stores, readers)
    own = standing(found.item)
    assert (own.datatake, own.tile) == ("S2A_20170729T153601", "MGRS-19UDP")
    later = {
        "s2:datatake_id": "GS2A_20170729T153601_010970_N05.00",
        "grid:code": "MGRS-19UDP",
        "s2:processing_baseline": "05.00",
    }
    other = standing({"properties": later})
    assert (other.datatake, other.tile) == (own.datatake, own.tile)
    assert other.rank > own.rank


def test_a_tile_without_the_outline_of_its_data(info):
    del info["tileDataGeometry"]
    metadata, _ = parse_tile_info(info)
    assert len(metadata.footprint[0]) == 5
    info["tileGeometry"]["crs"]["properties"]["name"] = "urn:ogc:def:crs:EPSG:8.8.1:4326"
    with pytest.raises(SourceCorruptError, match="CRS"):
        parse_tile_info(info)
