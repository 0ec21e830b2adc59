import numpy as np
import pytest

from renderers.encoders.automatic import automatic
from renderers.image import Image


def picture(alpha):
    pixels = np.full((70, 70, 4), 90, np.uint8)
    pixels[..., 3] = 255
    pixels[69, 69, 3] = alpha
    return pixels


@pytest.mark.parametrize(
    ("image", "media_type"),
    [
        (Image(picture(255)), "image/jpeg"),
        (Image(picture(254)), "image/png"),
        (Image(picture(0)), "image/png"),
        (Image(picture(255), opaque=True), "image/jpeg"),
        (Image(picture(0), opaque=False), "image/png"),
        (Image(picture(255)[::2, ::2]), "image/jpeg"),
        (Image(np.zeros((4, 4), np.uint8), np.full((1, 4), 255, np.uint8)), "image/png"),
        (Image(np.zeros((4, 4), np.uint8), np.zeros((1, 4), np.uint8)), "image/png"),
    ],
)
def test_jpeg_where_opaque(image, media_type):
    assert automatic(image) == media_type
