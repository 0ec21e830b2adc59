import pytest

from styles.errors import DefinitionError, StyleError
from styles.inheritance import inherited
from styles.loading import load_text
from styles.registry import StyleRegistry, from_definition

LIBRARY = StyleRegistry.load_library()


def extend(**keys):
    return from_definition({"id": "mine", **keys}, LIBRARY)


def test_all_but_the_id_comes_from_the_base():
    style = extend(extends="ndvi")
    base = LIBRARY.get("ndvi")
    assert style.id == "mine"
    assert style.digest == base.digest
    assert (style.title, style.reference) == (base.title, base.reference)
    assert "extends" not in style.definition


def test_a_style_that_extends_is_not_featured_by_itself():
    assert LIBRARY.get("ndvi").featured
    assert not extend(extends="ndvi").featured


def test_a_range_or_a_map_alone_may_change():
    narrow = extend(extends="ndvi", ramp={"range": [0, 0.5]})
    assert (narrow.colour.low, narrow.colour.high) == (0.0, 0.5)
    assert (narrow.colour.palette == LIBRARY.get("ndvi").colour.palette).all()
    other = extend(extends="ndvi", ramp={"map": "viridis"})
    assert (other.colour.low, other.colour.high) == (-0.2, 1.0)


def test_a_map_takes_the_place_of_stops_with_their_range():
    style = extend(extends="surface-temperature-celsius", ramp={"map": "inferno:8"})
    assert (style.colour.low, style.colour.high) == (-20.0, 60.0)


def test_stops_take_the_place_of_a_map():
    stops = [[0, "#000000"], [2, "#ffffff"]]
    style = extend(extends="hypsometric", ramp={"stops": stops})
    assert (style.colour.low, style.colour.high, style.percentiles) == (0.0, 2.0, None)


def test_another_rule_or_source_replaces_the_one_of_the_base():
    classes = [{"value": 1, "name": "Green", "colour": "#00ff00"}]
    style = extend(extends="ndvi", expression="nir > red", classes=classes)
    assert style.legend.kind == "classes"
    assert extend(extends="ndvi", bands=["NDVI"]).bands == {"NDVI"}


@pytest.mark.parametrize("name", ["nope", 7, None, ["ndvi"]])
def test_unknown_bases(name):
    with pytest.raises(DefinitionError, match=r"no style .* to extend") as caught:
        inherited({"id": "x", "extends": name}, {})
    assert caught.value.path == ("extends",)


def test_styles_of_one_file_extend_those_before_them():
    text = """\
styles:
  - {id: a, title: A, bands: [red], ramp: {range: [0, 1], map: viridis}}
  - {id: b, extends: a, title: B}
  - {id: c, extends: b, ramp: {map: plasma}}
"""
    first, second, third = load_text(text, "x.yaml")
    assert first.digest == second.digest != third.digest
    assert third.title == "B"
    with pytest.raises(StyleError, match=r"x\.yaml, line 2: extends: there is no style 'b'"):
        load_text(text.replace("id: a, title", "id: a, extends: b, title"), "x.yaml")


def test_errors_in_what_is_merged_name_the_line():
    text = "styles:\n  - id: a\n    extends: ndvi\n    ramp:\n      map: nope\n"
    with pytest.raises(StyleError, match=r"x\.yaml, line 5: ramp\.map: there is no colour map"):
        load_text(text, "x.yaml", {"ndvi": LIBRARY.get("ndvi")})


def test_merging_leaves_the_base_as_it_was():
    before = dict(LIBRARY.get("ndvi").definition["ramp"])
    extend(extends="ndvi", ramp={"map": "viridis"})
    assert LIBRARY.get("ndvi").definition["ramp"] == before
