import pytest

from styles.errors import StyleError
from styles.model import ClassColour, RampColour, RgbColour
from styles.registry import StyleRegistry, class_style, from_definition, stretch_style

SENTINEL2 = frozenset(
    {"red", "green", "blue", "nir", "swir16", "swir22", "B02", "B03", "B04", "B08", "SCL"}
)
#: Colours of the scene classification as Sentinel Hub documents them for ESA's L2A products.
SCL = {
    1: (255, 0, 0),
    2: (47, 47, 47),
    3: (100, 50, 0),
    4: (0, 160, 0),
    5: (255, 230, 90),
    6: (0, 0, 255),
    7: (128, 128, 128),
    8: (192, 192, 192),
    9: (255, 255, 255),
    10: (100, 200, 255),
    11: (255, 150, 255),
}


@pytest.fixture(scope="module")
def library():
    return StyleRegistry.load_library()


def test_library_holds_the_sentinel_2_styles(library):
    ids = [style.id for style in library.available(SENTINEL2)]
    assert ids[0] == "true-color"
    assert set(ids) >= {"true-color", "false-color", "swir", "ndvi", "ndwi", "scl"}
    assert "tci" not in ids
    assert [s.id for s in library.available(frozenset({"b1", "b2", "b3"}))] == ["rgb"]
    assert library.available(frozenset()) == ()


def test_every_library_style_can_be_explained(library):
    assert len({style.digest for style in library}) == len(library)
    for style in library:
        assert style.title
        assert style.description
        assert style.legend.entries


def test_scene_classes_have_the_colours_of_esa(library):
    colour = library.get("scl").colour
    assert {e.value: e.colour[:3] for e in colour.classes if e.value} == SCL
    assert colour.classes[0].colour[3] == 0
    assert library.get("scl").resampling == "mode"


def test_adding_gives_a_new_registry(library):
    own = stretch_style("own", "nir", 0, 1)
    more = library.with_style(own)
    assert more.get("own") is own
    assert "own" in more
    assert "own" not in library
    assert len(more) == len(library) + 1
    replaced = more.with_style(stretch_style("own", "red", 0, 1))
    assert replaced.get("own").bands == {"red"}
    assert len(replaced) == len(more)


def test_unknown_style(library):
    assert library.find("nope") is None
    with pytest.raises(StyleError, match="no style 'nope'"):
        library.get("nope")


def test_stretch_styles():
    grey = stretch_style("a", "B04", 0, 3000, title="Red")
    assert isinstance(grey.colour, RampColour)
    assert grey.title == "Red"
    assert grey.colour.palette[0].tolist() == [0, 0, 0, 255]
    assert grey.colour.palette[254].tolist() == [255, 255, 255, 255]
    rgb = stretch_style("b", ("x", "y", "z"), 0, 1)
    assert isinstance(rgb.colour, RgbColour)
    assert rgb.program.inputs == ("x", "y", "z")
    assert [entry.label for entry in rgb.legend.entries] == ["x", "y", "z"]
    with pytest.raises(StyleError):
        stretch_style("c", "x", 1, 1)


def test_class_style():
    style = class_style("cover", "data", [(10, "Trees", (0, 100, 0, 255))])
    assert isinstance(style.colour, ClassColour)
    assert style.resampling == "mode"


def test_from_definition():
    style = from_definition(
        {"id": "x", "title": "X", "bands": ["b1"], "ramp": {"map": "greys", "range": [0, 1]}}
    )
    assert style.bands == {"b1"}


def test_the_library_is_read_once():
    assert StyleRegistry.load_library() is StyleRegistry.load_library()
