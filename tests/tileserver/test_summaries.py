"""Statistics by weight, beside NumPy's own of values that are repeated so often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.errors import InvalidParameterError
from tileserver.summaries import Wanted, summarise

VALUES = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(0, 6), st.booleans()), min_size=1, max_size=40
)
PERCENTILES = (0.0, 2.0, 25.0, 50.0, 90.0, 100.0)


@settings(max_examples=200, deadline=None)
@given(rows=VALUES)
def test_weights_are_repetitions(rows):
    values, weights, valid = (np.array(column) for column in zip(*rows, strict=True))
    values, weights = values.astype(float), weights.astype(float)
    found = summarise(values, valid, weights, weights, Wanted(PERCENTILES, 7))
    repeated = np.repeat(values[valid], weights[valid].astype(int))
    assert found.count == repeated.size
    if not repeated.size:
        assert (found.mean, found.std, found.least) == (None, None, None)
        return
    assert found.valid == pytest.approx(repeated.size / weights.sum())
    assert (found.least, found.greatest) == (repeated.min(), repeated.max())
    assert found.mean == pytest.approx(repeated.mean(), abs=1e-9)
    assert found.std == pytest.approx(repeated.std(), abs=1e-9)
    expected = np.percentile(repeated, PERCENTILES, method="inverted_cdf")
    assert found.percentiles == pytest.approx(expected.tolist())
    counts, edges = np.histogram(repeated, 7, (repeated.min(), repeated.max()))
    assert found.bins == pytest.approx(counts.tolist())
    assert found.edges == pytest.approx(edges.tolist())


def test_no_numbers_are_no_values():
    values = np.array([np.nan, np.inf, 1.0, 3.0])
    ones = np.ones(4)
    found = summarise(values, np.ones(4, bool), ones, ones, Wanted((50.0,)))
    assert (found.count, found.valid, found.mean) == (2.0, 0.5, 2.0)


@pytest.mark.parametrize(
    "wanted",
    [
        {"percentiles": (101.0,)},
        {"percentiles": (float("nan"),)},
        {"percentiles": (1.0,) * 21},
        {"bins": 0},
        {"bins": 257},
        {"span": (1.0, 1.0)},
        {"span": (0.0, float("inf"))},
        {"span": (float("nan"), 1.0)},
    ],
)
def test_bounds(wanted):
    with pytest.raises(InvalidParameterError):
        Wanted(**wanted)


@pytest.mark.parametrize("value", [0.0, 1e30, -3e38, 1e-40])
def test_equal_values_lie_in_one_bin(value):
    found = summarise(np.full(3, value), np.ones(3, bool), np.ones(3), np.ones(3), Wanted(bins=256))
    assert sum(found.bins) == 3.0
    assert max(found.bins) == 3.0
    assert (np.diff(found.edges) > 0).all()
