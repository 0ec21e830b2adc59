import numpy as np
import pytest
from affine import Affine
from support.paint import canvas_of, paint

from renderers.errors import RenderError
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.kernels import output
from renderers.paint import composite, flatten, tone_curve
from renderers.painter import values_painter
from renderers.sources import target_tables
from styles.colormaps import named
from styles.expression import compile_formula
from styles.model import RampColour, RgbColour, Style
from styles.reference import evaluate as twin
from styles.registry import StyleRegistry, class_style, stretch_style

RNG = np.random.default_rng(3)
SHAPE = (37, 61)


@pytest.fixture(scope="module")
def library():
    return StyleRegistry.load_library()


def reflectances(count):
    values = RNG.gamma(2.0, 0.08, (count, *SHAPE)).astype(np.float32)
    values[:, 5, :10] = 0.0  # 0 / 0 in every index
    return values


def exact(style, bands):
    """Levels in float64, without tables; shape (channels, height, width), and where NaN."""
    values = twin(style.program, bands.reshape(len(bands), -1)).astype(np.float64)
    missing = np.isnan(values).any(axis=0).reshape(SHAPE)
    if isinstance(style.colour, RgbColour):
        low, high = np.array(style.colour.stretch, np.float64).T[:, :, None]
        t = np.clip((values - low) / (high - low), 0, 1)
        levels = np.rint(255 * t ** (1 / style.colour.gamma))
    else:
        low, high = style.colour.low, style.colour.high
        levels = np.rint(254 * np.clip((values - low) / (high - low), 0, 1))
    return levels.reshape(-1, *SHAPE), missing


@pytest.mark.parametrize("style_id", ["true-color", "false-color", "swir", "ndvi", "ndwi", "ndmi"])
def test_library_style_agrees_with_exact_arithmetic(library, style_id):
    style = library.get(style_id)
    bands = reflectances(len(style.program.inputs))
    valid = RNG.random(SHAPE) > 0.1
    image = paint(style, bands, valid)
    levels, missing = exact(style, bands)
    good = valid & ~missing
    np.testing.assert_array_equal(image.rgba()[..., 3] == 255, good)
    if image.palette is None:
        found = np.moveaxis(image.pixels[..., :3], -1, 0)
        assert not image.pixels[~good].any()
    else:
        found = image.pixels[None]
        assert (image.pixels[~good] == 255).all()
    distance = np.abs(found[:, good] - levels[:, good])
    assert distance.max() <= 1
    assert np.count_nonzero(distance) <= 0.001 * distance.size + 1


def test_scene_classes(library):
    values = RNG.integers(0, 14, (1, *SHAPE)).astype(np.float32)
    image = paint(library.get("scl"), values, np.ones(SHAPE, np.uint8))
    rgba = image.rgba()
    assert (rgba[values[0] == 4] == (0, 160, 0, 255)).all()
    assert not rgba[(values[0] > 11) | (values[0] == 0)][:, 3].any()


def test_class_values_beyond_a_byte():
    style = class_style("c", "b", [(300, "A", (1, 2, 3, 255)), (65535, "B", (4, 5, 6, 255))])
    bands = np.array([[[300, 65535, 44, 65536]]], np.float32)
    image = paint(style, bands, np.ones((1, 4), np.uint8))
    assert image.rgba()[0].tolist() == [[1, 2, 3, 255], [4, 5, 6, 255], [0] * 4, [0] * 4]


def test_inputs_are_not_changed():
    style = stretch_style("s", "b", 0, 1)
    bands, valid = np.full((1, 2, 2), np.nan, np.float32), np.ones((2, 2), np.uint8)
    bands.flags.writeable = valid.flags.writeable = False
    assert paint(style, bands, valid) is None
    assert np.isnan(bands).all()
    assert valid.all()


def test_only_contiguous_arrays_are_drawn():
    box = GeoBox(SHAPE[1], SHAPE[0], Affine.scale(1.0, -1.0), "EPSG:32632")
    bands, valid = reflectances(3), np.ones(SHAPE, np.uint8)
    strided = np.asfortranarray(np.repeat(bands, 2, axis=2))[:, :, ::2]
    for values, mask in ((strided, valid), (bands, valid[::-1])):
        with pytest.raises(ValueError, match="C-contiguous"):
            target_tables(values, mask, box)


def test_values_of_every_output():
    program = compile_formula("nir - red; nir / red")
    bands = reflectances(2)
    canvas = canvas_of(values_painter(program), bands, np.ones(SHAPE, bool))
    expected = twin(program, bands.reshape(2, -1)).reshape(2, *SHAPE)
    drawn = ~np.isnan(expected).any(axis=0)
    np.testing.assert_array_equal(canvas.state == output.DRAWN, drawn)
    np.testing.assert_array_equal(canvas.values[:, drawn], expected[:, drawn])
    assert not drawn.all()


@pytest.mark.parametrize(
    ("bands", "valid"),
    [
        (np.zeros((1, 4, 4), np.float32), np.ones((4, 4), np.uint8)),
        (np.zeros((3, 4, 4), np.float32), np.ones((4, 5), np.uint8)),
        (np.zeros((3, 4, 4), np.float64), np.ones((4, 4), np.uint8)),
        (np.zeros((3, 4, 4), ">f4"), np.ones((4, 4), np.uint8)),
        (np.zeros((3, 16), np.float32), np.ones(16, np.uint8)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(bands, valid):
    with pytest.raises(RenderError):
        paint(stretch_style("s", ("r", "g", "b"), 0, 1), bands, valid)


def test_tone_curve_reaches_every_level():
    for gamma in (0.5, 1.0, 1.5, 2.2):
        curve = tone_curve(gamma)
        assert (np.diff(curve.astype(int)) >= 0).all()
        assert (curve[0], curve[-1]) == (0, 255)
    assert len(np.unique(tone_curve(1.5))) == 256


def test_composite():
    bottom = Image(np.full((2, 2, 4), (10, 20, 30, 255), np.uint8))
    palette = np.zeros((256, 4), np.uint8)
    palette[0] = (200, 100, 0, 255)
    palette[1] = (200, 100, 0, 51)
    top = Image(np.array([[0, 1], [255, 255]], np.uint8), palette)
    assert composite(None, top) is top
    out = composite(bottom, top).pixels
    assert out[0].tolist() == [[200, 100, 0, 255], [48, 36, 24, 255]]
    assert out[1].tolist() == [[10, 20, 30, 255]] * 2
    with pytest.raises(RenderError, match="sizes"):
        composite(bottom, Image(top.pixels[:1], palette))


def test_flatten():
    rgba = Image(np.array([[[9, 9, 9, 0], [200, 100, 0, 51], [1, 2, 3, 255]]], np.uint8))
    flat = flatten(rgba, (10, 20, 30))
    assert flat.pixels[0].tolist() == [[10, 20, 30, 255], [48, 36, 24, 255], [1, 2, 3, 255]]
    indexed = flatten(Image(np.array([[0, 255]], np.uint8), named("viridis")), (10, 20, 30))
    assert indexed.palette is not None
    assert indexed.rgba()[0].tolist() == [[68, 1, 84, 255], [10, 20, 30, 255]]


def test_gamma_is_not_applied_to_ramps():
    style = Style("r", "R", compile_formula("b * 1"), RampColour(named("greys_r"), 0.0, 254.0))
    bands = np.arange(255, dtype=np.float32).reshape(1, 1, 255)
    image = paint(style, bands, np.ones((1, 255), np.uint8))
    assert image.pixels[0].tolist() == list(range(255))
