"""JPEG (ITU-T T.81) through libjpeg-turbo."""

from typing import Final

import numpy as np
import simplejpeg

from renderers.encoders.base import check_quality, check_size, is_opaque
from renderers.image import Image
from renderers.paint import flatten

_DEFAULT_QUALITY = 85
_WHITE = (255, 255, 255)


class JpegEncoder:
    """Loses detail; colour at half resolution (4:2:0); transparency is painted on white."""

    media_type: Final = "image/jpeg"
    extensions: Final = ("jpg", "jpeg")
    supports_alpha: Final = False
    max_size: Final = 65500  # of libjpeg; the format itself has 65535

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture; see `Encoder.encode`. The default quality is 85."""
        check_size(image, self)
        quality = check_quality(quality, _DEFAULT_QUALITY)
        if not is_opaque(image):
            image = flatten(image, _WHITE)
        pixels = np.ascontiguousarray(image.rgba())
        return bytes(
            simplejpeg.encode_jpeg(pixels, quality, colorspace="RGBA", colorsubsampling="420")
        )
