"""Pictures of few colours, and pictures on a grid, against Pillow and rasterio."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow
from rasterio.io import MemoryFile

from renderers.encoders.base import EncodingError
from renderers.encoders.gif import GifEncoder, Png8Encoder, reduced
from renderers.encoders.placed import GeoTiffPicture, PlacedEncoder
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.notice import notice


def gradient(alpha: int = 255) -> Image:
    rows, columns = np.mgrid[0:64, 0:96].astype(np.uint8)
    rgba = np.stack([rows * 4, columns * 2, rows + columns, np.full_like(rows, alpha)], axis=-1)
    return Image(rgba)


@pytest.mark.parametrize("encoder", [GifEncoder(), Png8Encoder()])
def test_a_palette_of_few_colours_is_kept_exactly(encoder):
    palette = np.array([[0, 0, 0, 0], [255, 0, 0, 255], [1, 2, 3, 255]], np.uint8)
    pixels = np.random.default_rng(1).integers(0, 3, (20, 30), np.uint8)
    image = Image(pixels, palette)
    shown = np.asarray(Pillow.open(BytesIO(encoder.encode(image))).convert("RGBA"))
    assert np.array_equal(shown[..., 3], image.rgba()[..., 3])
    solid = shown[..., 3] > 0
    assert np.array_equal(shown[solid], image.rgba()[solid])


@pytest.mark.parametrize("encoder", [GifEncoder(), Png8Encoder()])
def test_many_colours_become_the_nearest_of_256(encoder):
    image = gradient()
    picture = Pillow.open(BytesIO(encoder.encode(image)))
    assert picture.mode == "P"
    shown = np.asarray(picture.convert("RGBA")).astype(int)
    assert np.abs(shown - image.rgba()).max() <= 40


def test_translucency_stays_in_png_and_is_all_or_nothing_in_gif():
    half = gradient(120)
    png = np.asarray(Pillow.open(BytesIO(Png8Encoder().encode(half))).convert("RGBA"))
    assert np.abs(png[..., 3].astype(int) - 120).max() <= 8
    gif = np.asarray(Pillow.open(BytesIO(GifEncoder().encode(half))).convert("RGBA"))
    assert not gif[..., 3].any()


def test_reduced_palettes_are_no_longer_than_asked():
    few = reduced(gradient(), 16)
    assert few.palette is not None
    assert len(few.palette) <= 16
    assert few.pixels.max() < len(few.palette)


@pytest.mark.parametrize("alpha", [255, 0])
def test_a_geotiff_has_its_grid_and_its_colours(alpha: int):
    image = gradient(alpha)
    box = GeoBox.from_bounds((500000, 5000000, 500960, 5000640), 96, 64, "EPSG:32633")
    encoder = GeoTiffPicture()
    assert isinstance(encoder, PlacedEncoder)
    with MemoryFile(encoder.encode_placed(image, box)) as memory, memory.open() as read:
        assert (read.crs.to_epsg(), read.bounds) == (32633, (500000, 5000000, 500960, 5000640))
        assert read.count == (3 if alpha == 255 else 4)
        if alpha == 255:
            assert np.array_equal(np.moveaxis(read.read(), 0, 2), image.rgba()[..., :3])
        else:
            assert not read.read(4).any()
    with pytest.raises(EncodingError):
        encoder.encode(image)


def test_a_notice_has_ink_on_its_background_and_any_size():
    told = notice("no layer 'nothing' " * 40, 200, 80, (0, 0, 255, 255)).rgba()
    assert told.shape == (80, 200, 4)
    assert (told[..., :3] == (0, 0, 255)).all(axis=-1).mean() > 0.3
    assert (told[..., :3] == (255, 255, 255)).all(axis=-1).any()
    assert notice("x", 1, 1, (255, 255, 255, 0)).rgba().shape == (1, 1, 4)
