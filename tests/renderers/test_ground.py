import numpy as np
import pytest
from affine import Affine
from pyproj import Geod

from renderers.crs import WGS84, transform_points
from renderers.geobox import GeoBox
from renderers.ground import pixel_metres

BOXES = [
    GeoBox.from_bounds((1e6, 6e6, 1.02e6, 6.02e6), 40, 37, "EPSG:3857"),
    GeoBox.from_bounds((8.0, 47.0, 8.3, 47.2), 40, 37, "EPSG:4326"),
    GeoBox.from_bounds((179.9, -17.0, 180.1, -16.9), 40, 37, "EPSG:4326"),
    GeoBox.from_bounds((5e5, 5.2e6, 5.2e5, 5.22e6), 40, 37, "EPSG:32632"),
    GeoBox.from_bounds((4e6, 3e6, 5e6, 4e6), 40, 37, "EPSG:3035"),
    GeoBox.from_bounds((-4e6, -4e6, 4e6, 4e6), 64, 64, "EPSG:3413"),
    GeoBox(33, 20, Affine.rotation(30) @ Affine.scale(50, -70), "EPSG:32632"),
]


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.crs)
def test_sizes_are_those_of_geodesics(box):
    across, down = pixel_metres(box)
    assert across.shape == down.shape == (box.height, box.width)
    columns, rows = np.meshgrid(np.arange(box.width) + 0.5, np.arange(box.height) + 0.5)
    geod = Geod(ellps="WGS84")
    for found, right, below in ((across, 0.5, 0.0), (down, 0.0, 0.5)):
        ends = [box.to_crs(columns + s * right, rows + s * below) for s in (-1, 1)]
        (lon0, lat0), (lon1, lat1) = (
            transform_points(box.crs, WGS84, x.ravel(), y.ravel()) for x, y in ends
        )
        metres = geod.inv(lon0, lat0, lon1, lat1)[2].reshape(found.shape)
        far = np.hypot(columns - box.width / 2, rows - box.height / 2) > 4  # not at a pole
        np.testing.assert_allclose(found[far], metres[far], rtol=4e-3)


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.crs)
def test_a_part_of_a_grid_has_the_sizes_of_the_whole(box):
    whole = pixel_metres(box)
    for found, expected in zip(pixel_metres(box.crop(16, 16, 16, 3)), whole, strict=True):
        np.testing.assert_allclose(found, expected[16:19, 16:32], rtol=1e-5)
