"""How a legend shall look."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from styles.colormaps import Colour
from styles.errors import StyleError

Orientation = Literal["vertical", "horizontal"]
Theme = Literal["light", "dark"]

#: Widest and highest legend that may be asked for, in pixels at scale 1.
MAX_SIZE = 4096
SCALES = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Look:
    """How a legend shall look.

    Attributes:
        orientation: Of ramps; classes and channels stand below or beside one another.
        theme: Dark letters on white, or light letters on a dark ground.
        scale: Pixels per unit of length, for screens with small pixels.
        transparent: Without the ground.
        title: Whether the style's title and unit stand above.
        width: Least width in pixels at scale 1; ramps grow, 0 takes what the legend needs.
        height: Least height, likewise.

    Raises:
        StyleError: A size or scale that is not offered.
    """

    orientation: Orientation = "vertical"
    theme: Theme = "light"
    scale: int = 1
    transparent: bool = False
    title: bool = True
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise StyleError(f"the scale of a legend is one of {', '.join(map(str, SCALES))}")
        if not (0 <= self.width <= MAX_SIZE and 0 <= self.height <= MAX_SIZE):
            raise StyleError(f"a legend is at most {MAX_SIZE} pixels wide and high")


class Colours(NamedTuple):
    """Colours of a theme; all but the ground work on transparent legends too."""

    ground: Colour
    text: Colour
    quiet: Colour
    line: Colour
    edge: Colour
    checker: tuple[Colour, Colour]


COLOURS: dict[Theme, Colours] = {
    "light": Colours(
        ground=(255, 255, 255, 255),
        text=(28, 32, 38, 255),
        quiet=(92, 100, 112, 255),
        line=(92, 100, 112, 255),
        edge=(0, 0, 0, 46),
        checker=((255, 255, 255, 255), (222, 226, 230, 255)),
    ),
    "dark": Colours(
        ground=(27, 31, 36, 255),
        text=(240, 243, 246, 255),
        quiet=(164, 173, 184, 255),
        line=(164, 173, 184, 255),
        edge=(255, 255, 255, 64),
        checker=((72, 78, 86, 255), (52, 57, 64, 255)),
    ),
}
