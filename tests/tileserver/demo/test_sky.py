"""Clouds take the share that was ordered and throw their shadows away from the sun."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.demo.noise import Window
from tileserver.demo.orbit import TILES, Pass
from tileserver.demo.sky import CLOUD_COUNTED_AT, Sky, Sun, Weather, drawn_weather, sun_at

EXTENT = 21_960.0
SUN = Sun(zenith=45.0, azimuth=150.0)


def strip(weather, seed=3):
    places = (np.arange(220) + 0.5) * EXTENT / 220
    return Sky(weather, SUN, EXTENT, 1.0, seed).strip(Window(places, places))


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.05, 0.9), seed=st.integers(0, 1000))
def test_cloud_cover_is_the_ordered_share(share, seed):
    cloud = strip(Weather(cloud=share), seed).cloud
    assert np.mean(cloud > CLOUD_COUNTED_AT) == pytest.approx(share, abs=0.03)


def test_a_clear_sky_has_neither_clouds_nor_shadows():
    sky = strip(Weather(cloud=0.0))
    assert not sky.cloud.any()
    assert not sky.shadow.any()
    assert not sky.cirrus.any()
    assert sky.seen.all()


def test_shadows_lie_opposite_the_sun_at_the_clouds_height():
    pixels = Window.rows(600, 0, 600)
    sky = Sky(Weather(cloud=0.2, height=1_000.0), SUN, 6_000.0, 1.0, 8).strip(pixels)
    # Height 1000 m and a sun at 45 degrees: 1000 m away from azimuth 150, so 50 pixels west and
    # 87 pixels north of the cloud.
    cast = sky.cloud[87:, 50:]
    shadow = sky.shadow[:-87, :-50] + sky.cloud[:-87, :-50] * cast
    assert np.corrcoef(cast.ravel(), shadow.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("moment", "zenith", "azimuth"),
    [
        # Equinox noon on the equator, and solstices at 54 N, 0 E from the tilt of the axis.
        (datetime(2025, 3, 20, 12, 7, tzinfo=UTC), (0.0, 0.0), (0.5, None)),
        (datetime(2025, 6, 21, 12, 2, tzinfo=UTC), (0.0, 54.0), (54 - 23.44, 180.0)),
        (datetime(2025, 12, 21, 11, 58, tzinfo=UTC), (0.0, 54.0), (54 + 23.44, 180.0)),
    ],
)
def test_sun_position_at_known_moments(moment, zenith, azimuth):
    longitude, latitude = zenith
    expected_zenith, expected_azimuth = azimuth
    sun = sun_at(moment, longitude, latitude)
    assert sun.zenith == pytest.approx(expected_zenith, abs=0.6)
    if expected_azimuth is not None:
        assert sun.azimuth == pytest.approx(expected_azimuth, abs=1.0)


@given(st.integers(0, 10_000), st.integers(700_000, 800_000))
def test_drawn_weather_is_a_weather(seed, day):
    weather = drawn_weather(seed, day)
    assert 0 <= weather.cloud <= 0.7
    assert 0 <= weather.cirrus <= 0.3
    assert weather == drawn_weather(seed, day)


@given(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_orbit_numbers_agree_on_days_of_a_pass(day):
    overpass = Pass(day)
    assert overpass.mission in ("S2B", "S2C")
    if (day - date(2025, 6, 9)).days % 5 in (0, 3):
        # 143 orbits are a cycle; genuine products: S2B R079 at A033567, S2C R122 at A000807.
        shift = {"S2B": 33_567 - 79, "S2C": 807 - 122}[overpass.mission]
        assert (overpass.absolute_orbit - shift - overpass.relative_orbit) % 143 == 0


def test_tiles_stand_on_their_grid():
    for site in TILES.values():
        assert site.west % 60 == site.north % 60 == 0
        assert site.zone == f"{site.name[:2]}N"
