"""Dimensions of a collection beyond time: elevation and others, as filters on pixel values. Pure.

A collection's setting says which band a dimension looks at. What clients write follows WMS, for
every protocol: OGC 06-042, annex C; 01-068r3, annex C.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

from styles.model import Style
from styles.narrowed import narrowed
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidDimensionError, MissingDimensionError

#: Member of `Collection.extra` with a list of dimensions; see `Dimension` for the keys.
SETTING: Final = "dimensions"

#: Most values and intervals of one request.
MOST_VALUES: Final = 20
_LONGEST_TEXT: Final = 1000
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,3})?", re.ASCII)

#: A closed interval; a value by itself has equal ends.
Range = tuple[float, float]
#: (name in small letters, text) of what a client asked.
Asked = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension.

    Attributes:
        name: `elevation`, or a name of its own that clients write with `DIM_` before it.
        band: Whose physical values it filters.
        extent: What it can be, as clients read it: `0/425/1`, or `500,490,480`.
        units: `CRS:88` for elevations, else a UCUM name.
        symbol: Of the unit, such as `m`.
        default: Where nothing is asked; "" makes the dimension mandatory.
        nearest: Whether another value is answered by the nearest one of a list.
        multiple: Whether several values or intervals may be asked.
        shows: `equal` shows pixels of the values asked; `up-to` those of a value and below it,
            as a water level covers what lies deeper.
    """

    name: str
    band: str
    extent: str
    units: str = "CRS:88"
    symbol: str = ""
    default: str = ""
    nearest: bool = False
    multiple: bool = False
    shows: Literal["equal", "up-to"] = "equal"

    def values(self) -> tuple[Range, ...]:
        """Return the extent as ranges; a step inside an interval is left out.

        Raises:
            InvalidDimensionError: It cannot be read.
        """
        return parse_ranges(self.extent, self.name)


@dataclass(frozen=True, slots=True)
class DimensionChoice:
    """What a dimension was taken as.

    Attributes:
        dimension: Which one.
        ranges: That pixels must lie in.
        value: As clients may read it.
        kind: How it came about.
    """

    dimension: Dimension
    ranges: tuple[Range, ...]
    value: str
    kind: Literal["asked", "default", "nearest"]


def of_collection(collection: Collection) -> tuple[Dimension, ...]:
    """Return the dimensions of a collection, beyond time."""
    documents: Sequence[Mapping[str, Any]] = collection.extra.get(SETTING) or ()
    return tuple(Dimension(**document) for document in documents)


def choose(collection: Collection, asked: Asked) -> tuple[DimensionChoice, ...]:
    """Return what each dimension of a collection is taken as; others that were asked are ignored.

    Raises:
        MissingDimensionError: One without a default was not asked.
        InvalidDimensionError: A value outside its extent or its form.
    """
    told = dict(asked)
    return tuple(_choice(d, told.get(d.name, "")) for d in of_collection(collection))


def style_within(style: Style, choices: Sequence[DimensionChoice]) -> Style:
    """Return a style that shows the pixels of the choices only.

    Raises:
        StyleError: Its program has no room left.
    """
    for choice in choices:
        style = _within(style, choice.dimension.band, choice.ranges)
    return style


@lru_cache(maxsize=512)
def _within(style: Style, band: str, ranges: tuple[Range, ...]) -> Style:
    return replace(style, program=narrowed(style.program, band, ranges))


def _choice(dimension: Dimension, text: str) -> DimensionChoice:
    name = dimension.name.upper()
    if not text and not dimension.default:
        message = f"the dimension {dimension.name} has no default and must be asked"
        raise MissingDimensionError(message, parameter=name)
    kind: Literal["asked", "default"] = "asked" if text else "default"
    value = text or dimension.default
    ranges = parse_ranges(value, name)
    if kind == "asked":
        if len(ranges) > 1 and not dimension.multiple:
            message = f"the dimension {dimension.name} takes one value"
            raise InvalidDimensionError(message, parameter=name)
        snapped = _nearest(dimension, ranges)
        if snapped is not None:
            only = (snapped, snapped)
            return DimensionChoice(dimension, _shown(dimension, (only,)), f"{snapped:g}", "nearest")
        _check(dimension, ranges)
    return DimensionChoice(dimension, _shown(dimension, ranges), value, kind)


def _nearest(dimension: Dimension, ranges: Sequence[Range]) -> float | None:
    """Return the value of the list that stands for one that is not in it, None where it is."""
    if not dimension.nearest or len(ranges) != 1 or ranges[0][0] != ranges[0][1]:
        return None
    asked = ranges[0][0]
    listed = dimension.values()
    if any(low <= asked <= high for low, high in listed):
        return None
    ends = [end for span in listed for end in span]
    if not min(ends) <= asked <= max(ends):
        return None  # outside: an error, not a neighbour
    return min(ends, key=lambda end: abs(end - asked))


def _check(dimension: Dimension, ranges: Sequence[Range]) -> None:
    """Refuse what touches nothing of the extent (06-042, C.4.2)."""
    listed = dimension.values()
    for low, high in ranges:
        if not any(first <= high and low <= last for first, last in listed):
            message = f"{dimension.name} is outside of {dimension.extent[:80]}"
            raise InvalidDimensionError(message, parameter=dimension.name.upper())


def _shown(dimension: Dimension, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    if dimension.shows == "equal":
        return ranges
    return tuple((-math.inf, high) for _, high in ranges)


def parse_ranges(text: str, parameter: str) -> tuple[Range, ...]:
    """Read values and intervals with commas between; a value is a range with equal ends.

    Args:
        text: `v`, `v1,v2`, `low/high`, `low/high/resolution`, or several of them.
        parameter: Under which it was sent, for errors.

    Raises:
        InvalidDimensionError: Not of this form, or more than `MOST_VALUES`.
    """
    parts = text.split(",")
    if len(text) > _LONGEST_TEXT or len(parts) > MOST_VALUES:
        raise InvalidDimensionError(f"more than {MOST_VALUES} values", parameter=parameter)
    return tuple(_range(part.strip(), parameter) for part in parts)


def _range(text: str, parameter: str) -> Range:
    """Read `value`, `low/high` or `low/high/resolution`."""
    numbers = text.split("/")
    if len(numbers) > 3 or not all(_NUMBER.fullmatch(n) for n in numbers):
        message = f"cannot read {text[:40]!r}: expected a number, or two with a slash between"
        raise InvalidDimensionError(message, parameter=parameter)
    low, high = float(numbers[0]), float(numbers[1] if len(numbers) > 1 else numbers[0])
    if low > high or not (math.isfinite(low) and math.isfinite(high)):
        raise InvalidDimensionError(f"{text[:40]!r} does not rise", parameter=parameter)
    return low, high
