"""Swaths: places found in them, against a brute-force search for the nearest pixel."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.errors import SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.geolocation import TOLERANCE, GeolocationArray
from renderers.warp import coordinate_grid

Array = NDArray[np.float64]


def orbit(
    height: int, width: int, start: float, *, node: float = 0.0, wide: float = 0.2,
    step: float = 0.002, tilt: float = 98.6,
) -> tuple[Array, Array]:  # fmt: skip
    """Longitudes and latitudes of a swath across a circular orbit: angles in radians, `tilt` and
    `node` in degrees."""
    along = start + step * np.arange(height)[:, None]
    across = wide * (np.arange(width) / (width - 1) - 0.5)[None]
    i = math.radians(tilt)
    track = np.stack([np.cos(along), np.sin(along) * math.cos(i), np.sin(along) * math.sin(i)], -1)
    normal = np.array([0.0, -math.sin(i), math.cos(i)])
    place = track * np.cos(across)[..., None] + normal * np.sin(across)[..., None]
    lon = np.degrees(np.arctan2(place[..., 1], place[..., 0])) + node
    return (lon + 180.0) % 360.0 - 180.0, np.degrees(np.arcsin(np.clip(place[..., 2], -1, 1)))


def vectors(lon: Array, lat: Array) -> Array:
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def nearest(true: Array, x: float, y: float) -> tuple[int, int, float]:
    """Column and row of the nearest pixel centre by looking at all, and its distance in radians."""
    apart = ((true - vectors(np.array(x), np.array(y))) ** 2).sum(axis=-1)
    row, column = np.unravel_index(np.argmin(apart), apart.shape)
    return int(column), int(row), math.sqrt(apart[row, column])


SWATHS = {
    "equator": orbit(300, 120, 0.0),
    "antimeridian": orbit(300, 120, 0.3, node=182.0),
    "north pole": orbit(400, 160, 1.2, wide=0.5),
    "south pole": orbit(400, 160, -1.9, wide=0.5),
    "most of an orbit": orbit(1200, 90, -1.4, wide=0.4),
    "narrow": orbit(40, 2, 0.0, wide=0.003),
}
TRUE = {name: vectors(lon, lat) for name, (lon, lat) in SWATHS.items()}


@pytest.mark.parametrize("name", SWATHS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_places_inside_are_those_of_the_nearest_pixel(name: str, data: st.DataObject) -> None:
    lon, lat = SWATHS[name]
    grid = GeolocationArray.thinned(lon, lat)
    assert grid.error <= TOLERANCE
    height, width = lon.shape
    column = data.draw(st.floats(0.5, width - 0.5))
    row = data.draw(st.floats(0.5, height - 0.5))
    x, y = grid.to_crs(np.array([column]), np.array([row]))
    found = [float(v[0]) for v in grid.to_pixel(x, y)]
    assert found == pytest.approx([column, row], abs=1e-4)
    brute = nearest(TRUE[name], float(x[0]), float(y[0]))
    # the nearest centre is the pixel's own, or its neighbour where the place is between two
    assert abs(found[0] - 0.5 - brute[0]) <= 0.5 + 3 * TOLERANCE
    assert abs(found[1] - 0.5 - brute[1]) <= 0.5 + 3 * TOLERANCE


@pytest.mark.parametrize("name", SWATHS)
def test_anywhere_on_earth_a_pixel_is_found_exactly_where_one_is_near(name: str) -> None:
    lon, lat = SWATHS[name]
    grid = GeolocationArray.thinned(lon, lat)
    height, width = lon.shape
    z = np.random.default_rng(3)
    x, y = z.uniform(-180, 180, 500), np.degrees(np.arcsin(z.uniform(-1, 1, 500)))
    columns, rows = grid.to_pixel(x, y)
    pixel = max(np.radians(grid.resolution))
    inside = (columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1)
    for k in range(len(x)):
        column, row, apart = nearest(TRUE[name], x[k], y[k])
        if inside[k]:
            assert apart < pixel
            assert abs(columns[k] - 0.5 - column) <= 1.0
            assert abs(rows[k] - 0.5 - row) <= 1.0
        elif apart < 0.1 * pixel and 2 < column < width - 3 and 2 < row < height - 3:
            pytest.fail(f"a pixel at {x[k], y[k]} was not found")


def test_fewer_positions_are_kept_than_the_file_has() -> None:
    lon, lat = SWATHS["equator"]
    grid = GeolocationArray.thinned(lon, lat)
    assert grid.stored[0].size < lon.size / 50


def test_what_is_far_away_has_no_place() -> None:
    grid = GeolocationArray.thinned(*SWATHS["equator"])
    for x, y in ((180.0, 0.0), (0.0, -89.0), (np.nan, 0.0), (0.0, np.inf), (0.0, 91.0)):
        column, row = grid.to_pixel(np.array([x]), np.array([y]))
        assert np.isnan(column).all()
        assert np.isnan(row).all()


def test_longitudes_count_by_whole_turns() -> None:
    grid = GeolocationArray.thinned(*SWATHS["antimeridian"])
    x, y = grid.to_crs(np.array([60.0]), np.array([150.0]))
    for turn in (-360.0, 360.0):
        assert grid.to_pixel(x + turn, y)[0] == pytest.approx([60.0], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "west_east"),
    [("antimeridian", (-200.0, 210.0)), ("north pole", (-180.0, 180.0))],
)
def test_bounds_hold_all_positions(name: str, west_east: tuple[float, float]) -> None:
    lon, lat = SWATHS[name]
    west, south, east, north = GeolocationArray.thinned(lon, lat).bounds
    assert west >= west_east[0]
    assert east <= west_east[1]
    turned = west + (lon - west + 1e-6) % 360.0
    assert turned.max() <= east + 1e-2
    assert south <= lat.min() + 1e-3
    assert north >= lat.max() - 0.05


def test_bounds_of_a_swath_over_180_degrees_run_on() -> None:
    west, _, east, _ = GeolocationArray.thinned(*SWATHS["antimeridian"]).bounds
    assert west < 180.0 < east
    assert east - west < 60.0


def test_a_stored_grid_is_the_same_grid() -> None:
    grid = GeolocationArray.thinned(*SWATHS["north pole"])
    again = GeolocationArray.from_plain(grid.to_plain())
    assert again == grid
    assert hash(again) == hash(grid)
    assert again.error == grid.error
    assert again != grid.zoomed(80, 200)


@pytest.mark.parametrize("place", range(7))
def test_damaged_grids_are_refused(place: int) -> None:
    values = GeolocationArray.thinned(*SWATHS["equator"]).to_plain()
    values[place] = -5 if place < 5 else "x"
    with pytest.raises((ValueError, TypeError)):
        GeolocationArray.from_plain(values)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 255))
def test_flipped_bytes_make_a_grid_or_an_error(place: int, value: int) -> None:
    values = GeolocationArray.thinned(*SWATHS["equator"]).to_plain()
    packed = bytearray(values[6])
    packed[place % len(packed)] = value
    try:
        grid = GeolocationArray.from_plain([*values[:6], bytes(packed)])
    except ValueError:
        return
    assert np.isfinite(grid.bounds).all()


def test_zoomed_lies_over_the_same_place() -> None:
    grid = GeolocationArray.thinned(*SWATHS["equator"])
    half = grid.zoomed(grid.width // 2, grid.height // 2)
    x, y = grid.to_crs(np.array([40.0]), np.array([100.0]))
    assert [v[0] for v in half.to_pixel(x, y)] == pytest.approx([20.0, 50.0], abs=1e-6)
    assert half.resolution[0] == pytest.approx(2 * grid.resolution[0])


def test_missing_positions_are_continued() -> None:
    lon, lat = (v.copy() for v in SWATHS["equator"])
    want = GeolocationArray.thinned(lon, lat)
    lon[:30, :20] = lat[:30, :20] = np.nan
    lon[200] = np.nan
    grid = GeolocationArray.thinned(lon, lat)
    x, y = want.to_crs(np.array([60.0]), np.array([200.5]))
    assert [v[0] for v in grid.to_pixel(x, y)] == pytest.approx([60.0, 200.5], abs=0.2)


def test_rough_positions_are_told_of() -> None:
    lon, lat = SWATHS["equator"]
    noise = np.random.default_rng(1).normal(0, 0.02, lon.shape)
    exact = GeolocationArray.thinned(lon + noise, lat)
    assert exact.step == 1
    assert exact.error <= TOLERANCE


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (3, 0)])
def test_lines_are_no_swath(shape: tuple[int, int]) -> None:
    with pytest.raises(SourceUnsupportedError):
        GeolocationArray.thinned(np.zeros(shape), np.zeros(shape))


def test_nowhere_is_no_swath() -> None:
    with pytest.raises(SourceUnsupportedError):
        GeolocationArray.thinned(np.full((5, 5), np.nan), np.zeros((5, 5)))


def test_a_picture_over_the_pole_is_whole() -> None:
    lon, lat = SWATHS["north pole"]
    grid = GeolocationArray.thinned(lon, lat)
    target = GeoBox.from_bounds((-3e5, -3e5, 3e5, 3e5), 64, 64, "EPSG:3995")
    found = coordinate_grid(target, grid)
    assert np.isfinite(found.columns).all()
    assert np.isfinite(found.rows).all()


def test_real_olci_positions(shared: Path) -> None:
    path = shared / "data/sentinel3/O_L2_0001_SNS_2017104102450_v1.0.nc"
    with h5py.File(path) as file:
        lon, lat = file["lon"][:], file["lat"][:]
    grid = GeolocationArray.thinned(lon, lat)
    assert grid.error <= TOLERANCE
    true, rng = vectors(lon, lat), np.random.default_rng(7)
    for _ in range(300):
        column, row = rng.integers(0, 100, 2)
        # a little beside a pixel's centre: its own pixel is still the nearest
        x = lon[row, column] + rng.uniform(-4e-4, 4e-4)
        y = lat[row, column] + rng.uniform(-4e-4, 4e-4)
        found = grid.to_pixel(np.array([x]), np.array([y]))
        brute = nearest(true, x, y)[:2]
        assert [float(v[0]) - 0.5 for v in found] == pytest.approx(brute, abs=0.5)
