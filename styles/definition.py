"""Style definitions: mappings, as in the library's YAML files, to styles.

A definition has `id`, `title`, the bands or the formula it shows, and exactly one rule of colour::

    id: ndvi
    title: NDVI
    description: Vegetation, from bare (brown) to dense (green).
    expression: (nir - red) / (nir + red)     # or bands: [nir], for bands as they are
    ramp:                                     # or rgb:, classes:, flags:
      range: [-0.2, 1.0]
      map: rdylgn                             # or stops: [[-0.2, "#8c510a"], [1.0, "#01665e"]]
    unit: ""
    resampling: bilinear

`rgb` has `stretch` (one pair, or three) and `gamma`; `classes` is a list of `value`, `name`,
`colour`; `flags`, for bands of packed bits, is one of `bit`, `name`, `colour`, of which the first
bit that is set decides. Colours are `#rrggbb` or `#rrggbbaa`. Bands in a formula are names of
letters, digits and `_`; `bands` takes any name. `resampling` is nearest, bilinear, cubic, average
or mode; without it classes and flags of a band as it is take mode, those of a formula nearest, and
all else bilinear. `percentiles: [2, 98]` in `ramp` (with `range`) or `rgb` lets values that were
computed once for a collection take the place of the range. `domain` and `reference` say what a
style is for and where it is published; `needs` names bands that a collection must have although
they are not drawn, as a sign of its kind; `featured: true` puts it among those that capabilities
list. `extends` is resolved before, see `styles.inheritance`, and `network` is in `styles.network`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from styles import checks
from styles.checks import Path
from styles.colormaps import Colour, Palette, from_stops, named
from styles.errors import DefinitionError, StyleError
from styles.expression import compile_formula
from styles.inheritance import RULES, SOURCES
from styles.model import (
    ClassColour,
    ClassEntry,
    ColourRule,
    RampColour,
    Resampling,
    RgbColour,
    Style,
)
from styles.network import compile_network
from styles.program import Program, select

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_DOMAIN = re.compile(r"[a-z][a-z0-9 -]{0,31}")
_KEYS = {
    "id", "title", "description", "unit", "resampling", "domain", "reference", "featured", "needs",
    *SOURCES, *RULES,
}  # fmt: skip


def parse_definition(definition: Any) -> Style:
    """Make a style of its definition.

    Args:
        definition: A mapping as described above, from YAML or JSON.

    Raises:
        DefinitionError: An unknown, missing or wrong key; `path` leads to it.
    """
    top = checks.mapping(definition, (), _KEYS, required=("id", "title"))
    style_id = checks.text(top["id"], ("id",))
    if not _ID.fullmatch(style_id):
        raise DefinitionError("letters, digits, _, - and . only, at most 64", ("id",))
    program = _program(top)
    try:
        return Style(
            id=style_id,
            title=checks.text(top["title"], ("title",)),
            program=program,
            colour=_colour(top),
            description=checks.text(top.get("description", ""), ("description",)),
            unit=checks.text(top.get("unit", ""), ("unit",)),
            resampling=_resampling(top),
            formula=top.get("expression", ""),
            domain=_domain(top),
            reference=checks.text(top.get("reference", ""), ("reference",)),
            featured=checks.flag(top.get("featured", False), ("featured",)),
            percentiles=_percentiles(top),
            needs=_needs(top),
            definition=dict(top),
        )
    except DefinitionError:
        raise
    except StyleError as error:
        raise DefinitionError(str(error)) from error


def _program(top: Mapping[str, Any]) -> Program:
    given = [key for key in SOURCES if key in top]
    if len(given) != 1:
        raise DefinitionError(f"exactly one of {', '.join(SOURCES)} is needed")
    key = given[0]
    try:
        if key == "expression":
            return compile_formula(checks.text(top[key], (key,)))
        if key == "network":
            return compile_network(top[key], (key,))
        return select(
            [checks.text(n, (key, k)) for k, n in enumerate(checks.items(top[key], (key,)))]
        )
    except DefinitionError:
        raise
    except StyleError as error:
        raise DefinitionError(str(error), (key,)) from error


def _resampling(top: Mapping[str, Any]) -> Resampling:
    known: tuple[Resampling, ...] = get_args(Resampling)
    if "resampling" in top:
        given = top["resampling"]
        if given not in known:
            raise DefinitionError(f"must be one of {', '.join(known)}", ("resampling",))
        return known[known.index(given)]
    if "classes" not in top and "flags" not in top:
        return "bilinear"
    # Classes of a formula may come from bands that are no classes, of which no value is frequent.
    return "mode" if "bands" in top else "nearest"


def _colour(top: Mapping[str, Any]) -> ColourRule:
    given = [rule for rule in RULES if rule in top]
    if len(given) != 1:
        raise DefinitionError(f"exactly one of {', '.join(RULES)} is needed")
    rules: dict[str, Callable[[Any, Path], ColourRule]]
    rules = {"rgb": _rgb, "ramp": _ramp, "classes": _classes, "flags": _flags}
    try:
        return rules[given[0]](top[given[0]], (given[0],))
    except DefinitionError:
        raise
    except StyleError as error:
        raise DefinitionError(str(error), (given[0],)) from error


def _domain(top: Mapping[str, Any]) -> str:
    domain = checks.text(top.get("domain", ""), ("domain",))
    if domain and not _DOMAIN.fullmatch(domain):
        raise DefinitionError("a word or two of small letters", ("domain",))
    return domain


def _needs(top: Mapping[str, Any]) -> frozenset[str]:
    names = checks.items(top.get("needs", ()), ("needs",))
    return frozenset(checks.text(name, ("needs", k)) for k, name in enumerate(names))


def _percentiles(top: Mapping[str, Any]) -> tuple[float, float] | None:
    for rule in ("ramp", "rgb"):
        if isinstance(top.get(rule), Mapping) and "percentiles" in top[rule]:
            path = (rule, "percentiles")
            low, high = checks.pair(top[rule]["percentiles"], path)
            if not 0.0 <= low < high <= 100.0:
                raise DefinitionError("two rising numbers from 0 to 100", path)
            return low, high
    return None


def _rgb(value: Any, path: Path) -> RgbColour:
    rule = checks.mapping(
        value, path, {"stretch", "gamma", "channels", "percentiles"}, required=("stretch",)
    )
    stretch = checks.items(rule["stretch"], (*path, "stretch"))
    if len(stretch) == 2 and not isinstance(stretch[0], Sequence):
        stretch = [stretch] * 3
    if len(stretch) != 3:
        raise DefinitionError("one pair of numbers, or three", (*path, "stretch"))
    first, second, third = (checks.pair(p, (*path, "stretch", k)) for k, p in enumerate(stretch))
    names = checks.items(rule.get("channels", ["red", "green", "blue"]), (*path, "channels"))
    if len(names) != 3:
        raise DefinitionError("three names", (*path, "channels"))
    red, green, blue = (checks.text(n, (*path, "channels", k)) for k, n in enumerate(names))
    gamma = checks.number(rule.get("gamma", 1.0), (*path, "gamma"))
    return RgbColour((first, second, third), gamma, (red, green, blue))


def _ramp(value: Any, path: Path) -> RampColour:
    rule = checks.mapping(value, path, {"range", "map", "stops", "percentiles"}, required=())
    if ("map" in rule) == ("stops" in rule):
        raise DefinitionError("one of map and stops is needed", path)
    if "map" in rule:
        if "range" not in rule:
            raise DefinitionError("a map needs a range", path)
        low, high = checks.pair(rule["range"], (*path, "range"))
        return RampColour(_named(rule["map"], (*path, "map")), low, high)
    for key in ("range", "percentiles"):
        if key in rule:
            raise DefinitionError("stops have their range in themselves", (*path, key))
    where = (*path, "stops")
    stops = [_stop(s, (*where, k)) for k, s in enumerate(checks.items(rule["stops"], where))]
    try:
        return RampColour(from_stops(stops), stops[0][0], stops[-1][0])
    except (StyleError, IndexError) as error:
        raise DefinitionError("two or more stops with rising values", where) from error


def _named(value: Any, path: Path) -> Palette:
    try:
        return named(checks.text(value, path))
    except DefinitionError:
        raise
    except StyleError as error:
        raise DefinitionError(str(error), path) from error


def _classes(value: Any, path: Path) -> ClassColour:
    return ClassColour(tuple(_entries(value, path, "value")))


def _flags(value: Any, path: Path) -> ClassColour:
    return ClassColour(tuple(_entries(value, path, "bit")), flags=True)


def _entries(value: Any, path: Path, number_key: str) -> list[ClassEntry]:
    classes = []
    for k, item in enumerate(checks.items(value, path)):
        where = (*path, k)
        keys = (number_key, "name", "colour")
        entry = checks.mapping(item, where, set(keys), required=keys)
        number = entry[number_key]
        if not isinstance(number, int) or isinstance(number, bool):
            raise DefinitionError("must be a whole number", (*where, number_key))
        name = checks.text(entry["name"], (*where, "name"))
        classes.append(ClassEntry(number, name, _rgba(entry["colour"], (*where, "colour"))))
    return classes


def _stop(value: Any, path: Path) -> tuple[float, Colour]:
    items = checks.items(value, path)
    if len(items) != 2:
        raise DefinitionError("must be a value and a colour", path)
    return checks.number(items[0], (*path, 0)), _rgba(items[1], (*path, 1))


def _rgba(value: Any, path: Path) -> Colour:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise DefinitionError("must be a colour such as '#1a9850' or '#1a985080'", path)
    red, green, blue, *alpha = bytes.fromhex(value[1:])
    return red, green, blue, alpha[0] if alpha else 255
