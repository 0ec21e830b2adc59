"""Sentinel-2 metadata of all baselines, and genuine and made-up products."""

import contextlib
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from styles.registry import StyleRegistry
from tileserver.catalogue.footprint import bbox_of, boxes_of, geojson_footprint
from tileserver.catalogue.scenes import scene_of
from tileserver.ingest.styling import with_styles
from tileserver.products.registry import recognise
from tileserver.products.sentinel2.metadata import level_of, parse_product, parse_tile

L1C = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"
#: file: level, id, baseline, offset of B04, images in the list, cloud cover
PRODUCTS = {
    "MTD_MSIL1C_PB0209_T01LAC_antimeridian.xml": ("L1C", "S2A", "02.09", None, 14, 5.4828),
    "MTD_MSIL1C_PB0301_T46RER.xml": ("L1C", "S2A", "03.01", None, 14, 88.2972),
    "MTD_MSIL1C_PB0400_T32UPC.xml": ("L1C", "S2B", "04.00", -1000, 14, 1.26680402520231),
    "MTD_MSIL1C_PB0509_T34UCF.xml": ("L1C", "S2", "05.09", -1000, 14, None),
    "MTD_MSIL2A_PB0214_T22HBD.xml": ("L2A", "S2B", "02.14", None, 35, 0.447807),
    "MTD_MSIL2A_PB0400_T33XWJ_svalbard.xml": ("L2A", "S2B", "04.00", -1000, 36, 98.944211),
    "MTD_MSIL2A_PB0509_T01KAB.xml": ("L2A", "S2A", "05.09", -1000, 36, 59.050727),
    "S2C_MTD_MSIL1C_PB9904.xml": ("L1C", "S2C", "99.04", -1000, 14, 1.891964525665),
}


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.mark.parametrize("name", PRODUCTS)
def test_metadata_of_every_baseline(shared, name):
    level, mission, baseline, offset, images, cloud = PRODUCTS[name]
    data = (shared / "data/sentinel2/metadata" / name).read_bytes()
    product = parse_product(data)
    assert level_of(data[:4096]) == product.level == level
    assert product.id.startswith(f"{mission}")
    assert product.baseline == baseline
    assert product.offsets.get("B04") == offset
    assert len(product.offsets) == (0 if offset is None else 13)
    assert [len(g.images) for g in product.granules] == [images]
    assert product.quantification == 10000
    assert re.fullmatch(r"sentinel-2[abc]", product.platform)
    assert product.time.strftime("%Y%m%d") in product.id
    if cloud is not None:
        assert product.cloud_cover == pytest.approx(cloud)


@pytest.mark.parametrize(
    ("name", "tile", "crs", "corner"),
    [
        ("MTD_TL_PB0301_T46RER.xml", "46RER", "EPSG:32646", (499980, 3100020)),
        ("MTD_TL_PB0400_T33XWJ.xml", "33XWJ", "EPSG:32633", (499980, 8900040)),
    ],
)
def test_granule_metadata(shared, name, tile, crs, corner):
    granule = parse_tile((shared / "data/sentinel2/metadata" / name).read_bytes())
    assert granule.tile == tile
    assert {r: g.width for r, g in granule.grids.items()} == {10: 10980, 20: 5490, 60: 1830}
    assert {g.crs for g in granule.grids.values()} == {crs}
    assert {(g.transform.c, g.transform.f) for g in granule.grids.values()} == {corner}
    assert 0 < granule.sun[0] < 360
    assert -20 < granule.sun[1] < 90


async def test_the_genuine_product_with_one_band_only(shared, stores, readers):
    folder = shared / "data/sentinel2" / f"{L1C}.SAFE"
    (found,) = await recognise(str(folder), stores, readers)
    item = found.item
    assert item["id"] == L1C
    assert item["collection"] == "sentinel-2-l1c"
    assert list(item["assets"]) == ["B01", "angles"]
    assert item["properties"]["datetime"] == "2018-01-01T10:54:41.026Z"
    assert item["properties"]["grid:code"] == "MGRS-31TDH"
    assert item["properties"]["eo:cloud_cover"] == 11.9204
    assert item["properties"]["s2:processing_baseline"] == "02.06"
    asset = item["assets"]["B01"]
    assert asset["proj:code"] == "EPSG:32631"
    assert asset["proj:shape"] == [1830, 1830]
    assert asset["proj:transform"] == [60, 0, 399960, 0, -60, 4800000]
    (band,) = asset["bands"]
    assert (band["eo:common_name"], band["raster:scale"], band["nodata"]) == ("coastal", 1e-4, 0)
    assert bbox_of(geojson_footprint(item["geometry"])) == pytest.approx(
        (1.7657, 42.3576, 2.7610, 43.3511), abs=2e-3
    )
    by_document = await recognise(str(folder / "MTD_MSIL1C.xml"), stores, readers)
    assert by_document[0].item == item


def _safe(tmp_path, shared, product, granule, images):
    """Lay out a SAFE folder from genuine metadata, with empty files in place of the images."""
    metadata = shared / "data/sentinel2/metadata"
    parsed = parse_product((metadata / product).read_bytes())
    folder = tmp_path / f"{parsed.id}.SAFE"
    folder.mkdir()
    shutil.copy(metadata / product, folder / f"MTD_MSI{parsed.level}.xml")
    inside = folder / parsed.granules[0].images[0].partition("/IMG_DATA")[0]
    inside.mkdir(parents=True)
    if granule:
        shutil.copy(metadata / granule, inside / "MTD_TL.xml")
    for image in parsed.granules[0].images:
        if images(image):
            path = folder / f"{image}.jp2"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return folder


async def test_an_l2a_product_takes_each_band_at_its_finest(tmp_path, shared, stores, readers):
    folder = _safe(
        tmp_path, shared, "MTD_MSIL2A_PB0400_T33XWJ_svalbard.xml", "MTD_TL_PB0400_T33XWJ.xml",
        lambda image: True,
    )  # fmt: skip
    (found,) = await recognise(str(folder), stores, readers)
    assets = found.item["assets"]
    sizes = {key: asset["gsd"] for key, asset in assets.items() if key != "angles"}
    assert sizes == {
        "B01": 20, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10,
        "B09": 60, "B11": 20, "B12": 20, "B8A": 20, "AOT": 10, "SCL": 20, "WVP": 10, "visual": 10,
    }  # fmt: skip
    (red,), (scl,), (wvp,) = (assets[k]["bands"] for k in ("B04", "SCL", "WVP"))
    assert (red["raster:scale"], red["raster:offset"]) == (1e-4, -0.1)
    assert "raster:scale" not in scl
    assert scl["classification:classes"][4]["name"] == "Vegetation"
    assert (wvp["raster:scale"], wvp["raster:offset"]) == (1e-3, 0.0)
    assert [b["name"] for b in assets["visual"]["bands"]] == ["TCI_R", "TCI_G", "TCI_B"]
    scene = scene_of(found.item, stores, {})
    assert scene.bands["red"].offset == pytest.approx(-0.1)
    assert scene.bands["TCI_B"].band == 3
    assert scene.bands["nir"].grid.resolution == (10.0, 10.0)


async def test_a_product_across_180_degrees(shared):
    data = (shared / "data/sentinel2/metadata/MTD_MSIL2A_PB0509_T01KAB.xml").read_bytes()
    from tileserver.catalogue.footprint import ring_footprint  # noqa: PLC0415

    shape = ring_footprint(*parse_product(data).footprint)
    west, _, east, _ = bbox_of(shape)
    assert west == pytest.approx(179.239, abs=1e-2)
    assert east == pytest.approx(-179.715, abs=1e-2)
    assert len(boxes_of(shape)) == 2


async def test_products_without_images_or_granule_say_so(tmp_path, shared, stores, readers):
    names = ("MTD_MSIL2A_PB0400_T33XWJ_svalbard.xml", "MTD_TL_PB0400_T33XWJ.xml")
    empty = _safe(tmp_path, shared, *names, lambda image: False)
    with pytest.raises(SourceMissingError, match="none of its image files"):
        await recognise(str(empty), stores, readers)
    next(empty.rglob("MTD_TL.xml")).unlink()
    (empty / "GRANULE" / "note.txt").write_text("x")
    with pytest.raises(SourceMissingError, match="granule"):
        await recognise(str(empty), stores, readers)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b"<Level-2A_User_Product/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><Level-2A_User_Product>&x;</Level-2A_User_Product>',
        b"\xff\xfe\x00",
    ],
)
def test_broken_or_hostile_metadata_is_refused(data):
    with pytest.raises(SourceCorruptError):
        parse_product(data)


def test_other_xml_is_not_a_product():
    assert level_of(b"<?xml version='1.0'?><Level-2A_Tile_ID>") is None
    with pytest.raises(SourceUnsupportedError):
        parse_product(b"<something/>")


@given(st.data())
def test_cut_metadata_never_fails_in_another_way(shared, data):
    whole = (shared / "data/sentinel2/metadata/MTD_MSIL1C_PB0400_T32UPC.xml").read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    with contextlib.suppress(SourceCorruptError, SourceUnsupportedError):
        parse_product(whole[:start] + whole[stop:])


async def test_quality_masks_are_bands(tmp_path, shared, stores, readers):
    folder = _safe(
        tmp_path, shared, "MTD_MSIL2A_PB0400_T33XWJ_svalbard.xml", "MTD_TL_PB0400_T33XWJ.xml",
        lambda image: "B04_10m" in image,
    )  # fmt: skip
    quality = next(folder.rglob("IMG_DATA")).parent / "QI_DATA"
    quality.mkdir()
    for name in ("MSK_CLDPRB_20m", "MSK_CLDPRB_60m", "MSK_CLASSI_B00", "MSK_DETFOO_B04"):
        (quality / f"{name}.jp2").write_bytes(b"x")
    (found,) = await recognise(str(folder), stores, readers)
    assets = found.item["assets"]
    assert set(assets) == {"B04", "CLD", "CLASSI", "angles"}
    assert assets["CLD"]["href"].endswith("/QI_DATA/MSK_CLDPRB_20m.jp2")
    assert assets["CLD"]["proj:shape"] == [5490, 5490]
    (cloud,) = assets["CLD"]["bands"]
    assert (cloud["name"], cloud["unit"], cloud.get("nodata")) == ("CLD", "%", None)
    assert assets["CLASSI"]["proj:shape"] == [1830, 1830]
    assert [b["name"] for b in assets["CLASSI"]["bands"]] == [
        "CLASSI_OPAQUE", "CLASSI_CIRRUS", "CLASSI_SNOW",
    ]  # fmt: skip
    styled = with_styles(found.template, found.item, StyleRegistry.load_library())
    assert styled.styles == (
        "cloud-probability", "CLASSI_OPAQUE", "CLASSI_CIRRUS", "CLASSI_SNOW",
        "sun_zenith", "view_zenith",
    )  # fmt: skip
    scene = scene_of(found.item, stores, {})
    assert scene.bands["CLASSI_SNOW"].band == 3
