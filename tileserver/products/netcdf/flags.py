"""Bands of packed bits in NetCDF files: which flag each bit is, and how it is shown.

Source: CF conventions 1.11, 3.5 (`flag_masks`, `flag_meanings`). Of several flags of a pixel the
first of the list is shown. Files list them in the order of their bits, in which land hides clouds:
here what spoils a measurement comes before what the ground is.
"""

import colorsys
from collections.abc import Sequence
from typing import Final

from renderers.readers.netcdf.index import WORD_BITS
from renderers.readers.netcdf.variables import Variable
from tileserver.catalogue.base import FlagInfo

Colour = tuple[int, int, int, int]

#: Words of flags' names and their colours, what hides most first.
_SPOILED: Final[tuple[tuple[str, Colour], ...]] = (
    ("invalid", (0, 0, 0, 255)),
    ("shadow", (100, 50, 0, 255)),
    ("cirrus", (100, 200, 255, 255)),
    ("cloud", (255, 255, 255, 255)),
    ("snow", (255, 150, 255, 255)),
    ("glint", (255, 200, 0, 255)),
    ("saturated", (255, 0, 0, 255)),
    ("bright", (224, 224, 224, 255)),
)
#: The same of what is always there, what says most first.
_GROUND: Final[tuple[tuple[str, Colour], ...]] = (
    ("coast", (255, 255, 0, 255)),
    ("tidal", (150, 120, 90, 255)),
    ("inland_water", (64, 160, 255, 255)),
    ("ocean", (0, 0, 160, 255)),
    ("water", (0, 0, 255, 255)),
    ("land", (0, 160, 0, 255)),
    ("twilight", (90, 90, 140, 255)),
    ("day", (250, 250, 210, 255)),
)


def flags_of(variable: Variable, word: int = 0) -> tuple[FlagInfo, ...]:
    """Return the flags of one word of a variable, the first that is set to be shown.

    Masks of several bits, which tell fields of numbers, are left out.

    Args:
        variable: Of packed bits.
        word: Number of the word of 16 bits, from the lowest.
    """
    masks = variable.attributes.get("flag_masks")
    masks = (masks,) if isinstance(masks, int) else masks
    names = variable.text("flag_meanings").split()
    if not isinstance(masks, tuple) or len(masks) != len(names):
        return ()
    whole = (1 << 64) - 1  # masks of signed types may be negative
    bits = [_bit(int(mask) & whole, variable.dtype) - word * WORD_BITS for mask in masks]
    found = [(b, n) for b, n in zip(bits, names, strict=True) if 0 <= b < WORD_BITS]
    return _ranked(found)


def _bit(mask: int, dtype: str) -> int:
    """Return the number of a mask's only bit, a large negative number where it has several."""
    mask &= (1 << 8 * int(dtype[2:])) - 1
    return mask.bit_length() - 1 if mask.bit_count() == 1 else -(1 << 16)


def _ranked(found: Sequence[tuple[int, str]]) -> tuple[FlagInfo, ...]:
    first, middle, last = [], [], []
    for number, (bit, name) in enumerate(found):
        title = name.replace("_", " ").replace("@", " ")
        if (place := _known(name, _SPOILED)) is not None:
            first.append((place, number, FlagInfo(bit, title, _SPOILED[place][1])))
        elif (place := _known(name, _GROUND)) is not None:
            last.append((place, number, FlagInfo(bit, title, _GROUND[place][1])))
        else:
            middle.append((0, number, FlagInfo(bit, title, hue(number, len(found)))))
    return tuple(flag for _, _, flag in (*sorted(first), *middle, *sorted(last)))


def _known(name: str, words: Sequence[tuple[str, Colour]]) -> int | None:
    low = name.lower()
    return next((n for n, (word, _) in enumerate(words) if word in low), None)


def hue(number: int, count: int) -> Colour:
    """Return one of some colours all around the circle."""
    red, green, blue = (round(255 * v) for v in colorsys.hsv_to_rgb(number / count, 0.6, 0.9))
    return red, green, blue, 255
