"""NetCDF grids, Sentinel-3 and Sentinel-5P: what is found, described and drawn.

Files marked `written` are made here from the product specifications (Sentinel-3 OLCI and SLSTR
Product Data Format Specifications; Sentinel-5P NO2 Product User Manual), as no whole product is at
hand; manifests, the Sentinel-5P metadata, the grid and the OLCI subset are genuine.
"""

import contextlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.netcdf import axes, dimension, variable

from renderers.draw import Renderer
from renderers.errors import SourceCorruptError, SourceError, SourceUnsupportedError
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.job import Budget, CoverageJob
from renderers.readers.registry import default_registry
from renderers.rule import ClassMask
from renderers.stores import ByteSource
from tileserver.catalogue.base import Area
from tileserver.catalogue.combined import open_catalogue
from tileserver.ingest.add import add
from tileserver.mosaics import MosaicChoice, rule_of
from tileserver.products.base import Hints
from tileserver.products.netcdf.times import instant
from tileserver.products.registry import recognise
from tileserver.products.sentinel3.metadata import parse_manifest
from tileserver.timeaxis import ALWAYS

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))


class Tools:
    """What adding and drawing need."""

    def __init__(self, stores, root):
        self.stores = stores
        self.readers = default_registry(root / "spool")
        self.catalogue = open_catalogue(root / "catalogue.sqlite", stores)

    async def scenes(self, collection):
        return await self.catalogue.search(collection, WORLD, ALWAYS, 100)

    async def values(self, scene, band, box):
        """Stored values of a scene on a grid, NaN where there is no data."""
        with ThreadPoolExecutor(2) as pool:
            files = FileCache(self.stores, self.readers, pool)
            try:
                job = CoverageJob((scene,), (band,), box, Budget())
                raster = (await Renderer(files, pool).coverage(job)).raster
            finally:
                await files.close()
        return np.where(raster.valid[0], raster.data[0].astype(float), np.nan)


@pytest.fixture
def tools(tmp_path, stores):
    made = Tools(stores, tmp_path)
    yield made
    made.catalogue.close()


def box_around(lon, lat, size=0.0005):
    return GeoBox.from_bounds((lon - size, lat - size, lon + size, lat + size), 1, 1, "EPSG:4326")


async def test_a_real_grid_is_added_and_drawn(tools, shared):
    path = shared / "data/netcdf/gridmet_tmmx_20190121.nc"
    (outcome,) = await add([str(path)], tools, Hints(collection="tmmx"))
    assert (outcome.status, outcome.reason) == ("added", "")
    (scene,) = await tools.scenes("tmmx")
    assert scene.datetime == datetime(2019, 1, 21, tzinfo=UTC)
    band = scene.bands["air_temperature"]
    assert (band.reader, band.scale, band.offset) == ("netcdf", 0.1, 220.0)
    collection = await tools.catalogue.collection("tmmx")
    assert (collection.bands[0].title, collection.bands[0].unit) == ("tmmx", "K")
    with h5py.File(path) as file:
        stored, lat, lon = (file[n][:] for n in ("air_temperature", "lat", "lon"))
    for row, column in ((100, 300), (400, 900), (0, 0)):
        value = await tools.values(scene, "air_temperature", box_around(lon[column], lat[row]))
        want = stored[row, column]
        assert value[0, 0] == want or (want == 32767 and np.isnan(value[0, 0]))


async def test_each_time_is_an_item(tools, tmp_path):
    path = tmp_path / "series.nc"
    data = np.arange(3 * 20 * 30, dtype="f4").reshape(3, 20, 30)
    with h5py.File(path, "w") as file:
        dimension(file, "time", np.array([0.0, 24.0, 48.0]), units="hours since 2020-02-28 12:00")
        axes(file, 50 - np.arange(20.0), 10 + np.arange(30.0))
        variable(file, "rain", data, ("time", "lat", "lon"), {"units": "mm"}, chunks=(2, 8, 8))
        variable(file, "cover", data[0].astype("u1"), ("lat", "lon"), {
            "flag_values": np.array([0, 1], "u1"), "flag_meanings": "dry_land open_water",
        })  # fmt: skip
    assert {o.status for o in await add([str(path)], tools)} == {"added"}
    scenes = sorted(await tools.scenes("series"), key=lambda s: s.datetime)
    assert [s.datetime.day for s in scenes] == [28, 29, 1]
    for number, scene in enumerate(scenes):
        value = await tools.values(scene, "rain", box_around(15.0, 42.0))
        assert value[0, 0] == data[number, 8, 5]
    collection = await tools.catalogue.collection("series")
    cover = next(b for b in collection.bands if b.name == "cover")
    assert [c.name for c in cover.classes] == ["dry land", "open water"]


async def test_a_real_swath_is_drawn_where_its_pixels_are(tools, shared):
    path = shared / "data/sentinel3/O_L2_0001_SNS_2017104102450_v1.0.nc"
    (outcome,) = await add([str(path)], tools, Hints(collection="olci"))
    assert (outcome.status, outcome.reason) == ("added", "")
    (scene,) = await tools.scenes("olci")
    with h5py.File(path) as file:
        stored, lat, lon = (file[n][:] for n in ("conc_chl", "lat", "lon"))
    seen = 0
    for row, column in np.random.default_rng(4).integers(2, 98, (12, 2)):
        value = await tools.values(
            scene, "conc_chl", box_around(lon[row, column], lat[row, column])
        )
        want = stored[row, column]
        assert value[0, 0] == want or (np.isnan(want) and np.isnan(value[0, 0]))
        seen += bool(np.isfinite(want))
    assert seen > 2
    collection = await tools.catalogue.collection("olci")
    bands = {b.name: b for b in collection.bands}
    assert bands["rrs_8"].wavelength == pytest.approx(0.665)
    (flag,) = [f for f in bands["quality_flags_16"].flags if f.name == "bright"]
    with h5py.File(path) as file:
        about = file["quality_flags"].attrs
        masks = dict(zip(about["flag_meanings"].decode().split(), about["flag_masks"], strict=True))
    assert 1 << (16 + flag.bit) == int(masks["bright"])
    assert bands["conc_chl"].unit == "mg m^-3"


def swath(height, width, west=20.0, north=60.0):
    """Positions of a slanted swath of 0.05 degree pixels."""
    row, column = np.mgrid[0:height, 0:width]
    return west + 0.05 * column + 0.01 * row, north - 0.05 * row + 0.01 * column


def write_s5p(path, shared):
    """Write a NO2 file: genuine global attributes and outline, swath and values `written`."""
    stub = shared / "data/sentinel5p/S5P_OFFL_L2__NO2____20200303T013547_stub.nc"
    lon, lat = (v.astype("f4")[None] for v in swath(60, 40))
    data = np.random.default_rng(2).uniform(0, 1e-4, (1, 60, 40)).astype("f4")
    data[0, 5, 5] = 9.96921e36
    with h5py.File(stub) as real, h5py.File(path, "w") as file:
        file.attrs.update(real.attrs)
        group = file.create_group("PRODUCT")
        for name, side in (("time", 1), ("scanline", 60), ("ground_pixel", 40)):
            dimension(group, name, np.arange(side))
        dims = ("time", "scanline", "ground_pixel")
        variable(group, "longitude", lon, dims, {"units": "degrees_east"})
        variable(group, "latitude", lat, dims, {"units": "degrees_north"})
        places = {"coordinates": "longitude latitude"}
        variable(group, "nitrogendioxide_tropospheric_column", data, dims,
                 {**places, "units": "mol m-2", "_FillValue": np.float32(9.96921e36)},
                 chunks=(1, 16, 40), compression=3, shuffle=True)  # fmt: skip
        variable(group, "qa_value", np.full((1, 60, 40), 75, "u1"), dims,
                 {**places, "scale_factor": np.float32(0.01), "units": "1"})  # fmt: skip
    return data[0], lon[0], lat[0]


async def test_sentinel5p(tools, tmp_path, shared):
    data, lon, lat = write_s5p(tmp_path / "any_name.nc", shared)
    (outcome,) = await add([str(tmp_path / "any_name.nc")], tools)
    assert (outcome.status, outcome.collection, outcome.reason) == (
        "added", "sentinel-5p-l2-no2", "",
    )  # fmt: skip
    (scene,) = await tools.scenes(outcome.collection)
    assert scene.datetime == datetime(2020, 3, 3, 1, 57, 22, tzinfo=UTC)
    item = await tools.catalogue.local.item(outcome.collection, outcome.item)
    assert item["properties"]["platform"] == "sentinel-5p"
    assert item["properties"]["sat:absolute_orbit"] == 12367
    assert set(scene.bands) == {"nitrogendioxide_tropospheric_column", "qa_value"}
    assert scene.bands["qa_value"].scale == pytest.approx(0.01)
    collection = await tools.catalogue.collection(outcome.collection)
    rule = rule_of(collection, MosaicChoice(clear=True))
    assert rule.clear == ClassMask("qa_value", tuple(range(75)))
    for row, column in ((10, 30), (40, 7), (5, 5)):
        place = box_around(lon[row, column], lat[row, column])
        value = await tools.values(scene, "nitrogendioxide_tropospheric_column", place)
        assert value[0, 0] == data[row, column] or (row == 5 and np.isnan(value[0, 0]))


async def test_the_genuine_stub_of_sentinel5p_has_nothing_to_draw(tools, shared):
    path = shared / "data/sentinel5p/S5P_OFFL_L2__NO2____20200303T013547_stub.nc"
    with pytest.raises(SourceUnsupportedError, match="no variable"):
        await recognise(str(path), tools.stores, tools.readers)


def write_band(path, name, data, **attributes):
    with h5py.File(path, "w") as file:
        dimension(file, "rows", np.arange(data.shape[0]))
        dimension(file, "columns", np.arange(data.shape[1]))
        variable(file, name, data, ("rows", "columns"), attributes, chunks=(16, 16), compression=1)


def write_olci(folder, shared):
    """Write bands and positions beside the genuine manifest of an OLCI L1 product."""
    folder.mkdir()
    shutil.copy(
        shared / "data/sentinel3/metadata/S3A_OL_1_EFR_20211021_xfdumanifest.xml",
        folder / "xfdumanifest.xml",
    )
    # below 20 degrees from the outline's middle, where the footprint has no edge
    lon, lat = swath(50, 70, west=-20.0, north=-75.0)
    with h5py.File(folder / "geo_coordinates.nc", "w") as file:
        for name, values, unit in (("longitude", lon, "east"), ("latitude", lat, "north")):
            made = file.create_dataset(name, data=np.round(values * 1e6).astype("i4"))
            made.attrs.update(scale_factor=1e-6, units=f"degrees_{unit}")
    rng = np.random.default_rng(8)
    data = {}
    for number in range(1, 22):
        band = f"Oa{number:02}"
        data[band] = rng.integers(0, 60000, (50, 70)).astype("u2")
        write_band(
            folder / f"{band}_radiance.nc", f"{band}_radiance", data[band],
            scale_factor=np.float32(0.0139465), _FillValue=np.uint16(65535),
            units="mW.m-2.sr-1.nm-1", long_name=f"TOA radiance {band}",
        )  # fmt: skip
    return data, lon, lat


async def test_sentinel3_olci(tools, tmp_path, shared):
    data, lon, lat = write_olci(tmp_path / "olci", shared)
    (outcome,) = await add([str(tmp_path / "olci")], tools)
    assert (outcome.status, outcome.collection, outcome.reason) == (
        "added", "sentinel-3-ol-1-efr", "",
    )  # fmt: skip
    (scene,) = await tools.scenes(outcome.collection)
    assert len(scene.bands) == 21
    assert scene.datetime == datetime(2021, 10, 21, 7, 38, 27, 254000, tzinfo=UTC)
    collection = await tools.catalogue.collection(outcome.collection)
    assert {b.name: b.wavelength for b in collection.bands}["Oa17"] == 0.865
    item = await tools.catalogue.local.item(outcome.collection, outcome.item)
    assert item["properties"]["platform"] == "sentinel-3a"
    assert item["properties"]["sat:relative_orbit"] == 334
    assert item["properties"]["s3:geolocation_error"] <= 0.1
    for row, column in ((10, 30), (40, 60)):
        value = await tools.values(scene, "Oa08", box_around(lon[row, column], lat[row, column]))
        assert value[0, 0] == data["Oa08"][row, column]


#: Some flags of OLCI L1 (product data format specification): number of the bit and name.
OLCI_FLAGS = {31: "land", 30: "coastline", 27: "bright", 25: "invalid", 22: "sun-glint_risk",
              20: "saturated@Oa01", 4: "saturated@Oa17"}  # fmt: skip


def write_flags(path, name, data, flags):
    """Write packed bits and what they mean, as CF has it."""
    masks = np.array([1 << bit for bit in flags], data.dtype)
    write_band(path, name, data, flag_masks=masks, flag_meanings=" ".join(flags.values()))


@pytest.mark.parametrize(("file", "name", "kind"), [
    ("qualityFlags.nc", "quality_flags", "<u4"), ("wqsf.nc", "WQSF", "<u8"),
])  # fmt: skip
async def test_flags_of_olci_are_bands_of_words(tools, tmp_path, shared, file, name, kind):
    """Written: a file of flags beside the bands, in the layout of the product specification."""
    _, lon, lat = write_olci(tmp_path / "olci", shared)
    manifest = tmp_path / "olci/xfdumanifest.xml"
    manifest.write_text(manifest.read_text().replace("qualityFlags.nc", file))
    flags = OLCI_FLAGS | ({40: "CLOUD"} if kind == "<u8" else {})
    rng = np.random.default_rng(5)
    chosen = rng.random((len(flags), 50, 70)) < 0.3
    data = np.zeros((50, 70), kind)
    for bit, where in zip(flags, chosen, strict=True):
        data |= where.astype(kind) << np.array(bit, kind)
    write_flags(tmp_path / "olci" / file, name, data, flags)
    (outcome,) = await add([str(tmp_path / "olci")], tools)
    assert (outcome.status, outcome.reason) == ("added", "")
    (scene,) = await tools.scenes(outcome.collection)
    words = [f"{name}_{first}" for first in range(0, 64 if kind == "<u8" else 32, 16)]
    assert set(words) <= set(scene.bands)
    for row, column in ((10, 30), (40, 60), (7, 7)):
        place = box_around(lon[row, column], lat[row, column])
        for number, word in enumerate(words):
            value = await tools.values(scene, word, place)
            assert int(value[0, 0]) == int(data[row, column]) >> 16 * number & 0xFFFF
    collection = await tools.catalogue.collection(outcome.collection)
    (high,) = [b for b in collection.bands if b.name == f"{name}_16"]
    assert [(f.bit, f.name) for f in high.flags] == [
        (9, "invalid"), (6, "sun-glint risk"), (4, "saturated Oa01"), (11, "bright"),
        (14, "coastline"), (15, "land"),
    ]  # fmt: skip
    assert {f"{name}_0", f"{name}_16"} <= {s["id"] for s in collection.own_styles}
    style = next(s for s in collection.own_styles if s["id"] == f"{name}_16")
    assert style["flags"][0]["bit"] == 9
    item = await tools.catalogue.local.item(outcome.collection, outcome.item)
    fields = item["assets"][name]["bands"][1]["classification:bitfields"]
    assert (fields[1]["name"], fields[1]["offset"], fields[1]["length"]) == (
        "sun_glint_risk", 6, 1,
    )  # fmt: skip


def write_slstr(folder, shared):
    """Write two bands with positions and flags beside the genuine manifest of a product.

    Returns:
        Of each band its values, longitudes and latitudes; and the flags.
    """
    folder.mkdir()
    text = (shared / "data/sentinel3/metadata/S3A_SL_1_RBT_xfdumanifest.xml").read_text()
    # only two of its bands are written
    text = re.sub(
        r'href="\./(?!S1_radiance_an|S8_BT_in|flags_in|flags_bn|geodetic)[^"]*"',
        'href="./other"',
        text,
    )
    (folder / "xfdumanifest.xml").write_text(text)
    want = {}
    for band, name, suffix, side in (("S1", "S1_radiance", "an", 60), ("S8", "S8_BT", "in", 30)):
        lon, lat = swath(side, side, west=4.0, north=-30.0)
        for place, values in (("longitude", lon), ("latitude", lat)):
            path = folder / f"geodetic_{suffix}.nc"
            with h5py.File(path, "a") as file:
                file.create_dataset(f"{place}_{suffix}", data=values)
        want[band] = np.arange(side * side, dtype="i2").reshape(side, side), lon, lat
        write_band(folder / f"{name}_{suffix}.nc", f"{name}_{suffix}", want[band][0],
                   scale_factor=0.01, add_offset=283.73, _FillValue=np.int16(-32768))  # fmt: skip
    clouds = np.random.default_rng(1).integers(0, 65536, (30, 30)).astype("u2")
    flags = {0: "visible", 3: "1_6_cirrus", 14: "spare_land"}
    write_flags(folder / "flags_in.nc", "cloud_in", clouds, flags)
    return want, clouds


async def test_sentinel3_slstr(tools, tmp_path, shared):
    folder = tmp_path / "slstr"
    want, clouds = write_slstr(folder, shared)
    (outcome,) = await add([str(folder)], tools)
    assert (outcome.status, outcome.reason) == ("added", "")
    (scene,) = await tools.scenes("sentinel-3-sl-1-rbt")
    assert set(scene.bands) == {"S1", "S8", "cloud_in"}
    lon, lat = want["S8"][1:]
    value = await tools.values(scene, "cloud_in", box_around(lon[12, 5], lat[12, 5]))
    assert value[0, 0] == clouds[12, 5]
    (band,) = (await tools.catalogue.collection("sentinel-3-sl-1-rbt")).bands[-1:]
    assert [(f.bit, f.name) for f in band.flags] == [
        (3, "1 6 cirrus"), (0, "visible"), (14, "spare land"),
    ]  # fmt: skip
    for band, (data, lon, lat) in want.items():
        value = await tools.values(scene, band, box_around(lon[20, 9], lat[20, 9]))
        assert value[0, 0] == data[20, 9]


def write_whole(kind, folder, shared):
    """Write a product; return its address, a band, values, longitudes and latitudes."""
    if kind == "sentinel-5p":
        path = folder / "any.nc"
        return path, "nitrogendioxide_tropospheric_column", *write_s5p(path, shared)
    path = folder / "product"
    if kind == "olci":
        data, lon, lat = write_olci(path, shared)
        return path, "Oa08", data["Oa08"], lon, lat
    return path, "S8", *write_slstr(path, shared)[0]["S8"]


def pixels_under(lon, lat, box):
    """Of each pixel of a grid in degrees the row and column of `swath` in which its middle lies."""
    columns, rows = np.meshgrid(np.arange(box.width) + 0.5, np.arange(box.height) + 0.5)
    east = box.transform.c + box.transform.a * columns - lon[0, 0]
    north = box.transform.f + box.transform.e * rows - lat[0, 0]
    steps = np.linalg.inv(np.array([[0.01, 0.05], [-0.05, 0.01]]))
    row, column = np.rint(steps @ np.stack([east.ravel(), north.ravel()])).astype(int)
    return row.reshape(columns.shape), column.reshape(columns.shape)


@pytest.mark.parametrize(
    ("kind", "most"), [("olci", 3_500), ("slstr", 1_800), ("sentinel-5p", 5_000)]
)
async def test_a_cold_tile_of_a_written_swath_is_one_round(
    tools, tmp_path, shared, monkeypatch, kind, most
):
    """256 x 256 pixels over the middle, against the plane formula that the positions follow."""
    path, band, data, lon, lat = write_whole(kind, tmp_path, shared)
    (outcome,) = await add([str(path)], tools)
    (scene,) = await tools.scenes(outcome.collection)
    west, north = lon.mean() - 0.4, lat.mean() + 0.4
    box = GeoBox.from_bounds((west, north - 0.8, west + 0.8, north), 256, 256, "EPSG:4326")
    rounds = []
    read = ByteSource.read

    async def counted(self, ranges):
        rounds.append(len(ranges))
        return await read(self, ranges)

    monkeypatch.setattr(ByteSource, "read", counted)
    before = tools.stores.requests, tools.stores.bytes_read
    found = await tools.values(scene, band, box)
    requests, size = tools.stores.requests - before[0], tools.stores.bytes_read - before[1]
    assert len(rounds) == 1
    assert requests == 1
    assert 0 < size < most
    agree = found == data[pixels_under(lon.astype(float), lat.astype(float), box)]
    # The others lie on the borders of pixels, which are kept to a tenth of one.
    assert agree.mean() > 0.97


async def test_bands_of_another_size_than_their_positions_are_refused(tools, tmp_path, shared):
    write_olci(tmp_path / "olci", shared)
    (tmp_path / "olci/Oa05_radiance.nc").unlink()
    write_band(tmp_path / "olci/Oa05_radiance.nc", "Oa05_radiance", np.zeros((50, 69), "u2"))
    (outcome,) = await add([str(tmp_path / "olci")], tools)
    assert outcome.status == "skipped"
    assert "another size" in outcome.reason


@given(st.integers(0, 283000), st.binary(max_size=40))
def test_damaged_manifests_end_in_an_error_or_a_manifest(shared, place, junk):
    path = shared / "data/sentinel3/metadata/S3A_OL_1_EFR_20211021_xfdumanifest.xml"
    data = path.read_bytes()
    with pytest.raises(SourceCorruptError):
        parse_manifest(data[:place])
    with contextlib.suppress(SourceError):
        assert parse_manifest(data[:place] + junk + data[place + len(junk) :]).type


@pytest.mark.parametrize(
    ("value", "units", "want"),
    [
        (43485, "days since 1900-01-01 00:00:00", datetime(2019, 1, 22, tzinfo=UTC)),
        (1.5, "hours since 2020-01-01T00:00:00Z", datetime(2020, 1, 1, 1, 30, tzinfo=UTC)),
        (60, "minutes since 2020-1-1 0:0:0", datetime(2020, 1, 1, 1, tzinfo=UTC)),
        (0, "seconds since 1-1-1", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(value, units, want):
    assert instant(value, units) == want


@pytest.mark.parametrize("units", ["months since 2000-01-01", "days", "days since then", ""])
def test_times_that_are_not_understood(units):
    with pytest.raises(SourceUnsupportedError):
        instant(1.0, units)


def test_times_beyond_the_calendar():
    with pytest.raises(SourceUnsupportedError):
        instant(1e12, "days since 2000-01-01")
