from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.rule import MosaicRule
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidParameterError
from tileserver.mosaics import parse_mosaic, rule_of


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("most-recent", MosaicRule()),
        ("least-recent", MosaicRule("least-recent")),
        (" Least-Cloudy ", MosaicRule("least-cloudy")),
        ("nearest:2024-06-12", MosaicRule("nearest", date(2024, 6, 12))),
        ("by:scene", MosaicRule(by="scene")),
        ("by:day, least-recent", MosaicRule("least-recent")),
        ("nearest:2024-06-12,by:scene", MosaicRule("nearest", date(2024, 6, 12), "scene")),
    ],
)
def test_words(text, rule):
    assert parse_mosaic(text) == rule


def test_nothing_is_the_collection_s_own():
    assert parse_mosaic("") is parse_mosaic("  ") is None


@pytest.mark.parametrize(
    "text",
    [
        "best", "nearest", "nearest:", "nearest:soon", "nearest:2024-13-01", "most-recent:1",
        "most-recent,least-recent", "by:", "by:week", "by:day,by:scene", ",", "least-cloudy,",
        "least-cloudy," * 40, "nearest:2024-06-01,nearest:2024-06-02",
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_its_parameter(text):
    with pytest.raises(InvalidParameterError) as caught:
        parse_mosaic(text, parameter="MOSAIC")
    assert caught.value.parameter == "MOSAIC"


@given(st.text(max_size=300))
def test_any_text_is_a_rule_or_an_error(text):
    try:
        found = parse_mosaic(text)
    except InvalidParameterError:
        return
    assert isinstance(found, MosaicRule) == bool(text.strip())


def test_what_is_asked_comes_before_the_collection_s_own_rule():
    plain = Collection("c", "C")
    own = Collection("c", "C", extra={"mosaic": {"rule": "least-cloudy"}})
    asked = MosaicRule("least-recent")
    assert rule_of(plain, None) == MosaicRule()
    assert rule_of(own, None) == MosaicRule("least-cloudy")
    assert rule_of(own, asked) == rule_of(plain, asked) == asked
