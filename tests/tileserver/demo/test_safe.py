"""A generated product has genuine structure, consistent pixels and metadata."""

import hashlib
import warnings
from datetime import date

import numpy as np
import pytest
import rasterio
from lxml import etree
from rasterio.errors import NotGeoreferencedWarning

from tileserver.demo.bands import NATIVE_RESOLUTION
from tileserver.demo.safe import FILES_PER_PRODUCT, IMAGES, DemoDataError, generate_series

CLEAR, CLOUDY, PARTIAL = date(2025, 4, 20), date(2025, 6, 9), date(2025, 5, 18)
SIZE = 252


def image_path(product, band):
    (path,) = product.glob(f"GRANULE/*/IMG_DATA/R*m/*_{band}_*m.jp2")
    return path


def read(product, band):
    with rasterio.open(image_path(product, band)) as source:
        return source.read(1) if source.count == 1 else source.read()


def reflectance(product, band):
    return (read(product, band).astype(np.float64) - 1000) / 10_000


def tile_document(product):
    return etree.parse(next(product.glob("GRANULE/*/MTD_TL.xml")))


def test_names_and_folders_are_those_of_the_format(series):
    product = series[CLEAR]
    assert product.name == "S2B_MSIL2A_20250420T101559_N0511_R065_T32UPE_20250420T140012.SAFE"
    granule = product / "GRANULE/L2A_T32UPE_A042419_20250420T101957"
    files = {str(p.relative_to(granule)) for p in granule.rglob("*") if p.is_file()}
    bands = {
        f"IMG_DATA/R{r}m/T32UPE_20250420T101559_{b}_{r}m.jp2"
        for b, r in (*((b, r) for b, r in NATIVE_RESOLUTION.items()), ("TCI", 10), ("SCL", 20))
    }
    quality = {"QI_DATA/MSK_CLDPRB_20m.jp2", "QI_DATA/T32UPE_20250420T101559_PVI.jp2"}
    assert files == bands | quality | {"MTD_TL.xml"}
    rest = {str(p.relative_to(product)) for p in product.rglob("*") if p.is_file()}
    rest = {p for p in rest if not p.startswith("GRANULE")}
    datastrip = "DATASTRIP/DS_2BPS_20250420T140012_S20250420T101957/MTD_DS.xml"
    assert rest == {"MTD_MSIL2A.xml", "manifest.safe", datastrip}
    assert series[PARTIAL].name.startswith("S2C_MSIL2A_20250518T102559_N0511_R108_T32UPE_")


@pytest.mark.parametrize(("band", "resolution"), IMAGES)
def test_georeference_equals_the_tile_metadata(series, band, resolution):
    document = tile_document(series[CLEAR])
    place = {
        tag: float(document.findtext(f".//Geoposition[@resolution='{resolution}']/{tag}"))
        for tag in ("ULX", "ULY", "XDIM", "YDIM")
    }
    rows = int(document.findtext(f".//Size[@resolution='{resolution}']/NROWS"))
    columns = int(document.findtext(f".//Size[@resolution='{resolution}']/NCOLS"))
    with rasterio.open(image_path(series[CLEAR], band)) as source:
        assert source.shape == (rows, columns) == (SIZE * 10 // resolution,) * 2
        assert f"EPSG:{source.crs.to_epsg()}" == document.findtext(".//HORIZONTAL_CS_CODE")
        expected = (place["ULX"], place["XDIM"], 0, place["ULY"], 0, place["YDIM"])
        assert source.transform.to_gdal() == expected
        assert source.dtypes[0] == ("uint8" if band in ("TCI", "SCL") else "uint16")


def test_gdal_reads_the_product_by_its_own_sentinel2_driver(series):
    with warnings.catch_warnings():
        # The container of subdatasets has no place itself.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(series[CLEAR] / "MTD_MSIL2A.xml") as product:
            assert product.driver == "SENTINEL2"
            parts = product.subdatasets
            tags = product.tags()
    assert [p.split(":")[-2] for p in parts] == ["10m", "20m", "60m", "TCI"]
    assert tags["PROCESSING_BASELINE"] == "05.11"
    with rasterio.open(parts[0]) as ten:
        assert ten.descriptions[0].startswith("B4")
        np.testing.assert_array_equal(ten.read(1), read(series[CLEAR], "B04"))


def test_numbers_carry_the_offset_and_leave_zero_to_nodata(series):
    for band in NATIVE_RESOLUTION:
        numbers = read(series[CLEAR], band)
        assert numbers.min() > 0
        assert numbers.max() <= 2**15 - 1
    # Short-wave infrared over water is next to black, so its numbers stand at the offset.
    water = read(series[CLEAR], "SCL") == 6
    assert abs(np.median(read(series[CLEAR], "B11")[water]) - 1000) < 100


def test_vegetation_and_water_have_the_ndvi_of_their_class(series):
    product = series[CLEAR]
    red, infrared = (reflectance(product, b)[::2, ::2] for b in ("B04", "B08"))
    ndvi = (infrared - red) / (infrared + red)
    scl = read(product, "SCL")
    classes = {int(c) for c in np.unique(scl)}
    assert {4, 5, 6} <= classes
    assert np.median(ndvi[scl == 4]) > 0.5
    assert np.median(ndvi[scl == 6]) < 0
    assert np.median(ndvi[scl == 5]) < 0.45


def test_clouds_are_bright_and_shadows_dark(series):
    product = series[CLOUDY]
    scl, blue = read(product, "SCL"), reflectance(product, "B02")[::2, ::2]
    infrared = reflectance(product, "B08")[::2, ::2]
    assert np.median(blue[scl == 9]) > 0.4
    assert np.median(infrared[scl == 3]) < 0.7 * np.median(infrared[scl == 4])
    with rasterio.open(next(product.glob("GRANULE/*/QI_DATA/MSK_CLDPRB_20m.jp2"))) as source:
        probability = source.read(1)
    assert probability.max() <= 100
    assert probability[scl == 9].min() > 60
    assert probability[scl == 4].max() < 40


@pytest.mark.parametrize("day", [CLEAR, CLOUDY, PARTIAL])
def test_quality_indicators_count_the_scl(series, day):
    scl = read(series[day], "SCL")
    valid = np.count_nonzero(scl)
    content = tile_document(series[day]).find(".//Image_Content_QI")
    percent = {e.tag: float(e.text) for e in content if e.tag.endswith("PERCENTAGE")}
    share = {c: 100 * np.count_nonzero(scl == c) / valid for c in range(1, 12)}
    assert percent["NODATA_PIXEL_PERCENTAGE"] == pytest.approx(100 * np.mean(scl == 0), abs=1e-5)
    assert percent["VEGETATION_PERCENTAGE"] == pytest.approx(share[4], abs=1e-5)
    assert percent["WATER_PERCENTAGE"] == pytest.approx(share[6], abs=1e-5)
    cloudy = share[8] + share[9] + share[10]
    assert percent["CLOUDY_PIXEL_PERCENTAGE"] == pytest.approx(cloudy, abs=1e-5)
    product = etree.parse(series[day] / "MTD_MSIL2A.xml")
    assert float(product.findtext(".//Cloud_Coverage_Assessment")) == pytest.approx(
        cloudy, abs=1e-5
    )


def test_weather_of_the_date_is_what_was_ordered(series):
    covers = {
        day: float(etree.parse(p / "MTD_MSIL2A.xml").findtext(".//Cloud_Coverage_Assessment"))
        for day, p in series.items()
    }
    assert covers[CLEAR] == pytest.approx(2, abs=2)
    assert covers[CLOUDY] == pytest.approx(30, abs=8)  # 27 % clouds and 5 % cirrus, which overlap
    assert covers[PARTIAL] == 0


def test_partial_swath_has_one_nodata_wedge_in_all_bands(series):
    product = series[PARTIAL]
    unseen = read(product, "SCL") == 0
    assert 0.3 < unseen.mean() < 0.6
    assert unseen[:, -1].all()
    assert not unseen[:, 0].any()
    for band, resolution in NATIVE_RESOLUTION.items():
        nodata = read(product, band) == 0
        if resolution == 10:
            nodata = nodata.reshape(SIZE // 2, 2, SIZE // 2, 2).any(axis=(1, 3))
        if resolution != 60:
            np.testing.assert_array_equal(nodata, unseen)
        assert nodata.mean() == pytest.approx(unseen.mean(), abs=0.02)
    assert (read(product, "TCI")[:, ::2, ::2][:, unseen] <= 255).all()
    seen = read(product, "B02") > 0
    assert (read(product, "TCI")[:, seen] > 0).all()
    assert (read(product, "TCI")[:, ~seen] == 0).all()


def test_true_colour_is_the_red_green_blue_of_the_bands(series):
    expected = [
        np.clip(np.rint(reflectance(series[CLEAR], b) / 0.2 * 255), 1, 255)
        for b in ("B04", "B03", "B02")
    ]
    difference = read(series[CLEAR], "TCI").astype(float) - expected
    assert np.abs(difference).max() <= 1  # float32 against float64 at the half


def test_manifest_lists_every_file_with_its_checksum(series):
    product = series[CLEAR]
    listed = {}
    for entry in etree.parse(product / "manifest.safe").iterfind(".//byteStream"):
        href = entry.find("fileLocation").get("href")
        listed[href.removeprefix("./")] = (entry.get("size"), entry.findtext("checksum"))
    files = {str(p.relative_to(product)): p for p in product.rglob("*") if p.is_file()}
    files.pop("manifest.safe")
    assert listed.keys() == files.keys()
    for name, path in files.items():
        content = path.read_bytes()
        assert listed[name] == (str(len(content)), hashlib.sha3_256(content).hexdigest())


def test_band_files_have_the_genuine_layout(series, codestream):
    found = codestream(image_path(series[CLEAR], "B03"))
    assert (found.bits, found.progression, found.layers, found.levels) == (15, 0, 1, 4)
    assert "TLM" not in found.markers
    assert codestream(image_path(series[CLEAR], "SCL")).bits == 8
    assert codestream(image_path(series[CLEAR], "TCI")).mct == 1


def test_same_seed_gives_the_same_bytes_and_another_seed_another_land(series, tmp_path):
    (again,) = generate_series(tmp_path / "a", size=SIZE, dates=[CLEAR])
    (other,) = generate_series(tmp_path / "b", size=SIZE, dates=[CLEAR], seed=7)
    for band in ("B02", "B11", "SCL"):
        same = image_path(series[CLEAR], band).read_bytes()
        assert image_path(again, band).read_bytes() == same
    assert np.mean(read(other, "SCL") != read(again, "SCL")) > 0.1


def test_finished_products_are_kept_and_changed_parameters_make_anew(tmp_path, codestream):
    steps = []

    def note(done, total, label):
        steps.append((done, total, label))

    (product,) = generate_series(tmp_path, size=120, dates=[CLEAR], progress=note)
    assert [s[0] for s in steps] == list(range(1, FILES_PER_PRODUCT + 1))
    assert {s[1] for s in steps} == {FILES_PER_PRODUCT}
    made = image_path(product, "B02").stat()
    steps.clear()
    assert generate_series(tmp_path, size=120, dates=[CLEAR], progress=note) == [product]
    assert not steps
    assert image_path(product, "B02").stat().st_ino == made.st_ino

    assert generate_series(tmp_path, size=120, dates=[CLEAR], tlm=True) == [product]
    assert "TLM" in codestream(image_path(product, "B02")).markers
    assert [p.name for p in tmp_path.glob("*.SAFE")] == [product.name]


def test_tlm_changes_the_header_but_no_pixel(series, tmp_path, codestream):
    (product,) = generate_series(tmp_path, size=SIZE, dates=[CLEAR], tlm=True)
    found = codestream(image_path(product, "B08"))
    assert found.tlm_lengths == [p.length for p in found.tile_parts]
    np.testing.assert_array_equal(read(product, "B08"), read(series[CLEAR], "B08"))


def test_an_interrupted_product_is_made_again(tmp_path):
    (product,) = generate_series(tmp_path, size=120, dates=[CLEAR])
    (product / "manifest.safe").unlink()
    leftover = tmp_path / ".making-killed"
    leftover.mkdir()
    (leftover / "half.jp2").write_bytes(b"half")
    assert generate_series(tmp_path, size=120, dates=[CLEAR]) == [product]
    assert (product / "manifest.safe").is_file()
    assert not leftover.exists()


def test_a_failure_leaves_no_product(tmp_path):
    def fail(done, total, label):
        raise RuntimeError("stopped by the caller")

    with pytest.raises(RuntimeError, match="stopped"):
        generate_series(tmp_path, size=120, dates=[CLEAR], progress=fail)
    assert not list(tmp_path.glob("*.SAFE"))
    assert len(generate_series(tmp_path, size=120, dates=[CLEAR])) == 1


def test_second_tile_lies_in_its_own_zone(tmp_path):
    products = generate_series(tmp_path, size=120, dates=[CLEAR], tiles=["32UPE", "33UUV"])
    zones = []
    for product in products:
        with rasterio.open(image_path(product, "B02")) as source:
            zones.append(source.crs.to_epsg())
    assert zones == [32632, 32633]
    assert (read(products[0], "SCL") != read(products[1], "SCL")).any()


@pytest.mark.parametrize(
    "wrong",
    [{"size": 500}, {"size": 0}, {"size": 10_986}, {"tiles": ["31TDH"]}, {"dates": [CLEAR, CLEAR]}],
)
def test_what_cannot_be_made_is_refused(tmp_path, wrong):
    with pytest.raises(DemoDataError):
        generate_series(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())
