"""Styles of one request: a formula, and the little that its colours need."""

from collections.abc import Sequence
from typing import Final

from styles import opcodes as op
from styles.colormaps import Palette, named
from styles.errors import StyleError
from styles.expression import compile_formula, compile_intervals
from styles.model import (
    ClassColour,
    ClassEntry,
    ColourRule,
    RampColour,
    Resampling,
    RgbColour,
    Style,
)
from styles.program import Program

Range = tuple[float, float]

#: Colour map of one value where none is named: black to white, as TiTiler has it.
DEFAULT_MAP: Final = "gray"
#: Range of one value where none is given: that of normalised differences.
DEFAULT_RANGE: Final[Range] = (-1.0, 1.0)
#: Range of each of three values: that of reflectances.
DEFAULT_RGB_RANGE: Final[Range] = (0.0, 1.0)

_ID: Final = "expression"
_LONGEST_TITLE: Final = 60
_TRUTH: Final = frozenset(
    {op.LT, op.LE, op.GT, op.GE, op.EQ, op.NE, op.AND, op.OR, op.NOT}
)  # fmt: skip
_OF_PLANES: Final[dict[str, Range]] = {
    "hillshade": (0.0, 1.0),
    "slope": (0.0, 90.0),
    "aspect": (0.0, 360.0),
    "time_count": (0.0, 12.0),
}
#: Operations on numbers of classes, which must not be interpolated.
_OF_CLASSES: Final = frozenset({op.EQ, op.NE})


def formula_style(
    expression: str,
    ranges: Sequence[Range] = (),
    palette: Palette | None = None,
    gamma: float = 1.0,
    resampling: Resampling | None = None,
) -> Style:
    """Return the style of a formula.

    One output is along a palette, three are red, green and blue, a fourth is opacity from 0 to 1.

    Args:
        expression: See `styles.expression`.
        ranges: The values that get the first and last colour: one pair for all outputs, or one for
            each. Without, 0 to 1 for what is true or false and for red, green and blue, else -1
            to 1.
        palette: Colours of one output; `DEFAULT_MAP` without.
        gamma: Of three outputs.
        resampling: Without, nearest where the formula compares with `==` or `!=`, as one does with
            classes, else bilinear.

    Raises:
        StyleError: The formula is not one (`position` is the column), or does not fit the rest.
    """
    program = compile_formula(expression)
    return _style(expression, program, _colour(program, ranges, palette, gamma), resampling)


def class_formula_style(
    expression: str, classes: Sequence[ClassEntry], resampling: Resampling | None = None
) -> Style:
    """Return the style of a formula whose values are numbers of classes.

    Raises:
        StyleError: See `formula_style`.
    """
    program = compile_formula(expression)
    return _style(expression, program, ClassColour(tuple(classes)), resampling or "nearest")


def interval_formula_style(
    expression: str,
    intervals: Sequence[tuple[Range, ClassEntry]],
    resampling: Resampling | None = None,
) -> Style:
    """Return the style of a formula whose values get the colour of the interval they lie in.

    Args:
        expression: Of one output.
        intervals: Each with its first value and the first one beyond it; of several that overlap
            the last counts. The values of the classes must be their numbers from 1.
        resampling: As for `formula_style`.

    Raises:
        StyleError: See `formula_style`.
    """
    program = compile_intervals(expression, [bounds for bounds, _ in intervals])
    colour = ClassColour(tuple(entry for _, entry in intervals))
    return _style(expression, program, colour, resampling)


def _style(
    expression: str, program: Program, colour: ColourRule, resampling: Resampling | None
) -> Style:
    title = expression.strip()
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 3] + "..."
    return Style(
        _ID,
        title,
        program,
        colour,
        resampling=resampling or _resampling(program),
        formula=expression,
    )


def _colour(
    program: Program, ranges: Sequence[Range], palette: Palette | None, gamma: float
) -> ColourRule:
    outputs = program.outputs
    if outputs not in (1, 3, 4):
        raise StyleError(f"a picture is made of one, three or four values, not of {outputs}")
    if len(ranges) not in (0, 1, min(outputs, 3)):
        raise StyleError(f"{len(ranges)} ranges for {min(outputs, 3)} colours")
    if outputs == 1:
        low, high = ranges[0] if ranges else _natural_range(program)
        return RampColour(named(DEFAULT_MAP) if palette is None else palette, low, high)
    if palette is not None:
        raise StyleError("a colour map is for one value, not for three")
    first, second, third = ranges if len(ranges) == 3 else (*ranges, DEFAULT_RGB_RANGE)[:1] * 3
    return RgbColour((first, second, third), gamma, alpha=outputs == 4)


def _natural_range(program: Program) -> Range:
    """Return the range of one value, as far as its last operation tells."""
    result = int(program.results[0])
    if result >= op.FIRST_INPUT:
        known = {plane.key: plane.kind for plane in program.planes}
        kind_of_plane = known.get(program.inputs[result - op.FIRST_INPUT], "")
        return _OF_PLANES.get(kind_of_plane, DEFAULT_RANGE)
    kind = next((k for k, dst, *_ in reversed(program.code.tolist()) if dst == result), 0)
    return (0.0, 1.0) if kind in _TRUTH else DEFAULT_RANGE


def _resampling(program: Program) -> Resampling:
    programs = [program, *(plane.program for plane in program.every_plane)]
    kinds = {kind for each in programs for kind in each.code[:, 0].tolist()}
    return "nearest" if _OF_CLASSES & kinds else "bilinear"
