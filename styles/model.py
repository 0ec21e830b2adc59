"""What a picture is: a program, its colours, and the facts for its legend."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from styles.colormaps import STEPS, TRANSPARENT, Colour, Palette
from styles.errors import StyleError
from styles.program import Program

LegendKind = Literal["ramp", "classes", "flags", "rgb"]
Resampling = Literal["nearest", "bilinear", "cubic", "average", "mode"]

#: Largest value a class may have: one byte of table per value.
MAX_CLASS_VALUE = 65535
#: Bits that such a value has.
FLAG_BITS = 16


class ClassEntry(NamedTuple):
    """One class: the pixel value, its name, its colour RGBA."""

    value: int
    name: str
    colour: Colour


class LegendScale(NamedTuple):
    """A continuous scale.

    Attributes:
        palette: uint8, shape (256, 4), see `styles.colormaps`.
        low: Value of entry 0.
        high: Value of entry 254.
    """

    palette: Palette
    low: float
    high: float


class LegendEntry(NamedTuple):
    """One line of a legend: a class, a flag, a stop of a ramp, or a channel of a composite.

    Attributes:
        label: For people.
        colour: RGBA.
        value: Of the class or stop, number of the flag's bit; None for channels.
        scale: Of a channel, from black to its full colour; None for all else.
    """

    label: str
    colour: Colour
    value: float | None = None
    scale: LegendScale | None = None


@dataclass(frozen=True, slots=True)
class Legend:
    """Facts from which a legend is drawn.

    Attributes:
        kind: `ramp` (entries are points of a continuous scale), `classes`, `flags` (a pixel shows
            the first whose bit is set), or `rgb` (entries are the channels red, green, blue).
        title: Of the style.
        unit: Of the values, "" for none.
        entries: From low to high, or in the order of the definition.
        scale: Of a ramp, None for all else.
    """

    kind: LegendKind
    title: str
    unit: str
    entries: tuple[LegendEntry, ...]
    scale: LegendScale | None = None


@dataclass(frozen=True, eq=False)
class RgbColour:
    """Three outputs as red, green and blue, and where asked for a fourth as opacity.

    Attributes:
        stretch: Per channel, the values that become 0 and 255.
        alpha: Whether there is a fourth output: 0 is transparent, 1 opaque.
        gamma: Brightens the dark parts when above 1: level = t ** (1 / gamma) for t in 0..1.
        channels: What the channels show, for the legend.

    Raises:
        StyleError: A stretch without extent, or a gamma outside 0.1 to 10.
    """

    stretch: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    gamma: float = 1.0
    channels: tuple[str, str, str] = ("red", "green", "blue")
    alpha: bool = False

    @property
    def outputs(self) -> int:
        """How many outputs of a program it takes."""
        return 4 if self.alpha else 3

    def __post_init__(self) -> None:
        for low, high in self.stretch:
            _check_range(low, high)
        if not 0.1 <= self.gamma <= 10.0:
            raise StyleError("gamma must be 0.1 to 10")

    def content(self) -> bytes:
        """Return all that changes pixels, for the digest."""
        return f"rgb {self.stretch!r} {self.gamma!r}{' alpha' * self.alpha}".encode()

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return one entry per channel, with what the channel alone would show."""
        level = np.linspace(0.0, 1.0, STEPS) ** (1.0 / self.gamma) * 255.0
        entries = []
        for k, (name, (low, high)) in enumerate(zip(self.channels, self.stretch, strict=True)):
            palette = np.zeros((STEPS + 1, 4), np.uint8)
            palette[:STEPS, k] = np.rint(level)
            palette[:STEPS, 3] = 255
            red, green, blue = (255 * (k == channel) for channel in range(3))
            scale = LegendScale(palette, low, high)
            entries.append(LegendEntry(name, (red, green, blue, 255), None, scale))
        return tuple(entries)


@dataclass(frozen=True, eq=False)
class RampColour:
    """One output along a palette; values outside the range take the colour of its end.

    Attributes:
        palette: uint8, shape (256, 4), see `styles.colormaps`; entry k stands for the value
            low + k / 254 * (high - low).
        low: Value of entry 0.
        high: Value of entry 254.

    Raises:
        StyleError: A range without extent, or not a palette.
    """

    outputs: ClassVar[int] = 1
    palette: Palette
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if self.palette.shape != (STEPS + 1, 4) or self.palette[TRANSPARENT].any():
            raise StyleError("not a palette")

    def content(self) -> bytes:
        """Return all that changes pixels, for the digest."""
        return f"ramp {self.low!r} {self.high!r} ".encode() + self.palette.tobytes()

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return five evenly spaced points of the scale."""
        entries = []
        for k in range(5):
            value = self.low + k / 4 * (self.high - self.low)
            r, g, b, a = (int(c) for c in self.palette[round(k / 4 * (STEPS - 1))])
            entries.append(LegendEntry(f"{value:g}", (r, g, b, a), value))
        return tuple(entries)


@dataclass(frozen=True, eq=False)
class ClassColour:
    """One output of whole numbers, each with a colour; other values are transparent.

    Attributes:
        classes: At most 255, each value once, 0 to 65535.
        flags: True when the values of `classes` are numbers of bits, 0 to 15: a pixel has the
            class of the first whose bit is set.
        palette: uint8, shape (256, 4): entry k is the colour of `classes[k]`, entry 255 is
            transparent.
        table: uint8, shape (largest value + 1,): palette entry of each value, 255 for none.

    Raises:
        StyleError: No class or too many, a value twice or out of range.
    """

    outputs: ClassVar[int] = 1
    classes: tuple[ClassEntry, ...]
    flags: bool = False
    palette: Palette = field(init=False, repr=False)
    table: NDArray[np.uint8] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = [entry.value for entry in self.classes]
        if not 1 <= len(values) <= STEPS:
            raise StyleError(f"a style has 1 to {STEPS} classes")
        if len(set(values)) != len(values):
            raise StyleError("a class value is given twice")
        if not 0 <= min(values) <= max(values) <= MAX_CLASS_VALUE:
            raise StyleError(f"class values are 0 to {MAX_CLASS_VALUE}")
        palette = np.zeros((STEPS + 1, 4), np.uint8)
        palette[: len(values)] = [entry.colour for entry in self.classes]
        table = _flag_table(values) if self.flags else _value_table(values)
        for name, array in (("palette", palette), ("table", table)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def content(self) -> bytes:
        """Return all that changes pixels, for the digest."""
        kind = "flags " if self.flags else ""
        return (kind + repr([(e.value, e.colour) for e in self.classes])).encode()

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return one entry per class."""
        return tuple(LegendEntry(e.name, e.colour, float(e.value)) for e in self.classes)


ColourRule = RgbColour | RampColour | ClassColour


def _value_table(values: list[int]) -> NDArray[np.uint8]:
    """Return the position of each value in the list, `TRANSPARENT` for others."""
    table = np.full(max(values) + 1, TRANSPARENT, np.uint8)
    table[values] = np.arange(len(values), dtype=np.uint8)
    return table


def _flag_table(bits: list[int]) -> NDArray[np.uint8]:
    """Return the position of the first bit of the list that is set in each value of 16 bits."""
    if max(bits) >= FLAG_BITS:
        raise StyleError(f"flags are bits 0 to {FLAG_BITS - 1}")
    values = np.arange(MAX_CLASS_VALUE + 1)
    table = np.full(values.shape, TRANSPARENT, np.uint8)
    for position, bit in reversed(list(enumerate(bits))):
        table[(values >> bit) & 1 == 1] = position
    return table


@dataclass(frozen=True, eq=False)
class Style:
    """What a picture is. Styles with equal digests give equal pixels, and are equal.

    Attributes:
        id: Unique in a registry; letters, digits, `_`, `-`, `.`.
        title: For people.
        program: From bands (physical values) to the outputs that `colour` takes.
        colour: How outputs become colours.
        description: For people.
        unit: Of the output, "" for none.
        resampling: How source pixels become target pixels: `nearest` takes the one under the
            middle; `bilinear` and `cubic` interpolate, and average where the picture shrinks beyond
            what they look at; `average` weighs by area; `mode` takes the value of the greatest
            area, for classes.
        formula: The program as it was written, where it was; errors name columns of it.
        domain: What it is for: `vegetation`, `water`, `radar`, "" for none.
        reference: Where it is published: authors, year, address.
        featured: Whether capabilities should list it before others.
        percentiles: Which percentiles of a collection's values take the place of the range of the
            colours once they are known, see `stretched`; None for a range that stands.
        needs: Bands that a collection must have beside those of the program, as a sign of its kind.
        definition: What it was made of, without `extends`; empty where it was not made of one.
        digest: Of all that changes pixels, 32 hexadecimal digits; part of cache keys.

    Raises:
        StyleError: The program's outputs are not as many as the colours need.
    """

    id: str
    title: str
    program: Program
    colour: ColourRule
    description: str = ""
    unit: str = ""
    resampling: Resampling = "bilinear"
    formula: str = ""
    domain: str = ""
    reference: str = ""
    featured: bool = False
    percentiles: tuple[float, float] | None = None
    needs: frozenset[str] = frozenset()
    definition: Mapping[str, Any] = field(default_factory=dict, repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if self.program.outputs != self.colour.outputs:
            raise StyleError(
                f"the colours take {self.colour.outputs} outputs, the program gives "
                f"{self.program.outputs}"
            )
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.program.digest.encode(), self.resampling.encode()):
            digest.update(part + b";")
        digest.update(self.colour.content())
        object.__setattr__(self, "digest", digest.hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Style) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def bands(self) -> frozenset[str]:
        """Names of the bands it needs."""
        return frozenset(self.program.bands) | self.needs

    def stretched(self, limits: Sequence[tuple[float, float]]) -> "Style":
        """Return the style with other limits of its colours, one pair per output.

        Raises:
            StyleError: Not as many limits as outputs, one without extent, or classes.
        """
        if len(limits) != self.colour.outputs:
            raise StyleError(f"{self.colour.outputs} limits are needed")
        if isinstance(self.colour, RgbColour):
            first, second, third = limits
            return replace(self, colour=replace(self.colour, stretch=(first, second, third)))
        if isinstance(self.colour, RampColour):
            low, high = limits[0]
            return replace(self, colour=replace(self.colour, low=low, high=high))
        raise StyleError("classes have no limits")

    @property
    def legend(self) -> Legend:
        """The facts of its legend."""
        colour = self.colour
        scale = None
        kind: LegendKind = "rgb"
        if isinstance(colour, RampColour):
            kind, scale = "ramp", LegendScale(colour.palette, colour.low, colour.high)
        elif isinstance(colour, ClassColour):
            kind = "flags" if colour.flags else "classes"
        return Legend(kind, self.title, self.unit, colour.legend(), scale)


def _check_range(low: float, high: float) -> None:
    """Refuse a range that float32 cannot tell from a point."""
    extent = np.float32(high) - np.float32(low)
    if not (np.isfinite(extent) and extent > 0):
        raise StyleError(f"the range {low:g} to {high:g} must rise")
