"""Which styles a collection has."""

import logging
from dataclasses import replace

import pytest

from styles.program import select
from styles.registry import StyleRegistry
from styles.sld.document import read_sld
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.errors import OperationNotSupportedError
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


def test_a_whole_style_may_take_the_range_that_was_measured():
    body = """<StyledLayerDescriptor version="1.0.0"><NamedLayer><Name>c</Name><UserStyle>
      <FeatureTypeStyle><Rule><RasterSymbolizer><ChannelSelection><GrayChannel>
      <SourceChannelName>B08</SourceChannelName><ContrastEnhancement><Normalize/>
      </ContrastEnhancement></GrayChannel></ChannelSelection></RasterSymbolizer></Rule>
      </FeatureTypeStyle></UserStyle></NamedLayer></StyledLayerDescriptor>"""
    style = read_sld(body.encode())[0].style().style
    styles = LayerStyles(StyleRegistry.load_library())
    plain = Collection("c", "C", bands=(BandInfo("B08", "nir"),))
    with pytest.raises(OperationNotSupportedError, match="minValue and maxValue"):
        styles.style(plain, style)
    kept = {"program": select(["B08"]).digest, "limits": [[0.1, 0.6]]}
    measured = replace(plain, extra={"stretch": {"some-style": kept}})
    found = styles.style(measured, style)
    assert (found.colour.low, found.colour.high) == (0.1, 0.6)
