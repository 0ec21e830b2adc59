"""The spline kernel against NumPy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderers.kernels.spline import thin_plate


def twin(x, y, nodes, weights):
    squares = (x[:, None] - nodes[:, 0]) ** 2 + (y[:, None] - nodes[:, 1]) ** 2
    bends = squares * np.log(np.where(squares > 0, squares, 1.0))
    plane = np.column_stack([np.ones_like(x), x, y])
    return (np.column_stack([bends, plane]) @ weights).T


@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(1, 40), places=st.integers(0, 40))
def test_equals_twin(seed, nodes, places):
    random = np.random.default_rng(seed)
    at = random.uniform(-1, 1, (nodes, 2))
    weights = random.uniform(-1, 1, (nodes + 3, 2))
    # on a node too, where the logarithm has no value
    x, y = np.ascontiguousarray(np.vstack([at[:1], random.uniform(-2, 2, (places, 2))]).T)
    out = np.empty((2, len(x)))
    thin_plate(x, y, at, weights, out)
    np.testing.assert_allclose(out, twin(x, y, at, weights), rtol=1e-9, atol=1e-9)


def test_no_place_has_no_value():
    nodes, weights = np.zeros((1, 2)), np.ones((4, 2))
    x, y = np.array([np.nan, 0.0, np.inf, 1.0]), np.array([0.0, np.nan, 0.0, 1.0])
    out = np.empty((2, 4))
    thin_plate(x, y, nodes, weights, out)
    assert np.isnan(out[:, :3]).all()
    assert np.isfinite(out[:, 3]).all()
