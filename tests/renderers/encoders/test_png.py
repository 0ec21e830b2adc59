import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from renderers.encoders.base import EncodingError
from renderers.encoders.png import PngEncoder
from renderers.image import Image

ENCODER = PngEncoder()
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def decoded(data):
    """RGBA by Pillow."""
    with PIL.Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.mode, np.array(image.convert("RGBA"))


def chunks(data):
    """Chunks by name, their checksums verified."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        found[kind] = body
        at += 12 + length
    return found


@settings(max_examples=150, deadline=None)
@given(SIZES.flatmap(lambda s: npst.arrays(np.uint8, (*s, 4))))
def test_rgba_comes_back_exactly(pixels):
    _, found = decoded(ENCODER.encode(Image(pixels)))
    np.testing.assert_array_equal(found, pixels)


@settings(max_examples=100, deadline=None)
@given(SIZES.flatmap(lambda s: npst.arrays(np.uint8, (*s, 4))))
def test_opaque_is_stored_without_alpha(pixels):
    pixels[..., 3] = 255
    mode, found = decoded(ENCODER.encode(Image(pixels)))
    assert mode == "RGB"
    np.testing.assert_array_equal(found, pixels)


@settings(max_examples=150, deadline=None)
@given(
    SIZES.flatmap(lambda s: npst.arrays(np.uint8, s)),
    npst.arrays(np.uint8, (256, 4)),
)
def test_palette_comes_back_exactly(pixels, palette):
    image = Image(pixels, palette)
    mode, found = decoded(ENCODER.encode(image))
    assert mode == "P"
    np.testing.assert_array_equal(found, image.rgba())


def test_noise_and_large_pictures():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (300, 513, 4), dtype=np.uint8)
    data = ENCODER.encode(Image(pixels))
    chunks(data)
    np.testing.assert_array_equal(decoded(data)[1], pixels)


def test_palette_holds_only_what_occurs_translucent_entries_first():
    palette = np.zeros((256, 4), np.uint8)
    palette[7] = (1, 2, 3, 255)
    palette[9] = (4, 5, 6, 100)
    pixels = np.array([[7, 9, 255, 7]], np.uint8)
    found = chunks(ENCODER.encode(Image(pixels, palette)))
    assert found[b"PLTE"] == bytes([4, 5, 6, 0, 0, 0, 1, 2, 3])
    assert found[b"tRNS"] == bytes([100, 0])


def test_opaque_palette_has_no_transparency_chunk():
    palette = np.full((3, 4), 255, np.uint8)
    found = chunks(ENCODER.encode(Image(np.zeros((2, 2), np.uint8), palette)))
    assert b"tRNS" not in found
    assert found[b"PLTE"] == bytes([255] * 3)


def test_gdal_reads_the_same():
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, (64, 48, 4), dtype=np.uint8)
    data = ENCODER.encode(Image(pixels))
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.MemoryFile(data) as file,
        file.open() as dataset,
    ):
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, -1), pixels)


def test_strided_pixels():
    pixels = np.random.default_rng(8).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    view = pixels[::2, ::-1]
    np.testing.assert_array_equal(decoded(ENCODER.encode(Image(view)))[1], view)


def test_empty_tile_is_small():
    palette = np.zeros((256, 4), np.uint8)
    data = ENCODER.encode(Image(np.full((256, 256), 255, np.uint8), palette))
    assert len(data) < 500


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 0, 4), (1, 65536, 4)])
def test_sizes_that_png_cannot_hold(shape):
    with pytest.raises(EncodingError):
        ENCODER.encode(Image(np.zeros(shape, np.uint8)))


def test_index_past_the_palette():
    with pytest.raises(EncodingError, match="past the end"):
        ENCODER.encode(Image(np.full((2, 2), 3, np.uint8), np.zeros((3, 4), np.uint8)))
