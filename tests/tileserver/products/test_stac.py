"""Foreign STAC items of several versions and catalogues."""

import json

import pystac
import pytest

from renderers.errors import SourceForbiddenError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from tileserver.products.registry import recognise
from tileserver.products.stac.bands import collection_bands
from tileserver.products.stac.item import canonical_item, resolver

EVERYTHING = str


def load(shared, name):
    return json.loads((shared / "data" / name).read_text())


def canonical(document, base="https://host/items/x.json", readable=EVERYTHING):
    item = canonical_item(document, resolver(base), readable)
    pystac.Item.from_dict(item, preserve_dict=True)
    return item


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


def test_earth_search_prefers_cogs_and_applies_no_offset_twice(shared):
    document = load(shared, "sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json")
    item = canonical(document)
    assert set(item["assets"]) == {
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B8A", "B11", "B12",
        "AOT", "SCL", "WVP", "visual", "angles",
    }  # fmt: skip
    assert all(not a["href"].endswith(".jp2") for a in item["assets"].values())
    (red,) = item["assets"]["B04"]["bands"]
    assert (red["eo:common_name"], red["raster:scale"], red["raster:offset"]) == ("red", 1e-4, 0.0)
    (edge,) = item["assets"]["B06"]["bands"]
    assert edge["eo:common_name"] == "rededge075"
    assert item["assets"]["B04"]["proj:code"] == "EPSG:32633"
    assert item["assets"]["B04"]["href"] == "https://host/items/B04.tif"
    assert item["properties"]["datetime"] == "2023-08-10T09:58:11.590Z"
    assert item["assets"]["angles"]["href"] == "https://host/items/granule_metadata.xml"
    assert [b["name"] for b in item["assets"]["angles"]["bands"]] == [
        "sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth",
    ]  # fmt: skip


def test_the_original_offset_counts_where_it_is_not_applied_yet(shared):
    document = load(shared, "sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json")
    document["properties"]["earthsearch:boa_offset_applied"] = False
    assert canonical(document)["assets"]["B04"]["bands"][0]["raster:offset"] == -0.1
    document["properties"]["earthsearch:boa_offset_applied"] = True
    document["assets"] = {k: a for k, a in document["assets"].items() if k.endswith("-jp2")}
    assert canonical(document)["assets"]["B04"]["bands"][0]["raster:offset"] == -0.1


@pytest.mark.parametrize(("baseline", "offset"), [("02.12", 0.0), ("04.00", -0.1), ("05.09", -0.1)])
def test_planetary_computer_says_no_scale(shared, baseline, offset):
    document = load(shared, "stac/S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json")
    document["properties"]["s2:processing_baseline"] = baseline
    item = canonical(document)
    (red,) = item["assets"]["B04"]["bands"]
    assert (red["eo:common_name"], red["raster:scale"], red["raster:offset"]) == (
        "red", 1e-4, offset,
    )  # fmt: skip
    assert [b["name"] for b in item["assets"]["visual"]["bands"]] == ["TCI_R", "TCI_G", "TCI_B"]
    assert "preview" not in item["assets"]


def test_landsat_of_1_0_and_0_7_has_the_bands_of_our_own_product(shared):
    new = canonical(load(shared, "stac/LC08_L2SP_028030_20200114_20200824_02_T1_SR.json"))
    assert set(new["assets"]) == {
        "coastal", "blue", "green", "red", "nir08", "swir16", "swir22",
        "qa_pixel", "qa_radsat",
    }  # fmt: skip
    (red,), (nir,) = (new["assets"][k]["bands"] for k in ("red", "nir08"))
    assert (red["eo:common_name"], red["eo:center_wavelength"]) == ("red", 0.655)
    assert (red["raster:scale"], red["raster:offset"], red["nodata"]) == (2.75e-05, -0.2, 0)
    assert nir["eo:common_name"] == "nir"
    assert new["assets"]["red"]["proj:shape"] == [8041, 7931]
    bits = new["assets"]["qa_pixel"]["classification:bitfields"]
    assert [b["name"] for b in bits[:4]] == ["fill", "dilated_cloud", "cirrus", "cloud"]
    name = "LC08_L2SR_099120_20191129_20201016_02_T2_SR_stac.json"
    old = canonical(load(shared, f"landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031/{name}"))
    assert set(old["assets"]) == {*new["assets"], "qa_aerosol"}
    assert old["assets"]["red"]["bands"][0]["raster:scale"] == 2.75e-05
    assert old["properties"]["datetime"] == "2019-11-29T00:00:00Z"


def landsat_item(product, names, **properties):
    """An item of USGS's catalogue as it would be (written), with files of these names."""
    kind = "image/vnd.stac.geotiff; cloud-optimized=true"
    return {
        "id": product, "collection": "landsat", "geometry": BOX,
        "properties": {"datetime": "2010-01-09T00:00:00Z", "platform": "LANDSAT_5",
                       "landsat:collection_number": "02", **properties},
        "assets": {n.lower(): {"href": f"{product}_{n}.TIF", "type": kind, "roles": ["data"]}
                   for n in names},
    }  # fmt: skip


BOX = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}


@pytest.mark.parametrize("elevation", [30.0, -5.0])
def test_level_1_of_landsat_gets_no_scale_of_level_2(elevation):
    names = ["B4", "B10", "QA_PIXEL", "SZA"]
    item = canonical(landsat_item("LC09_L1TP_021030_20220109_20220911_02_T1", names,
                                  **{"view:sun_elevation": elevation}))  # fmt: skip
    bands = {key: asset["bands"][0] for key, asset in item["assets"].items()}
    if elevation > 0:
        # twice as steep for a sun at 30 degrees
        assert bands["red"]["raster:scale"] == pytest.approx(4e-5)
        assert bands["red"]["raster:offset"] == pytest.approx(-0.2)
        assert bands["red"]["eo:common_name"] == "red"
    else:
        assert "eo:common_name" not in bands["red_dn"]
        assert "raster:scale" not in bands["red_dn"]
    assert "raster:scale" not in bands["lwir11_dn"]
    assert bands["sza"]["raster:scale"] == 0.01
    assert set(bands) == {"red" if elevation > 0 else "red_dn", "lwir11_dn", "qa_pixel", "sza"}


def test_bands_of_the_older_instruments_and_what_items_tell_themselves():
    product = "LT05_L2SP_021030_20100109_20200911_02_T1"
    document = landsat_item(product, ["SR_B3", "ST_B6", "ST_QA", "SR_CLOUD_QA"])
    document["assets"]["sr_b3"]["raster:bands"] = [{"scale": 2e-5, "offset": -0.1, "nodata": 7}]
    bands = {k: a["bands"][0] for k, a in canonical(document)["assets"].items()}
    assert set(bands) == {"red", "surface_temperature", "st_qa", "cloud_qa"}
    red, heat = bands["red"], bands["surface_temperature"]
    assert (red["raster:scale"], red["raster:offset"], red["nodata"]) == (2e-5, -0.1, 7)
    assert (heat["raster:scale"], heat["raster:offset"]) == (0.00341802, 149.0)
    assert (heat["unit"], heat["eo:common_name"]) == ("K", "lwir")
    raw = landsat_item("LT05_L1TP_021030_20100109_20200911_02_T1", ["B3", "B6"])
    assert set(canonical(raw)["assets"]) == {"red_dn", "lwir_dn"}
    first = landsat_item("LT05_L1TP_021030_20100109_20160911_01_T1", ["B3"])
    first["properties"]["landsat:collection_number"] = "01"
    assert set(canonical(first)["assets"]) == {"b3"}


def test_a_collection_of_landsat_announces_the_bands_of_its_items():
    listed = {
        "red": {"type": "image/tiff", "roles": ["data"],
                "eo:bands": [{"name": "OLI_B4", "common_name": "red"}]},
        "qa_pixel": {"type": "image/tiff", "roles": ["cloud"]},
    }  # fmt: skip
    document = {"item_assets": listed, "summaries": {"platform": ["landsat-8"]}}
    assert [b.name for b in collection_bands(document)] == ["red", "qa_pixel"]


def test_other_missions_keep_their_names(shared):
    item = canonical(load(shared, "stac/S1A_20200103_17RMJ_ASC_rtc.json"))
    assert set(item["assets"]) == {"gamma0_vv", "gamma0_vh", "incidence"}
    assert item["assets"]["incidence"]["bands"][0]["raster:scale"] == 0.01
    assert item["assets"]["gamma0_vv"]["bands"][0]["nodata"] == 0


def test_assets_that_may_not_be_read_are_left_out(shared):
    document = load(shared, "cog/S2A_29RKH_20200219_0_L2A/S2A_29RKH_20200219_0_L2A.json")

    def only_red(href):
        if not href.endswith("B04.tif"):
            raise SourceForbiddenError("no")

    assert list(canonical(document, readable=only_red)["assets"]) == ["B04"]

    def nothing(href):
        raise SourceForbiddenError("no")

    with pytest.raises(SourceUnsupportedError, match="may be read"):
        canonical(document, readable=nothing)


@pytest.mark.parametrize(
    ("base", "href", "expected"),
    [
        ("https://h/a/b.json", "c.tif", "https://h/a/c.tif"),
        ("https://h/a/b.json", "../c.tif", "https://h/c.tif"),
        ("s3://bucket/a/b.json", "./c.tif", "s3://bucket/a/c.tif"),
        ("s3://bucket/a/b.json", "../../../c.tif", "s3://bucket/c.tif"),
        ("/data/a/b.json", "c.tif", "/data/a/c.tif"),
        ("/data/a/b.json", "../d/c.tif", "/data/d/c.tif"),
        ("/data/a/b.json", "/x/c.tif", "/x/c.tif"),
        ("/data/a/b.json", "s3://bucket/c.tif", "s3://bucket/c.tif"),
    ],
)
def test_relative_addresses(base, href, expected):
    assert resolver(base)(href) == expected


async def test_files_beside_a_downloaded_item_are_taken(shared, stores, readers):
    folder = shared / "data/cog/S2A_29RKH_20200219_0_L2A"
    for place in (folder, folder / "S2A_29RKH_20200219_0_L2A.json"):
        (found,) = await recognise(str(place), stores, readers)
        assets = found.item["assets"]
        assert assets["B04"]["href"] == str(folder / "B04.tif")
        assert found.template.id == "sentinel-2-l2a"
        assert found.template.title == "Sentinel-2 L2A"


async def test_a_list_of_items_and_no_list(tmp_path, shared, stores, readers):
    path = tmp_path / "list.json"
    one = load(shared, "stac/S1A_20200103_17RMJ_ASC_rtc.json")
    one["assets"] = {"vv": {"href": str(tmp_path / "vv.tif"), "type": "image/tiff"}}
    two = {**one, "id": "two"}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [one, two]}))
    found = await recognise(str(path), stores, readers)
    assert [f.item["id"] for f in found] == [one["id"], "two"]
    path.write_text(json.dumps({"stac_version": "1.0.0", "type": "Catalog", "links": []}))
    with pytest.raises(SourceUnsupportedError, match="no items"):
        await recognise(str(path), stores, readers)


def test_bands_of_a_collection(shared):
    bands = collection_bands(load(shared, "stac/sentinel-2-l2a.collection.json"))
    by_name = {b.name: b for b in bands}
    assert by_name["B04"].common_name == "red"
    assert "SCL" in by_name
    assert by_name["SCL"].classes
