"""Angles of Sentinel-2 granules: genuine metadata, and grids written here (labelled `written`)."""

import contextlib
import re

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.warp import reproject

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.angles.document import parse
from renderers.readers.angles.nodes import Directions, azimuths, filled, mean, zeniths
from renderers.readers.angles.reader import BANDS, MAGIC, AnglesIndex, AnglesReader
from renderers.readers.base import BlockId

READER = AnglesReader()
METADATA = "data/sentinel2/metadata"
GRANULES = {
    f"{METADATA}/MTD_TL_PB0301_T46RER.xml": "EPSG:32646",
    f"{METADATA}/MTD_TL_PB0400_T33XWJ.xml": "EPSG:32633",
    "data/sentinel2/S2B_33TWL_20230810_0_L2A/granule_metadata.xml": "EPSG:32633",
}


def written(sun, view, size=(1830, 1830), step=5000):
    """Return a granule's metadata with one sun grid and views by (band, detector)."""

    def grid(zenith, azimuth):
        def part(name, values):
            rows = "".join(f"<VALUES>{' '.join(map(str, row))}</VALUES>" for row in values)
            return (
                f"<{name}><COL_STEP>{step}</COL_STEP><ROW_STEP>{step}</ROW_STEP>"
                f"<Values_List>{rows}</Values_List></{name}>"
            )

        return part("Zenith", zenith) + part("Azimuth", azimuth)

    views = "".join(
        f'<Viewing_Incidence_Angles_Grids bandId="{band}" detectorId="{detector}">{grid(*values)}'
        "</Viewing_Incidence_Angles_Grids>"
        for (band, detector), values in view.items()
    )
    return (
        '<?xml version="1.0"?><n1:Level-1C_Tile_ID xmlns:n1="urn:x"><Tile_Geocoding>'
        "<HORIZONTAL_CS_CODE>EPSG:32631</HORIZONTAL_CS_CODE>"
        f'<Size resolution="60"><NROWS>{size[0]}</NROWS><NCOLS>{size[1]}</NCOLS></Size>'
        '<Geoposition resolution="60"><ULX>399960</ULX><ULY>4800000</ULY><XDIM>60</XDIM>'
        "<YDIM>-60</YDIM></Geoposition></Tile_Geocoding>"
        f"<Tile_Angles><Sun_Angles_Grid>{grid(*sun)}</Sun_Angles_Grid>{views}</Tile_Angles>"
        "</n1:Level-1C_Tile_ID>"
    ).encode()


def flat(value, shape=(23, 23)):
    return np.full(shape, float(value))


def band(index, name):
    block = BlockId(0, 0, 0, BANDS.index(name))
    assert READER.ranges(index, block) == ()
    return READER.decode(index, block, ()).data[0]


def apart(first, second):
    """Degrees between two azimuths."""
    return np.abs((np.asarray(first) - second + 180.0) % 360.0 - 180.0)


@pytest.mark.parametrize("name", GRANULES)
def test_genuine_angles_agree_with_the_means_that_the_metadata_tells(shared, name):
    data = (shared / name).read_bytes()
    index = READER.load_index(AnglesIndex(parse(data)).to_bytes())
    assert index.info.crs == GRANULES[name]
    assert (index.info.width, index.info.height) == (366, 366)
    assert index.info.transform.a == -index.info.transform.e == 300
    found = re.search(rb"<Mean_Sun_Angle>.*?>([\d.]+)<.*?>([\d.]+)<", data, re.DOTALL)
    zenith, azimuth = (float(v) for v in found.groups())
    assert band(index, "sun_zenith").mean() == pytest.approx(zenith, abs=0.01)
    assert apart(band(index, "sun_azimuth").mean(), azimuth) < 0.01
    views = re.findall(
        rb"<Mean_Viewing_Incidence_Angle bandId.*?>([\d.]+)<.*?>([\d.]+)<", data, re.DOTALL
    )
    told = np.array(views, float)
    # The median: four of thirteen means in T33XWJ are of angles on both sides of north as numbers.
    azimuth = np.median(told[:, 1])
    # The metadata's means are of pixels that were sensed, ours of all beside a node that was.
    assert np.nanmean(band(index, "view_zenith")) == pytest.approx(told[:, 0].mean(), abs=0.5)
    assert apart(np.nanmean(band(index, "view_azimuth")), azimuth) < 2.0


def warped(values):
    """Values at nodes as GDAL warps them bilinearly to the pixels of 300 m."""
    out = np.full((366, 366), np.nan)
    reproject(
        values,
        out,
        src_transform=Affine(5000, 0, -2500, 0, -5000, 2500),
        dst_transform=Affine(300, 0, 0, 0, -300, 0),
        src_crs="EPSG:32631",
        dst_crs="EPSG:32631",
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    return out


@pytest.mark.parametrize("name", GRANULES)
def test_between_nodes_they_are_bilinear_as_gdal_has_it(shared, name):
    grids = parse((shared / name).read_bytes())
    index = AnglesIndex(grids)
    for which, directions in (("sun", grids.sun), ("view", grids.view)):
        shown = band(index, f"{which}_zenith")
        there = ~np.isnan(shown)
        assert there.mean() > 0.05
        np.testing.assert_allclose(shown[there], warped(directions.zenith)[there], atol=1e-4)
        east, north = map(warped, directions.vectors)
        azimuth = np.degrees(np.arctan2(east, north))
        shown = band(index, f"{which}_azimuth")
        np.testing.assert_array_equal(~np.isnan(shown), there)
        assert apart(shown, azimuth)[there].max() < 1e-3


@given(st.floats(0, 360), st.floats(0.1, 40), st.floats(5, 80))
@settings(max_examples=40, deadline=None)
def test_azimuths_do_not_jump_where_they_pass_north(first, spread, zenith):
    columns = first + np.linspace(-spread, spread, 23)
    values = np.broadcast_to(columns % 360.0, (23, 23))
    data = written((flat(zenith), values), {(0, 1): (flat(5), flat(90))})
    shown = band(AnglesIndex(parse(data)), "sun_azimuth")
    assert np.abs(np.diff(shown, axis=1)).max() < 2 * spread / 22
    places = (np.arange(366) + 0.5) * 300.0 / 5000.0
    expected = first + np.interp(places, np.arange(23), columns - first)
    # The direction between two unit vectors is not the mean angle quite: by less than this.
    assert apart(shown[100], expected).max() < 0.02 + (spread / 22) ** 3 / 1000


def test_detectors_are_merged_and_bands_averaged():
    """Written: band 0 sees the west and the east by two detectors, band 1 the west alone."""
    west, east = flat(np.nan), flat(np.nan)
    west[:, :13], east[:, 12:] = 4.0, 8.0
    west_azimuth = np.where(np.isnan(west), np.nan, 100.0)
    east_azimuth = np.where(np.isnan(east), np.nan, 280.0)
    view = {
        (0, 1): (west, west_azimuth),
        (0, 2): (east, east_azimuth),
        (1, 1): (west + 2.0, west_azimuth),
    }
    grids = parse(written((flat(30), flat(150)), view))
    assert grids.view.zenith[0, 0] == pytest.approx(5.0)
    assert grids.view.zenith[0, 22] == pytest.approx(8.0)
    # where both detectors see: the mean of each band, then of the bands
    assert grids.view.zenith[5, 12] == pytest.approx((6.0 + 6.0) / 2)
    assert grids.view.azimuth[0, 0] == pytest.approx(100.0)
    assert grids.view.azimuth[0, 22] == pytest.approx(280.0)


def test_two_nodes_beyond_the_last_that_was_seen_have_values_and_no_more():
    zenith = flat(np.nan)
    zenith[:, :10] = 7.0
    azimuth = np.where(np.isnan(zenith), np.nan, 359.0)
    found = filled(Directions(zenith, azimuth))
    np.testing.assert_array_equal(np.isnan(found.zenith[3]), np.arange(23) >= 12)
    assert found.zenith[3, 11] == pytest.approx(7.0)
    assert apart(found.azimuth[3, 11], 359.0) < 1e-6
    shown = zeniths(found, np.array([3.0]), np.array([10.9, 11.0, 11.1]))
    np.testing.assert_array_equal(np.isnan(shown[0]), [False, False, True])


def test_the_mean_of_directions_around_north_is_north():
    ring = [Directions(flat(10), flat(a)) for a in (350.0, 10.0)]
    assert apart(mean(ring).azimuth[0, 0], 0.0) < 1e-9
    middle = azimuths(ring[0], np.array([1.5]), np.array([1.5]))
    assert middle[0, 0] == pytest.approx(350.0)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"<?xml version='1.0'?><a/>", SourceUnsupportedError, "holds no raster"),
        (b"<?xml version='1.0'?><a>", SourceCorruptError, "not well-formed"),
        (
            b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><Level-1C_Tile_ID>&x;"
            b"</Level-1C_Tile_ID>",
            SourceCorruptError,
            "not well-formed",
        ),
        (
            b"<?xml version='1.0'?><Level-1C_Tile_ID/>",
            SourceUnsupportedError,
            "no grids of angles",
        ),
        (written((flat(1), flat(2)), {}), SourceUnsupportedError, "no grids of angles"),
        (
            written((flat(1, (3, 4)), flat(2, (4, 3))), {(0, 1): (flat(1), flat(2))}),
            SourceCorruptError,
            "cannot be read",
        ),
        (
            written((flat(1), flat(400)), {(0, 1): (flat(1), flat(2))}),
            SourceCorruptError,
            "cannot be read",
        ),
        (
            written((flat(1), flat(2)), {(0, 1): (flat(1), flat(2))}, size=(0, 9)),
            SourceCorruptError,
            "cannot be read",
        ),
        (
            written((flat(1), flat(2)), {(0, 1): (flat(1), flat(2))}, step=0),
            SourceCorruptError,
            "cannot be read",
        ),
        (
            written((flat(1), flat(2)), {(0, 1): (flat(1, (300, 3)), flat(2, (300, 3)))}),
            SourceCorruptError,
            "cannot be read",
        ),
    ],
)
async def test_what_is_refused(tmp_path, stores, data, error, message):
    path = tmp_path / "MTD_TL.xml"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        await READER.build_index(stores.open(stores.resolve(str(path))))


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_cut_documents_and_indexes_never_fail_in_another_way(shared, data):
    whole = (shared / f"{METADATA}/MTD_TL_PB0400_T33XWJ.xml").read_bytes()
    stored = AnglesIndex(parse(whole)).to_bytes()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    with contextlib.suppress(SourceCorruptError, SourceUnsupportedError):
        parse(whole[:start] + whole[stop:])
    place = data.draw(st.integers(len(MAGIC), len(stored) - 1))
    damaged = bytearray(stored)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(SourceCorruptError):
        READER.load_index(bytes(damaged))
    with pytest.raises(SourceCorruptError):
        READER.load_index(stored[:-1])
