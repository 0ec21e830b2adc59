import numpy as np
import pytest

from styles.colormaps import named
from styles.errors import StyleError
from styles.expression import compile_formula
from styles.model import ClassColour, ClassEntry, LegendEntry, RampColour, RgbColour, Style
from styles.program import select
from styles.registry import class_style, from_definition, stretch_style

RGB = RgbColour(((0.0, 0.3),) * 3)
RAMP = RampColour(named("viridis"), -1.0, 1.0)
CLASSES = ClassColour((ClassEntry(4, "Trees", (0, 160, 0, 255)), ClassEntry(0, "No", (0,) * 4)))


def style(colour=RAMP, program=None, **more):
    bands = ["red", "green", "blue"] if isinstance(colour, RgbColour) else ["red"]
    return Style("id", "Title", program or select(bands), colour, **more)


def test_digest_ignores_what_does_not_change_pixels():
    same = Style("other", "Other", select(["red"]), RAMP, description="x", unit="m")
    assert same.digest == style().digest


@pytest.mark.parametrize(
    "other",
    [
        style(RGB),
        style(CLASSES),
        style(RampColour(named("viridis"), -1.0, 0.5)),
        style(RampColour(named("viridis"), -0.5, 1.0)),
        style(RampColour(named("magma"), -1.0, 1.0)),
        style(program=select(["nir"])),
        style(program=compile_formula("red * 2")),
        style(resampling="nearest"),
    ],
)
def test_digest_sees_what_changes_pixels(other):
    assert other.digest != style().digest


def test_digest_of_rgb_and_classes_sees_every_part():
    digests = {
        style(colour).digest
        for colour in (
            RGB,
            RgbColour(((0.0, 0.3), (0.0, 0.3), (0.0, 0.4))),
            RgbColour(((0.0, 0.3),) * 3, gamma=1.1),
            CLASSES,
            ClassColour(CLASSES.classes[:1]),
            ClassColour((ClassEntry(4, "Trees", (0, 161, 0, 255)), CLASSES.classes[1])),
        )
    }
    assert len(digests) == 6
    renamed = ClassColour((CLASSES.classes[0]._replace(name="Wood"), CLASSES.classes[1]))
    assert style(renamed).digest == style(CLASSES).digest


def test_program_must_give_what_colours_take():
    with pytest.raises(StyleError, match="3 outputs"):
        style(RGB, program=select(["red"]))
    with pytest.raises(StyleError, match="1 outputs"):
        style(RAMP, program=select(["red", "nir"]))


def test_class_tables():
    assert CLASSES.table.tolist() == [1, 255, 255, 255, 0]
    assert CLASSES.palette[0].tolist() == [0, 160, 0, 255]
    assert not CLASSES.palette[2:].any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RgbColour(((0, 1), (0, 1), (1, 1))), "must rise"),
        (lambda: RgbColour(((0, 1), (0, 1), (0, float("nan")))), "must rise"),
        (lambda: RgbColour(((0, 1),) * 3, gamma=0.0), "gamma"),
        (lambda: RampColour(named("viridis"), 1.0, 0.0), "must rise"),
        (lambda: RampColour(named("viridis"), 1e9, 1e9 + 1), "must rise"),
        (lambda: RampColour(np.full((256, 4), 255, np.uint8), 0.0, 1.0), "palette"),
        (lambda: RampColour(named("viridis")[:10], 0.0, 1.0), "palette"),
        (lambda: ClassColour(()), "classes"),
        (lambda: ClassColour(tuple(ClassEntry(k, "", (0,) * 4) for k in range(256))), "classes"),
        (lambda: ClassColour((CLASSES.classes[0],) * 2), "twice"),
        (lambda: ClassColour((ClassEntry(-1, "", (0,) * 4),)), "class values"),
        (lambda: ClassColour((ClassEntry(65536, "", (0,) * 4),)), "class values"),
    ],
)
def test_wrong_colours_are_refused(make, message):
    with pytest.raises(StyleError, match=message):
        make()


def test_legends():
    ramp = style(RAMP, unit="m").legend
    assert (ramp.kind, ramp.title, ramp.unit) == ("ramp", "Title", "m")
    assert [entry.label for entry in ramp.entries] == ["-1", "-0.5", "0", "0.5", "1"]
    assert ramp.entries[0].colour == (68, 1, 84, 255)
    assert style(CLASSES).legend.entries[0] == LegendEntry("Trees", (0, 160, 0, 255), 4.0)
    rgb = style(RGB).legend
    assert rgb.kind == "rgb"
    assert [entry.label for entry in rgb.entries] == ["red", "green", "blue"]


def test_bands():
    assert style(RGB).bands == {"red", "green", "blue"}


def test_other_limits_make_another_style():
    style = from_definition(
        {
            "id": "x",
            "title": "X",
            "bands": ["b"],
            "ramp": {"map": "greys", "range": [0, 1], "percentiles": [2, 98]},
        }
    )
    assert style.percentiles == (2.0, 98.0)
    other = style.stretched([(3.0, 5.0)])
    assert (other.colour.low, other.colour.high) == (3.0, 5.0)
    assert other.digest != style.digest
    with pytest.raises(StyleError, match="1 limits"):
        style.stretched([(0.0, 1.0)] * 3)
    with pytest.raises(StyleError, match="must rise"):
        style.stretched([(1.0, 1.0)])


def test_limits_of_composites_and_classes():
    rgb = stretch_style("a", ("x", "y", "z"), 0, 1)
    limits = ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0))
    assert rgb.stretched(limits).colour.stretch == limits
    with pytest.raises(StyleError, match="no limits"):
        class_style("c", "b", [(1, "A", (0, 0, 0, 255))]).stretched([(0.0, 1.0)])
