"""AVIF (AV1 Image File Format 1.1) through libavif and libaom, lossy with exact alpha."""

from typing import Final

import imagecodecs
import numpy as np

from renderers.encoders.base import check_quality, check_size, is_opaque
from renderers.image import Image

_DEFAULT_QUALITY = 60
#: The fastest: 8 takes twice as long and saves nothing on satellite pictures.
_SPEED = 10


class AvifEncoder:
    """Loses detail in colour, at half resolution (4:2:0), none in alpha.

    Half the bytes of JPEG for twenty times its time: for pictures that are kept.
    """

    media_type: Final = "image/avif"
    extensions: Final = ("avif",)
    supports_alpha: Final = True
    max_size: Final = 16384  # what decoders take: libavif's limit, and AV1's level 6

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture; see `Encoder.encode`. The default quality is 60."""
        check_size(image, self)
        quality = check_quality(quality, _DEFAULT_QUALITY)
        pixels = image.rgba()
        if is_opaque(image):
            # Without a picture of alpha, which costs a quarter of the time even where it is flat.
            pixels = pixels[..., :3]
        return bytes(
            imagecodecs.avif_encode(
                np.ascontiguousarray(pixels),
                level=quality,
                speed=_SPEED,
                pixelformat="420",
                numthreads=1,
            )
        )
