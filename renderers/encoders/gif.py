"""GIF (GIF89a) through Pillow, and palettes of at most 256 colours for any picture."""

from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image as Pillow

from renderers.encoders.base import check_size
from renderers.encoders.png import PngEncoder
from renderers.image import Image

#: Alpha from which a pixel of a format without translucency shows.
_OPAQUE: Final = 128
_COLOURS: Final = 256


def reduced(image: Image, colours: int = _COLOURS) -> Image:
    """Return a picture as palette indexes, of its own colours where they are few enough.

    Args:
        image: Any.
        colours: Most entries of the palette.
    """
    if image.palette is not None and len(image.palette) <= colours:
        return image
    pillow = Pillow.fromarray(np.ascontiguousarray(image.rgba()), "RGBA")
    # The only method of Pillow that knows alpha; octrees are fast.
    flat = pillow.quantize(colours, method=Pillow.Quantize.FASTOCTREE, dither=Pillow.Dither.NONE)
    palette = np.frombuffer(bytes(flat.getpalette("RGBA") or ()), np.uint8).reshape(-1, 4)
    return Image(np.asarray(flat, np.uint8), palette)


class Png8Encoder:
    """PNG of at most 256 colours, with translucency; loses colours where there are more."""

    media_type: Final = "image/png; mode=8bit"
    extensions: Final = ("png8",)
    supports_alpha: Final = True
    max_size: Final = PngEncoder.max_size

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture; see `Encoder.encode`. `quality` has no meaning here."""
        check_size(image, self)
        return PngEncoder().encode(reduced(image), quality)


class GifEncoder:
    """At most 255 colours, and pixels that are transparent or not."""

    media_type: Final = "image/gif"
    extensions: Final = ("gif",)
    supports_alpha: Final = True
    max_size: Final = 65535

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture; see `Encoder.encode`. `quality` has no meaning here."""
        check_size(image, self)
        rgba = image.rgba()
        clear = rgba[..., 3] < _OPAQUE
        # One index is kept for transparency.
        if image.palette is not None and len(image.palette) < _COLOURS:
            few, palette = image, image.palette
        else:
            solid = np.where(clear[..., None], np.uint8(0), rgba)
            solid[..., 3] = 255
            few = reduced(Image(solid), _COLOURS - 1)
            palette = few.palette if few.palette is not None else np.zeros((1, 4), np.uint8)
        index = len(palette)
        pixels = np.where(clear, np.uint8(index), few.pixels)
        pillow = Pillow.fromarray(pixels, "P")
        pillow.putpalette([*palette[:, :3].ravel().tolist(), 0, 0, 0])
        out = BytesIO()
        options = {"transparency": index} if clear.any() else {}
        pillow.save(out, "GIF", **options)
        return out.getvalue()
