"""The calibration kernel against NumPy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderers.kernels.calibrate import backscatter


def twin(values, rows, columns, lines, pixels, table):
    """Interpolation along lines, then between them, by numpy.interp."""
    along = np.array([np.interp(columns, pixels, line) for line in table])
    gains = np.array([np.interp(rows, lines, column) for column in along.T]).T
    return (values / gains) ** 2


def rising(random, count, low, high):
    return np.sort(random.choice(np.arange(low, high), count, replace=False)).astype(float)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    knots=st.tuples(st.integers(2, 8), st.integers(2, 8)),
    step=st.floats(0.1, 9),
)
def test_equals_twin(seed, shape, knots, step):
    random = np.random.default_rng(seed)
    values = random.integers(0, 65536, shape, np.uint16)
    # tables begin before an image and end in it, or the other way round
    lines, pixels = (rising(random, count, -20, 60) for count in knots)
    rows, columns = (np.arange(side) * step + random.uniform(-9, 9) for side in shape)
    table = random.uniform(100.0, 900.0, knots)
    out = np.empty(shape, np.float32)
    backscatter(values, rows, columns, lines, pixels, table, np.empty(knots[1]), out)
    expected = twin(values.astype(float), rows, columns, lines, pixels, table)
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    assert (out[values == 0] == 0).all()
