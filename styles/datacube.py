"""Style definitions of datacube-ows to ours.

Read are component, colour-ramp and colour-map styles with masks, as its documentation describes
them (datacube-ows 1.8 and 1.9: "Component Styles", "Colour-Ramp Styles", "Colourmap Styles",
"Masking", "Functions"). A style with a part that cannot be said in ours is refused, and the part is
named. What only changes a legend's layout is left out, and told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Final

from PIL import ImageColor

from styles.definition import parse_definition
from styles.errors import DefinitionError, StyleError

_COMMON: Final = {"name", "title", "abstract", "inherits", "legend", "pq_masks", "multi_date",
                  "needed_bands", "additional_bands", "include_in_feature_info"}  # fmt: skip
_COMPONENTS: Final = _COMMON | {"components", "scale_range"}
_RAMP: Final = _COMMON | {
    "index_expression", "index_function", "color_ramp", "mpl_ramp", "range",
}  # fmt: skip
_VALUES: Final = _COMMON | {"value_map"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: A name in a formula, but not the exponent of a number.
_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z_][A-Za-z0-9_]*")
#: Functions of `datacube_ows.band_utils`, as formulas of their arguments.
_FUNCTIONS: Final = {
    "norm_diff": "({band1} - {band2}) / ({band1} + {band2})",
    "sum_bands": "{band1} + {band2}",
    "delta_bands": "{band1} - {band2}",
    "band_quotient": "{band1} / {band2}",
    "band_quotient_sum": "{band1a} / {band1b} + {band2a} / {band2b}",
    "single_band": "1 * {band}",
    "single_band_offset_log": "log({band} * {scale} + {offset})",
}
#: Folders in folders that are looked into.
_DEPTH: Final = 64
#: Rules of values beyond which each value becomes a class of its own: formulas are 32 deep at most.
_MOST_RULES: Final = 24
#: What of a legend is kept, or asks for nothing.
_LEGEND_KEPT: Final = {"units", "show_legend", "title"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How names and numbers of a datacube are to be read.

    Attributes:
        scale: Physical value of one stored unit, such as 0.0001; their ranges are of stored ones.
        bands: Our name of a band, by the name or alias that styles use.
        flags: Number of the bit, by the name of a flag.
    """

    scale: float = 1.0
    bands: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a document.

    Attributes:
        definitions: Of the styles that could be taken over; each is valid.
        refused: (style, why) of the others.
        left_out: (style, part) of what has no place in ours and changes no pixel of one date.
    """

    definitions: tuple[dict[str, Any], ...]
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]


def import_styles(document: Any, reading: Reading | None = None) -> Imported:
    """Take over the styles of a document.

    Args:
        document: One style, a list of them, or a whole configuration with `styling` in its layers.
        reading: How names and numbers are to be read.
    """
    reading = reading or Reading()
    definitions: dict[str, dict[str, Any]] = {}
    refused: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    earlier: dict[str, Mapping[str, Any]] = {}
    for style in _styles_of(document):
        name = str(style.get("name", "?"))
        try:
            whole = _inherited(style, earlier)
            earlier[name] = whole
            definition = _definition(whole, reading)
            parse_definition(definition)
            if definitions.setdefault(definition["id"], definition) != definition:
                refused.append((name, "another style of the same name is there already"))
                continue
            left_out += [(name, part) for part in _parts_left_out(whole)]
        except StyleError as error:
            refused.append((name, str(error)))
    return Imported(tuple(definitions.values()), tuple(refused), tuple(left_out))


def _styles_of(document: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Return every style of a document, in order."""
    if depth > _DEPTH:
        return
    if isinstance(document, Mapping):
        if "name" in document and not {"layers", "styling"} & set(document):
            yield document
            return
        for key in ("styles", "styling", "layers", "ows_cfg"):
            if key in document:
                yield from _styles_of(document[key], depth + 1)
    elif isinstance(document, Sequence) and not isinstance(document, str):
        for entry in document:
            yield from _styles_of(entry, depth + 1)


def _inherited(
    style: Mapping[str, Any], earlier: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    parent = style.get("inherits")
    if parent is None:
        return style
    if not isinstance(parent, Mapping):
        raise StyleError("inherits: must be a mapping")
    if "style" in parent and set(parent) <= {"style", "layer"}:
        known = earlier.get(str(parent["style"]))
        if known is None:
            raise StyleError(f"inherits: there is no style {parent['style']} before it")
        parent = known
    own = {key: value for key, value in style.items() if key != "inherits"}
    return _merged(_inherited(parent, earlier), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = _merged(out[key], value) if both else value
    return out


def _definition(style: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    if "components" in style and {"color_ramp", "component_ratio"} & set(style):
        raise StyleError("component_ratio: hybrid styles cannot be taken over")
    if "components" in style:
        known, body = _COMPONENTS, _components(style, reading)
    elif "value_map" in style:
        known, body = _VALUES, _value_map(style, reading)
    else:
        known, body = _RAMP, _ramp(style, reading)
    for key in style:
        if key not in known:
            raise StyleError(f"{key}: cannot be taken over")
    name = re.sub(r"\s+", "-", _text(style, "name"))
    top: dict[str, Any] = {"id": name, "title": str(style.get("title") or name)}
    if style.get("abstract"):
        top["description"] = str(style["abstract"])
    if isinstance(style.get("legend"), Mapping) and style["legend"].get("units"):
        top["unit"] = str(style["legend"]["units"])
    return top | _masked(body, style.get("pq_masks") or (), reading)


def _components(style: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    channels = style["components"]
    if not isinstance(channels, Mapping) or not {"red", "green", "blue"} <= set(channels):
        raise StyleError("components: red, green and blue are needed")
    for key in channels:
        if key not in ("red", "green", "blue"):
            raise StyleError(f"components.{key}: cannot be taken over")
    parts, stretch = [], []
    for key in ("red", "green", "blue"):
        formula, limits = _component(channels[key], style.get("scale_range"), key, reading)
        parts.append(formula)
        stretch.append(limits)
    names = [n for n in parts if _NAME.fullmatch(n)]
    values: dict[str, Any] = {"expression": ", ".join(parts)}
    if len(names) == 3:
        values = {"bands": names}
    return {**values, "rgb": {"stretch": stretch}}


def _component(channel: Any, common: Any, key: str, reading: Reading) -> tuple[str, list[float]]:
    """Return the formula of a channel, and the values that become 0 and 255."""
    if not isinstance(channel, Mapping):
        raise StyleError(f"components.{key}: must be a mapping")
    if "function" in channel:
        given = _arguments(channel, f"components.{key}")
        if _pair(given.get("scale_to", (0, 255)), f"components.{key}.kwargs.scale_to") != [0, 255]:
            raise StyleError(f"components.{key}.kwargs.scale_to: cannot be taken over")
        limits = given.get("scale_from")
        if limits is None:
            raise StyleError(f"components.{key}: a function needs scale_from")
        return _function(channel, f"components.{key}", reading), _pair(limits, key)
    terms = []
    for band, factor in channel.items():
        if band != "scale_range":
            value, name = _number(factor, f"components.{key}"), _band(band, reading)
            terms.append(name if value == 1 else f"{value!r} * {name}")
    limits = channel.get("scale_range", common)
    if not terms:
        return "0", [0.0, 1.0]
    if limits is None:
        raise StyleError(f"components.{key}: scale_range is missing")
    return " + ".join(terms), [v * reading.scale for v in _pair(limits, f"components.{key}")]


def _ramp(style: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    if "index_expression" in style:
        formula = _WORD.sub(
            lambda found: _stored(_band(found[0], reading), reading),
            _text(style, "index_expression"),
        )
    elif "index_function" in style:
        formula = _function(style["index_function"], "index_function", reading)
    else:
        raise StyleError("neither components, index_expression, index_function nor value_map")
    if "color_ramp" in style:
        stops = [
            [_number(p.get("value"), "color_ramp"), _colour(p, f"color_ramp[{k}]")]
            for k, p in enumerate(_mappings(style["color_ramp"], "color_ramp"))
        ]
        return {"expression": formula, "ramp": {"stops": stops}}
    if "mpl_ramp" not in style:
        raise StyleError("range: the default ramp of datacube-ows; name an mpl_ramp")
    ramp = {"range": _pair(style.get("range"), "range"), "map": _text(style, "mpl_ramp").lower()}
    return {"expression": formula, "ramp": ramp}


def _value_map(style: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    if not isinstance(style["value_map"], Mapping) or len(style["value_map"]) != 1:
        raise StyleError("value_map: one band is needed")
    ((band, rules),) = style["value_map"].items()
    name = _band(band, reading)
    rules = list(_mappings(rules, f"value_map.{band}"))
    classes = [
        {"value": k + 1, "name": _label(rule), "colour": _colour(rule, f"value_map.{band}[{k}]")}
        for k, rule in enumerate(rules)
    ]
    found = _classes(rules, classes)
    if found is not None:
        return {"bands": [name], "classes": found}
    formula = "nan"
    for k, rule in reversed(list(enumerate(rules))):
        condition = _condition(rule, name, f"value_map.{band}[{k}]", reading)
        formula = f"where({condition}, {k + 1}, {formula})"
    return {"expression": formula, "classes": classes}


def _classes(
    rules: Sequence[Mapping[str, Any]], classes: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]] | None:
    """Return classes of the band as it is, which can show what is frequent; None where not so.

    Where a rule has several values, that takes a line of the legend for each: only if there are too
    many rules for a formula.
    """
    whole = [rule.get("values") for rule in rules]
    if any(not isinstance(v, list | tuple) or not v for v in whole):
        return None
    if any(not isinstance(value, int) for values in whole for value in values or ()):
        raise StyleError("value_map.values: whole numbers are needed")
    several = any(len(values) > 1 for values in whole if values)
    if any(rule.get("invert") for rule in rules) or (several and len(rules) <= _MOST_RULES):
        return None
    found: dict[Any, dict[str, Any]] = {}
    for entry, values in zip(classes, whole, strict=True):
        for value in values or ():
            found.setdefault(value, {**entry, "value": value})
    return list(found.values())


def _masked(body: dict[str, Any], masks: Any, reading: Reading) -> dict[str, Any]:
    """Return what gives values only where every mask's rule holds."""
    conditions = []
    for k, mask in enumerate(_mappings(masks, "pq_masks")):
        where = f"pq_masks[{k}]"
        if "band" not in mask:
            raise StyleError(f"{where}: band is missing")
        conditions.append(_condition(mask, _band(mask["band"], reading), where, reading))
    if not conditions:
        return body
    inside = " and ".join(f"({c})" for c in conditions)
    parts = body.pop("bands", None) or _parts(body.pop("expression"))
    formula = ", ".join(f"where({inside}, {part}, nan)" for part in parts)
    # Codes of a mask must not be interpolated.
    return {"expression": formula, **body, "resampling": "nearest"}


def _parts(formula: str) -> list[str]:
    """Return the outputs of a formula of ours: what commas outside of parentheses separate."""
    parts, depth = [""], 0
    for sign in formula:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _condition(rule: Mapping[str, Any], band: str, where: str, reading: Reading) -> str:
    """Return when a rule holds."""
    given = [key for key in ("flags", "values", "enum") if key in rule]
    if len(given) != 1:
        raise StyleError(f"{where}: one of flags, values and enum is needed")
    if given[0] == "flags":
        condition = _flags(rule["flags"], band, where, reading)
    else:
        values = rule["values"] if given[0] == "values" else [rule["enum"]]
        if not values or any(not isinstance(v, int) for v in values):
            raise StyleError(f"{where}.{given[0]}: whole numbers are needed")
        condition = " or ".join(f"{band} == {value}" for value in values)
    return f"not ({condition})" if rule.get("invert") else condition


def _flags(flags: Any, band: str, where: str, reading: Reading) -> str:
    if not isinstance(flags, Mapping) or not flags:
        raise StyleError(f"{where}.flags: must be a mapping")
    joined = " and "
    if len(flags) == 1 and next(iter(flags)) in ("and", "or"):
        ((word, flags),) = flags.items()
        joined = f" {word} "
    tests = []
    for name, value in flags.items():
        if name not in reading.flags:
            raise StyleError(f"{where}.flags.{name}: which bit it is must be told (--flag)")
        if not isinstance(value, bool):
            raise StyleError(f"{where}.flags.{name}: only true and false can be taken over")
        tests.append(f"{'' if value else 'not '}bit({band}, {reading.flags[name]})")
    return joined.join(tests)


def _function(section: Any, where: str, reading: Reading) -> str:
    """Return the formula of a function of `datacube_ows.band_utils`."""
    section = {"function": section} if isinstance(section, str) else section
    if not isinstance(section, Mapping):
        raise StyleError(f"{where}: must be a mapping")
    name = str(section.get("function", ""))
    formula = _FUNCTIONS.get(name.removeprefix("datacube_ows.band_utils."))
    if formula is None:
        raise StyleError(f"{where}: the function {name} cannot be taken over")
    given = _arguments(section, where)
    values: dict[str, str] = {}
    for _, key, _, _ in Formatter().parse(formula):
        if key in ("scale", "offset"):
            values[key] = repr(_number(given.get(key, 1.0), f"{where}.kwargs.{key}"))
        elif key is not None:
            if key not in given:
                raise StyleError(f"{where}.kwargs: {key} is missing")
            values[key] = _stored(_band(given[key], reading), reading)
    return formula.format(**values)


def _arguments(section: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    given = section.get("kwargs") or {}
    if not isinstance(given, Mapping):
        raise StyleError(f"{where}.kwargs: must be a mapping")
    return given


def _stored(band: str, reading: Reading) -> str:
    """Return a band in stored units, which their formulas are written in."""
    return band if reading.scale == 1.0 else f"({band} / {reading.scale!r})"


def _band(name: Any, reading: Reading) -> str:
    ours = reading.bands.get(str(name), str(name))
    if not _NAME.fullmatch(ours):
        raise StyleError(f"the band {ours} has a name that no formula can have")
    return ours


def _colour(entry: Mapping[str, Any], where: str) -> str:
    try:
        red, green, blue = ImageColor.getrgb(str(entry["color"]))[:3]
    except (KeyError, ValueError):
        raise StyleError(f"{where}.color: no colour") from None
    alpha = 0.0 if entry.get("mask") else _number(entry.get("alpha", 1.0), f"{where}.alpha")
    if not 0.0 <= alpha <= 1.0:
        raise StyleError(f"{where}.alpha: 0 to 1")
    last = "" if alpha == 1.0 else f"{round(alpha * 255):02x}"
    return f"#{red:02x}{green:02x}{blue:02x}{last}"


def _label(rule: Mapping[str, Any]) -> str:
    words = [str(rule[key]) for key in ("title", "abstract") if rule.get(key)]
    return " - ".join(words) or "?"


def _parts_left_out(style: Mapping[str, Any]) -> Iterator[str]:
    """Return what is not taken over and changes no pixel of one date."""
    legend = style.get("legend")
    if isinstance(legend, Mapping):
        yield from (f"legend.{key}" for key in legend if key not in _LEGEND_KEPT)
    if style.get("multi_date"):
        yield "multi_date"


def _mappings(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, Mapping) for v in value):
        raise StyleError(f"{where}: must be a list of mappings")
    return value


def _text(style: Mapping[str, Any], key: str) -> str:
    value = style.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DefinitionError("must be text", (key,))
    return value


def _number(value: Any, where: str) -> float:
    try:
        return float(str(value))  # numbers may be texts there; true and false are none
    except ValueError:
        raise StyleError(f"{where}: a number is needed") from None


def _pair(value: Any, where: str) -> list[float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise StyleError(f"{where}: two numbers are needed")
    return [_number(v, where) for v in value]
