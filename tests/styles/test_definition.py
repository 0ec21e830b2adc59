import copy

import numpy as np
import pytest

from styles.colormaps import TRANSPARENT
from styles.definition import parse_definition
from styles.errors import DefinitionError
from styles.model import ClassColour, RampColour, RgbColour

NDVI = {
    "id": "ndvi",
    "title": "NDVI",
    "description": "Vegetation",
    "expression": "(nir - red) / (nir + red)",
    "unit": "1",
    "ramp": {"stops": [[-0.5, "#102030"], [1, "#40506080"]]},
}
COLOUR = {
    "id": "colour",
    "title": "Colour",
    "bands": ["1", "2", "3"],
    "rgb": {"stretch": [[0, 1], [0, 2], [0, 3]], "gamma": 1.5, "channels": ["a", "b", "c"]},
}
CLASSES = {
    "id": "classes",
    "title": "Classes",
    "bands": ["SCL"],
    "classes": [
        {"value": 3, "name": "Three", "colour": "#010203"},
        {"value": 9, "name": "Nine", "colour": "#04050600"},
    ],
}


def changed(base, path, value):
    """Return a deep copy with one place set, or taken out when the value is None."""
    result = copy.deepcopy(base)
    target = result
    for key in path[:-1]:
        target = target[key]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return result


def test_ramp():
    style = parse_definition(NDVI)
    assert (style.id, style.title, style.description, style.unit) == (
        "ndvi",
        "NDVI",
        "Vegetation",
        "1",
    )
    assert style.program.inputs == ("nir", "red")
    assert isinstance(style.colour, RampColour)
    assert (style.colour.low, style.colour.high) == (-0.5, 1.0)
    assert style.colour.palette[254].tolist() == [0x40, 0x50, 0x60, 0x80]
    assert style.resampling == "bilinear"


def test_named_ramp():
    style = parse_definition(changed(NDVI, ["ramp"], {"map": "viridis", "range": [0, 1]}))
    assert style.colour.palette[0].tolist() == [68, 1, 84, 255]


def test_rgb():
    style = parse_definition(COLOUR)
    assert isinstance(style.colour, RgbColour)
    assert style.colour.stretch == ((0, 1), (0, 2), (0, 3))
    assert style.colour.gamma == 1.5
    assert style.colour.channels == ("a", "b", "c")
    assert style.program.inputs == ("1", "2", "3")
    one = parse_definition(changed(COLOUR, ["rgb"], {"stretch": [0, 255]}))
    assert one.colour.stretch == ((0, 255),) * 3


def test_classes():
    style = parse_definition(CLASSES)
    assert isinstance(style.colour, ClassColour)
    assert style.resampling == "mode"
    assert style.colour.classes[1] == (9, "Nine", (4, 5, 6, 0))


FLAGS = {
    "id": "flags",
    "title": "Flags",
    "bands": ["qa"],
    "flags": [
        {"bit": 3, "name": "Cloud", "colour": "#ffffff"},
        {"bit": 15, "name": "High", "colour": "#0000ff"},
        {"bit": 0, "name": "Fill", "colour": "#00000000"},
    ],
}


def test_of_several_flags_the_first_decides():
    style = parse_definition(FLAGS)
    assert style.resampling == "mode"
    values = np.arange(65536)
    expected = np.select([values & bit > 0 for bit in (8, 32768, 1)], [0, 1, 2], TRANSPARENT)
    assert np.array_equal(style.colour.table, expected)
    assert [e.label for e in style.legend.entries] == ["Cloud", "High", "Fill"]
    as_classes = {k: v for k, v in FLAGS.items() if k != "flags"}
    as_classes["classes"] = [
        {"value": f["bit"], "name": f["name"], "colour": f["colour"]} for f in FLAGS["flags"]
    ]
    assert parse_definition(as_classes).digest != style.digest


@pytest.mark.parametrize("bit", [16, -1, 1.5, "3", True])
def test_flags_are_bits_of_16(bit):
    first = {**FLAGS["flags"][0], "bit": bit}
    with pytest.raises(DefinitionError):
        parse_definition({**FLAGS, "flags": [first]})


def test_classes_of_a_formula_may_come_from_bands_that_are_no_classes():
    formula = changed(changed(CLASSES, ["bands"], None), ["expression"], "where(nir > 0.3, 3, 9)")
    assert parse_definition(formula).resampling == "nearest"


@pytest.mark.parametrize("how", ["nearest", "bilinear", "cubic", "average", "mode"])
@pytest.mark.parametrize("base", [NDVI, COLOUR, CLASSES])
def test_resampling_may_be_said(base, how):
    style = parse_definition(changed(base, ["resampling"], how))
    assert style.resampling == how
    assert (style.digest == parse_definition(base).digest) == (
        how == parse_definition(base).resampling
    )


@pytest.mark.parametrize(
    ("base", "path", "value", "where"),
    [
        (NDVI, ["id"], None, ()),
        (NDVI, ["id"], "a b", ("id",)),
        (NDVI, ["id"], "9a", ("id",)),
        (NDVI, ["id"], 7, ("id",)),
        (NDVI, ["title"], None, ()),
        (NDVI, ["title"], 7, ("title",)),
        (NDVI, ["colour"], "red", ("colour",)),
        (NDVI, ["expression"], None, ()),
        (NDVI, ["bands"], ["red"], ()),
        (NDVI, ["expression"], "nir -", ("expression",)),
        (NDVI, ["expression"], "nir, red", ()),
        (NDVI, ["expression"], 7, ("expression",)),
        (NDVI, ["resampling"], "lanczos", ("resampling",)),
        (NDVI, ["resampling"], 1, ("resampling",)),
        (NDVI, ["resampling"], ["nearest"], ("resampling",)),
        (NDVI, ["unit"], 1, ("unit",)),
        (NDVI, ["ramp"], None, ()),
        (NDVI, ["rgb"], {"stretch": [0, 1]}, ()),
        (NDVI, ["ramp"], [], ("ramp",)),
        (NDVI, ["ramp"], {}, ("ramp",)),
        (NDVI, ["ramp", "map"], "viridis", ("ramp",)),
        (NDVI, ["ramp", "range"], [0, 1], ("ramp", "range")),
        (NDVI, ["ramp"], {"map": "viridis"}, ("ramp",)),
        (NDVI, ["ramp"], {"map": "nope", "range": [0, 1]}, ("ramp", "map")),
        (NDVI, ["ramp"], {"map": 1, "range": [0, 1]}, ("ramp", "map")),
        (NDVI, ["ramp"], {"map": "viridis", "range": [1, 0]}, ("ramp",)),
        (NDVI, ["ramp"], {"map": "viridis", "range": [0]}, ("ramp", "range")),
        (NDVI, ["ramp", "stops"], [], ("ramp", "stops")),
        (NDVI, ["ramp", "stops"], "x", ("ramp", "stops")),
        (NDVI, ["ramp", "stops", 1], [-1, "#000000"], ("ramp", "stops")),
        (NDVI, ["ramp", "stops", 1], [1], ("ramp", "stops", 1)),
        (NDVI, ["ramp", "stops", 1], [True, "#000000"], ("ramp", "stops", 1, 0)),
        (NDVI, ["ramp", "stops", 1], [float("nan"), "#000000"], ("ramp", "stops", 1, 0)),
        (NDVI, ["ramp", "stops", 1], [10**400, "#000000"], ("ramp", "stops", 1, 0)),
        (NDVI, ["ramp", "stops", 1], [1, "red"], ("ramp", "stops", 1, 1)),
        (COLOUR, ["bands"], ["1"], ()),
        (COLOUR, ["bands"], "red", ("bands",)),
        (COLOUR, ["bands", 1], 2, ("bands", 1)),
        (COLOUR, ["bands"], [], ("bands",)),
        (COLOUR, ["rgb", "stretch"], [[0, 1]], ("rgb", "stretch")),
        (COLOUR, ["rgb", "stretch", 1], 1, ("rgb", "stretch", 1)),
        (COLOUR, ["rgb", "stretch", 1], [1, 0], ("rgb",)),
        (COLOUR, ["rgb", "gamma"], 0, ("rgb",)),
        (COLOUR, ["rgb", "gamma"], "1", ("rgb", "gamma")),
        (COLOUR, ["rgb", "channels"], ["a"], ("rgb", "channels")),
        (COLOUR, ["rgb", "stretch"], None, ("rgb",)),
        (CLASSES, ["classes"], {}, ("classes",)),
        (CLASSES, ["classes"], [], ("classes",)),
        (CLASSES, ["classes", 1, "value"], 3, ("classes",)),
        (CLASSES, ["classes", 1, "value"], 3.5, ("classes", 1, "value")),
        (CLASSES, ["classes", 1, "name"], None, ("classes", 1)),
        (CLASSES, ["classes", 1, "colour"], "#12", ("classes", 1, "colour")),
        (CLASSES, ["classes", 1, "color"], "#123456", ("classes", 1, "color")),
    ],
)
def test_what_is_wrong_is_named_by_its_path(base, path, value, where):
    with pytest.raises(DefinitionError) as caught:
        parse_definition(changed(base, path, value))
    assert caught.value.path == where


@pytest.mark.parametrize("value", [None, [], "ndvi", 7])
def test_not_a_mapping(value):
    with pytest.raises(DefinitionError, match="must be a mapping"):
        parse_definition(value)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"domain": "Plants!"}, "domain: a word or two of small letters"),
        ({"featured": 1}, "featured: must be true or false"),
        ({"reference": 7}, "reference: must be text"),
        ({"extends": "ndvi"}, "extends: unknown key"),
        (
            {"ramp": {"map": "greys", "range": [0, 1], "percentiles": [98, 2]}},
            r"ramp.percentiles: two rising numbers from 0 to 100",
        ),
        (
            {"ramp": {"map": "greys", "percentiles": [2, 98]}},
            "ramp: a map needs a range",
        ),
    ],
)
def test_facts_about_a_style_are_checked(keys, words):
    with pytest.raises(DefinitionError, match=words):
        parse_definition({**NDVI, **keys})


def test_facts_about_a_style():
    style = parse_definition(
        {**NDVI, "domain": "vegetation", "reference": "Rouse et al. 1974", "featured": True}
    )
    assert (style.domain, style.reference, style.featured) == (
        "vegetation",
        "Rouse et al. 1974",
        True,
    )
    assert style.digest == parse_definition(NDVI).digest
    assert style.definition["expression"] == NDVI["expression"]
