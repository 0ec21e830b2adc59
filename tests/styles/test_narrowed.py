"""Programs that only show pixels within ranges of one band."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styles.errors import StyleError
from styles.expression import compile_formula
from styles.narrowed import narrowed
from styles.program import Program, select
from styles.reference import evaluate


def run(program: Program, bands: dict[str, np.ndarray]) -> np.ndarray:
    return evaluate(program, np.stack([bands[name] for name in program.inputs]))


RANGES = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 30)).map(lambda r: (r[0], r[0] + r[1])),
    min_size=1,
    max_size=6,
)


@given(RANGES)
def test_outputs_are_kept_inside_and_missing_outside(ranges: list[tuple[int, int]]):
    values = np.arange(0, 140, dtype=np.float32)
    other = values * 2
    program = narrowed(compile_formula("a + b, a * 2"), "z", ranges)
    out = run(program, {"a": other, "b": other, "z": values})
    inside = np.any([(values >= low) & (values <= high) for low, high in ranges], axis=0)
    np.testing.assert_array_equal(out[0], np.where(inside, other * 2, np.nan))
    np.testing.assert_array_equal(out[1], np.where(inside, other * 2, np.nan))


def test_a_band_of_the_program_is_not_read_twice():
    program = narrowed(select(["z"]), "z", [(-np.inf, 5.0)])
    assert program.inputs == ("z",)
    out = run(program, {"z": np.array([4, 5, 6, np.nan], np.float32)})
    np.testing.assert_array_equal(out[0], np.array([4, 5, np.nan, np.nan], np.float32))


def test_too_many_ranges_are_refused():
    with pytest.raises(StyleError):
        narrowed(select(["z"]), "z", [(float(k), k + 0.5) for k in range(200)])
