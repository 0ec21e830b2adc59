"""Pictures of a text, for errors that clients want to see in a map."""

import textwrap
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from renderers.image import Image

_SIZE: Final = 12
_MARGIN: Final = 4
#: Width of a character of the font in pixels, about.
_CHARACTER: Final = 6.5
_LONGEST: Final = 2000

Colour = tuple[int, int, int, int]


def notice(text: str, width: int, height: int, background: Colour) -> Image:
    """Draw a text from the upper left corner on, broken into lines; what has no room is cut off.

    Args:
        text: For people.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        background: RGBA; the text is dark where that is transparent or light, else white.
    """
    picture = Pillow.new("RGBA", (width, height), background)
    light = background[3] == 0 or sum(background[:3]) > 3 * 127
    ink = (160, 0, 0, 255) if light else (255, 255, 255, 255)
    columns = max(int((width - 2 * _MARGIN) / _CHARACTER), 1)
    # The font has Latin letters; others would be drawn as boxes.
    plain = text[:_LONGEST].encode("ascii", "replace").decode("ascii")
    lines = textwrap.wrap(plain, columns)[: height // _SIZE + 1]
    font = ImageFont.load_default(_SIZE)
    ImageDraw.Draw(picture).multiline_text((_MARGIN, _MARGIN), "\n".join(lines), ink, font)
    return Image(np.asarray(picture, np.uint8))
