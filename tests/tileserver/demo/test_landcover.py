"""The land shows every kind of ground at any size and follows the seasons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.demo.landcover import LandModel
from tileserver.demo.noise import Window
from tileserver.demo.spectra import (
    BANDS,
    CROPS,
    REFLECTANCE,
    UNIT,
    UNIT_COUNTS,
    UNITS,
    WATER_UNITS,
    calendar,
    unit_spectra,
    unit_texture,
)


def share(unit, kind):
    return np.mean((unit >= UNIT[kind]) & (unit < UNIT[kind] + UNIT_COUNTS[kind]))


@pytest.mark.parametrize("size", [252, 732])
def test_every_kind_of_ground_occurs(size):
    land = LandModel(10.0 * size, 2025).strip(Window.rows(size, 0, size))
    for kind in UNIT_COUNTS:
        if kind in ("void", "lake") or (kind == "metal_roof" and size < 500):
            continue
        assert share(land.unit, kind) > 0, kind
    assert share(land.unit, "void") == 0
    assert land.unit.max() < UNITS
    assert 0.3 < share(land.unit, "field") < 0.8
    assert 0.1 < share(land.unit, "sea") < 0.5


def test_strips_join_without_a_seam():
    model = LandModel(3_000.0, 11)
    whole = model.strip(Window.rows(300, 0, 300))
    parts = [model.strip(Window.rows(300, r, r + 100)) for r in (0, 100, 200)]
    np.testing.assert_array_equal(whole.unit, np.concatenate([p.unit for p in parts]))
    np.testing.assert_array_equal(whole.texture, np.concatenate([p.texture for p in parts]))


def test_a_larger_scene_of_full_shapes_holds_the_smaller_in_its_corner():
    window = Window.rows(200, 0, 200)
    small, large = LandModel(21_960.0, 4), LandModel(109_800.0, 4)
    np.testing.assert_array_equal(small.strip(window).unit, large.strip(window).unit)


@settings(max_examples=60)
@given(day=st.floats(1, 366), seed=st.integers(0, 10_000))
def test_spectra_are_physical_on_every_day(day, seed):
    spectra = unit_spectra(day, seed)
    assert spectra.shape == (UNITS, len(BANDS))
    assert (spectra[1:] > 0).all()
    assert spectra.max() < 1
    red, infrared = spectra[:, BANDS.index("B04")], spectra[:, BANDS.index("B08")]
    ndvi = (infrared - red)[1:] / (infrared + red)[1:]
    water = np.isin(np.arange(1, UNITS), WATER_UNITS)
    assert ndvi[water].max() < 0
    assert ndvi[~water].min() > 0


def median_ndvi(day, kind):
    spectra = unit_spectra(day, 1)[UNIT[kind] : UNIT[kind] + UNIT_COUNTS[kind]]
    red, infrared = spectra[:, BANDS.index("B04")], spectra[:, BANDS.index("B08")]
    return float(np.median((infrared - red) / (infrared + red)))


def test_growth_follows_the_year():
    assert median_ndvi(140, "field") > median_ndvi(40, "field") + 0.15
    assert median_ndvi(140, "field") > median_ndvi(270, "field") + 0.2
    assert median_ndvi(170, "broadleaf") > 0.8
    assert median_ndvi(40, "broadleaf") < 0.55
    assert median_ndvi(40, "conifer") == median_ndvi(170, "conifer") > 0.7


@given(st.floats(-50, 450))
def test_crops_never_cover_more_than_the_ground(day):
    for name, crop in CROPS.items():
        covers = [float(calendar(c, day)) for c in (crop.green, crop.ripe, crop.blossom)]
        assert min(covers) >= 0
        assert sum(covers) <= 1.0 + 1e-9, name


def test_tables_are_complete():
    assert sum(c.share for c in CROPS.values()) == pytest.approx(1)
    assert all(len(v) == len(BANDS) for v in REFLECTANCE.values())
    assert np.abs(unit_texture()).max() < 0.5
    assert (np.abs(unit_texture()[1:]) > 0).all()
