"""Kernels of many dates against NumPy."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from renderers.kernels import reduce

VALUES = st.floats(-1e6, 1e6, width=32) | st.just(np.float32(np.nan))
STACKS = some.arrays(np.float32, st.tuples(st.integers(1, 13), st.integers(1, 40)), elements=VALUES)


def median(stack: np.ndarray) -> np.ndarray:
    out = np.empty(stack.shape[1], np.float32)
    reduce.median(stack, out)
    return out


def twin(stack: np.ndarray, how: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns of nothing but NaN
        return {"median": np.nanmedian, "mean": np.nanmean, "min": np.nanmin, "max": np.nanmax}[
            how
        ](stack.astype(np.float64), axis=0)


@given(STACKS)
def test_median(stack):
    np.testing.assert_allclose(median(stack), twin(stack, "median"), rtol=1e-6)


@pytest.mark.parametrize("dates", [1, 2, 12, 64])
def test_median_over_several_blocks(dates):
    rng = np.random.default_rng(dates)
    stack = rng.normal(size=(dates, 2500)).astype(np.float32)
    stack[rng.random(stack.shape) < 0.3] = np.nan
    stack[:, 7] = np.nan
    np.testing.assert_allclose(median(stack), twin(stack, "median"), rtol=1e-6)


@given(STACKS, st.randoms())
def test_median_does_not_depend_on_the_order(stack, random):
    order = random.sample(range(len(stack)), len(stack))
    np.testing.assert_array_equal(median(stack[order]), median(stack))


@given(
    STACKS,
    st.sampled_from([("mean", reduce.MEAN), ("min", reduce.LEAST), ("max", reduce.GREATEST)]),
)
def test_fold(stack, kind):
    name, code = kind
    total = np.full((2, stack.shape[1]), 1e9)
    seen = np.zeros(stack.shape[1], np.int32)
    for row in stack:
        there = (~np.isnan(row)).view(np.uint8)
        reduce.fold(code, np.stack([row, -row]), there, total, seen)
    np.testing.assert_array_equal(seen, (~np.isnan(stack)).sum(axis=0))
    some_seen = seen > 0
    if name == "mean":
        total /= np.maximum(seen, 1)
    np.testing.assert_allclose(total[0][some_seen], twin(stack, name)[some_seen], atol=1e-6)
    np.testing.assert_allclose(total[1][some_seen], twin(-stack, name)[some_seen], atol=1e-6)
