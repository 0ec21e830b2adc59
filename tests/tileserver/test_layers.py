"""Which styles a collection has."""

import logging

from styles.registry import StyleRegistry
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.layers import LayerStyles


def test_a_listed_style_that_has_gone_is_told_once_and_left_out(caplog):
    layers = LayerStyles(StyleRegistry.load_library())
    bands = (BandInfo("r", "red"), BandInfo("n", "nir"))
    collection = Collection("c", "C", bands=bands, styles=("gone", "ndvi"))
    with caplog.at_level(logging.WARNING):
        assert [s.id for s in layers.info(collection).styles][:1] == ["ndvi"]
        layers.info(collection)
    assert [r.message for r in caplog.records] == [
        "listed, but not there: collection c has no style of that name"
    ]


def test_own_styles_extend_those_of_the_library():
    own = {"id": "mine", "extends": "ndvi", "ramp": {"range": [0, 0.5]}}
    bands = (BandInfo("r", "red"), BandInfo("n", "nir"))
    collection = Collection("c", "C", bands=bands, own_styles=(own,))
    style = LayerStyles(StyleRegistry.load_library()).style(collection, "mine")
    assert (style.colour.high, style.title) == (0.5, "NDVI")
