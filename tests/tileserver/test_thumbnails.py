from datetime import UTC, datetime

import pytest
from shapely.geometry import box

from renderers.scene import Scene
from tileserver.catalogue.base import Footprint
from tileserver.crs import parse_crs
from tileserver.thumbnails import least_cloudy, square


def footprint(name, cloud):
    scene = Scene(name, "c", datetime(2024, 6, 1, tzinfo=UTC), {}, cloud)
    return Footprint(scene, box(10, 50, 11, 51))


@pytest.mark.parametrize(
    ("clouds", "expected"),
    [([None, None], 0), ([80.0, 5.0, None, 5.0], 1), ([None, 99.0], 1), ([0.0], 0)],
)
def test_the_least_cloudy_of_recent_scenes_is_shown(clouds, expected):
    found = [footprint(str(k), cloud) for k, cloud in enumerate(clouds)]
    assert least_cloudy(found).scene.id == str(expected)


@pytest.mark.parametrize(
    "bbox",
    [
        (10.0, 50.0, 11.5, 51.0),
        (-180.0, -90.0, 180.0, 90.0),
        (170.0, -20.0, -170.0, -10.0),
        (170.0, -20.0, 190.0, -10.0),
        (5.0, 80.0, 25.0, 90.0),
        (7.0, 46.0, 7.0, 46.0),
    ],
)
def test_squares_lie_in_the_middle(bbox):
    found = square(bbox)
    west, south, east, north = found.bounds
    assert (found.width, found.height, found.crs) == (256, 256, "EPSG:3857")
    assert east - west == pytest.approx(north - south)
    assert east - west >= 0.99
    world = 20037508.35
    assert max(abs(south), abs(north)) <= world
    assert abs((west + east) / 2) <= world
    assert parse_crs("EPSG:3857").canonical == found.crs


def test_a_square_is_within_its_box():
    west, _, east, _ = square((10.0, 50.0, 11.5, 51.0)).bounds
    assert 1113194 < west < east < 1280174


def test_a_square_may_have_another_middle():
    west, _, east, _ = square((10.0, 50.0, 11.5, 51.0), (10.3, 50.5)).bounds
    assert (west + east) / 2 == pytest.approx(10.3 / 180 * 20037508.342789)
