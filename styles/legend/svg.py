"""Writes a legend that is laid out as SVG 1.1.

Letters are outlines, so that the picture is the same wherever it is shown and never wider than it
was said to be. What it says stands in `title` and `desc` for those who do not see it.
"""

import functools
from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np

from styles.colormaps import STEPS, Colour, Palette
from styles.legend import fonts
from styles.legend.sketch import Checker, Fill, Frame, Gradient, Item, Sketch, Text

_CHECK = 4
# How far a colour may lie from the straight line between two stops, in levels of 255.
_TOLERANCE = 1.01


def write(sketch: Sketch, scale: int, title: str) -> bytes:
    """Return the document.

    Args:
        sketch: The legend, laid out.
        scale: Pixels per unit of length of the size that the document names.
        title: For people who do not see the picture.
    """
    width, height = sketch.width, sketch.height
    body = [_box(0, 0, width, height, _paint(sketch.background))] if sketch.background else []
    definitions: list[str] = []
    for number, item in enumerate(sketch.items):
        if isinstance(item, Gradient):
            definitions.append(_gradient_stops(item, f"g{number}"))
            body.append(_box(item.x, item.y, item.width, item.height, f'fill="url(#g{number})"'))
        else:
            body.append(_element(item))
    said = ", ".join(item.text for item in sketch.items if isinstance(item, Text))
    return "".join(
        (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ',
            f'width="{width * scale}" height="{height * scale}" ',
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{_text(title)}</title><desc>{_text(said)}</desc>",
            "<defs>",
            *_letters(sketch),
            *definitions,
            "</defs>",
            *body,
            "</svg>",
        )
    ).encode()


def _letters(sketch: Sketch) -> Iterator[str]:
    """Yield every letter once."""
    texts = [item for item in sketch.items if isinstance(item, Text)]
    used = dict.fromkeys((char, item.weight) for item in texts for char in item.text)
    for char, weight in used:
        if path := fonts.outline(char, weight):
            yield f'<path id="{_letter_id(char, weight)}" d="{path}"/>'


def _letter_id(char: str, weight: fonts.Weight) -> str:
    return f"{weight[0]}{ord(char):x}"


@functools.singledispatch
def _element(item: Item) -> str:
    raise TypeError(f"not a shape: {item!r}")


@_element.register
def _fill(item: Fill) -> str:
    return _box(item.x, item.y, item.width, item.height, _paint(item.colour), item.radius)


@_element.register
def _frame(item: Frame) -> str:
    # The line's middle lies half a pixel inside.
    return _box(
        item.x + 0.5,
        item.y + 0.5,
        item.width - 1,
        item.height - 1,
        f'fill="none" {_paint(item.colour, "stroke")}',
        max(item.radius - 0.5, 0.0),
    )


@_element.register
def _checker(item: Checker) -> str:
    first, second = item.colours
    squares = []
    rows, columns = -(-item.height // _CHECK), -(-item.width // _CHECK)
    for row in range(int(rows)):
        for column in range(row % 2 == 0, int(columns), 2):
            x, y = column * _CHECK, row * _CHECK
            width, height = min(_CHECK, item.width - x), min(_CHECK, item.height - y)
            squares.append(
                f"M{_n(item.x + x)} {_n(item.y + y)}h{_n(width)}v{_n(height)}h{_n(-width)}z"
            )
    ground = _box(item.x, item.y, item.width, item.height, _paint(first))
    return f'{ground}<path d="{"".join(squares)}" {_paint(second)}/>'


@_element.register
def _line(item: Text) -> str:
    scale = item.size / fonts.units(item.weight)
    letters = "".join(
        f'<use xlink:href="#{_letter_id(char, item.weight)}" x="{_n(place / scale)}"/>'
        for char, place in zip(
            item.text, fonts.places(item.text, item.size, item.weight), strict=True
        )
        if fonts.outline(char, item.weight)
    )
    move = f"translate({_n(item.x)} {_n(item.y)}) scale({scale:.8f})"
    return f'<g transform="{move}" {_paint(item.colour)}>{letters}</g>'


def _gradient_stops(item: Gradient, name: str) -> str:
    ends = 'x1="0" y1="1" x2="0" y2="0"' if item.upward else 'x1="0" y1="0" x2="1" y2="0"'
    stops = "".join(
        f'<stop offset="{_n(k / (STEPS - 1), 5)}" {_paint(colour, "stop", "stop-color")}/>'
        for k, colour in gradient_stops(item.palette)
    )
    return f'<linearGradient id="{name}" {ends}>{stops}</linearGradient>'


def gradient_stops(palette: Palette) -> list[tuple[float, Colour]]:
    """Return the fewest entries of a palette between which straight lines give the others.

    Args:
        palette: uint8, shape (256, 4).

    Returns:
        (position of the entry, colour), ascending. Where neighbours differ by more than a gradual
        change would, both stand at the place between them: a hard edge.
    """
    colours = palette[:STEPS].astype(np.float64)
    step = np.abs(np.diff(colours, axis=0)).max(axis=1)
    # A change of one entry to the next that is far above those around it is an edge.
    around = np.maximum(np.roll(step, 1), np.roll(step, -1))
    edges = [k for k in np.flatnonzero(step > 12) if step[k] > 3 * around[k]]
    stops: list[tuple[float, Colour]] = []
    begin = 0
    for end in [*(int(k) for k in edges), STEPS - 1]:
        kept = [(float(k), _colour(palette[k])) for k in _straight(colours, begin, end)]
        if begin:
            stops.append((begin - 0.5, kept[0][1]))
        stops += kept
        if end != STEPS - 1:
            stops.append((end + 0.5, kept[-1][1]))
        begin = end + 1
    return stops


def _straight(colours: np.ndarray, begin: int, end: int) -> list[int]:
    """Return the entries between which the colours lie on lines (Douglas and Peucker 1973)."""
    if end <= begin + 1:
        return [begin] if end == begin else [begin, end]
    share = np.linspace(0.0, 1.0, end - begin + 1)[:, None]
    line = colours[begin] + share * (colours[end] - colours[begin])
    away = np.abs(colours[begin : end + 1] - line).max(axis=1)
    worst = int(away.argmax())
    if away[worst] <= _TOLERANCE:
        return [begin, end]
    middle = begin + worst
    return [*_straight(colours, begin, middle)[:-1], *_straight(colours, middle, end)]


def _colour(entry: np.ndarray) -> Colour:
    red, green, blue, alpha = (int(c) for c in entry)
    return red, green, blue, alpha


def _box(x: float, y: float, width: float, height: float, paint: str, radius: float = 0.0) -> str:
    rounded = f' rx="{_n(radius)}"' if radius else ""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{rounded} '
        f"{paint}/>"
    )


def _paint(colour: Colour, what: str = "fill", name: str = "") -> str:
    red, green, blue, alpha = colour
    opacity = f' {what}-opacity="{_n(alpha / 255.0)}"' if alpha < 255 else ""
    return f'{name or what}="#{red:02x}{green:02x}{blue:02x}"{opacity}'


def _n(value: float, digits: int = 3) -> str:
    """Return a number without zeros that say nothing."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def _text(text: str) -> str:
    """Return a text as XML 1.0 can hold it."""
    kept = (c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
    return escape("".join(c if not "\ud800" <= c <= "\udfff" else "\ufffd" for c in kept))
