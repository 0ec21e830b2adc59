import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from renderers.encoders.base import EncodingError
from renderers.encoders.png import PngEncoder, encode_grey16
from renderers.image import Image

ENCODER = PngEncoder()
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def decoded(data):
    """RGBA by Pillow, which spng and zlib confirm."""
    found = chunks(data)
    width, height, depth, colour_type = struct.unpack_from(">IIBB", found[b"IHDR"])
    samples = {0: 1, 2: 3, 3: 1, 6: 4}[colour_type]
    rows = zlib.decompress(found[b"IDAT"])
    assert len(rows) == height * (1 + width * samples * depth // 8)
    with PIL.Image.open(io.BytesIO(data)) as image:
        image.load()
        rgba = np.array(image.convert("RGBA"))
        if colour_type in (2, 6):
            other = imagecodecs.spng_decode(data)
            np.testing.assert_array_equal(other, rgba[..., :samples])
        return image.mode, rgba


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


@st.composite
def scenes(draw):
    """Pictures of up to 300 x 300: noise, flat parts, gradients, repeated pixels, with alpha."""
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, x = np.mgrid[:height, :width]
    bands = {
        "noise": rng.integers(0, 256, (height, width)),
        "flat": np.full((height, width), draw(st.integers(0, 255))),
        "gradient": x + 2 * y + rng.integers(0, draw(st.integers(1, 9)), (height, width)),
        "steps": (x // 7) * 40 + (y // 5) * 9,
        "half": np.where(x + y > (width + height) // 2, 255, 0),
    }
    kinds = draw(st.lists(st.sampled_from(sorted(bands)), min_size=4, max_size=4))
    pixels = np.stack([bands[kind] for kind in kinds], axis=-1).astype(np.uint8)
    if draw(st.booleans()):
        pixels[..., 3] = 255
    if draw(st.booleans()):
        factor = draw(st.integers(2, 9))
        pixels = pixels[np.arange(height) // factor][:, np.arange(width) // factor]
    return pixels


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_scenes_of_any_size(pixels):
    mode, found = decoded(ENCODER.encode(Image(pixels)))
    np.testing.assert_array_equal(found, pixels)
    opaque = bool((pixels[..., 3] == 255).all())
    assert mode == ("RGB" if opaque else "RGBA")
    assert ENCODER.encode(Image(pixels, opaque=opaque)) == ENCODER.encode(Image(pixels))


@settings(max_examples=50, deadline=None)
@given(scenes(), st.integers(1, 256))
def test_palettes_of_any_length(pixels, entries):
    palette = np.random.default_rng(entries).integers(0, 256, (entries, 4), dtype=np.uint8)
    palette[::2, 3] = 255
    indexes = np.ascontiguousarray(pixels[..., 0] % np.uint16(entries), np.uint8)
    image = Image(indexes, palette)
    mode, found = decoded(ENCODER.encode(image))
    assert mode == "P"
    np.testing.assert_array_equal(found, image.rgba())


@settings(max_examples=50, deadline=None)
@given(scenes(), st.booleans())
def test_grey16_comes_back_exactly(pixels, smooth):
    low = np.uint16(0) if smooth else pixels[..., 1]
    values = pixels[..., 0].astype(np.uint16) * np.uint16(200) + low
    data = encode_grey16(values)
    chunks(data)
    with PIL.Image.open(io.BytesIO(data)) as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.array(image), values)
    np.testing.assert_array_equal(imagecodecs.png_decode(data), values)


def test_gdal_reads_grey16():
    values = np.arange(300 * 200, dtype=np.uint16).reshape(200, 300)[::-1, ::2]
    data = encode_grey16(values)
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.MemoryFile(data) as file,
        file.open() as dataset,
    ):
        found = dataset.read()
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0], values)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((3, 3), np.int16),
        np.zeros((1, 3, 3), np.uint16),
        np.zeros((0, 3), np.uint16),
        np.zeros((1, 65536), np.uint16),
    ],
)
def test_grey16_refuses_what_it_cannot_hold(values):
    with pytest.raises(EncodingError):
        encode_grey16(values)


@pytest.mark.parametrize("noise", [0, 40])
@pytest.mark.parametrize("shape", [(256, 256), (64, 4000), (4000, 3), (1100, 1000)])
def test_bytes_never_explode(shape, noise):
    """Noise is stored; rows that hide from the sample cost no more than that either."""
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 256, (*shape, 4), dtype=np.uint8)
    quiet = rng.permutation(shape[0])[: shape[0] * noise // 100]
    pixels[quiet] = 0
    data = ENCODER.encode(Image(pixels))
    np.testing.assert_array_equal(decoded(data)[1], pixels)
    assert len(data) < pixels.size * 1.001 + shape[0] + 300


def test_threads_do_not_share_their_working_arrays():
    rng = np.random.default_rng(9)
    pictures = [
        rng.normal(100, spread, (96, 80 + spread, 4)).astype(np.uint8) for spread in range(1, 40)
    ]
    expected = [ENCODER.encode(Image(pixels)) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(lambda p: ENCODER.encode(Image(p)), pictures)) == expected


@pytest.mark.parametrize(
    ("colour", "most"), [((0, 0, 0, 0), 420), ((9, 200, 7, 255), 700), ((1, 2, 3, 40), 800)]
)
def test_one_colour_is_small(colour, most):
    pixels = np.full((256, 256, 4), colour, np.uint8)
    data = ENCODER.encode(Image(pixels))
    assert len(data) < most
    assert ENCODER.encode(Image(pixels.copy())) is data
    np.testing.assert_array_equal(decoded(data)[1], pixels)


def test_large_picture_of_one_colour():
    pixels = np.full((1030, 1024, 4), (1, 2, 3, 255), np.uint8)
    data = ENCODER.encode(Image(pixels))
    assert len(data) < 20_000
    np.testing.assert_array_equal(decoded(data)[1], pixels)


def test_misaligned_pixels():
    memory = np.random.default_rng(3).integers(0, 256, 20 * 30 * 4 + 1, dtype=np.uint8)
    pixels = memory[1:].reshape(20, 30, 4)
    np.testing.assert_array_equal(decoded(ENCODER.encode(Image(pixels)))[1], pixels)


def test_pixels_that_must_not_be_written():
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    palette = np.random.default_rng(3).integers(0, 256, (256, 4), dtype=np.uint8)
    for image in (Image(pixels), Image(pixels[..., 0].copy(), palette)):
        image.pixels.setflags(write=False)
        np.testing.assert_array_equal(decoded(ENCODER.encode(image))[1], image.rgba())
    values = np.arange(60, dtype=np.uint16).reshape(6, 10)
    values.setflags(write=False)
    np.testing.assert_array_equal(imagecodecs.png_decode(encode_grey16(values)), values)


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
