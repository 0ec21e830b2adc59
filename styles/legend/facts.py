"""What a legend says, for programs that draw their own."""

from typing import Any

from styles.colormaps import STEPS, Colour
from styles.legend.svg import gradient_stops
from styles.legend.ticks import round_ticks
from styles.model import Legend, LegendEntry, LegendScale

_CHANNELS = ("red", "green", "blue")
_TICKS = 7


def legend_facts(legend: Legend) -> dict[str, Any]:
    """Return a legend as JSON can hold it: `kind`, `title`, `unit`, and what the kind has.

    A ramp has `range`, `stops` (value and colour, straight lines between them; two of one value
    are a hard edge) and `ticks`; classes have `value`, `name` and `color`, flags `bit` in place of
    the value; channels have `channel`, `name` and `range`. Colours are `#rrggbb` or `#rrggbbaa`.
    """
    facts: dict[str, Any] = {"kind": legend.kind, "title": legend.title, "unit": legend.unit}
    if legend.kind == "rgb":
        channels = zip(_CHANNELS, legend.entries, strict=True)
        return facts | {"channels": [_channel(name, entry) for name, entry in channels]}
    if legend.scale is not None:
        return facts | _ramp(legend.scale)
    number = "bit" if legend.kind == "flags" else "value"
    return facts | {"classes": [_class(number, entry) for entry in legend.entries]}


def _channel(name: str, entry: LegendEntry) -> dict[str, Any]:
    limits = [entry.scale.low, entry.scale.high] if entry.scale else None
    return {"channel": name, "name": entry.label, "range": limits}


def _ramp(scale: LegendScale) -> dict[str, Any]:
    low, extent = scale.low, scale.high - scale.low
    stops = [
        {"value": float(f"{low + k / (STEPS - 1) * extent:.9g}"), "color": hexadecimal(colour)}
        for k, colour in gradient_stops(scale.palette)
    ]
    ticks = [
        {"value": tick.value, "label": tick.label}
        for tick in round_ticks(scale.low, scale.high, _TICKS)
    ]
    return {"range": [scale.low, scale.high], "stops": stops, "ticks": ticks}


def _class(number: str, entry: LegendEntry) -> dict[str, Any]:
    value = None if entry.value is None else int(entry.value)
    return {number: value, "name": entry.label, "color": hexadecimal(entry.colour)}


def hexadecimal(colour: Colour) -> str:
    """Return a colour as `#rrggbb`, with `aa` where it is not opaque."""
    return "#" + bytes(colour[: 3 if colour[3] == 255 else 4]).hex()
