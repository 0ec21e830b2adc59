import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from pyproj.database import query_crs_info

from renderers.crs import transform_points, transformer
from tileserver.crs import DEFAULT_CRS, envelope, normal_bbox, parse_crs
from tileserver.errors import InvalidCrsError

MORE = [
    "EPSG:2193",
    "EPSG:31467",
    "EPSG:32661",
    "EPSG:5041",
    "EPSG:32633",
    "EPSG:4258",
    "EPSG:5514",
]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("EPSG:4326", "EPSG:4326"),
        (" epsg:3857 ", "EPSG:3857"),
        ("EPSG::3857", "EPSG:3857"),
        ("EPSG:900913", "EPSG:3857"),
        ("urn:ogc:def:crs:EPSG::3035", "EPSG:3035"),
        ("urn:x-ogc:def:crs:EPSG:6.18.3:3857", "EPSG:3857"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "EPSG:4326"),
        ("https://www.opengis.net/def/crs/EPSG/9.9.1/2193", "EPSG:2193"),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", "EPSG:4326"),
        ("CRS:84", "CRS:84"),
        ("OGC:CRS84", "CRS:84"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "CRS:84"),
        ("urn:ogc:def:crs:OGC::CRS84", "CRS:84"),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "CRS:84"),
    ],
)
def test_spellings(written, name):
    crs = parse_crs(written)
    assert crs.name == name
    assert parse_crs(crs.urn) == crs
    assert parse_crs(crs.uri) == crs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EPSG:",
        "EPSG:1",
        "EPSG:999999",
        "EPSG:4326.0",
        "EPSG:\uff14326",
        "EPSG:4979",  # three axes
        "EPSG:4978",  # geocentric
        "EPSG:5773",  # vertical
        "EPSG:7415",  # compound
        "EPSG:2053",  # westing, southing
        "UndefinedCRS",
        "ESRI:54009",
        "+proj=longlat",
        "+init=epsg:4326",
        "WGS 84",
        CRS.from_epsg(4326).to_wkt(),
        "/etc/passwd",
    ],
)
def test_refused(text):
    with pytest.raises(InvalidCrsError) as caught:
        parse_crs(text)
    assert caught.value.parameter == "CRS"


@given(st.text(max_size=90))
@settings(deadline=None)
def test_no_text_gets_past_the_grammar(text):
    try:
        parse_crs(text)
    except InvalidCrsError as error:
        assert error.parameter == "CRS"  # noqa: PT017


@cache
def definition_swaps(code: int) -> bool:
    """Whether PROJ itself turns the definition's axes round to get x/y."""
    crs = CRS.from_epsg(code)
    west, south, east, north = crs.area_of_use.bounds
    lon, lat = (west + east) / 2 + 0.3, south + 0.37 * (north - south)
    as_xy = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    as_defined = Transformer.from_crs(4326, crs).transform(lat, lon)
    assert not math.isclose(as_xy[0], as_xy[1])
    if np.allclose(as_xy, as_defined, rtol=1e-12):
        return False
    assert np.allclose(as_xy, as_defined[::-1], rtol=1e-12)
    return True


@pytest.mark.parametrize("name", [*DEFAULT_CRS, *MORE])
@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7), st.floats(1, 1e6), st.floats(1, 1e6))
@settings(max_examples=20, deadline=None)
def test_boxes_turn_round_as_proj_says(name, x, y, width, height):
    crs = parse_crs(name)
    swaps = False if name == "CRS:84" else definition_swaps(int(name[5:]))
    box = (x, y, x + width, y + height)
    written = crs.from_xy(box)
    assert written == ((y, x, y + height, x + width) if swaps else box)
    assert crs.to_xy(written) == box


def test_every_epsg_code_is_turned_as_proj_does_or_refused():
    """A sample of every 150th projected and geographic code of the registry."""
    infos = query_crs_info(auth_name="EPSG", pj_types=["PROJECTED_CRS", "GEOGRAPHIC_2D_CRS"])
    checked = 0
    for info in infos[::150]:
        try:
            crs = parse_crs(f"EPSG:{info.code}")
        except InvalidCrsError:
            directions = {a.direction for a in CRS.from_epsg(info.code).axis_info}
            assert directions & {"west", "south"} or len(directions) < 2, info
            continue
        if info.area_of_use.west < info.area_of_use.east:
            assert crs.northing_first == definition_swaps(int(info.code)), info
            checked += 1
    assert checked > 30


def test_normal_bbox_goes_all_round_across_180():
    assert normal_bbox((170.0, -20.0, -170.0, -10.0)) == (-180.0, -20.0, 180.0, -10.0)
    assert normal_bbox((1.0, 2.0, 3.0, 4.0)) == (1.0, 2.0, 3.0, 4.0)


def test_the_geographic_envelope_is_the_box_itself():
    box = (10.1, 50.3, 11.7000000001, 51.9)
    assert envelope(box, parse_crs("EPSG:4326")) == box
    assert envelope(box, parse_crs("CRS:84")) == box


@pytest.mark.parametrize("name", ["EPSG:3857", "EPSG:3035", "EPSG:32632", "EPSG:31467"])
@given(st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_the_envelope_holds_every_point_of_the_box(name, u, v):
    box = (9.0, 50.0, 10.0, 51.0)
    west, south, east, north = envelope(box, parse_crs(name))
    x, y = transformer("EPSG:4326", name).transform(
        box[0] + u * (box[2] - box[0]), box[1] + v * (box[3] - box[1])
    )
    slack = 1.0  # metre: the edges bulge between 33 points
    assert west - slack <= x <= east + slack
    assert south - slack <= y <= north + slack


def test_the_pole_lies_inside_a_polar_envelope():
    west, south, east, north = envelope((-180.0, 70.0, 180.0, 90.0), parse_crs("EPSG:3413"))
    assert west < 0 < east
    assert south < 0 < north
    assert east == pytest.approx(-west, rel=1e-3)


def test_no_envelope_outside_the_area_of_use():
    assert envelope((-60.0, -30.0, -50.0, -20.0), parse_crs("EPSG:3035")) is None


PLACES = st.tuples(st.floats(-180, 180), st.floats(-80, 80)).map(
    lambda place: (round(place[0], 3), round(place[1], 3))
)


@given(PLACES)
def test_auto_42001_is_the_utm_zone_of_the_place(place):
    lon, lat = place
    crs = parse_crs(f"AUTO2:42001,1,{lon},{lat}")
    zone = min(int((lon + 180) // 6) + 1, 60)
    known = f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"
    middle = np.array([zone * 6 - 183 + 1.0]), np.array([lat])
    ours = transform_points("EPSG:4326", crs.canonical, *middle)
    theirs = transform_points("EPSG:4326", known, *middle)
    assert np.allclose(ours, theirs, atol=1e-6)
    assert not crs.northing_first


@given(PLACES, st.sampled_from(["42002", "42003", "42004"]), st.sampled_from([1, 1000, 0.3048]))
def test_other_automatic_systems_lie_round_their_place(place, kind, factor):
    lon, lat = place
    crs = parse_crs(f"AUTO2:{kind},{factor},{lon},{lat}")
    x, y = transform_points("EPSG:4326", crs.canonical, np.array([lon]), np.array([lat]))
    if kind == "42002":
        assert x[0] * factor == pytest.approx(500000, abs=1e-3)
    elif kind == "42003":
        assert (x[0], y[0]) == pytest.approx((0, 0), abs=1e-3)
    else:
        # Lengths along the meridian are those of the sphere (06-042, B.10).
        assert (x[0], y[0] * factor) == pytest.approx((0, np.radians(lat) * 6378137), abs=1e-3)


def test_old_and_new_spellings_of_automatic_systems_and_refused_ones():
    assert parse_crs("auto:42001,9001,9,50").name == parse_crs("AUTO2:42001,1,9,50").name
    assert parse_crs("AUTO2:42001,1,9,50").urn == "urn:ogc:def:crs:OGC:1.3:AUTO42001:1:9.0:50.0"
    for wrong in (
        "AUTO2:42001",
        "AUTO2:42005,1,0,0",
        "AUTO2:42001,0,0,0",
        "AUTO2:42001,1,181,0",
        "AUTO2:42001,1,0,91",
        "AUTO2:42004,1,0,90",
        "AUTO:42001,9002,0,0",
        "AUTO2:42001,1,0,0,+init=epsg:4326",
        "AUTO2:42001,1e9,0,0",
    ):
        with pytest.raises(InvalidCrsError):
            parse_crs(wrong)
