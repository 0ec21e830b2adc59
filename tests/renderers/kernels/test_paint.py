"""Programs and colours in one pass, beside the kernels that do one after the other."""

import numpy as np
import pytest

from renderers.geobox import GeoBox
from renderers.kernels import colour, output
from renderers.painter import coloured, style_painter
from styles.inline import class_formula_style, formula_style
from styles.model import ClassEntry
from styles.reference import evaluate

STYLES = {
    "ramp": formula_style("(a - b) / (a + b)"),
    "rgb": formula_style("a, b, a * b", [(0.0, 2.0)]),
    "gamma": formula_style("a, b, a * b", [(0.0, 2.0)], gamma=1.7),
    "alpha": formula_style("a, b, a * b, b", [(0.0, 2.0)]),
    "classes": class_formula_style(
        "round(a * 3)", [ClassEntry(k, str(k), (k, 9, 9, 255)) for k in (0, 1, 3)]
    ),
}


@pytest.mark.parametrize("kind", STYLES)
@pytest.mark.parametrize("missing", [0.0, 0.01])
@pytest.mark.parametrize("shape", [(1, 1), (33, 64), (50, 41)])
def test_a_picture_is_that_of_its_values(kind, missing, shape):
    style = STYLES[kind]
    painter = style_painter(style)
    rng = np.random.default_rng(len(kind))
    pixels = shape[0] * shape[1]
    inputs = rng.uniform(0, 2, (len(style.program.inputs), pixels)).astype(np.float32)
    inputs[rng.random(inputs.shape) < missing] = np.nan
    there = (rng.random(pixels) >= missing).astype(np.uint8)
    box = GeoBox.from_bounds((0, 0, 1, 1), shape[1], shape[0], "EPSG:4326")
    image = coloured(painter, inputs, there, box)
    values = evaluate(style.program, inputs)
    good = ((there != 0) & ~np.isnan(values).any(axis=0)).astype(np.uint8)
    if not good.any():
        assert image is None
        return
    if painter.indexed:
        expected = np.empty(pixels, np.uint8)
        if painter.kind == output.RAMP:
            colour.ramp(values[0], good, painter.low[0], painter.inverse[0], expected)
        else:
            colour.classes(values[0], good, painter.table, expected)
        np.testing.assert_array_equal(image.pixels.reshape(-1), expected)
        return
    words = np.empty(pixels, np.uint32)
    colour.rgb(values[:3], good, painter.low, painter.inverse, painter.table, words)
    expected = words.view(np.uint8).reshape(-1, 4).copy()
    if kind == "alpha":
        level = np.floor(np.clip(np.nan_to_num(values[3]), 0, 1) * 255 + 0.5)
        expected[:, 3] = np.where(good, level, 0)
    np.testing.assert_array_equal(image.pixels.reshape(-1, 4), expected)
    assert image.opaque == (good.all() and kind != "alpha")
