"""The format where the client leaves the choice to the server (`format=auto`)."""

from renderers.encoders.base import is_opaque
from renderers.image import Image


def automatic(image: Image) -> str:
    """Return the media type that suits a picture: JPEG where it is opaque, PNG else.

    Palette pictures are PNG always: few colours with sharp edges, where PNG is exact and smaller.
    """
    if image.palette is not None or not is_opaque(image):
        return "image/png"
    return "image/jpeg"
