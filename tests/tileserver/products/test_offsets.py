"""Sentinel-2's radiometric offset: applied so that baselines agree, or left out by a setting."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from tileserver.commands.catalogue import app
from tileserver.products.sentinel2.offsets import without_offsets
from tileserver.products.stac.item import canonical_item, resolver

ITEM = "sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json"


def canonical(shared, **properties):
    path = shared / "data" / ITEM
    document = json.loads(path.read_text())
    document["properties"] |= properties
    for asset in document["assets"].values():
        for band in asset.get("raster:bands", ()):
            band.pop("offset", None)
            band.pop("scale", None)
    return canonical_item(document, resolver(str(path)), lambda _: None)


def stored(band, reflectance):
    """The stored value of a reflectance in a product of a baseline."""
    return round((reflectance - band["raster:offset"]) / band["raster:scale"])


def test_one_reflectance_is_stored_in_two_ways(shared):
    raised = {"02.14": 2500, "03.01": 2500, "04.00": 3500, "05.09": 3500}
    for baseline, expected in raised.items():
        told = {"earthsearch:boa_offset_applied": False, "s2:processing_baseline": baseline}
        (red,) = canonical(shared, **told)["assets"]["B04"]["bands"]
        assert stored(red, 0.25) == expected


@pytest.mark.parametrize("constellation", ["sentinel-2", "Sentinel 2"])
def test_without_offsets_reflectance_is_the_stored_value(shared, constellation):
    item = canonical(
        shared,
        **{
            "earthsearch:boa_offset_applied": False,
            "s2:processing_baseline": "05.09",
            "constellation": constellation,
        },
    )
    plain = without_offsets(item)
    assert item["assets"]["B04"]["bands"][0]["raster:offset"] == -0.1  # the argument is left alone
    assert plain["assets"]["B04"]["bands"][0]["raster:offset"] == 0.0
    assert plain["assets"]["B04"]["bands"][0]["raster:scale"] == 1e-4
    assert plain["assets"]["SCL"] == item["assets"]["SCL"]


def test_other_missions_keep_theirs():
    bands = [{"name": "B04", "raster:scale": 2.75e-5, "raster:offset": -0.2}]
    item = {"properties": {"platform": "landsat-8"}, "assets": {"red": {"bands": bands}}}
    assert without_offsets(item) == item


@pytest.mark.parametrize(("value", "offset"), [("true", -0.1), ("false", 0.0)])
def test_the_setting(value, offset, shared, tmp_path, monkeypatch):
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", json.dumps([str(shared), str(tmp_path)]))
    monkeypatch.setenv("TILESERVER_RADIOMETRIC_OFFSETS", value)
    folder = tmp_path / "item"
    folder.mkdir()
    document = json.loads((shared / "data" / ITEM).read_text())
    document["properties"]["earthsearch:boa_offset_applied"] = False
    document["assets"] = {k: a for k, a in document["assets"].items() if k in ("red", "B04")}
    for asset in document["assets"].values():
        asset["href"] = str(shared / "data" / ITEM).rpartition("/")[0] + "/B04.tif"
        asset["raster:bands"] = [{"nodata": 0, "scale": 0.0001, "offset": -0.1}]
    (folder / "item.json").write_text(json.dumps(document))
    added = CliRunner().invoke(app, ["add", str(folder / "item.json")])
    assert added.exit_code == 0, added.output
    with sqlite3.connect(tmp_path / "data" / "catalogue.sqlite") as database:
        ((text,),) = database.execute("SELECT document FROM item")
    (red,) = json.loads(text)["assets"]["B04"]["bands"]
    assert red["raster:offset"] == offset
