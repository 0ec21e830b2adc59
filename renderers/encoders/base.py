"""What every encoder gives."""

from typing import Protocol

import numpy as np

from renderers.errors import RenderError
from renderers.image import Image
from renderers.kernels.png import extremes


class EncodingError(RenderError):
    """The picture or the quality does not suit the format."""


class Encoder(Protocol):
    """Turns pictures into bytes of one format. Stateless, and releases the GIL for long work."""

    @property
    def media_type(self) -> str:
        """For example `image/png`."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Of file names and URLs, without the dot, the usual one first."""

    @property
    def supports_alpha(self) -> bool:
        """False when transparent pixels are painted on white.

        Callers that want another background flatten the picture first.
        """

    @property
    def max_size(self) -> int:
        """Largest width and height that the format can hold."""

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture.

        Args:
            image: RGBA or palette indexes.
            quality: 1 to 100 for formats that lose detail, None for the format's default.
                Lossless formats take no notice of it.

        Raises:
            EncodingError: The picture is empty or too large, or the quality out of range.
        """


def check_size(image: Image, encoder: Encoder) -> None:
    """Refuse a picture that the format cannot hold.

    Raises:
        EncodingError: It is empty or too large.
    """
    if not (1 <= image.width <= encoder.max_size and 1 <= image.height <= encoder.max_size):
        raise EncodingError(
            f"{encoder.media_type} pictures are 1 to {encoder.max_size} pixels wide and high"
        )


def check_quality(quality: int | None, default: int) -> int:
    """Return the quality to use.

    Raises:
        EncodingError: It is not 1 to 100.
    """
    if quality is None:
        return default
    if not 1 <= quality <= 100:
        raise EncodingError("quality must be 1 to 100")
    return quality


def is_opaque(image: Image) -> bool:
    """Tell whether every pixel of a picture is opaque, by what is known, else by looking.

    Of a palette only entries are looked at, whether they occur or not.
    """
    if image.opaque is not None:
        return image.opaque
    if image.palette is not None:
        return bool((image.palette[:, 3] == 255).all())
    every, _ = extremes(np.ascontiguousarray(image.pixels).reshape(-1), False)
    return bool(every >> 24 == 255)
