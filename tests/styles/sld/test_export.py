import numpy as np
import pytest
from lxml import etree
from support.sldschemas import faults

from styles.model import ClassColour, RampColour, RgbColour
from styles.registry import StyleRegistry
from styles.sld.document import read_sld
from styles.sld.export import split_outputs, write_sld

LIBRARY = list(StyleRegistry.load_library())
VENDOR = ("VendorOption", "'type' attribute", "content is empty", "'Normalize'")


def written(*styles):
    return write_sld([("layer", styles)])


@pytest.mark.parametrize("style", LIBRARY, ids=lambda style: style.id)
def test_every_style_is_written_and_read_back_or_left_out_with_a_word(style):
    body = written(style)
    (layer,) = read_sld(body)
    if not layer.styles:
        (comment,) = etree.fromstring(body).iter(etree.Comment)
        assert comment.text.strip().startswith(f"{style.id}: ")
        return
    found = layer.style(style.id).style
    assert layer.style(style.id).default
    assert found.title == style.title
    assert found.program == style.program
    assert type(found.colour) is type(style.colour)
    if isinstance(style.colour, RampColour):
        assert (found.colour.low, found.colour.high) == pytest.approx(
            (style.colour.low, style.colour.high)
        )
        away = found.colour.palette.astype(int) - style.colour.palette
        assert np.mean(np.abs(away) <= 2) > 0.98
    elif isinstance(style.colour, ClassColour):
        assert found.colour.classes == style.colour.classes
    elif isinstance(style.colour, RgbColour):
        assert np.allclose(found.colour.stretch, style.colour.stretch)
        assert found.colour.gamma == style.colour.gamma


def test_nearly_all_of_the_library_is_written():
    layers = [read_sld(written(style))[0] for style in LIBRARY]
    assert sum(not layer.styles for layer in layers) < 0.1 * len(layers)


def test_the_document_is_valid_but_for_what_others_add_too():
    body = write_sld([("a", LIBRARY[:5]), ("b", [s for s in LIBRARY if s.id in ("ndvi", "scl")])])
    found = faults("sld/1.0.0/StyledLayerDescriptor.xsd", body)
    assert [fault for fault in found if not any(word in fault for word in VENDOR)] == []


def test_formulas_are_split_between_outputs():
    assert split_outputs("a + min(b, c), d;\n where(a > 0, b, c)") == [
        "a + min(b, c)",
        "d",
        "where(a > 0, b, c)",
    ]
