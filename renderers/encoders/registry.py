"""Which encoders there are."""

from collections.abc import Iterable, Iterator

from renderers.encoders.avif import AvifEncoder
from renderers.encoders.base import Encoder, EncodingError
from renderers.encoders.gif import GifEncoder, Png8Encoder
from renderers.encoders.jpeg import JpegEncoder
from renderers.encoders.placed import GeoTiffPicture
from renderers.encoders.png import PngEncoder
from renderers.encoders.webp import WebpEncoder


class EncoderRegistry:
    """Encoders by media type and by file extension. Immutable."""

    def __init__(self, encoders: Iterable[Encoder] = ()) -> None:
        self._encoders = {encoder.media_type: encoder for encoder in encoders}

    def __iter__(self) -> Iterator[Encoder]:
        return iter(self._encoders.values())

    @property
    def media_types(self) -> tuple[str, ...]:
        """Every media type, the preferred one first."""
        return tuple(self._encoders)

    def get(self, media_type: str) -> Encoder:
        """Return the encoder of a media type.

        Raises:
            EncodingError: There is none.
        """
        encoder = self._encoders.get(media_type)
        if encoder is None:
            raise EncodingError(f"pictures are not offered as {media_type!r}")
        return encoder

    def for_extension(self, extension: str) -> Encoder:
        """Return the encoder of a file extension (`png`, `jpg`), in any case, without the dot.

        Raises:
            EncodingError: There is none.
        """
        for encoder in self:
            if extension.lower() in encoder.extensions:
                return encoder
        raise EncodingError(f"pictures are not offered as .{extension}")

    def with_encoder(self, *encoders: Encoder) -> "EncoderRegistry":
        """Return a registry with these too; one of a known media type takes its place."""
        return EncoderRegistry([*self, *encoders])


def default_encoders() -> EncoderRegistry:
    """Return PNG, JPEG, WebP, AVIF, PNG of 8 bits, GIF and GeoTIFF."""
    return EncoderRegistry(
        [
            PngEncoder(),
            JpegEncoder(),
            WebpEncoder(),
            AvifEncoder(),
            Png8Encoder(),
            GifEncoder(),
            GeoTiffPicture(),
        ]
    )
