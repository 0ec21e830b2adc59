"""Lays a legend out: from facts to shapes and texts with their places. Draws nothing.

The size of a legend is known from here, so that capabilities can tell it before anything is drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from styles.colormaps import Colour
from styles.legend.fonts import Weight, width, wrapped
from styles.legend.look import COLOURS, Colours, Look
from styles.legend.sketch import Checker, Fill, Frame, Gradient, Item, Sketch, Text
from styles.legend.ticks import Tick, limit, round_ticks
from styles.model import Legend, LegendEntry, LegendScale

_PAD = 12
_TITLE_SIZE, _TITLE_LINE = 13.0, 17
_TEXT_SIZE, _TEXT_LINE = 12.0, 16
_SMALL_SIZE, _SMALL_LINE = 11.0, 14
# From the middle of a line to its baseline: half the height of a digit of Inter, 0.727 em.
_HALF_DIGIT = 0.3635
# Widest line of text where the client names no width.
_WRAP = 200.0

_BAR = 16
_RAMP_LENGTH = {"vertical": 168, "horizontal": 256}
_SHORTEST_RAMP = 72
_TICK = 4

_SWATCH = (20, 14)
_ROW_GAP = 5
_COLUMN_GAP = 20
# Lines of one column of classes, and the width of rows of them, where the client names no size.
_COLUMN_LINES = 18
_ROW_WIDTH = 560

_CHANNELS = ("Red", "Green", "Blue")
_CHANNEL_BAR = (148, 12)


class _Words(NamedTuple):
    """A line of text, wherever it stands."""

    text: str
    size: float
    weight: Weight = "regular"


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of a legend around its own origin."""

    width: float
    height: float
    items: tuple[Item, ...]


def lay_out(legend: Legend, look: Look) -> Sketch:
    """Return where everything of a legend stands.

    Args:
        legend: The facts.
        look: How it shall look; its scale is left to what draws.
    """
    colours = COLOURS[look.theme]
    inner = max(look.width - 2 * _PAD, 0)
    title = _title(legend, look, colours, max(inner, _WRAP)) if look.title else _Block(0, 0, ())
    above = title.height + 9 if title.items else 0
    room = look.height - 2 * _PAD - above
    body = _body(legend, replace(look, width=inner, height=max(int(room), 0)), colours)
    size = (
        max(math.ceil(max(title.width, body.width)) + 2 * _PAD, look.width),
        max(math.ceil(above + body.height) + 2 * _PAD, look.height),
    )
    items = (*_moved(title, _PAD, _PAD), *_moved(body, _PAD, _PAD + above))
    return Sketch(*size, None if look.transparent else colours.ground, items)


def legend_size(legend: Legend, look: Look) -> tuple[int, int]:
    """Return width and height in pixels that the legend will have."""
    sketch = lay_out(legend, look)
    return sketch.width * look.scale, sketch.height * look.scale


def _body(legend: Legend, look: Look, colours: Colours) -> _Block:
    """Lay out all below the title; `look` has the room that is left."""
    if legend.kind == "rgb":
        return _channels(legend.entries, look, colours)
    if legend.scale is not None:
        if look.orientation == "vertical":
            return _vertical_ramp(legend.scale, look, colours)
        return _horizontal_ramp(legend.scale, look, colours)
    body = _classes(legend.entries, look, colours)
    if legend.kind == "flags":
        note = "Where several apply, the first of them is shown."
        return _below(body, _quiet(note, max(body.width, _WRAP * 0.8), colours), 7)
    return body


def _title(legend: Legend, look: Look, colours: Colours, wrap: float) -> _Block:
    """Lay out title and unit; the unit follows the title where there is room."""
    lines = wrapped(legend.title, _TITLE_SIZE, wrap, "bold", 3)
    items = [
        _line(0, k * _TITLE_LINE, _TITLE_LINE, _Words(text, _TITLE_SIZE, "bold"), colours.text)
        for k, text in enumerate(lines)
    ]
    widest = max(width(text, _TITLE_SIZE, "bold") for text in lines)
    height = len(lines) * _TITLE_LINE
    if legend.unit:
        unit = wrapped(legend.unit, _TEXT_SIZE, wrap, "regular", 1)[0]
        begin = width(lines[-1], _TITLE_SIZE, "bold") + 6
        extent = width(unit, _TEXT_SIZE)
        if begin + extent > wrap:
            begin, height = 0, height + _TITLE_LINE
        top = height - _TITLE_LINE
        # On the baseline of the title, although its letters are smaller.
        base = _line(begin, top, _TITLE_LINE, _Words(unit, _TITLE_SIZE), colours.quiet)
        items.append(replace(base, size=_TEXT_SIZE))
        widest = max(widest, begin + extent)
    return _Block(widest, height, tuple(items))


def _vertical_ramp(scale: LegendScale, look: Look, colours: Colours) -> _Block:
    inset = _TEXT_SIZE * _HALF_DIGIT
    length = max(look.height - 2 * math.ceil(inset), _SHORTEST_RAMP)
    if not look.height:
        length = _RAMP_LENGTH["vertical"]
    top = math.ceil(inset)
    items = _bar(0, top, _BAR, length, scale, colours, upward=True)
    widest = 0.0
    ticks = round_ticks(scale.low, scale.high, max(length // 24, 2))
    for tick in _with_ends(ticks, scale, 22 * (scale.high - scale.low) / length):
        share = (tick.value - scale.low) / (scale.high - scale.low)
        y = top + length - _nearest_row(share, length)
        items.append(Fill(_BAR + 2, y - 1, _TICK, 1, colours.line))
        label = Text(
            _BAR + 2 + _TICK + 5,
            y - 0.5 + _TEXT_SIZE * _HALF_DIGIT,
            tick.label,
            _TEXT_SIZE,
            "regular",
            colours.text,
        )
        items.append(replace(label, y=round(label.y)))
        widest = max(widest, label.x + width(tick.label, _TEXT_SIZE))
    return _Block(widest, length + 2 * top, tuple(items))


def _horizontal_ramp(scale: LegendScale, look: Look, colours: Colours) -> _Block:
    whole = look.width or _RAMP_LENGTH["horizontal"]
    # A label at an end may have more digits than the end itself: 2.0 beside 0.5.
    outmost = (_end(scale.low, scale), _end(scale.high, scale), *_fitting(scale, whole))
    inset = math.ceil(max(width(tick.label, _TEXT_SIZE) for tick in outmost) / 2)
    length = max(whole - 2 * inset, _SHORTEST_RAMP)
    ticks = _fitting(scale, length)
    items = _bar(inset, 0, length, _BAR, scale, colours, upward=False)
    for tick in ticks:
        share = (tick.value - scale.low) / (scale.high - scale.low)
        x = inset + max(_nearest_row(share, length), 1)
        items.append(Fill(x - 1, _BAR + 2, 1, _TICK, colours.line))
        left = x - 0.5 - width(tick.label, _TEXT_SIZE) / 2
        written = _Words(tick.label, _TEXT_SIZE)
        items.append(_line(left, _BAR + 2 + _TICK + 2, _SMALL_LINE, written, colours.text))
    return _Block(length + 2 * inset, _BAR + _TICK + 4 + _SMALL_LINE, tuple(items))


def _nearest_row(share: float, length: int) -> int:
    """Return the whole pixel that a share of a bar ends at, one at least."""
    return max(round(share * length), 1)


def _fitting(scale: LegendScale, length: int) -> tuple[Tick, ...]:
    """Return as many round ticks as stand side by side without touching, two at least."""
    extent = scale.high - scale.low
    for most in range(max(length // 28, 2), 1, -1):
        ticks = round_ticks(scale.low, scale.high, most)
        widest = max((width(t.label, _TEXT_SIZE) for t in ticks), default=0.0)
        ends = (_end(scale.low, scale), _end(scale.high, scale))
        widest_end = max(width(t.label, _TEXT_SIZE) for t in ends)
        gaps = [(b.value - a.value) / extent * length for a, b in pairwise(ticks)]
        if all(gap >= widest + 10 for gap in gaps):
            return _with_ends(ticks, scale, (max(widest, widest_end) + 8) * extent / length)
    return (_end(scale.low, scale), _end(scale.high, scale))


def _with_ends(ticks: Sequence[Tick], scale: LegendScale, least: float) -> tuple[Tick, ...]:
    """Return ticks with the scale's ends where these are `least` from the nearest tick."""
    low, high = _end(scale.low, scale), _end(scale.high, scale)
    before = (low,) if not ticks or ticks[0].value - low.value >= least else ()
    after = (high,) if not ticks or high.value - ticks[-1].value >= least else ()
    return (*before, *ticks, *after)


def _end(value: float, scale: LegendScale) -> Tick:
    return Tick(value, limit(value, scale.high - scale.low))


def _bar(
    x: float,
    y: float,
    across: float,
    down: float,
    scale: LegendScale,
    colours: Colours,
    *,
    upward: bool,
) -> list[Item]:
    box = (x, y, across, down)
    items: list[Item] = []
    if scale.palette[:-1, 3].min() < 255:
        items.append(Checker(*box, colours.checker))
    return [*items, Gradient(*box, scale.palette, upward), Frame(*box, colours.edge)]


def _classes(entries: Sequence[LegendEntry], look: Look, colours: Colours) -> _Block:
    """Lay out classes in columns. What is drawn as nothing is not listed, unless all is."""
    shown = [e for e in entries if e.colour[3]] or list(entries)
    wrap = max(look.width - _SWATCH[0] - 8, 120.0) if look.width else _WRAP
    rows = [_class(entry, min(wrap, 320.0), colours) for entry in shown]
    if look.orientation == "vertical":
        return _columns(rows, _column_count(rows, look))
    limit_ = look.width or _ROW_WIDTH
    best = _columns(rows, 1)
    for count in range(2, len(rows) + 1):
        block = _columns(rows, count)
        if block.width > limit_:
            break
        best = block
    return best


def _column_count(rows: Sequence[_Block], look: Look) -> int:
    whole = sum(row.height + _ROW_GAP for row in rows)
    most = max(look.height, _COLUMN_LINES * (_TEXT_LINE + _ROW_GAP))
    return min(math.ceil(whole / most), len(rows))


def _class(entry: LegendEntry, wrap: float, colours: Colours) -> _Block:
    lines = wrapped(entry.label or f"{entry.value:g}", _TEXT_SIZE, wrap)
    across, down = _SWATCH
    box = (0, (_TEXT_LINE - down) / 2, across, down)
    items: list[Item] = [Checker(*box, colours.checker)] if entry.colour[3] < 255 else []
    items.append(Fill(*box, entry.colour, 0.0 if entry.colour[3] < 255 else 3.0))
    items.append(Frame(*box, colours.edge, 0.0 if entry.colour[3] < 255 else 3.0))
    for k, text in enumerate(lines):
        written = _Words(text, _TEXT_SIZE)
        items.append(_line(across + 8, k * _TEXT_LINE, _TEXT_LINE, written, colours.text))
    widest = max(width(text, _TEXT_SIZE) for text in lines)
    return _Block(across + 8 + widest, len(lines) * _TEXT_LINE, tuple(items))


def _columns(rows: Sequence[_Block], count: int) -> _Block:
    """Put rows into columns from the left, each filled from above, with no column empty."""
    per = math.ceil(len(rows) / count)
    items: list[Item] = []
    x = height = 0.0
    for first in range(0, len(rows), per):
        y = 0.0
        column = rows[first : first + per]
        for row in column:
            items += _moved(row, x, y)
            y += row.height + _ROW_GAP
        height = max(height, y - _ROW_GAP)
        x += math.ceil(max(row.width for row in column)) + _COLUMN_GAP
    return _Block(x - _COLUMN_GAP, height, tuple(items))


def _channels(entries: Sequence[LegendEntry], look: Look, colours: Colours) -> _Block:
    blocks = [
        _channel(name, entry, colours) for name, entry in zip(_CHANNELS, entries, strict=True)
    ]
    if look.orientation == "vertical":
        whole = blocks[0]
        for block in blocks[1:]:
            whole = _below(whole, block, 10)
        return whole
    items: list[Item] = []
    x = 0.0
    # Names may need more lines than their neighbours': bars stand in one row all the same.
    lowest = max(block.height for block in blocks)
    for block in blocks:
        items += _moved(block, x, lowest - block.height)
        x += math.ceil(block.width) + _COLUMN_GAP
    return _Block(x - _COLUMN_GAP, lowest, tuple(items))


def _channel(name: str, entry: LegendEntry, colours: Colours) -> _Block:
    """Lay out one channel: what it shows, and the values that become dark and bright."""
    across, down = _CHANNEL_BAR
    text = name if entry.label.lower() == name.lower() else f"{name}: {entry.label}"
    lines = wrapped(text, _TEXT_SIZE, max(across, _WRAP))
    items: list[Item] = [
        _line(0, k * _TEXT_LINE, _TEXT_LINE, _Words(line, _TEXT_SIZE), colours.text)
        for k, line in enumerate(lines)
    ]
    y = len(lines) * _TEXT_LINE + 2
    widest = max(across, *(width(line, _TEXT_SIZE) for line in lines))
    if entry.scale is None:
        items.append(Fill(0, y, across, down, entry.colour))
        return _Block(widest, y + down, tuple(items))
    items += _bar(0, y, across, down, entry.scale, colours, upward=False)
    extent = entry.scale.high - entry.scale.low
    low, high = limit(entry.scale.low, extent), limit(entry.scale.high, extent)
    for text_, x in ((low, 0.0), (high, across - width(high, _SMALL_SIZE))):
        written = _Words(text_, _SMALL_SIZE)
        items.append(_line(x, y + down + 2, _SMALL_LINE, written, colours.quiet))
    return _Block(widest, y + down + 2 + _SMALL_LINE, tuple(items))


def _quiet(text: str, wrap: float, colours: Colours) -> _Block:
    lines = wrapped(text, _SMALL_SIZE, wrap)
    items = tuple(
        _line(0, k * _SMALL_LINE, _SMALL_LINE, _Words(line, _SMALL_SIZE), colours.quiet)
        for k, line in enumerate(lines)
    )
    return _Block(max(width(line, _SMALL_SIZE) for line in lines), len(lines) * _SMALL_LINE, items)


def _line(x: float, top: float, height: int, written: _Words, colour: Colour) -> Text:
    """Return a text in the middle of a line, its baseline on a whole pixel."""
    text, size, weight = written
    baseline = round(top + height / 2 + size * _HALF_DIGIT)
    return Text(x, baseline, text, size, weight, colour)


def _below(first: _Block, second: _Block, gap: float) -> _Block:
    y = first.height + gap
    items = (*first.items, *_moved(second, 0, y))
    return _Block(max(first.width, second.width), y + second.height, items)


def _moved(block: _Block, x: float, y: float) -> list[Item]:
    return [replace(item, x=item.x + x, y=item.y + y) for item in block.items]
