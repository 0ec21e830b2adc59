import pytest
from shapely.geometry import box

from renderers.geobox import GeoBox
from tileserver.products.zooms import native_zoom


@pytest.mark.parametrize(
    ("bounds", "size", "zoom"),
    [
        ((-180.0, -90.0, 180.0, 90.0), (5400, 2700), 5),  # 7.4 km on the equator
        ((0.0, 0.0, 1.0, 1.0), (3600, 3600), 13),  # 30.9 m
        ((0.0, 59.0, 1.0, 60.0), (3600, 3600), 12),  # a Mercator pixel is half as large there
        ((0.0, -60.0, 1.0, -59.0), (3600, 3600), 12),
    ],
)
def test_the_zoom_shows_every_pixel_where_the_map_is_coarsest(bounds, size, zoom):
    grid = GeoBox.from_bounds(bounds, *size, "EPSG:4326")
    assert native_zoom(grid, box(*bounds)) == zoom
