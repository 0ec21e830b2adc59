"""Round numbers on a scale, and how they are written."""

import math
from typing import NamedTuple

#: What a step may be, times a power of ten.
_STEPS = (1.0, 2.0, 2.5, 5.0)
# Of floats that stand for decimal numbers.
_NEAR = 1e-6
# Below and above these, numbers are written with a power of ten.
_SMALLEST, _LARGEST = 1e-4, 1e6
_MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Tick(NamedTuple):
    """A place on a scale."""

    value: float
    label: str


def round_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Return places on a scale at a round step: 1, 2, 2.5 or 5 times a power of ten.

    A step that begins and ends with the scale is preferred, also where the first place is half a
    step from a multiple of it (250, 270, ... 330). Else they are the multiples of the smallest
    step that gives at most so many.

    Args:
        low: Begin of the scale.
        high: End of the scale, above `low`.
        most: Two or more.

    Returns:
        Ascending.
    """
    steps = _steps((high - low) / most)
    fitting = (step for step in steps if _fits(low, high, step, most))
    step, first = next(((step, low) for step in fitting), (0.0, low))
    if not step:
        step = next(step for step in steps if _multiples(low, high, step) <= most)
        first = math.ceil(low / step - _NEAR) * step
    count = math.floor((high - first) / step + _NEAR) + 1
    # Without the last digits of floats, which decimal numbers do not have.
    values = [float(f"{first + k * step:.12g}") for k in range(count)]
    return tuple(Tick(value, written(value, step)) for value in values)


def _steps(smallest: float) -> list[float]:
    """Return round steps from about the smallest to a thousand times as much, ascending."""
    power = 10.0 ** math.floor(math.log10(smallest))
    return [s * power * ten for ten in (1.0, 10.0, 100.0) for s in _STEPS]


def _fits(low: float, high: float, step: float, most: int) -> bool:
    """Tell whether a step leads from end to end: from a multiple of its half, past 0 over 0."""
    steps, parts = (high - low) / step, 1 if low < 0.0 < high else 2
    return 2 <= round(steps) <= most - 1 and _whole(steps) and _whole(parts * low / step)


def _multiples(low: float, high: float, step: float) -> int:
    return math.floor(high / step + _NEAR) - math.ceil(low / step - _NEAR) + 1


def _whole(number: float) -> bool:
    return abs(number - round(number)) <= _NEAR * max(abs(number), 1.0)


def written(value: float, step: float) -> str:
    """Return a number as people read it, with the digits that tell multiples of `step` apart.

    The minus is a real one, thousands from 10 000 on are set apart by thin spaces.
    """
    if abs(value) < step * 1e-6:
        return "0"
    if not _SMALLEST <= abs(value) < _LARGEST and value != 0:
        return _scientific(value, step)
    text = f"{abs(value):.{_decimals(step)}f}"
    whole, dot, fraction = text.partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", "\N{THIN SPACE}")
    return f"{_MINUS if value < 0 else ''}{whole}{dot}{fraction}"


def _decimals(step: float) -> int:
    """Return the least digits after the point that write a step exactly, at most 9."""
    for digits in range(9):
        if abs(round(step, digits) - step) <= 1e-6 * step:
            return digits
    return 9


def _scientific(value: float, step: float) -> str:
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    digits = _decimals(step / 10.0**exponent)
    mantissa = f"{abs(value) / 10.0**exponent:.{min(digits, 4)}f}"
    power = str(exponent).translate(_SUPERSCRIPTS)
    return f"{_MINUS if value < 0 else ''}{mantissa}\N{MULTIPLICATION SIGN}10{power}"


def limit(value: float, extent: float) -> str:
    """Return an end of a scale, rounded to a thousandth of its extent."""
    if not extent > 0:
        return f"{value:g}"
    digits = 10.0 ** (math.ceil(math.log10(extent) - _NEAR) - 3)
    rounded = round(value / digits) * digits
    step = digits
    while step < extent and abs(round(rounded / (step * 10)) * step * 10 - rounded) < digits * 1e-3:
        step *= 10
    return written(rounded, step)
