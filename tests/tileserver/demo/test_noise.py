"""Random fields depend on place and seed alone, and have the promised statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.demo.noise import Window, fbm, hash01, hash32, smoothstep, value_noise


@given(
    first=st.integers(0, 60),
    height=st.integers(1, 60),
    wavelength=st.floats(25.0, 5_000.0),
    seed=st.integers(0, 2**31),
)
def test_a_strip_is_a_cut_of_the_whole(first, height, wavelength, seed):
    whole = value_noise(Window.rows(40, 0, 120), wavelength, seed)
    strip = value_noise(Window.rows(40, first, first + height), wavelength, seed)
    np.testing.assert_array_equal(strip, whole[first : first + height])


def test_noise_has_zero_mean_and_unit_variance_and_no_steps():
    field = value_noise(Window.rows(1000, 0, 1000), 100.0, 3)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(np.diff(field, axis=1)).max() < 0.6
    assert fbm(Window.rows(1000, 0, 1000), 100.0, 3, 3).std() == pytest.approx(1.0, abs=0.06)


def test_hash_is_uniform_and_neighbours_do_not_correlate():
    values = hash01(1, np.arange(300)[None, :], np.arange(300)[:, None])
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, bins=16, range=(0, 1))[0]
    assert np.abs(counts / values.size * 16 - 1).max() < 0.06
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.02


@given(st.integers(0, 2**40), st.integers(-(2**30), 2**30))
def test_hash_takes_scalars_without_warnings(seed, key):
    assert hash32(seed, key) == hash32(seed, np.array([key]))[0]


def test_smoothstep_is_flat_outside_and_half_in_the_middle():
    values = smoothstep(np.array([-1, 1, 2, 3, 9], np.float32), 1.0, 3.0)
    np.testing.assert_allclose(values, [0, 0, 0.5, 1, 1])
