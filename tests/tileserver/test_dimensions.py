"""Dimensions beyond time: what clients write, and what a collection takes it as."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.catalogue.base import Collection
from tileserver.dimensions import SETTING, choose, parse_ranges
from tileserver.errors import InvalidDimensionError, MissingDimensionError


def collection(**dimension: object) -> Collection:
    told = {"name": "elevation", "band": "z", "extent": "500,490,480", **dimension}
    return Collection("c", "C", extra={SETTING: [told]})


def test_values_intervals_and_lists():
    assert parse_ranges("1, 2/3,4/8/2,-1.5e1", "x") == ((1, 1), (2, 3), (4, 8), (-15, -15))


@given(st.text("0123456789./,-+eE infa", max_size=30))
def test_any_other_text_is_refused_and_never_infinite(text: str):
    try:
        found = parse_ranges(text, "x")
    except InvalidDimensionError:
        return
    assert all(math.isfinite(low) and low <= high < math.inf for low, high in found)


def test_a_dimension_without_a_default_must_be_asked():
    with pytest.raises(MissingDimensionError):
        choose(collection(), ())
    (choice,) = choose(collection(), (("elevation", "490"), ("other", "x")))
    assert (choice.kind, choice.ranges) == ("asked", ((490, 490),))


def test_only_lists_that_say_so_are_answered_by_their_nearest_value():
    with pytest.raises(InvalidDimensionError):
        choose(collection(), (("elevation", "488"),))
    (choice,) = choose(collection(nearest=True), (("elevation", "488"),))
    assert (choice.kind, choice.value, choice.ranges) == ("nearest", "490", ((490, 490),))
    with pytest.raises(InvalidDimensionError):
        choose(collection(nearest=True), (("elevation", "600"),))


def test_up_to_a_value_means_all_below():
    (choice,) = choose(collection(shows="up-to", default="500"), ())
    assert choice.ranges == ((-math.inf, 500),)
    assert choice.kind == "default"
