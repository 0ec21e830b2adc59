"""MODIS tiles: what they are by metadata, by name and place, and what their fields mean."""

import contextlib
import shutil

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.env import Env

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.readers.registry import default_registry
from tileserver.catalogue.scenes import scene_of
from tileserver.products.modis.fields import known_field
from tileserver.products.modis.granule import by_name, by_tags, tile_of
from tileserver.products.registry import recognise

DATA = "data/modis"
NBAR = "MCD43A4.A2017006.h21v11.006.2017018074804"
SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"
SIDE = 1111950.5196666666


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


def place(shared, folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(shared / DATA / name, folder / name)
    return str(folder)


def grid(h, v, crs=None):
    crs = crs or rasterio.CRS.from_proj4(SINUSOIDAL).to_wkt()
    corner = -20015109.354 + h * SIDE, 10007554.677 - v * SIDE
    return GeoBox(10, 10, Affine(SIDE / 10, 0, corner[0], 0, -SIDE / 10, corner[1]), crs)


async def test_the_fields_of_a_granule_are_one_item(shared, stores, readers, tmp_path):
    names = [f"MCD43A4.A2017006.h21v11_{b}.TIF" for b in ("B01", "B02", "B01qa")]
    (found,) = await recognise(place(shared, tmp_path / "nbar", *names), stores, readers)
    item = found.item
    assert (item["id"], item["collection"]) == (NBAR, "modis-mcd43a4")
    properties = item["properties"]
    assert properties["datetime"] == "2017-01-06T00:00:00Z"
    assert properties["start_datetime"] == "2016-12-29T00:00:00Z"
    assert properties["end_datetime"] == "2017-01-14T23:59:59.999Z"
    assert properties["grid:code"] == "MODIS-h21v11"
    assert "platform" not in properties
    assert set(item["assets"]) == {"B01", "B02", "B01_qa"}
    scene = scene_of(item, stores, {})
    red, nir = scene.bands["red"], scene.bands["nir"]
    assert red.ref.path.endswith("_B01.TIF")
    assert (nir.scale, nir.offset, nir.nodata) == (1e-4, 0.0, 32767.0)
    assert scene.bands["B01_qa"].nodata == 255.0
    (quality,) = item["assets"]["B01_qa"]["bands"]
    assert [c["value"] for c in quality["classification:classes"]] == [0, 1]
    assert "NASA" in found.template.attribution
    west, south, east, north = item["bbox"]
    assert (south, north) == pytest.approx((-30.0, -20.0), abs=1e-6)
    assert (west, east) == pytest.approx((31.925, 46.188), abs=0.02)


async def test_a_renamed_file_is_known_by_its_metadata(shared, stores, readers, tmp_path):
    shutil.copy(
        shared / DATA / "MOD10A2.A2022033.h09v05_Eight_Day_Snow_Cover.tif", tmp_path / "a.tif"
    )
    (found,) = await recognise(str(tmp_path), stores, readers)
    assert found.item["id"] == "MOD10A2.A2022033.h09v05.061.2022042050729"
    assert found.item["properties"]["platform"] == "terra"
    assert found.item["properties"]["eo:cloud_cover"] == 0.0
    assert list(found.item["assets"]) == ["Eight_Day_Snow_Cover"]
    assert found.template.description == "MODIS/Terra Snow Cover 8-Day L3 Global 500m SIN Grid"


async def test_a_time_series_of_jpeg_2000(shared, stores, readers, tmp_path):
    names = [p.name for p in sorted((shared / DATA).glob("*.jp2"))]
    found = await recognise(place(shared, tmp_path / "series", *names), stores, readers)
    assert {f.item["collection"] for f in found} == {"modis-terra-ndvi"}
    days = [f.item["properties"]["datetime"][:10] for f in found]
    assert days == [n.rpartition("_")[2].removesuffix(".jp2") for n in names]
    assert len(days) > 5
    scene = scene_of(found[0].item, stores, {})
    assert (scene.bands["NDVI"].scale, scene.bands["NDVI"].nodata) == (1e-4, -3000.0)
    assert found[0].item["assets"]["NDVI"]["type"] == "image/jp2"


async def test_a_name_without_the_place_says_nothing(shared, stores, readers, tmp_path):
    """The same raster under the name of another tile, and any other raster under a MODIS name."""
    source = shared / DATA / "TERRA_MODIS_012010_NDVI_2013-09-14.jp2"
    shutil.copy(source, tmp_path / "TERRA_MODIS_013010_NDVI_2013-09-14.jp2")
    other = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 10, 0, -0.1, 50)}
    path = tmp_path / "MOD13Q1.A2017006.h21v11_NDVI.tif"
    size = {"width": 8, "height": 8, "count": 1, "dtype": "int16"}
    with rasterio.open(path, "w", driver="GTiff", **size, **other) as out:
        out.write(np.arange(64, dtype=np.int16).reshape(1, 8, 8))
    found = await recognise(str(tmp_path), stores, readers)
    assert len(found) == 2
    assert all(not f.item["collection"].startswith("modis") for f in found)


async def test_hdf4_is_refused_with_the_reason(shared, stores, readers, tmp_path):
    name = "MOD10A2.A2022033.h09v05.061.2022042050729.hdf"
    folder = place(shared, tmp_path / "hdf", name)
    with Env() as environment:
        reason = "are not read" if "HDF4" in environment.drivers() else "no driver"
    for href in (folder, f"{folder}/{name}"):
        with pytest.raises(SourceUnsupportedError, match=f"HDF4 granule.*{reason}.*GeoTIFF"):
            await recognise(href, stores, readers)


@pytest.mark.parametrize(
    ("product", "name", "band", "common", "scale", "nodata"),
    [
        ("MCD43A4", "Nadir_Reflectance_Band6", "B06", "swir16", 1e-4, 32767.0),
        ("MCD43A4", "B05", "B05", "", 1e-4, 32767.0),
        ("MYD09A1", "sur_refl_b02", "B02", "nir", 1e-4, -28672.0),
        ("MOD09GA", "sur_refl_b04_1", "B04", "green", 1e-4, -28672.0),
        ("MOD13Q1", "250m 16 days EVI", "EVI", "", 1e-4, -3000.0),
        ("MYD13A3", "1_km_monthly_NDVI", "NDVI", "", 1e-4, -3000.0),
        ("MOD11A1", "LST_Night_1km", "LST_Night", "", 0.02, 0.0),
        ("MOD10A2", "Maximum_Snow_Extent", "Maximum_Snow_Extent", "", 1.0, 255.0),
        ("MOD10A2", "sur_refl_b02", None, "", 0, 0),
        ("MOD13Q1", "250m 16 days VI Quality", None, "", 0, 0),
    ],
)
def test_known_fields(product, name, band, common, scale, nodata):
    field = known_field(product, [name])
    if band is None:
        assert field is None
    else:
        assert (field.info.name, field.info.common_name) == (band, common)
        assert (field.scale, field.nodata) == (scale, nodata)


@given(st.integers(0, 35), st.integers(0, 17))
def test_the_grids_middle_tells_its_tile(h, v):
    assert tile_of(grid(h, v)) == (h, v)
    assert tile_of(grid(h, v, "EPSG:3857")) is None


@given(st.text(max_size=60))
def test_any_name_is_read_or_not(stem):
    for start in ("", "MOD13Q1.A2014", "TERRA_MODIS_012010_NDVI_"):
        assert by_name(start + stem, grid(0, 0)) is None


TAGS = {
    "SHORTNAME": "MOD13Q1",
    "ASSOCIATEDINSTRUMENTSHORTNAME.1": "MODIS",
    "LOCALGRANULEID": "MOD13Q1.A2014001.h12v10.006.2015289155023.hdf",
    "RANGEBEGINNINGDATE": "2014-01-01",
    "RANGEENDINGDATE": "2014-01-16",
    "QAPERCENTCLOUDCOVER.1": "7",
}


@given(st.sampled_from(sorted(TAGS)), st.text(max_size=40))
def test_any_metadata_is_read_or_refused(key, value):
    with contextlib.suppress(SourceCorruptError):
        granule = by_tags({**TAGS, key: value}, "a")
        if granule is not None:
            assert granule.tile.startswith("h")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LOCALGRANULEID", "MOD13Q1.A2014367.h12v10.006.2015289155023.hdf"),
        ("RANGEENDINGDATE", "2014-13-01"),
    ],
)
def test_days_that_do_not_exist_are_refused(key, value):
    with pytest.raises(SourceCorruptError):
        by_tags({**TAGS, key: value}, "a")
