"""What a legend consists of before it is pixels or SVG: shapes and texts with their places.

Lengths are in pixels at scale 1, x to the right, y down from the top left corner.
"""

from dataclasses import dataclass

from styles.colormaps import Colour, Palette
from styles.legend.fonts import Weight


@dataclass(frozen=True, slots=True)
class Fill:
    """A rectangle of one colour; `radius` rounds its corners."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The inner edge of a rectangle, one pixel wide."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Checker:
    """A chequered rectangle behind what is not opaque, of squares of 4 pixels."""

    x: float
    y: float
    width: float
    height: float
    colours: tuple[Colour, Colour]


@dataclass(frozen=True, eq=False, slots=True)
class Gradient:
    """A rectangle in the colours of a palette, the first at the left or at the bottom."""

    x: float
    y: float
    width: float
    height: float
    palette: Palette
    upward: bool


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, from its left end on the baseline."""

    x: float
    y: float
    text: str
    size: float
    weight: Weight
    colour: Colour


Item = Fill | Frame | Checker | Gradient | Text


@dataclass(frozen=True, slots=True)
class Sketch:
    """A legend that is laid out.

    Attributes:
        width: Whole pixels.
        height: Whole pixels.
        background: Behind all, None for none.
        items: In the order in which they are drawn.
    """

    width: int
    height: int
    background: Colour | None
    items: tuple[Item, ...]
