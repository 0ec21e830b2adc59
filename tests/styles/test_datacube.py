import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styles import reference
from styles.datacube import Reading, import_styles
from styles.definition import parse_definition
from styles.model import ClassColour

RGB = {
    "name": "simple rgb",
    "title": "Simple RGB",
    "abstract": "As seen",
    "components": {"red": {"red": 1.0}, "green": {"green": 1.0}, "blue": {"blue": 1.0}},
    "scale_range": [50, 3000],
}
MIXED = {
    "name": "mixed",
    "title": "Mixed",
    "components": {
        "red": {"swir2": 0.25, "nir": 0.75, "scale_range": [50, 3400]},
        "green": {
            "function": "datacube_ows.band_utils.norm_diff",
            "mapped_bands": True,
            "kwargs": {"band1": "nir", "band2": "red", "scale_from": [-0.1, 1.0]},
        },
        "blue": {},
    },
}
NDVI = {
    "name": "ndvi",
    "title": "NDVI",
    "abstract": "Plants",
    "index_expression": "(nir-red)/(nir+red)",
    "color_ramp": [
        {"value": -0.0, "color": "#8F3F20", "alpha": 0.0},
        {"value": 0.5, "color": "#FF0"},
        {"value": 1.0, "color": "darkgreen", "legend": {}},
    ],
    "pq_masks": [{"band": "fmask", "values": [2, 3], "invert": True}],
    "legend": {"units": "1", "ticks_every": "0.5", "show_legend": True},
}
WATER = {
    "name": "wofs",
    "title": "Water",
    "value_map": {
        "water": [
            {"title": "Cloud", "abstract": "none", "flags": {"or": {"cloud": True, "haze": True}},
             "color": "#c2c1c0"},
            {"title": "Wet", "flags": {"and": {"wet": True, "sea": False}}, "color": "#4f81bd",
             "alpha": 0.5},
            {"title": "Rest", "flags": {"wet": False}, "color": "#000", "mask": True},
        ]
    },
}  # fmt: skip
FLAGS = {"cloud": 6, "haze": 5, "wet": 7, "sea": 2}


def taken(style, **reading):
    found = import_styles(style, Reading(**reading))
    assert found.refused == ()
    (definition,) = found.definitions
    return definition, parse_definition(definition)


def run(style, **bands):
    inputs = np.stack([np.asarray(bands[b], np.float32) for b in style.program.inputs])
    return reference.evaluate(style.program, inputs)


def test_components_of_single_bands():
    definition, style = taken(RGB, scale=1e-4)
    assert definition["id"] == "simple-rgb"
    assert definition["bands"] == ["red", "green", "blue"]
    assert style.description == "As seen"
    np.testing.assert_allclose(style.colour.stretch, [[0.005, 0.3]] * 3)


def test_components_of_sums_and_functions():
    _, style = taken(MIXED, scale=1e-4, bands={"swir2": "swir22"})
    values = run(style, swir22=[0.2], nir=[0.4], red=[0.1])[:, 0]
    np.testing.assert_allclose(values, [0.35, 0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(style.colour.stretch, [[0.005, 0.34], [-0.1, 1.0], [0, 1]])


def test_a_ramp_with_a_mask():
    definition, style = taken(NDVI)
    assert style.unit == "1"
    assert definition["ramp"]["stops"] == [
        [0.0, "#8f3f2000"], [0.5, "#ffff00"], [1.0, "#006400"]
    ]  # fmt: skip
    values = run(style, nir=[0.3, 0.3, 0.3], red=[0.1, 0.1, 0.1], fmask=[1, 2, 3])[0]
    np.testing.assert_allclose(values, [0.5, np.nan, np.nan], rtol=1e-6)
    assert style.resampling == "nearest"


def test_what_is_left_out_is_told():
    assert import_styles(NDVI).left_out == (("ndvi", "legend.ticks_every"),)


def test_formulas_are_of_stored_numbers():
    style = {**NDVI, "index_expression": "nir * 1e-3 - 2.5e2 * red"}
    _, ours = taken(style, scale=1e-4)
    values = run(ours, nir=[0.3], red=[0.1], fmask=[0])[0]
    np.testing.assert_allclose(values, 3000 * 1e-3 - 2.5e2 * 1000, rtol=1e-5)


def test_a_named_ramp():
    style = {"name": "a", "title": "A", "index_function": "datacube_ows.band_utils.norm_diff"}
    found = import_styles(style)
    assert found.refused == (("a", "index_function.kwargs: band1 is missing"),)
    style["index_function"] = {
        "function": "datacube_ows.band_utils.band_quotient_sum",
        "kwargs": {"band1a": "a", "band1b": "b", "band2a": "c", "band2b": "d"},
    }
    definition, ours = taken({**style, "mpl_ramp": "RdBu_r", "range": (0.0, 12.0)})
    assert definition["ramp"] == {"range": [0.0, 12.0], "map": "rdbu_r"}
    assert run(ours, a=[6], b=[2], c=[8], d=[4])[0, 0] == 5.0


def test_rules_of_flags():
    _, style = taken(WATER, flags=FLAGS)
    water = [1 << 6, 1 << 5, 1 << 7, 1 << 7 | 1 << 2, 0, 1 << 7 | 1 << 6]
    np.testing.assert_array_equal(run(style, water=water)[0], [1, 1, 2, np.nan, 3, 1])
    assert isinstance(style.colour, ClassColour)
    assert [c.name for c in style.colour.classes] == ["Cloud - none", "Wet", "Rest"]
    assert [c.colour[3] for c in style.colour.classes] == [255, 128, 0]


def test_rules_of_single_values_are_classes():
    rules = [
        {"title": "A", "values": [3], "color": "#010203"},
        {"title": "B", "values": [7], "color": "red"},
    ]
    definition, style = taken({"name": "v", "title": "V", "value_map": {"class": rules}})
    assert definition["bands"] == ["class"]
    assert [c.value for c in style.colour.classes] == [3, 7]
    assert style.resampling == "mode"
    rules[1]["values"] = [7, 8]
    rules.append({"title": "Rest", "values": [9], "invert": True, "color": "#fff"})
    _, style = taken({"name": "v", "title": "V", "value_map": {"kind": rules}})
    np.testing.assert_array_equal(run(style, kind=[3, 8, 9, 1])[0], [1, 2, np.nan, 3])


def test_styles_inherit_from_earlier_ones():
    document = [
        RGB,
        {"inherits": {"style": "simple rgb"}, "name": "dark", "scale_range": [0, 9000]},
        {"inherits": RGB, "name": "other", "components": {"red": {"scale_range": [1, 2]}}},
    ]
    found = import_styles(document)
    assert [d["id"] for d in found.definitions] == ["simple-rgb", "dark", "other"]
    assert found.definitions[1]["rgb"]["stretch"] == [[0.0, 9000.0]] * 3
    assert found.definitions[2]["rgb"]["stretch"][0] == [1.0, 2.0]


def test_a_whole_configuration():
    layers = [{"title": "Folder", "layers": [{"name": "x", "styling": {"styles": [RGB, NDVI]}}]}]
    found = import_styles({"global": {}, "layers": layers})
    assert [d["id"] for d in found.definitions] == ["simple-rgb", "ndvi"]


@pytest.mark.parametrize(
    ("style", "why"),
    [
        ({**RGB, "component_ratio": 0.5}, "component_ratio"),
        ({**RGB, "mystery": 1}, "mystery: cannot be taken over"),
        ({**RGB, "scale_range": None}, "components.red: scale_range is missing"),
        ({**RGB, "components": {**RGB["components"], "alpha": {"a": 1}}}, "components.alpha"),
        ({**RGB, "inherits": {"style": "nope"}}, "inherits: there is no style nope"),
        ({**MIXED, "components": {**MIXED["components"], "blue": {"function": "my.own"}}},
         "scale_from"),
        ({**NDVI, "index_expression": "nir.values"}, "column"),
        ({**NDVI, "index_expression": "__import__(nir)"}, "function"),
        ({**NDVI, "color_ramp": [{"value": 0, "color": "none of them"}]}, "color: no colour"),
        ({"name": "d", "title": "D", "index_expression": "nir", "range": [0, 1]}, "mpl_ramp"),
        ({"name": "d", "title": "D"}, "neither components"),
        (WATER, "flags.wet: which bit"),
        ({**WATER, "value_map": {"a": [{"title": "T", "values": [[1], [2]], "color": "red"}]}},
         "whole numbers"),
        ({**RGB, "inherits": {"style": ["a"]}}, "inherits: there is no style"),
        ({**NDVI, "index_function": 3, "index_expression": []}, "index_expression"),
        ({"name": "k", "title": "K", "index_function": {
            "function": "datacube_ows.band_utils.norm_diff", "kwargs": [1]}}, "kwargs"),
        ({**MIXED, "components": {**MIXED["components"], "red": {
            "function": "datacube_ows.band_utils.norm_diff", "kwargs": {"scale_to": 3}}}},
         "scale_to"),
        ({**NDVI, "pq_masks": [{"band": "pq", "flags": {"cloud": "no_cloud"}}]}, "which bit"),
        ({**NDVI, "pq_masks": [{"band": "pq", "values": ["a"]}]}, "whole numbers"),
        ({**NDVI, "name": "no/good"}, "letters, digits"),
        ({**NDVI, "legend": 3, "color_ramp": "x"}, "color_ramp: must be a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over_is_named(style, why):
    found = import_styles(style)
    assert found.definitions == ()
    assert why in found.refused[0][1]


def test_one_bad_style_does_not_keep_others():
    found = import_styles([NDVI, {**RGB, "mystery": 1}])
    assert [d["id"] for d in found.definitions] == ["ndvi"]
    assert len(found.refused) == 1


def test_many_rules_become_classes_by_value():
    rules = [
        {"title": f"R{k}", "values": [2 * k, 2 * k + 1], "color": "#010203"} for k in range(60)
    ]
    _, style = taken({"name": "v", "title": "V", "value_map": {"kind": rules}})
    assert [(c.value, c.name) for c in style.colour.classes][:3] == [
        (0, "R0"),
        (1, "R0"),
        (2, "R1"),
    ]


KEYS = st.sampled_from(
    ["name", "title", "components", "red", "green", "blue", "scale_range", "function", "kwargs",
     "index_expression", "index_function", "color_ramp", "value", "color", "range", "mpl_ramp",
     "value_map", "values", "flags", "pq_masks", "band", "invert", "inherits", "style", "legend"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | KEYS | st.text(max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
        max_leaves=30,
    )
)
def test_any_document_is_taken_over_or_refused(document):
    for style in (document, {"name": "a", "title": "A", "index_expression": document},
                  {"name": "a", "title": "A", "value_map": document},
                  {"name": "a", "title": "A", "components": document, "pq_masks": document},
                  {"name": "a", "title": "A", "index_expression": "b", "color_ramp": document,
                   "legend": document, "inherits": document}):  # fmt: skip
        found = import_styles(style, Reading(flags={"value": 3}))
        for definition in found.definitions:
            parse_definition(definition)


@pytest.mark.parametrize("document", [None, 7, "styles", [], {}, [[[]]]])
def test_documents_without_styles(document):
    assert import_styles(document).definitions == ()
