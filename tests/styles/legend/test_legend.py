import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from styles.colormaps import STEPS, from_stops, named, names
from styles.errors import StyleError
from styles.legend import fonts
from styles.legend.facts import legend_facts
from styles.legend.layout import lay_out, legend_size
from styles.legend.look import COLOURS, MAX_SIZE, Look
from styles.legend.raster import draw
from styles.legend.sketch import Text
from styles.legend.svg import gradient_stops, write
from styles.model import Legend, LegendEntry, LegendScale
from styles.registry import StyleRegistry

LIBRARY = {style.id: style.legend for style in StyleRegistry.load_library()}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(legend, look):
    return draw(lay_out(legend, look), look.scale)


def ramp(low=0.0, high=1.0, palette=None, **facts):
    scale = LegendScale(named("viridis") if palette is None else palette, low, high)
    return Legend(
        **{"kind": "ramp", "title": "Ramp", "unit": "", "entries": (), **facts}, scale=scale
    )


def classes(count, name="Class {}", kind="classes"):
    entries = tuple(LegendEntry(name.format(k), (k, 0, 255 - k, 255), k) for k in range(count))
    return Legend(kind, "Classes", "", entries)


@pytest.mark.parametrize("style", LIBRARY)
def test_every_style_has_a_legend_of_the_size_that_was_said(style):
    legend = LIBRARY[style]
    for orientation, theme in product(("vertical", "horizontal"), ("light", "dark")):
        look = Look(orientation, theme, 2)
        width, height = legend_size(legend, look)
        pixels = drawn(legend, look)
        assert pixels.shape == (height, width, 4)
        assert (pixels[..., 3] == 255).all()
        # Nothing reaches the margin, and something stands inside.
        ground = np.array(COLOURS[theme].ground, np.uint8)
        assert (pixels[:16] == ground).all()
        assert (pixels[-16:] == ground).all()
        assert (pixels[:, :20] == ground).all()
        assert (pixels[:, -16:] == ground).all()
        assert (pixels != ground).any()


def test_a_scale_doubles_every_shape():
    legend = LIBRARY["scl"]
    once, twice = drawn(legend, Look()), drawn(legend, Look(scale=2))
    assert twice.shape[:2] == (2 * once.shape[0], 2 * once.shape[1])
    red = (255, 0, 0, 255)
    assert 3.8 < (twice == red).all(-1).sum() / (once == red).all(-1).sum() < 4.2


@pytest.mark.parametrize("orientation", ["vertical", "horizontal"])
def test_a_ramp_shows_the_palette_along_its_values(orientation):
    palette = named("viridis")
    pixels = drawn(ramp(palette=palette), Look(orientation, title=False))
    # A line through the middle of the bar, inside its frame.
    line = pixels[::-1, 12 + 8] if orientation == "vertical" else pixels[12 + 8]
    coloured = [tuple(int(c) for c in p) for p in line if len({int(c) for c in p[:3]}) > 1][2:-2]
    assert len(coloured) > 150
    share = (np.arange(len(coloured)) + 2.5) / (len(coloured) + 4)
    expected = palette[np.rint(share * (STEPS - 1)).astype(int)].astype(int)
    assert np.abs(np.array(coloured) - expected).max() <= 2


def test_ramps_grow_to_the_size_that_is_asked():
    assert legend_size(ramp(), Look(width=300, height=400)) == (300, 400)
    assert legend_size(ramp(), Look("horizontal", width=500))[0] == 500
    assert legend_size(ramp(), Look(height=400, scale=2))[1] == 800
    tall = drawn(ramp(), Look(height=400))
    short = drawn(ramp(), Look())
    assert (tall[:, 20] != 255).any(-1).sum() > (short[:, 20] != 255).any(-1).sum() + 100


def test_a_legend_is_never_smaller_than_its_text():
    natural = legend_size(classes(5), Look())
    assert legend_size(classes(5), Look(width=20, height=20)) == natural


@pytest.mark.parametrize("kind", ["classes", "flags"])
def test_many_classes_stand_in_columns(kind):
    few, many = (
        legend_size(classes(16, kind=kind), Look()),
        legend_size(classes(100, kind=kind), Look()),
    )
    assert many[0] > 3 * few[0] / 2
    assert many[1] < 2.2 * few[1]
    assert max(legend_size(classes(255), Look())) < MAX_SIZE


def test_classes_that_are_not_drawn_are_not_listed():
    entries = (LegendEntry("No data", (0, 0, 0, 0), 0), LegendEntry("Water", (0, 0, 255, 255), 1))
    texts = {
        i.text
        for i in lay_out(Legend("classes", "T", "", entries), Look()).items
        if isinstance(i, Text)
    }
    assert texts == {"T", "Water"}
    only = lay_out(Legend("classes", "T", "", entries[:1]), Look())
    assert any(isinstance(item, Text) and item.text == "No data" for item in only.items)


def test_what_is_not_opaque_stands_on_a_chequered_ground():
    palette = from_stops([(0.0, (255, 0, 0, 0)), (1.0, (255, 0, 0, 255))])
    pixels = drawn(ramp(palette=palette), Look(title=False))
    lowest = pixels[-22:-18, 14:26, :3].reshape(-1, 3)
    assert len(np.unique(lowest, axis=0)) >= 2


def test_a_transparent_legend_has_no_ground():
    pixels = drawn(LIBRARY["ndvi"], Look(transparent=True))
    assert (pixels[:8] == 0).all()
    assert (pixels[..., 3] == 255).any()


def test_long_names_are_wrapped_and_cut_off():
    name = "A class with a name that is far longer than what stands beside a map " * 20
    sketch = lay_out(classes(2, name), Look())
    assert sketch.width < 260
    assert any(isinstance(i, Text) and i.text.endswith("…") for i in sketch.items)


@given(st.text(max_size=200), st.floats(40, 300))
@settings(max_examples=60, deadline=None)
def test_no_line_is_wider_than_allowed(text, limit):
    lines = fonts.wrapped(text, 12.0, limit)
    assert 1 <= len(lines) <= 4
    for line in lines:
        assert fonts.width(line, 12.0) <= limit or len(line) <= 2


def test_letters_are_drawn_as_wide_as_they_are_measured():
    sketch = lay_out(
        Legend("classes", "mmmmmmmmmm", "", (LegendEntry("x", (0, 0, 0, 255), 1),)), Look()
    )
    pixels = draw(sketch, 4)
    rows = pixels[12 * 4 : 29 * 4, :, 0] < 128
    columns = np.flatnonzero(rows.any(0))
    width = fonts.width("mmmmmmmmmm", 13.0, "bold") * 4
    assert abs((columns[-1] - columns[0] + 1) - width) < 13


@pytest.mark.parametrize("style", LIBRARY)
def test_svg_has_the_size_and_says_what_it_shows(style):
    legend = LIBRARY[style]
    look = Look("horizontal", scale=2)
    sketch = lay_out(legend, look)
    root = etree.fromstring(write(sketch, look.scale, legend.title))
    assert (int(root.get("width")), int(root.get("height"))) == legend_size(legend, look)
    assert root.findtext(f"{SVG}title") == legend.title
    said = root.findtext(f"{SVG}desc")
    assert all(item.text in said for item in sketch.items if isinstance(item, Text))
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = {e.get("{http://www.w3.org/1999/xlink}href")[1:] for e in root.iter(f"{SVG}use")}
    assert used <= ids


def test_svg_takes_any_text():
    legend = Legend("classes", "<&\x00\ud800\ufffe>", "", (LegendEntry("]]>", (1, 2, 3, 255), 1),))
    root = etree.fromstring(write(lay_out(legend, Look()), 1, legend.title))
    assert root.findtext(f"{SVG}title") == "<&\ufffd\ufffd\ufffd>"


@pytest.mark.parametrize("name", [*names()[::7], "viridis", "rdylgn"])
def test_stops_of_a_gradient_give_back_the_palette(name):
    palette = named(name)
    check_stops(palette)


def test_stops_keep_hard_edges():
    palette = LIBRARY["ndvi"].scale.palette
    stops = check_stops(palette)
    assert len(stops) < 20
    places = [place for place, _ in stops]
    assert len(places) > len(set(places))


def check_stops(palette):
    stops = gradient_stops(palette)
    places = np.array([place for place, _ in stops])
    assert (np.diff(places) >= 0).all()
    entries = np.arange(STEPS)
    for channel in range(4):
        values = np.array([colour[channel] for _, colour in stops], float)
        there = np.interp(entries, places, values)
        assert np.abs(there - palette[:STEPS, channel]).max() <= 1.01
    return stops


def test_facts_are_json():
    ndvi = legend_facts(LIBRARY["ndvi"])
    assert json.loads(json.dumps(ndvi)) == ndvi
    assert (ndvi["kind"], ndvi["range"]) == ("ramp", [-0.2, 1.0])
    assert ndvi["stops"][0] == {"value": -0.2, "color": "#8fa6b8"}
    assert ndvi["ticks"][1] == {"value": 0.0, "label": "0"}
    scl = legend_facts(LIBRARY["scl"])
    assert scl["classes"][0] == {"value": 0, "name": "No data", "color": "#00000000"}
    assert scl["classes"][6] == {"value": 6, "name": "Water", "color": "#0000ff"}
    flags = legend_facts(LIBRARY["qa-pixel"])
    assert flags["classes"][1] == {"bit": 3, "name": "Cloud", "color": "#ffffff"}
    colour = legend_facts(LIBRARY["swir"])
    assert colour["channels"][1] == {
        "channel": "green", "name": "near infrared", "range": [0.0, 0.5]
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [{"scale": 0}, {"scale": 5}, {"width": -1}, {"height": MAX_SIZE + 1}]
)
def test_sizes_out_of_bounds_are_refused(wrong):
    with pytest.raises(StyleError):
        Look(**wrong)
