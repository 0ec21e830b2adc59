"""JPEG, WebP and AVIF: what all promise, decoded by Pillow and by imagecodecs."""

import io

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from renderers.encoders.avif import AvifEncoder
from renderers.encoders.base import EncodingError
from renderers.encoders.jpeg import JpegEncoder
from renderers.encoders.webp import WebpEncoder
from renderers.image import Image

ENCODERS = [JpegEncoder(), WebpEncoder(), AvifEncoder()]


def decoded(data, mode="RGBA"):
    with PIL.Image.open(io.BytesIO(data)) as image:
        return image.format, np.array(image.convert(mode)).astype(int)


def smooth(alpha=255, size=(64, 96)):
    """A soft gradient, which lossy formats keep well."""
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = np.empty((*size, 4), np.uint8)
    pixels[..., 0] = x * 2
    pixels[..., 1] = y * 3
    pixels[..., 2] = 128
    pixels[..., 3] = alpha
    return pixels


@pytest.mark.parametrize("encoder", ENCODERS)
def test_picture_comes_back_nearly(encoder):
    kind, found = decoded(encoder.encode(Image(smooth())))
    assert kind.lower() == encoder.media_type.partition("/")[2]
    assert found.shape == (64, 96, 4)
    assert np.abs(found - smooth()).mean() < 2.5
    assert (found[..., 3] == 255).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_palette_pictures(encoder):
    palette = np.zeros((256, 4), np.uint8)
    palette[3] = (200, 40, 90, 255)
    _, found = decoded(encoder.encode(Image(np.full((32, 32), 3, np.uint8), palette)))
    assert np.abs(found - palette[3]).max() <= 4


@pytest.mark.parametrize("encoder", ENCODERS)
def test_quality(encoder):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    noise[..., 3] = 255
    sizes = [len(encoder.encode(Image(noise), quality)) for quality in (1, 50, None, 100)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    for wrong in (0, 101, -5):
        with pytest.raises(EncodingError, match="quality"):
            encoder.encode(Image(noise), wrong)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_sizes_beyond_the_format(encoder):
    for shape in ((0, 5, 4), (1, encoder.max_size + 1, 4)):
        with pytest.raises(EncodingError, match="pixels wide"):
            encoder.encode(Image(np.zeros(shape, np.uint8)))
    widest = np.full((1, encoder.max_size, 4), 255, np.uint8)
    assert decoded(encoder.encode(Image(widest)))[1].shape == widest.shape


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (17, 33)])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_odd_sizes(encoder, shape):
    assert decoded(encoder.encode(Image(smooth(size=shape))))[1].shape == (*shape, 4)


def test_jpeg_paints_transparency_on_white():
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 48:] = 255
    _, found = decoded(JpegEncoder().encode(Image(smooth(alpha))))
    assert (found[:, :40, :3] > 250).all()
    assert np.abs(found - smooth())[:, 56:].mean() < 2.5
    palette = np.zeros((256, 4), np.uint8)
    _, found = decoded(JpegEncoder().encode(Image(np.full((16, 16), 255, np.uint8), palette)))
    assert (found > 250).all()


@pytest.mark.parametrize("encoder", [WebpEncoder(), AvifEncoder()])
def test_alpha_is_kept_exactly(encoder):
    alpha = np.random.default_rng(4).integers(0, 256, (64, 96), dtype=np.uint8)
    data = encoder.encode(Image(smooth(alpha)))
    np.testing.assert_array_equal(imagecodecs.imread(data)[..., 3], alpha)
    if encoder.media_type == "image/webp":
        np.testing.assert_array_equal(decoded(data)[1][..., 3], alpha)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_imagecodecs_reads_the_same(encoder):
    data = encoder.encode(Image(smooth()))
    found = imagecodecs.imread(data)[..., :3].astype(int)
    # Decoders differ in how they enlarge colour of half resolution.
    assert np.abs(found - decoded(data)[1][..., :3]).mean() < 1.5


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_known_of_opacity_changes_nothing(encoder):
    opaque, clear = smooth(), smooth(np.full((64, 96), 90, np.uint8))
    assert encoder.encode(Image(opaque, opaque=True)) == encoder.encode(Image(opaque))
    assert encoder.encode(Image(clear, opaque=False)) == encoder.encode(Image(clear))
