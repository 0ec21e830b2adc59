"""Slopes and means against NumPy, known planes, and GDAL where it is."""

import math
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels import terrain
from styles import reference

KINDS = {"slope": terrain.SLOPE, "aspect": terrain.ASPECT, "hillshade": terrain.HILLSHADE}
INNER = slice(1, -1)


def relief(kind, height, across, down, numbers=(315.0, 45.0, 1.0)):
    """The kernel, as `renderers.planes` calls it."""
    turn, rise = math.radians(numbers[0]), math.radians(numbers[1])
    light = math.cos(rise) * math.sin(turn), math.cos(rise) * math.cos(turn), math.sin(rise)
    across = np.broadcast_to(np.float32(across), height.shape).copy()
    down = np.broadcast_to(np.float32(down), height.shape).copy()
    out = np.empty_like(height)
    terrain.relief(KINDS[kind], height, across, down, *light, numbers[2], out)
    return out, reference.relief(kind, height, across, down, numbers if kind == "hillshade" else ())


def hills(seed=1, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    height = np.cumsum(np.cumsum(rng.normal(0, 1, shape), 0), 1).astype(np.float32)
    height[rng.random(shape) < 0.02] = np.nan
    return height


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_relief_equals_its_twin(kind, seed):
    found, expected = relief(kind, hills(seed), 9.5, 10.25, (300.0 + seed, 30.0 * seed, 1.0))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert np.isnan(found).any()
    assert not np.isnan(found).all()


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 360), st.floats(0, 90))
@settings(max_examples=60, deadline=None)
def test_a_plane_has_one_slope_and_one_light(east, north, azimuth, altitude):
    """A plane that rises by so much per metre east and north."""
    rows, columns = np.mgrid[:6, :7].astype(np.float64)
    height = (east * columns * 30 - north * rows * 20).astype(np.float32)
    steep = math.hypot(east, north)
    found, _ = relief("slope", height, 30, 20)
    np.testing.assert_allclose(found[INNER, INNER], math.degrees(math.atan(steep)), atol=2e-3)
    normal = np.array([-east, -north, 1.0]) / math.sqrt(1 + steep**2)
    turn, rise = math.radians(azimuth), math.radians(altitude)
    light = math.cos(rise) * math.sin(turn), math.cos(rise) * math.cos(turn), math.sin(rise)
    found, _ = relief("hillshade", height, 30, 20, (azimuth, altitude, 1.0))
    np.testing.assert_allclose(found[INNER, INNER], max(normal @ light, 0.0), atol=1e-4)
    if steep > 0.01:
        found, _ = relief("aspect", height, 30, 20)
        faces = math.degrees(math.atan2(-east, -north)) % 360.0
        off = (found[INNER, INNER] - faces + 180.0) % 360.0 - 180.0
        assert np.abs(off).max() < 0.1


def test_flat_ground_faces_nowhere():
    found, _ = relief("aspect", np.full((5, 5), 7, np.float32), 1, 1)
    assert np.isnan(found).all()
    found, _ = relief("hillshade", np.full((5, 5), 7, np.float32), 1, 1, (315.0, 30.0, 1.0))
    np.testing.assert_allclose(found[INNER, INNER], 0.5, rtol=1e-6)


def test_exaggeration_makes_slopes_steeper():
    height = hills()
    found, expected = relief("hillshade", height, 10, 10, (315.0, 45.0, 3.0))
    higher, _ = relief("hillshade", height * 3, 10, 10)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, higher, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_relief_is_that_of_gdal(kind, tmp_path):
    program = shutil.which("gdaldem")
    if program is None:
        pytest.skip("gdaldem is not installed (Debian: gdal-bin)")
    height = np.nan_to_num(hills(), nan=-1.0)
    profile = {
        "driver": "GTiff", "width": 50, "height": 40, "count": 1, "dtype": "float32",
        "crs": "EPSG:32632", "transform": Affine(10, 0, 500000, 0, -10, 5200000),
    }  # fmt: skip
    with rasterio.open(tmp_path / "in.tif", "w", **profile) as out:
        out.write(height, 1)
    subprocess.run(  # noqa: S603
        [program, kind, str(tmp_path / "in.tif"), str(tmp_path / "out.tif")],
        check=True,
        capture_output=True,
    )
    with rasterio.open(tmp_path / "out.tif") as file:
        expected = file.read(1)[INNER, INNER].astype(np.float64)
    found = relief(kind, height, 10, 10)[0][INNER, INNER].astype(np.float64)
    if kind == "hillshade":
        found = 1.0 + 254.0 * found
    off = np.abs(found - expected)
    off = np.minimum(off, 360.0 - off) if kind == "aspect" else off
    assert off.max() <= (1.0 if kind == "hillshade" else 0.01)


@pytest.mark.parametrize("width", [3, 5, 11])
def test_focal_mean_equals_its_twin(width):
    values = hills(5)
    out = np.empty_like(values)
    terrain.focal_mean(width // 2, values, out)
    inner = slice(width // 2, -(width // 2))
    expected = reference.focal_mean(values, width)
    np.testing.assert_allclose(out[inner, inner], expected[inner, inner], rtol=1e-6, atol=1e-6)
    edge = np.ones(values.shape, bool)
    edge[inner, inner] = False
    assert np.isnan(out[edge]).all()
