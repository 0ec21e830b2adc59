"""Formulas to pictures: the program machine beside loops written for one formula, and libraries.

Every side is given the same float32 bands, one after another in memory, and gives the same picture:
palette indexes along a ramp, or RGBA. rio-tiler alone gives RGB also for a ramp, as it has no
pictures with a palette; its time is told without that last step as well. One thread for all.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numba
import numexpr
import numpy as np
from numpy.typing import NDArray
from rio_tiler.colormap import cmap
from rio_tiler.models import ImageData

from renderers.kernels import paint, reduce, vm
from renderers.painter import of_values, style_painter
from styles.expression import compile_formula
from styles.inline import formula_style
from styles.model import Style

Array = NDArray[Any]
Call = Callable[[], Array]

SIZES = (256, 512)
DATES = 6

NDVI = "(nir - red) / (nir + red)"
EVI = "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)"
#: Linear up to a reflectance of 0.3, above it ever flatter towards 1: clouds keep their structure.
KNEE = 0.3
HIGHLIGHTS = ", ".join(
    f"where({x} < 0.3, {x} * 2.5, 1 - 0.25 * exp((0.3 - {x}) * 10))"
    for x in ("red", "green", "blue")
)  # fmt: skip
CLEAR = "where(scl in (4, 5, 6, 7), (nir - red) / (nir + red), nan)"
LOW, HIGH = np.float32(-0.2), np.float32(1.0)
_INVERSE = np.float32(1.0) / (HIGH - LOW)
_NO_DATA = 255
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}


@dataclass
class Formula:
    """One row of the table.

    Attributes:
        case: Its name, with the size.
        sides: What is measured, by the name of its column without the unit.
    """

    case: str
    sides: dict[str, Call] = field(default_factory=dict)


def formulas() -> Iterator[Formula]:
    """All of them."""
    for size in SIZES:
        bands = {name: _band(k, size) for k, name in enumerate(("blue", "green", "red", "nir"))}
        yield _ramp("ndvi", NDVI, bands, _numpy_ndvi, _loop_ndvi)
        yield _ramp("evi", EVI, bands, _numpy_evi, _loop_evi)
        yield _true_colour(bands, size)
        yield _median(size)


def _band(seed: int, size: int) -> Array:
    """Reflectances as of a landscape with some clouds; float32, shape (pixels,)."""
    values = np.random.default_rng(seed).gamma(2.0, 0.07, size * size)
    return values.astype(np.float32)


# The machine


def _stacked(style: Style, bands: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Return the bands of a style one after another, and by name: the same memory for all sides."""
    stack = np.stack([bands[name] for name in style.program.inputs])
    return stack, dict(zip(style.program.inputs, stack, strict=True))


def _machine(style: Style, inputs: Array) -> Call:
    painter = style_painter(style)
    pixels = inputs.shape[1]
    there = np.ones(pixels, np.uint8)
    words, indexes = np.empty(pixels, np.uint32), np.empty(pixels, np.uint8)

    def call() -> Array:
        paint.paint(
            *style.program.machine, inputs, there, painter.kind, painter.low, painter.inverse,
            painter.table, words, indexes,
        )  # fmt: skip
        return indexes if painter.indexed else words.view(np.uint8).reshape(-1, 4)

    return call


# Ramps


def _ramp(
    name: str,
    text: str,
    bands: dict[str, Array],
    plain: Callable[..., Array],
    loop: Callable[..., None],
) -> Formula:
    style = formula_style(text, [(float(LOW), float(HIGH))])
    stack, used = _stacked(style, bands)
    out = np.empty(bands["red"].size, np.uint8)

    def written() -> Array:
        loop(*used.values(), LOW, _INVERSE, out)
        return out

    return Formula(
        f"{name}_{_side(out)}",
        {
            "vm": _machine(style, stack),
            "fused": written,
            "numpy": lambda: _index(plain(*used.values())),
            "numexpr": partial(_numexpr_ramp, text, used),
            "rio_tiler": partial(_rio_tiler, text, used, [(float(LOW), float(HIGH))], "viridis"),
            "rio_tiler_without_colours": partial(
                _rio_tiler, text, used, [(float(LOW), float(HIGH))]
            ),
        },
    )


def _side(pixels: Array) -> int:
    return math.isqrt(len(pixels))


def _index(values: Array) -> Array:
    """Palette indexes of values, float32."""
    place = np.clip((values - LOW) * _INVERSE, 0, 1) * np.float32(254) + np.float32(0.5)
    return np.where(np.isnan(values), _NO_DATA, place).astype(np.uint8)


def _numpy_ndvi(nir: Array, red: Array) -> Array:
    return (nir - red) / (nir + red)


def _numpy_evi(nir: Array, red: Array, blue: Array) -> Array:
    f = np.float32
    return f(2.5) * (nir - red) / (nir + f(6) * red - f(7.5) * blue + f(1))


@numba.njit(**_OPTIONS)
def _place(value: float, low: float, inverse: float) -> int:
    t = (value - low) * inverse
    t = t if t > np.float32(0) else np.float32(0)
    t = t if t < np.float32(1) else np.float32(1)
    index = np.uint8(np.int32(t * np.float32(254) + np.float32(0.5)))
    return index if not np.isnan(value) else np.uint8(_NO_DATA)


@numba.njit(**_OPTIONS)
def _loop_ndvi(nir: Array, red: Array, low: float, inverse: float, out: Array) -> None:
    for p in range(out.shape[0]):
        out[p] = _place((nir[p] - red[p]) / (nir[p] + red[p]), low, inverse)


@numba.njit(**_OPTIONS)
def _loop_evi(nir: Array, red: Array, blue: Array, low: float, inverse: float, out: Array) -> None:
    a, b, c, d = np.float32(2.5), np.float32(6), np.float32(7.5), np.float32(1)
    for p in range(out.shape[0]):
        below = nir[p] + b * red[p] - c * blue[p] + d
        out[p] = _place(a * (nir[p] - red[p]) / below, low, inverse)


def _numexpr_ramp(text: str, bands: dict[str, Array]) -> Array:
    place = f"(({text}) - low) * inverse"
    names = bands | {"low": LOW, "inverse": _INVERSE, "half": np.float32(0.5)}
    names |= {"last": np.float32(254), "zero": np.float32(0), "one": np.float32(1)}
    held = f"where({place} > zero, where({place} < one, {place}, one), zero)"
    values = numexpr.evaluate(f"{held} * last + half", names)
    return np.asarray(values).astype(np.uint8)


def _rio_tiler(
    text: str, bands: dict[str, Array], ranges: list[tuple[float, float]], colours: str = ""
) -> Array:
    side = _side(next(iter(bands.values())))
    stack = np.ma.MaskedArray(np.stack(list(bands.values())).reshape(-1, side, side))
    names = [f"b{k + 1}" for k in range(len(bands))]
    for name, number in zip(bands, names, strict=True):
        text = text.replace(name, number)
    image = ImageData(stack, band_names=names).apply_expression(text)
    image.rescale(in_range=ranges)
    if colours:
        image = image.apply_colormap(cmap.get(colours))
    return np.asarray(image.array.data).reshape(image.count, -1).T


# True colour


def _true_colour(bands: dict[str, Array], size: int) -> Formula:
    style = formula_style(HIGHLIGHTS)
    stack, used = _stacked(style, bands)
    words = np.empty(size * size, np.uint32)

    def written() -> Array:
        _loop_highlights(*used.values(), words)
        return words.view(np.uint8).reshape(-1, 4)

    text = HIGHLIGHTS.replace("), ", ");")
    return Formula(
        f"true_colour_highlights_{size}",
        {
            "vm": _machine(style, stack),
            "fused": written,
            "numpy": lambda: _words([_numpy_highlight(x) for x in used.values()]),
            "numexpr": lambda: _words(
                [
                    numexpr.evaluate(
                        "where(x < knee, x * steep, one - part * exp((knee - x) * fast))",
                        {"x": x, **_NUMBERS},
                    )
                    for x in used.values()
                ]
            ),
            "rio_tiler": partial(_rio_tiler, text, used, [(0.0, 1.0)]),
        },
    )


_NUMBERS = {
    "knee": np.float32(KNEE), "steep": np.float32(2.5), "one": np.float32(1),
    "part": np.float32(0.25), "fast": np.float32(10),
}  # fmt: skip


def _numpy_highlight(x: Array) -> Array:
    f = np.float32
    bright = f(1) - f(0.25) * np.exp((f(KNEE) - x) * f(10))
    return np.where(x < f(KNEE), x * f(2.5), bright)


def _words(channels: list[Array]) -> Array:
    out = np.full((len(channels[0]), 4), 255, np.uint8)
    for k, values in enumerate(channels):
        out[:, k] = np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)
    return out


@numba.njit(**_OPTIONS)
def _level(x: float) -> int:
    if x < np.float32(0.3):
        value = x * np.float32(2.5)
    else:
        bright = np.float32(math.exp((np.float32(0.3) - x) * np.float32(10)))
        value = np.float32(1) - np.float32(0.25) * bright
    value = value if value > np.float32(0) else np.float32(0)
    value = value if value < np.float32(1) else np.float32(1)
    return np.uint32(np.int32(value * np.float32(255) + np.float32(0.5)))


@numba.njit(**_OPTIONS)
def _loop_highlights(red: Array, green: Array, blue: Array, out: Array) -> None:
    opaque = np.uint32(0xFF000000)
    for p in range(out.shape[0]):
        if red[p] == red[p] and green[p] == green[p] and blue[p] == blue[p]:
            colours = _level(red[p]) | _level(green[p]) << np.uint32(8)
            out[p] = colours | _level(blue[p]) << np.uint32(16) | opaque
        else:
            out[p] = np.uint32(0)


# Median of dates


@dataclass
class _Dates:
    nir: Array
    red: Array
    scl: Array

    @classmethod
    def made(cls, size: int) -> "_Dates":
        bands = [np.stack([_band(10 * k + d, size) for d in range(DATES)]) for k in (1, 2)]
        classes = np.random.default_rng(3).integers(3, 11, bands[0].shape)
        return cls(*bands, classes.astype(np.float32))

    def of(self, date: int) -> dict[str, Array]:
        return {"scl": self.scl[date], "nir": self.nir[date], "red": self.red[date]}


def _median(size: int) -> Formula:
    dates = _Dates.made(size)
    out = np.empty(size * size, np.uint8)

    def written() -> Array:
        _loop_median(dates.nir, dates.red, dates.scl, LOW, _INVERSE, out)
        return out

    return Formula(
        f"scl_median_{DATES}_dates_{size}",
        {
            "vm": _machine_median(dates, size),
            "fused": written,
            "numpy": lambda: _index(
                _nan_median(np.stack([_numpy_clear(dates, d) for d in _all()]))
            ),
            "numexpr": lambda: _index(
                _nan_median(np.stack([_numexpr_clear(dates.of(d)) for d in _all()]))
            ),
            "rio_tiler": partial(_rio_tiler_median, dates, "viridis"),
            "rio_tiler_without_colours": partial(_rio_tiler_median, dates, ""),
        },
    )


def _all() -> range:
    return range(DATES)


def _machine_median(dates: _Dates, size: int) -> Call:
    program = compile_formula(CLEAR)
    inputs = [np.stack([dates.of(d)[name] for name in program.inputs]) for d in _all()]
    stack = np.empty((DATES, 1, size * size), np.float32)
    there, middle = np.ones(size * size, np.uint8), np.empty((1, size * size), np.float32)
    style = formula_style(NDVI, [(float(LOW), float(HIGH))])
    painter = of_values(style_painter(style))
    words, indexes = np.empty(0, np.uint32), np.empty(size * size, np.uint8)

    def call() -> Array:
        for date, bands in enumerate(inputs):
            vm.run(*program.machine, bands, stack[date], there)
        reduce.median(stack[:, 0], middle[0])
        there.fill(1)
        paint.paint(
            *painter.program.machine, middle, there, painter.kind, painter.low, painter.inverse,
            painter.table, words, indexes,
        )  # fmt: skip
        return indexes

    return call


def _numpy_clear(dates: _Dates, date: int) -> Array:
    scl = dates.scl[date]
    clear = (scl == 4) | (scl == 5) | (scl == 6) | (scl == 7)
    return np.where(clear, _numpy_ndvi(dates.nir[date], dates.red[date]), np.float32(np.nan))


def _numexpr_clear(bands: dict[str, Array]) -> Array:
    text = (
        "where((scl == 4) | (scl == 5) | (scl == 6) | (scl == 7), "
        "(nir - red) / (nir + red), nothing)"
    )
    return np.asarray(numexpr.evaluate(text, bands | {"nothing": np.float32(np.nan)}))


def _nan_median(stack: Array) -> Array:
    """`np.nanmedian` by sorting: the function itself takes ten times as long."""
    ordered = np.sort(stack, axis=0)
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    picked = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
    return (picked[0] + picked[1]) * np.float32(0.5)


@numba.njit(**_OPTIONS)
def _loop_median(
    nir: Array, red: Array, scl: Array, low: float, inverse: float, out: Array
) -> None:
    dates = nir.shape[0]
    found = np.empty(dates, np.float32)
    for p in range(out.shape[0]):
        count = 0
        for d in range(dates):
            kind = scl[d, p]
            if kind in (4.0, 5.0, 6.0, 7.0):
                value = (nir[d, p] - red[d, p]) / (nir[d, p] + red[d, p])
                if not np.isnan(value):
                    at = count
                    while at > 0 and found[at - 1] > value:
                        found[at] = found[at - 1]
                        at -= 1
                    found[at] = value
                    count += 1
        middle = np.float32(np.nan)
        if count > 0:
            middle = (found[(count - 1) // 2] + found[count // 2]) * np.float32(0.5)
        out[p] = _place(middle, low, inverse)


def _rio_tiler_median(dates: _Dates, colours: str) -> Array:
    """Each date by an expression, then what its mosaic of medians does (`np.ma.median`)."""
    side = _side(dates.nir[0])
    layers = []
    for d in _all():
        bands = np.stack([dates.nir[d], dates.red[d]]).reshape(2, side, side)
        scl = dates.scl[d].reshape(side, side)
        cloudy = np.broadcast_to((scl < 4) | (scl > 7), bands.shape)
        image = ImageData(np.ma.MaskedArray(bands, cloudy), band_names=["b1", "b2"])
        layers.append(image.apply_expression("(b1 - b2) / (b1 + b2)").array)
    image = ImageData(np.ma.median(np.ma.stack(layers), axis=0).astype(np.float32))
    image.rescale(in_range=[(float(LOW), float(HIGH))])
    if colours:
        image = image.apply_colormap(cmap.get(colours))
    return np.asarray(image.array.data).reshape(image.count, -1).T
