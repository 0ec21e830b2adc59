"""Sentinel-1 GRD: real metadata and control points, pixels and calibration that the tests write.

The shared data has real metadata and decimated real images, but no full product: measurement files
here are small images of known numbers, with the real control points scaled to their size, and
calibration tables follow the product specification (S1-RS-MDA-52-7441, 6.2) with numbers of ours.
"""

import contextlib
import json
import re
import shutil

import numpy as np
import pytest
import rasterio
import shapely
from defusedxml.ElementTree import parse
from hypothesis import given
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.transform import GCPTransformer
from support.application import fill, make_settings, mercator_tile, running, tile_at
from support.pictures import pixels

from renderers.crs import transform_points
from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from renderers.stores import ByteSource
from tileserver.catalogue.footprint import geojson_footprint
from tileserver.products.registry import recognise
from tileserver.products.sentinel1.annotation import parse_grid
from tileserver.products.sentinel1.calibration import parse_calibration
from tileserver.products.sentinel1.metadata import (
    is_manifest,
    is_product_info,
    parse_manifest,
    parse_product_info,
)
from tileserver.products.sentinel1.noise import parse_noise
from tileserver.request import CoverageRequest

NAME = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8"
AWS = "S1A_IW_GRDH_20180716_FD5B_decimated"
#: Pixels of the written images; the product's are 25788 x 16685.
WIDTH, HEIGHT = 645, 417


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.fixture
def real(shared):
    return shared / "data/sentinel1"


def control_points(safe, factor=1):
    """The real geolocation grid, scaled to the size of the written images times a factor."""
    keys = ("pixel", "line", "longitude", "latitude")
    annotation = next((safe / "annotation").glob("*.xml"))
    for point in parse(annotation).iter("geolocationGridPoint"):
        pixel, line, lon, lat = (float(point.find(key).text) for key in keys)
        row, column = factor * HEIGHT * line / 16685, factor * WIDTH * pixel / 25788
        yield GroundControlPoint(row, column, lon, lat)


def write_image(path, points, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint16",
        gcps=points, crs="EPSG:4326", blockysize=1,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)


def amplitudes(seed=1):
    """Smooth numbers, with a border of no data as products have it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = 300.0 + 100.0 * np.sin(rows / 40 + seed) + 80.0 * np.cos(columns / 55)
    values[:, :12] = 0
    return values.astype(np.uint16)


@pytest.fixture
def safe(real, tmp_path):
    """A SAFE folder: real manifest, images of the test."""
    source, folder = real / f"{NAME}.SAFE", tmp_path / "data" / f"{NAME}.SAFE"
    (folder / "preview").mkdir(parents=True)
    shutil.copyfile(source / "manifest.safe", folder / "manifest.safe")
    (folder / "preview/quick-look.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    points = list(control_points(source))
    for number, polarisation in ((1, "vv"), (2, "vh")):
        name = f"s1b-iw-grd-{polarisation}-20210401t052623-20210401t052648-026269-032297-00{number}"
        write_image(folder / f"measurement/{name}.tiff", points, amplitudes(number))
    return folder


def calibration_xml(lines, pixels, sigma, gamma):
    """A calibration annotation; sigma and gamma have a row for each line."""

    def listed(name, values):
        return f'<{name} count="{len(values)}">{" ".join(map(str, values))}</{name}>'

    vectors = "".join(
        f"<calibrationVector><azimuthTime>2021-04-01T05:26:23.794457</azimuthTime>"
        f"<line>{line}</line>{listed('pixel', places)}{listed('sigmaNought', low)}"
        f"{listed('betaNought', low)}{listed('gamma', high)}{listed('dn', low)}"
        "</calibrationVector>"
        for line, places, low, high in zip(lines, pixels, sigma, gamma, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><calibration><adsHeader/><calibrationInformation>'
        "<absoluteCalibrationConstant>1.0</absoluteCalibrationConstant></calibrationInformation>"
        f'<calibrationVectorList count="{len(lines)}">{vectors}</calibrationVectorList>'
        "</calibration>"
    ).encode()


LINES = (-100, 150, 420)
PIXELS = (0, 200, 400, 644)
SIGMA = [[330.0 + 40 * i - 30 * k for k in range(4)] for i in range(3)]
GAMMA = [[280.0 + 20 * i - 25 * k for k in range(4)] for i in range(3)]


@pytest.fixture
def calibrated(safe):
    """The folder with tables for VV and none for VH."""
    folder = safe / "annotation/calibration"
    folder.mkdir(parents=True)
    name = "calibration-s1b-iw-grd-vv-20210401t052623-20210401t052648-026269-032297-001.xml"
    (folder / name).write_bytes(calibration_xml(LINES, [PIXELS] * 3, SIGMA, GAMMA))
    return safe


def test_manifest(real):
    data = (real / f"{NAME}.SAFE/manifest.safe").read_bytes()
    assert is_manifest(data[:4096])
    assert not is_product_info(data[:4096])
    product = parse_manifest(data)
    assert (product.platform, product.mode) == ("sentinel-1b", "IW")
    assert (product.absolute_orbit, product.relative_orbit) == (26269, 168)
    assert product.orbit_state == "descending"
    assert product.start.isoformat() == "2021-04-01T05:26:23.794457+00:00"
    assert product.stop.isoformat() == "2021-04-01T05:26:48.793373+00:00"
    assert set(product.measurements) == set(product.calibrations) == {"vv", "vh"}
    assert product.measurements["vh"].endswith("026269-032297-002.tiff")
    assert product.quicklook == "preview/quick-look.png"
    assert set(product.noises) == set(product.annotations) == {"vv", "vh"}
    assert product.noises["vv"].rpartition("/")[2].startswith("noise-s1b-iw-grd-vv-")
    assert product.annotations["vv"].startswith("annotation/s1b-iw-grd-vv-")


def test_product_info(real):
    data = (real / AWS / "productInfo.json").read_bytes()
    assert is_product_info(data[:4096])
    assert not is_manifest(data[:4096])
    product = parse_product_info(data)
    assert product.id.startswith("S1A_IW_GRDH_1SDV_20180716T004042")
    assert (product.platform, product.mode, product.orbit_state) == ("sentinel-1a", "IW", None)
    # 22812 - 73 = 129 * 175 + 164
    assert (product.absolute_orbit, product.relative_orbit) == (22812, 165)
    assert product.measurements == {"vv": "measurement/iw-vv.tiff", "vh": "measurement/iw-vh.tiff"}
    assert product.calibrations["vv"] == "annotation/calibration/calibration-iw-vv.xml"
    assert product.noises["vv"] == "annotation/calibration/noise-iw-vv.xml"
    assert product.annotations["vv"] == "annotation/iw-vv.xml"


def test_other_products_are_refused_by_name(real):
    manifest = (real / f"{NAME}.SAFE/manifest.safe").read_bytes()
    slc = manifest.replace(b"<s1sarl1:productType>GRD<", b"<s1sarl1:productType>SLC<")
    assert slc != manifest
    with pytest.raises(SourceUnsupportedError, match="other than GRD"):
        parse_manifest(slc)
    document = json.loads((real / AWS / "productInfo.json").read_bytes())
    document["productType"] = "SLC"
    assert not is_product_info(json.dumps(document).encode())
    with pytest.raises(SourceUnsupportedError, match="other than GRD"):
        parse_product_info(json.dumps(document).encode())


@pytest.mark.parametrize("element", ["orbitNumber", "startTime", "pass", "mode", "familyName"])
def test_a_manifest_without_what_every_product_has(real, element):
    manifest = (real / f"{NAME}.SAFE/manifest.safe").read_text()
    without = re.sub(rf"(<\w+:{element}(?: [^>]*)?>)[^<]+", r"\1", manifest)
    assert without != manifest
    with pytest.raises(SourceCorruptError):
        parse_manifest(without.encode())


def test_a_manifest_cannot_name_files_elsewhere(real):
    manifest = (real / f"{NAME}.SAFE/manifest.safe").read_text()
    for place in ("../../secret/x-vv-1.tiff", "/secret/x-vv-1.tiff"):
        changed = re.sub(r'href="\./measurement/[^"]+"', f'href="{place}"', manifest)
        with pytest.raises(SourceCorruptError, match="outside"):
            parse_manifest(changed.encode())


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_other_bytes_are_refused(data):
    for read in (parse_manifest, parse_product_info):
        with pytest.raises((SourceCorruptError, SourceUnsupportedError)):
            read(data)


@given(data=st.data())
def test_damaged_documents_are_refused_or_read(data, damaged):
    document = dict(damaged)
    key = data.draw(st.sampled_from(sorted(document)))
    document[key] = data.draw(
        st.one_of(
            st.none(),
            st.integers(),
            st.text(max_size=5),
            st.lists(st.integers()),
            st.dictionaries(st.text(max_size=3), st.integers()),
        )
    )
    with contextlib.suppress(SourceCorruptError, SourceUnsupportedError):
        parse_product_info(json.dumps(document).encode())


@pytest.fixture(scope="module")
def damaged(shared):
    return json.loads((shared / "data/sentinel1" / AWS / "productInfo.json").read_bytes())


async def test_a_safe_folder_is_one_item(safe, stores, readers):
    (found,) = await recognise(str(safe), stores, readers)
    item = found.item
    assert (item["id"], item["collection"]) == (NAME, "sentinel-1-grd")
    assert item["properties"] == {
        "datetime": "2021-04-01T05:26:23.794Z",
        "start_datetime": "2021-04-01T05:26:23.794Z",
        "end_datetime": "2021-04-01T05:26:48.793Z",
        "platform": "sentinel-1b",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:polarizations": ["VH", "VV"],
        "sar:product_type": "GRD",
        "sat:absolute_orbit": 26269,
        "sat:relative_orbit": 168,
        "sat:orbit_state": "descending",
    }
    assert list(item["assets"]) == ["vv", "vh", "thumbnail"]
    assert item["assets"]["vv"]["bands"][0]["nodata"] == 0
    assert item["assets"]["thumbnail"]["href"].endswith("preview/quick-look.png")
    assert [b.name for b in found.template.bands] == ["vv", "vh"]
    assert "Copernicus" in found.template.attribution
    manifest = (safe / "manifest.safe").read_text()
    corners = re.search(r"coordinates>([^<]+)<", manifest)[1].split()
    told = shapely.Polygon([tuple(map(float, c.split(",")))[::-1] for c in corners])
    outline = geojson_footprint(item["geometry"])
    assert outline.intersection(told).area > 0.97 * told.area
    assert outline.area < 1.03 * told.area


async def test_a_renamed_folder_is_named_by_its_manifest(safe, stores, readers):
    folder = safe.rename(safe.with_name("download (1)"))
    (found,) = await recognise(str(folder), stores, readers)
    assert found.item["id"] == "S1B_IW_GRD_20210401T052623_20210401T052648_026269"


async def test_the_layout_on_aws(real, stores, readers):
    (found,) = await recognise(str(real / AWS), stores, readers)
    assert found.item["id"].startswith("S1A_IW_GRDH_1SDV_20180716T004042")
    assert list(found.item["assets"]) == ["vv"]
    assert found.item["properties"]["sat:relative_orbit"] == 165
    assert "sat:orbit_state" not in found.item["properties"]


async def test_both_documents_in_one_folder_are_one_product(real, safe, stores, readers):
    """As on AWS: the manifest says the orbit's direction, productInfo.json the files' names."""
    document = json.loads((real / AWS / "productInfo.json").read_bytes())
    (safe / "productInfo.json").write_text(json.dumps(document))
    for path in list((safe / "measurement").iterdir()):
        path.rename(path.with_name(f"iw-{path.name[11:13]}.tiff"))
    (found,) = await recognise(str(safe), stores, readers)
    assert found.item["id"] == document["id"]
    assert found.item["properties"]["sat:orbit_state"] == "descending"
    assert list(found.item["assets"])[:2] == ["vv", "vh"]


async def test_a_product_without_images(safe, stores, readers):
    shutil.rmtree(safe / "measurement")
    with pytest.raises(SourceMissingError, match="none of its image files"):
        await recognise(str(safe), stores, readers)


def gdal_pixels(box, points):
    """Column and row of each pixel centre of a map by GDAL's own spline."""
    columns, rows = np.meshgrid(np.arange(box.width) + 0.5, np.arange(box.height) + 0.5)
    lon, lat = transform_points(box.crs, "EPSG:4326", *box.to_crs(columns, rows))
    with GCPTransformer(points, tps=True) as spline:
        found = spline.rowcol(lon.ravel(), lat.ravel(), op=np.floor)
    row, column = (np.reshape(v, lon.shape).astype(int) for v in found)
    inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    return np.clip(column, 0, WIDTH - 1), np.clip(row, 0, HEIGHT - 1), inside


@pytest.mark.parametrize("zoom", [7, 9])
async def test_a_map_shows_each_pixel_where_gdal_s_spline_puts_it(real, safe, tmp_path, zoom):
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    (outcome,) = await fill(settings, [str(safe)])
    assert (outcome.status, outcome.missing) == ("added", ())
    box = mercator_tile(*tile_at(9.0, 46.3, zoom))
    async with running(settings) as app:
        asked = CoverageRequest("sentinel-1-grd", ("vv", "vh"), box)
        raster = (await app.services.pipeline.coverage(asked)).raster
    column, row, inside = gdal_pixels(box, list(control_points(real / f"{NAME}.SAFE")))
    valid = np.broadcast_to(raster.valid, raster.data.shape) != 0
    for data, seen, number in zip(raster.data, valid, (1, 2), strict=True):
        expected = np.where(inside, amplitudes(number)[row, column], 0)
        # positions are right to a hundredth of a pixel, so some fall to the neighbour
        assert (data * seen == expected).mean() > 0.97
        assert (seen == (inside & (column >= 12))).mean() > 0.99
    assert 0.1 < inside.mean() < 1.0


async def test_a_tile_is_drawn(safe, tmp_path):
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    await fill(settings, [str(safe)])
    z, x, y = tile_at(10.6, 46.5, 8)
    async with running(settings) as app:
        reply = await app.get(f"/tiles/sentinel-1-grd/vv/WebMercatorQuad/{z}/{x}/{y}.png")
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "image/png"
        empty = await app.get(f"/tiles/sentinel-1-grd/vv/WebMercatorQuad/{z}/0/0.png")
    assert len(reply.content) > 10 * len(empty.content)


def test_calibration_tables():
    tables = parse_calibration(calibration_xml(LINES[::-1], [PIXELS] * 3, SIGMA[::-1], GAMMA))
    assert tables.sigma.lines.tolist() == list(LINES)
    assert tables.sigma.pixels.tolist() == list(PIXELS)
    assert tables.sigma.values.tolist() == SIGMA
    assert tables.gamma.values.tolist() == GAMMA[::-1]


def test_vectors_at_different_pixels_stay_what_they_are():
    places = [(0, 10, 20), (0, 15, 20)]
    values = [(1.0, 3.0, 2.0), (4.0, 2.0, 6.0)]
    table = parse_calibration(calibration_xml((0, 9), places, values, values)).gamma
    assert table.pixels.tolist() == [0, 10, 15, 20]
    at = np.linspace(0, 20, 81)
    for line, (where, what) in enumerate(zip(places, values, strict=True)):
        found = np.interp(at, table.pixels, table.values[line])
        np.testing.assert_allclose(found, np.interp(at, where, what), atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        (b"<line>150</line>", b"<line>x</line>"),
        (b"<line>150</line>", b"<line>420</line>"),
        (b"330.0", b"-1"),
        (b"330.0", b"nan"),
        (b"330.0 ", b""),
        (b"0 200 400 644", b"0 400 200 644"),
        (b"</calibration>", b""),
        (b"<calibration>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><calibration>"),
        (b"calibrationVector>", b"other>"),
    ],
)
def test_damaged_tables_are_refused(change):
    data = calibration_xml(LINES, [PIXELS] * 3, SIGMA, GAMMA)
    assert change[0] in data
    with pytest.raises(SourceCorruptError):
        parse_calibration(data.replace(*change))


async def test_calibrated_bands_are_those_of_the_tables(real, calibrated, tmp_path):
    """Sigma and gamma nought by numpy.interp over the tables, at GDAL's place of every pixel."""
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    (outcome,) = await fill(settings, [str(calibrated)])
    assert outcome.status == "added"
    box = mercator_tile(*tile_at(9.0, 46.3, 9))
    names = ("vv", "vv_sigma0", "vv_gamma0", "vh")
    async with running(settings) as app:
        collection = await app.services.catalogue.collection("sentinel-1-grd")
        asked = CoverageRequest("sentinel-1-grd", names, box)
        raster = (await app.services.pipeline.coverage(asked)).raster
    assert [b.name for b in collection.bands] == list(names)
    column, row, inside = gdal_pixels(box, list(control_points(real / f"{NAME}.SAFE")))
    stored = amplitudes(1).astype(np.float64)
    expected = [stored]
    for table in (SIGMA, GAMMA):
        along = np.array([np.interp(np.arange(WIDTH), PIXELS, line) for line in table])
        gains = np.array([np.interp(np.arange(HEIGHT), LINES, v) for v in along.T]).T
        expected.append((stored / gains) ** 2)
    expected.append(amplitudes(2))
    valid = np.broadcast_to(raster.valid, raster.data.shape) != 0
    for data, known, seen in zip(raster.data, expected, valid, strict=True):
        there = np.isclose(data, known[row, column], rtol=1e-5)
        assert there[seen & inside].mean() > 0.97


async def test_decibels_are_a_style(calibrated, tmp_path):
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    await fill(settings, [str(calibrated)])
    z, x, y = tile_at(9.0, 46.3, 9)
    async with running(settings) as app:
        collection = await app.services.catalogue.collection("sentinel-1-grd")
        assert collection.styles[:2] == ("sigma0-vv", "gamma0-vv")
        reply = await app.get(f"/tiles/sentinel-1-grd/sigma0-vv/WebMercatorQuad/{z}/{x}/{y}.png")
    assert reply.status_code == 200, reply.text
    found = pixels(reply.content)
    # amplitudes of 120 to 480 over gains of about 350 are -9 to 3 dB of a range from -22 to 0
    assert found[found[..., 3] > 0, 0].mean() > 128


async def test_a_far_zoom_of_a_large_image_is_kept_and_stays_what_it_is(real, calibrated, tmp_path):
    """Products come in strips of one line without overviews: what is kept of them is calibrated."""
    (path,) = (calibrated / "measurement").glob("*-vv-*")
    large = np.repeat(np.repeat(amplitudes(1), 4, axis=0), 4, axis=1)
    write_image(path, list(control_points(real / f"{NAME}.SAFE", 4)), large)
    tables = next((calibrated / "annotation/calibration").glob("*-vv-*"))
    places = [tuple(4 * p for p in PIXELS)] * 3
    tables.write_bytes(calibration_xml([4 * line for line in LINES], places, SIGMA, GAMMA))
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    await fill(settings, [str(calibrated)])
    asked = CoverageRequest(
        "sentinel-1-grd", ("vv", "vv_sigma0", "vv_gamma0"), mercator_tile(*tile_at(9.0, 46.3, 6))
    )
    async with running(settings) as app:
        first = (await app.services.pipeline.coverage(asked)).raster
        await app.services.files.settled()
        assert app.services.figures()["pyramids"]["made"] > 0
    async with running(settings) as app:
        again = (await app.services.pipeline.coverage(asked)).raster
        assert app.services.stores.requests == 0
    valid = (np.broadcast_to(first.valid & again.valid, first.data.shape) != 0).all(axis=0)
    assert valid.sum() > 1000
    for one, other in zip(first.data, again.data, strict=True):
        # one is a single pixel of 25, the other their average
        np.testing.assert_allclose(other[valid], one[valid], rtol=0.25)
        assert np.median(np.abs(other[valid] / one[valid] - 1)) < 0.05


async def test_a_cold_tile_is_one_round(real, tmp_path, monkeypatch):
    """Of the real decimated image, whose control points lie in its read index."""
    settings = make_settings(tmp_path, file_roots=[real])
    (outcome,) = await fill(settings, [str(real / AWS)])
    assert (outcome.status, outcome.missing) == ("added", ())
    rounds = []
    read = ByteSource.read

    async def counted(self, ranges):
        rounds.append(len(ranges))
        return await read(self, ranges)

    z, x, y = tile_at(76.9, 10.2, 9)
    async with running(settings) as app:
        monkeypatch.setattr(ByteSource, "read", counted)
        before = app.services.stores.bytes_read
        reply = await app.get(f"/tiles/sentinel-1-grd/values/WebMercatorQuad/{z}/{x}/{y}.png")
        size = app.services.stores.bytes_read - before
    assert reply.status_code == 200, reply.text
    assert (pixels(reply.content)[..., 3] > 0).mean() > 0.9
    assert len(rounds) == 1
    assert 0 < size < 800_000


async def test_an_image_without_its_product_is_a_raster(real, tmp_path):
    settings = make_settings(tmp_path, file_roots=[real])
    (outcome,) = await fill(settings, [str(real / AWS / "iw-vv.tiff")])
    assert (outcome.status, outcome.collection) == ("added", "iw-vv")
    z, x, y = tile_at(76.9, 10.2, 8)
    async with running(settings) as app:
        item = await app.services.catalogue.local.item("iw-vv", "iw-vv")
        reply = await app.get(f"/tiles/iw-vv/values/WebMercatorQuad/{z}/{x}/{y}.png")
    (asset,) = item["assets"].values()
    assert (asset["proj:code"], asset["proj:shape"]) == ("EPSG:4326", [837, 1280])
    assert "proj:transform" not in asset
    assert reply.status_code == 200, reply.text
    assert (pixels(reply.content)[..., 3] > 0).mean() > 0.5


#: Noise of the written product: range vectors, and blocks of (lines, pixels, lines of factors).
NOISE = [[30000.0 + 5000 * i + 2000 * k for k in range(4)] for i in range(3)]
BLOCKS = (
    ((0, 200), (0, 300), (0, 100, 200), (1.0, 1.5, 0.8)),
    ((201, 416), (0, 300), (201, 416), (2.0, 0.5)),
    ((0, 416), (301, 644), (0,), (1.25,)),
)


def noise_xml(lines, pixels, noise, blocks=(), *, old=False):
    """A noise annotation after the product specification; `old` as before IPF 2.90."""

    def listed(name, values):
        return f'<{name} count="{len(values)}">{" ".join(map(str, values))} </{name}>'

    vector, lut = ("noiseVector", "noiseLut") if old else ("noiseRangeVector", "noiseRangeLut")
    along = "".join(
        f"<{vector}><azimuthTime>2021-04-01T05:26:23.794457</azimuthTime><line>{line}</line>"
        f"{listed('pixel', pixels)}{listed(lut, values)}</{vector}>"
        for line, values in zip(lines, noise, strict=True)
    )
    across = "".join(
        f"<noiseAzimuthVector><swath>IW1</swath><firstAzimuthLine>{rows[0]}</firstAzimuthLine>"
        f"<firstRangeSample>{columns[0]}</firstRangeSample><lastAzimuthLine>{rows[1]}"
        f"</lastAzimuthLine><lastRangeSample>{columns[1]}</lastRangeSample>"
        f"{listed('line', places)}{listed('noiseAzimuthLut', factors)}</noiseAzimuthVector>"
        for rows, columns, places, factors in blocks
    )
    return f"<noise><list>{along}</list><list>{across}</list></noise>".encode()


def noise_power():
    """The noise of every pixel, by numpy.interp one line and one block after the other."""
    along = np.array([np.interp(np.arange(WIDTH), PIXELS, line) for line in NOISE])
    power = np.array([np.interp(np.arange(HEIGHT), LINES, v) for v in along.T]).T
    for rows, columns, places, factors in BLOCKS:
        for line in range(rows[0], min(rows[1], HEIGHT - 1) + 1):
            factor = np.interp(line, places, factors)
            power[line, columns[0] : columns[1] + 1] *= factor
    return power


@pytest.fixture
def noisy(calibrated):
    """The folder with tables and noise for VV."""
    name = "noise-s1b-iw-grd-vv-20210401t052623-20210401t052648-026269-032297-001.xml"
    path = calibrated / "annotation/calibration" / name
    path.write_bytes(noise_xml(LINES, PIXELS, NOISE, BLOCKS))
    return calibrated


def test_noise_of_every_pixel():
    table = parse_noise(noise_xml(LINES[::-1], PIXELS, NOISE[::-1], BLOCKS))
    found = table.at(np.arange(HEIGHT, dtype=float), np.arange(WIDTH, dtype=float))
    np.testing.assert_allclose(found, noise_power())
    part = table.at(np.arange(190.0, 210.0), np.arange(290.0, 310.0))
    np.testing.assert_allclose(part, noise_power()[190:210, 290:310])
    old = parse_noise(noise_xml(LINES, PIXELS, NOISE, old=True))
    assert (old.blocks, old.along.values.tolist()) == ((), NOISE)


@pytest.mark.parametrize(
    "change",
    [
        (b"<line>150</line>", b"<line>x</line>"),
        (b"<line>150</line>", b"<line>420</line>"),
        (b"30000.0", b"-1"),
        (b"30000.0", b"nan"),
        (b"30000.0 ", b""),
        (b"0 200 400 644", b"0 400 200 644"),
        (b"1.0 1.5 0.8", b"1.0 1.5"),
        (b"1.0 1.5 0.8", b"1.0 -1.5 0.8"),
        (b"0 100 200", b"0 200 100"),
        (b"<firstAzimuthLine>0<", b"<firstAzimuthLine><"),
        (b"</noise>", b""),
        (b"<noise>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><noise>"),
        (b"noiseRangeVector>", b"other>"),
    ],
)
def test_damaged_noise_is_refused(change):
    data = noise_xml(LINES, PIXELS, NOISE, BLOCKS)
    assert change[0] in data
    with pytest.raises(SourceCorruptError):
        parse_noise(data.replace(*change))


async def test_bands_without_noise(real, noisy, tmp_path):
    """What is left of the power, at GDAL's place of every pixel."""
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    (outcome,) = await fill(settings, [str(noisy)])
    assert outcome.status == "added"
    box = mercator_tile(*tile_at(9.0, 46.3, 9))
    names = ("vv_sigma0", "vv_sigma0_denoised", "vv_gamma0_denoised")
    async with running(settings) as app:
        collection = await app.services.catalogue.collection("sentinel-1-grd")
        stores = app.services.stores
        before = stores.requests, stores.bytes_read
        alone = CoverageRequest("sentinel-1-grd", names[1:2], box)
        await app.services.pipeline.coverage(alone)
        assert stores.requests - before[0] == 1, "cold: the tables are in the read index"
        assert 0 < stores.bytes_read - before[1] < 220_000
        asked = CoverageRequest("sentinel-1-grd", names, box)
        raster = (await app.services.pipeline.coverage(asked)).raster
    assert [b.name for b in collection.bands] == ["vv", "vv_sigma0", "vv_gamma0", *names[1:], "vh"]
    column, row, inside = gdal_pixels(box, list(control_points(real / f"{NAME}.SAFE")))
    power = np.square(amplitudes(1).astype(np.float64))
    expected = []
    for table, noise in ((SIGMA, 0.0), (SIGMA, noise_power()), (GAMMA, noise_power())):
        along = np.array([np.interp(np.arange(WIDTH), PIXELS, line) for line in table])
        gains = np.array([np.interp(np.arange(HEIGHT), LINES, v) for v in along.T]).T
        expected.append(np.maximum((power - noise) / gains**2, 1e-10))
    valid = np.broadcast_to(raster.valid, raster.data.shape) != 0
    for data, known, seen in zip(raster.data, expected, valid, strict=True):
        there = np.isclose(data, known[row, column], rtol=1e-4)
        assert there[seen & inside].mean() > 0.97
    assert (raster.data[1][valid[1]] < raster.data[0][valid[0]]).all()
    assert (raster.data[1][valid[1]] > 0).all()


async def test_an_image_without_points_lies_by_its_annotation(
    real, safe, tmp_path, stores, readers
):
    (before,) = await recognise(str(safe), stores, readers)
    annotation = next((real / f"{NAME}.SAFE/annotation").glob("*.xml"))
    (safe / "annotation").mkdir(exist_ok=True)
    shutil.copyfile(annotation, safe / "annotation" / annotation.name)
    image = next((safe / "measurement").glob("*-vv-*.tiff"))
    image.unlink()
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_image(image, None, amplitudes(1))
    (after,) = await recognise(str(safe), stores, readers)
    assert after.item["geometry"] == before.item["geometry"]
    settings = make_settings(tmp_path, file_roots=[tmp_path])
    (outcome,) = await fill(settings, [str(safe)])
    assert (outcome.status, outcome.reason) == ("added", "")
    box = mercator_tile(*tile_at(9.0, 46.3, 9))
    async with running(settings) as app:
        raster = (
            await app.services.pipeline.coverage(CoverageRequest("sentinel-1-grd", ("vv",), box))
        ).raster
    column, row, inside = gdal_pixels(box, list(control_points(real / f"{NAME}.SAFE")))
    seen = (raster.valid[0] != 0) & inside
    assert np.isclose(raster.data[0], amplitudes(1)[row, column])[seen].mean() > 0.97


@pytest.mark.parametrize(
    "change", [("pixel", "x"), ("longitude", "999"), ("numberOfSamples", "0"), ("latitude", "nan")]
)
def test_damaged_annotations_are_refused(real, change):
    text = next((real / f"{NAME}.SAFE/annotation").glob("*.xml")).read_text()
    name, value = change
    changed = re.sub(rf"<{name}>[^<]*<", f"<{name}>{value}<", text)
    assert changed != text
    with pytest.raises(SourceCorruptError):
        parse_grid(changed.encode(), WIDTH, HEIGHT)
