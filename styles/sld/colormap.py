"""ColorMap of a RasterSymbolizer: colours of one value (02-070, 11.7; 05-077r4, 11.6.2)."""

import math
import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from styles.colormaps import STEPS, Colour, from_stops
from styles.errors import StyleError
from styles.expression import MAX_INTERVALS, compile_formula, compile_intervals
from styles.model import ClassColour, ClassEntry, ColourRule, RampColour, Resampling
from styles.program import Program, select
from styles.sld.elements import (
    Element,
    SldError,
    children,
    colour,
    name_of,
    number,
    number_of,
    parts,
    share,
    text_of,
)

_FARTHEST = 3.4e38
_NAME = re.compile(r"[^\W\d][\w.]{0,63}")


class Coloured(NamedTuple):
    """What a ColorMap makes of a source: the parts of a style."""

    program: Program
    rule: ColourRule
    resampling: Resampling


class _Entry(NamedTuple):
    quantity: float
    label: str
    colour: Colour
    element: Element


class _Class(NamedTuple):
    low: float
    high: float
    label: str
    colour: Colour


def read_colormap(element: Element, source: str, opacity: float) -> Coloured:
    """Read a ColorMap.

    Args:
        element: `ColorMap`.
        source: Name of a band, or a formula.
        opacity: Of the whole layer.

    Raises:
        SldError: It is not one, or has parts that are not supported.
    """
    inside = list(children(element))
    if len(inside) == 1 and name_of(inside[0]) in ("Categorize", "Interpolate"):
        function = inside[0]
        if name_of(function) == "Categorize":
            return _intervals(_categories(function, opacity), source, function)
        return _ramp(_points(function, opacity), source, function)
    entries = [_entry(child, opacity) for child in inside]
    if not entries:
        raise SldError("it has no ColorMapEntry", element)
    kind = element.get("type", "ramp").lower()
    if kind == "ramp":
        return _ramp(entries, source, element)
    if kind == "intervals":
        return _intervals(_between(entries), source, element)
    if kind == "values":
        return _values(entries, source, element)
    raise SldError(f"the type {kind[:20]!r} is not supported", element)


def band_or_formula(source: str, element: Element) -> Program:
    """Return the program that gives a source as it is.

    Raises:
        SldError: It is a formula with a mistake.
    """
    if is_name(source):
        return select([source])
    try:
        program = compile_formula(source)
    except StyleError as error:
        raise SldError(str(error), element) from error
    if program.outputs != 1:
        raise SldError("a channel shows one value", element)
    return program


def is_name(source: str) -> bool:
    """Tell whether a source is the name of a band, and no formula."""
    return _NAME.fullmatch(source) is not None


def _entry(element: Element, opacity: float) -> _Entry:
    if name_of(element) != "ColorMapEntry":
        raise SldError("is not supported here", element)
    given = {name: element.get(name) for name in ("color", "quantity")}
    for name, value in given.items():
        if value is None:
            raise SldError(f"the attribute {name} is missing", element)
    own = share(element.get("opacity", "1"), element)
    shown = colour(str(given["color"]), own * opacity, element)
    quantity = number(str(given["quantity"]), element)
    return _Entry(quantity, element.get("label", "").strip()[:200], shown, element)


def _rising(entries: list[_Entry]) -> list[_Entry]:
    for before, after in pairwise(entries):
        if after.quantity < before.quantity:
            raise SldError("quantities must rise", after.element)
    return entries


def _ramp(entries: list[_Entry], source: str, element: Element) -> Coloured:
    """Colours on straight lines between entries; beyond the ends the ends' own."""
    stops = [(entry.quantity, entry.colour) for entry in _rising(entries)]
    try:
        rule = RampColour(from_stops(stops), stops[0][0], stops[-1][0])
    except StyleError as error:
        raise SldError(str(error), element) from error
    return Coloured(band_or_formula(source, element), rule, "bilinear")


def _between(entries: list[_Entry]) -> list[_Class]:
    """Return intervals that end before the quantity of their entry, the first without a begin."""
    lows = [-_FARTHEST, *(entry.quantity for entry in entries)]
    return [
        _Class(low, entry.quantity, entry.label, entry.colour)
        for low, entry in zip(lows, _rising(entries), strict=False)
        if entry.quantity > low
    ]


def _intervals(classes: list[_Class], source: str, element: Element) -> Coloured:
    """Return what gives every interval the number of its class, and 0 to all else."""
    if not 1 <= len(classes) <= MAX_INTERVALS:
        raise SldError(f"1 to {MAX_INTERVALS} intervals are supported", element)
    named = [
        ClassEntry(k, c.label or _span(c.low, c.high), c.colour) for k, c in enumerate(classes, 1)
    ]
    bounds = [(c.low, c.high) for c in classes]
    try:
        program = compile_intervals(_as_formula(source, element), bounds)
    except StyleError as error:
        raise SldError(str(error), element) from error
    # Numbers of intervals must not be mixed, values may: they are numbered after resampling.
    return Coloured(program, ClassColour(tuple(named)), "bilinear")


def _values(entries: list[_Entry], source: str, element: Element) -> Coloured:
    """Give single values their colours."""
    whole = all(e.quantity.is_integer() and 0 <= e.quantity <= 65535 for e in entries)
    if not whole:
        exact = [
            _Class(e.quantity, _next_above(e.quantity), e.label or f"{e.quantity:g}", e.colour)
            for e in entries
        ]
        program, rule, _ = _intervals(exact, source, element)
        return Coloured(program, rule, "nearest")
    named = [ClassEntry(int(e.quantity), e.label or f"{e.quantity:g}", e.colour) for e in entries]
    try:
        rule = ClassColour(tuple(named))
    except StyleError as error:
        raise SldError(str(error), element) from error
    resampling: Resampling = "mode" if is_name(source) else "nearest"
    return Coloured(band_or_formula(source, element), rule, resampling)


def _categories(element: Element, opacity: float) -> list[_Class]:
    """Read Categorize: values between thresholds, open at both ends (05-077r4, 11.6.2)."""
    inside = _looked_up(element)
    values, thresholds = inside[::2], inside[1::2]
    expected = ["Value"] * len(values), ["Threshold"] * len(thresholds)
    if ([name_of(e) for e in values], [name_of(e) for e in thresholds]) != expected or (
        len(values) != len(thresholds) + 1
    ):
        raise SldError("a Value, then Threshold and Value in turn, are expected", element)
    # The published schema writes the attribute with two h.
    belongs = element.get("thresholdsBelongTo", element.get("threshholdsBelongTo", "succeeding"))
    if belongs not in ("succeeding", "preceding"):
        raise SldError(f"thresholds belong to {belongs[:20]!r}, which is not known", element)
    bounds = [number_of(threshold) for threshold in thresholds]
    named = [-_FARTHEST, *bounds, _FARTHEST]
    if sorted(set(bounds)) != bounds:
        raise SldError("thresholds must rise", element)
    if belongs == "preceding":
        bounds = [_next_above(bound) for bound in bounds]
    edges = [-_FARTHEST, *bounds, _FARTHEST]
    return [
        _Class(
            edges[k],
            edges[k + 1],
            _span(named[k], named[k + 1]),
            colour(text_of(value), opacity, value),
        )
        for k, value in enumerate(values)
    ]


def _points(element: Element, opacity: float) -> list[_Entry]:
    """Read Interpolate: colours on straight lines between points (05-077r4, 11.6.3)."""
    if element.get("mode", "linear") != "linear":
        raise SldError(f"the mode {element.get('mode', '')[:20]} is not supported", element)
    if element.get("method", "color") != "color":
        raise SldError("the method numeric gives no colours", element)
    entries = []
    for point in _looked_up(element):
        if name_of(point) != "InterpolationPoint":
            raise SldError("is not supported here", point)
        found = parts(point, {"Data", "Value"})
        if len(found) != 2:
            raise SldError("Data and Value are needed", point)
        shown = colour(text_of(found["Value"]), opacity, found["Value"])
        entries.append(_Entry(number_of(found["Data"]), "", shown, point))
    if not entries:
        raise SldError("it has no InterpolationPoint", element)
    return entries


def _looked_up(element: Element) -> list[Element]:
    """Return what follows LookupValue, which can only be the raster itself."""
    inside = list(children(element))
    if not inside or name_of(inside[0]) != "LookupValue":
        raise SldError("LookupValue is missing", element)
    if text_of(inside[0]).lower() not in ("rasterdata", ""):
        raise SldError("only Rasterdata can be looked up", inside[0])
    return inside[1:]


def _as_formula(source: str, element: Element) -> str:
    if is_name(source) and not source.replace("_", "a").isalnum():
        raise SldError(f"the band {source} cannot stand in intervals", element)
    return source


def _next_above(value: float) -> float:
    """Return the next number of float32, in which values are compared."""
    return float(np.nextafter(np.float32(value), np.float32(math.inf)))


def _span(low: float, high: float) -> str:
    if low <= -_FARTHEST and high >= _FARTHEST:
        return "all values"
    if low <= -_FARTHEST:
        return f"below {high:g}"
    return f"from {low:g}" if high >= _FARTHEST else f"{low:g} to {high:g}"


def grey_ramp(gamma: float, opacity: float) -> list[tuple[float, Colour]]:
    """Return stops from black to white, 0 to 1, brightened by a gamma above 1."""
    alpha = round(255 * opacity)
    stops = []
    for k in range(STEPS):
        level = round(255 * (k / (STEPS - 1)) ** (1.0 / gamma))
        stops.append((k / (STEPS - 1), (level, level, level, alpha)))
    return stops
