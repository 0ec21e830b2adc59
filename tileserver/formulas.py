"""Styles written into a request: `expression` and what goes with it, read alike everywhere.

Names and syntax are those of TiTiler, so that its addresses mean the same here:

| parameter | value |
|---|---|
| `expression` | a formula of one value, or of three for red, green, blue, with `,` or `;` between |
| `rescale` | `low,high`; of three values also three pairs, in one parameter or in three |
| `colormap_name` | a colour map for one value, `gray` without; `_r` at its end turns it round |
| `colormap` | colours as JSON, by value `{"4": "#0f0f00"}`, interval `[[[0, 1], [0, 9, 0, 255]]]` |
| `gamma` | of three values, above 1 brightens the dark |
| `resampling` | nearest, bilinear, cubic, average or mode |
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar, get_args

import numpy as np

from styles.colormaps import STEPS, Colour, Palette, named
from styles.errors import StyleError
from styles.expression import MAX_LENGTH
from styles.inline import class_formula_style, formula_style, interval_formula_style
from styles.model import ClassEntry, Resampling, Style
from tileserver.errors import InvalidParameterError

T = TypeVar("T")

#: Gives every value of a parameter, in order.
Values = Callable[[str], Sequence[str]]

#: What each parameter is, for OpenAPI.
PARAMETERS: Final = {
    "expression": "Formula of one value, or of three for red, green and blue, in place of "
    "the style.",
    "rescale": "low,high of the formula's values; of three also three pairs. -1,1 without, of red, "
    "green and blue 0,1.",
    "colormap_name": "Colour map of the formula's value; gray without.",
    "colormap": "Colours of the formula's value, as JSON: by value, or a list of intervals.",
    "gamma": "Of red, green and blue; above 1 brightens the dark.",
    "resampling": "nearest, bilinear, cubic, average or mode, of the formula's bands.",
}

_LONGEST: Final = {
    "expression": MAX_LENGTH,
    "rescale": 400,
    "colormap_name": 64,
    "colormap": 16_000,
    "gamma": 32,
    "resampling": 16,
}
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
#: Values that TiTiler's colour maps have, after rescaling.
_LEVELS: Final = 256


def parse_style(values: Values) -> Style | None:
    """Read the style that a request writes out.

    Args:
        values: Finds the parameters; names in lower case.

    Returns:
        None where there is no `expression`: the style is one by name.

    Raises:
        InvalidParameterError: Outside the grammar or the bounds; of a formula the message names the
            column. Or one of the other parameters is there without `expression`.
    """
    given = {name: tuple(v for v in values(name) if v) for name in PARAMETERS}
    for name, texts in given.items():
        if sum(map(len, texts)) > _LONGEST[name]:
            message = f"{name} has more than {_LONGEST[name]} characters"
            raise InvalidParameterError(message, parameter=name)
    if not given["expression"]:
        for name, texts in given.items():
            if texts:
                message = f"{name} is for formulas, and there is no expression"
                raise InvalidParameterError(message, parameter=name)
        return None
    return _style(**given)


@lru_cache(maxsize=1024)
def _style(
    expression: tuple[str, ...],
    rescale: tuple[str, ...],
    colormap_name: tuple[str, ...],
    colormap: tuple[str, ...],
    gamma: tuple[str, ...],
    resampling: tuple[str, ...],
) -> Style:
    how = _read("resampling", _resampling, resampling)
    ranges = _read("rescale", _ranges, rescale)
    palette = _read("colormap_name", named, colormap_name)
    colours = _read("colormap", _colours, colormap)
    if palette is not None and colours is not None:
        message = "colormap and colormap_name are two ways to say one thing"
        raise InvalidParameterError(message, parameter="colormap")
    text = expression[0]
    try:
        if isinstance(colours, list):
            return interval_formula_style(text, colours, how)
        if colours is not None and ranges is None:
            entries = [ClassEntry(value, str(value), c) for value, c in colours.items()]
            return class_formula_style(text, entries, how)
        if colours is not None:
            palette = _palette(colours)
        level = _read("gamma", _number, gamma)
        return formula_style(text, ranges or (), palette, 1.0 if level is None else level, how)
    except StyleError as error:
        raise InvalidParameterError(str(error), parameter="expression") from error


def _read(name: str, read: Callable[[str], T], texts: tuple[str, ...]) -> T | None:
    """Read a parameter, None where it is absent; values of a repeated one are a list."""
    if not texts:
        return None
    try:
        return read(",".join(texts) if name == "rescale" else texts[0])
    except (ValueError, StyleError) as error:
        raise InvalidParameterError(f"{name}: {error}", parameter=name) from error


def _resampling(text: str) -> Resampling:
    known: tuple[Resampling, ...] = get_args(Resampling)
    if text not in known:
        raise ValueError(f"it is one of {', '.join(known)}")
    return known[known.index(text)]


def _number(text: str) -> float:
    if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", text, re.ASCII):
        raise ValueError(f"{text[:20]!r} is no number")
    return float(text)


def _ranges(text: str) -> list[tuple[float, float]]:
    numbers = [_number(part) for part in text.split(",")]
    if len(numbers) not in (2, 6):
        raise ValueError("it is low,high, once or for each of three values")
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    for low, high in pairs:
        if not low < high:
            raise ValueError(f"{low:g} is not below {high:g}")
    return pairs


Colours = dict[int, Colour] | list[tuple[tuple[float, float], ClassEntry]]


def _colours(text: str) -> Colours:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    match document:
        case dict():
            return {_value(key): _colour(colour) for key, colour in document.items()}
        case list():
            return [_interval(number, item) for number, item in enumerate(document, 1)]
    raise ValueError("it is an object of values or a list of intervals")


def _value(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 5):
        raise ValueError(f"{key[:20]!r} is not a whole number from 0 to 65535")
    return int(key)


def _interval(number: int, item: Any) -> tuple[tuple[float, float], ClassEntry]:
    match item:
        case [[low, high], colour] if _real(low) and _real(high) and low < high:
            entry = ClassEntry(number, f"{low:g} to {high:g}", _colour(colour))
            return (float(low), float(high)), entry
    raise ValueError("an interval is [[low, high], colour]")


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e38


def _colour(value: Any) -> Colour:
    if isinstance(value, str) and _COLOUR.fullmatch(value):
        value = list(bytes.fromhex(value[1:]))
    whole = isinstance(value, list) and all(type(v) is int and 0 <= v <= 255 for v in value)
    if not whole or len(value) not in (3, 4):
        raise ValueError("a colour is #rrggbb, #rrggbbaa, or a list of 3 or 4 levels of 0 to 255")
    red, green, blue, *alpha = value
    return red, green, blue, alpha[0] if alpha else 255


def _palette(colours: dict[int, Colour]) -> Palette:
    """Return the palette of colours by level 0 to 255; levels without one are transparent.

    Raises:
        InvalidParameterError: There are other levels.
    """
    if not colours or max(colours) >= _LEVELS:
        message = "colormap: with rescale its values are 0 to 255"
        raise InvalidParameterError(message, parameter="colormap")
    palette = np.zeros((STEPS + 1, 4), np.uint8)
    for entry in range(STEPS):
        palette[entry] = colours.get(round(entry * (_LEVELS - 1) / (STEPS - 1)), (0, 0, 0, 0))
    palette.flags.writeable = False
    return palette
