from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.rule import ClassMask, MosaicRule
from styles.registry import StyleRegistry
from tileserver.catalogue.base import BandInfo, ClassInfo, Collection
from tileserver.errors import InvalidParameterError, UnknownStyleError
from tileserver.layers import LayerStyles
from tileserver.mosaics import (
    MosaicChoice,
    check_picture,
    composed_bands,
    parse_mosaic,
    rule_of,
    whole_rule,
)
from tileserver.products.sentinel2.product import TEMPLATES


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("most-recent", MosaicRule()),
        ("least-recent", MosaicRule("least-recent")),
        (" Least-Cloudy ", MosaicRule("least-cloudy")),
        ("nearest:2024-06-12", MosaicRule("nearest", date(2024, 6, 12))),
        ("by:scene", MosaicRule(by="scene")),
        ("by:day, least-recent", MosaicRule("least-recent")),
        ("median", MosaicRule(compose="median")),
        ("count,dates:12", MosaicRule(compose="count", dates=12)),
        ("first", MosaicRule()),
        ("nearest:2024-06-12,by:scene", MosaicRule("nearest", date(2024, 6, 12), "scene")),
    ],
)
def test_words(text, rule):
    assert parse_mosaic(text) == MosaicChoice(rule)
    assert parse_mosaic(f"clear,{text}") == MosaicChoice(rule, clear=True)


def test_the_best_is_said_by_a_style():
    assert parse_mosaic("max:My.Style") == MosaicChoice(best="My.Style")
    assert parse_mosaic("least-recent,max:ndvi,clear") == MosaicChoice(
        MosaicRule("least-recent"), clear=True, best="ndvi"
    )


STYLES = LayerStyles(StyleRegistry.load_library())
BANDS = tuple(BandInfo(name, name) for name in ("red", "green", "blue", "nir"))
SENSOR = Collection("c", "C", bands=(*BANDS, BandInfo("SCL")), styles=("ndvi",))


@pytest.mark.parametrize(
    ("text", "style", "word"),
    [
        ("count", "true-color", "count"),
        ("median", "scl", "classes"),
        ("max:true-color", "ndvi", "more than one"),
    ],
)
def test_what_a_style_does_not_show_is_refused(text, style, word):
    def ask():
        rule = whole_rule(SENSOR, parse_mosaic(text), STYLES)
        check_picture(rule, STYLES.style(SENSOR, style))

    with pytest.raises(InvalidParameterError, match=word) as caught:
        ask()
    assert caught.value.parameter == "mosaic"


def test_a_style_decides_by_its_program():
    rule = whole_rule(SENSOR, parse_mosaic("max:ndvi"), STYLES)
    assert rule == MosaicRule(compose="best", best=STYLES.style(SENSOR, "ndvi").program)
    with pytest.raises(UnknownStyleError):
        whole_rule(SENSOR, parse_mosaic("max:nothing"), STYLES)
    own = replace(SENSOR, extra={"mosaic": {"rule": "max:ndvi"}})
    assert whole_rule(own, None, STYLES) == rule


def test_codes_of_classes_are_never_composed():
    cover = BandInfo("SCL", classes=(ClassInfo(4, "vegetation", (0, 160, 0, 255)),))
    sensor = replace(SENSOR, bands=(BandInfo("B04", "red"), cover))
    for rule in (MosaicRule(), MosaicRule("least-recent")):
        assert composed_bands(sensor, (), rule) == ("B04", "SCL")
    median = MosaicRule(compose="median")
    assert composed_bands(sensor, (), median) == ("B04",)
    assert composed_bands(sensor, ("red",), median) == ("red",)
    for wanted, rule, parameter in (
        (("SCL",), median, "mosaic"),
        (("B99",), MosaicRule(), "bands"),
    ):
        with pytest.raises(InvalidParameterError) as caught:
            composed_bands(sensor, wanted, rule)
        assert caught.value.parameter == parameter
    with pytest.raises(InvalidParameterError):
        composed_bands(replace(sensor, bands=(cover,)), (), median)


def test_nothing_is_the_collection_s_own():
    assert parse_mosaic("") is parse_mosaic("  ") is None


@pytest.mark.parametrize(
    "text",
    [
        "best", "nearest", "nearest:", "nearest:soon", "nearest:2024-13-01", "most-recent:1",
        "most-recent,least-recent", "by:", "by:week", "by:day,by:scene", ",", "least-cloudy,",
        "least-cloudy," * 40, "clear,clear", "clear:1",
        "mean,median", "max,max:ndvi", "max:", "max:ndvi,max:ndvi", "dates:", "dates:0", "dates:-1",
        "dates:367", "dates:x", "dates:\u0663", "nearest:2024-06-01,nearest:2024-06-02",
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
    assert isinstance(found, MosaicChoice) == bool(text.strip())


def test_what_is_asked_comes_before_the_collection_s_own_rule():
    plain = Collection("c", "C")
    own = Collection("c", "C", extra={"mosaic": {"rule": "least-cloudy"}})
    asked = MosaicChoice(MosaicRule("least-recent"))
    assert rule_of(plain, None) == MosaicRule()
    assert rule_of(own, None) == MosaicRule("least-cloudy")
    assert rule_of(own, asked) == rule_of(plain, asked) == asked.rule


MASK = {"band": "QA", "bits": [1, 3], "classes": [0]}


def test_sentinel_2_tells_clouds_from_the_start():
    rule = rule_of(TEMPLATES["L2A"], parse_mosaic("clear"))
    assert rule.clear == ClassMask("SCL", (0, 1, 3, 8, 9, 10))


def test_what_is_clear_the_collection_says():
    own = Collection("c", "C", extra={"mosaic": {"rule": "least-recent,clear", "mask": MASK}})
    mask = ClassMask("QA", (0,), (1, 3))
    assert rule_of(own, None) == MosaicRule("least-recent", clear=mask)
    assert rule_of(own, parse_mosaic("clear")) == MosaicRule(clear=mask)
    assert rule_of(own, parse_mosaic("most-recent")) == MosaicRule(), "asked, it is not added"


@pytest.mark.parametrize(
    "mosaic",
    [
        {}, {"mask": {}}, {"mask": {"band": "QA"}}, {"mask": {"band": "QA", "bits": [16]}},
        {"mask": {"band": "QA", "classes": [-1]}}, {"mask": {"band": "QA", "classes": ["x"]}},
        {"mask": {"band": "QA", "classes": 3}}, {"mask": {"classes": [3]}},
    ],
)  # fmt: skip
def test_without_a_readable_mask_nothing_is_clear(mosaic):
    with pytest.raises(InvalidParameterError, match="mask"):
        rule_of(Collection("c", "C", extra={"mosaic": mosaic}), parse_mosaic("clear"))
