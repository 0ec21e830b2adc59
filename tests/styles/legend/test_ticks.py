import math
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from styles.legend.ticks import limit, round_ticks, written


def plain(text):
    """Return a number in the letters of programs."""
    for sign, letter in (("MINUS SIGN", "-"), ("MULTIPLICATION SIGN", "x"), ("THIN SPACE", " ")):
        text = text.replace(unicodedata.lookup(sign), letter)
    return text


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-0.2, 1.0, ["-0.2", "0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (250, 330, ["250", "270", "290", "310", "330"]),
        (-0.3, 0.5, ["-0.2", "0", "0.2", "0.4"]),
        (-22, 0, ["-20", "-15", "-10", "-5", "0"]),
        (0, 0.36, ["0", "0.1", "0.2", "0.3"]),
        (0, 30_000, ["0", "5000", "10 000", "15 000", "20 000", "25 000", "30 000"]),
        (0, 3e-5, ["0", "5x10⁻⁶", "1.0x10⁻⁵", "1.5x10⁻⁵", "2.0x10⁻⁵", "2.5x10⁻⁵", "3.0x10⁻⁵"]),
        (0, 2e7, ["0", "5x10⁶", "1.0x10⁷", "1.5x10⁷", "2.0x10⁷"]),
    ],
)
def test_ticks_are_round(low, high, labels):
    assert [plain(tick.label) for tick in round_ticks(low, high, 7)] == labels


numbers = st.floats(-1e9, 1e9).map(lambda v: float(f"{v:.6g}"))


@given(numbers, st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_lie_on_the_scale_evenly(low, extent, most):
    high = low + extent
    assume(extent > 1e-9 * max(abs(low), abs(high)))
    ticks = round_ticks(low, high, most)
    values = [tick.value for tick in ticks]
    assert 0 < len(values) <= most + 1
    slack = 1e-5 * extent + 1e-9 * max(abs(low), abs(high))
    assert low - slack <= values[0] <= values[-1] <= high + slack
    steps = [b - a for a, b in pairwise(values)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=slack) for step in steps)


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12))
def test_numbers_are_written_so_that_they_read_back_within_a_step(value, step):
    text = plain(written(value, step)).replace(" ", "")
    if "x" in text:
        return
    assert abs(float(text) - value) <= max(step, 1e-9)


def test_the_end_of_a_scale_is_rounded():
    assert limit(0.36123, 1.0) == "0.361"
    assert limit(255.0, 255.0) == "255"
    assert limit(0.0, 0.5) == "0"
    assert plain(limit(-22.0, 22.0)) == "-22"
    assert limit(10_000.0, 10_000.0) == "10\N{THIN SPACE}000"
