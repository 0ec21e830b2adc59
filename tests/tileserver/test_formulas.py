"""Formulas in requests: how they are read, and what every protocol makes of them."""

import json
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import numpy as np
import pytest
from starlette.datastructures import QueryParams
from support.application import mercator_tile, running
from support.pictures import pixels
from support.rasters import OFFSET, SCALE, TILE, ramp, tile_url

from styles.colormaps import named
from styles.model import ClassColour, RampColour, RgbColour
from tileserver.errors import InvalidParameterError
from tileserver.formulas import parse_style


def read(query: str):
    return parse_style(QueryParams(query).getlist)


@pytest.mark.parametrize("query", ["", "time=2024", "expression="])
def test_without_a_formula_there_is_no_style(query):
    assert read(query) is None


def test_one_value_is_along_a_colour_map():
    style = read("expression=(B08-B04)/(B08%2BB04)")
    assert style.program.inputs == ("B08", "B04")
    assert isinstance(style.colour, RampColour)
    assert (style.colour.low, style.colour.high) == (-1.0, 1.0)
    np.testing.assert_array_equal(style.colour.palette, named("gray"))
    assert style.resampling == "bilinear"
    style = read("expression=a&rescale=0,3000&colormap_name=viridis_r&resampling=cubic")
    assert (style.colour.low, style.colour.high) == (0.0, 3000.0)
    np.testing.assert_array_equal(style.colour.palette, named("viridis_r"))
    assert style.resampling == "cubic"


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("", ((0.0, 1.0),) * 3),
        ("&rescale=0,0.3", ((0.0, 0.3),) * 3),
        ("&rescale=0,1,2,3,4,5", ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0))),
        ("&rescale=0,1&rescale=2,3&rescale=4,5", ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0))),
    ],
)
def test_three_values_are_red_green_and_blue(separator, ranges, expected):
    text = quote(separator.join(["b3", "b2*2", "b1"]))
    style = read(f"expression={text}{ranges}&gamma=1.5")
    assert isinstance(style.colour, RgbColour)
    assert style.colour.stretch == expected
    assert style.colour.gamma == 1.5


def test_what_is_true_or_false_runs_from_0_to_1_and_classes_are_not_interpolated():
    style = read("expression=" + quote("a > 0.3"))
    assert (style.colour.low, style.colour.high) == (0.0, 1.0)
    assert read("expression=" + quote("where(scl == 4, a, 0)")).resampling == "nearest"


def test_colours_by_value_are_classes():
    style = read(urlencode({"expression": "a", "colormap": '{"4": "#00ff00", "7": [1, 2, 3, 4]}'}))
    assert isinstance(style.colour, ClassColour)
    assert [tuple(entry) for entry in style.colour.classes] == [
        (4, "4", (0, 255, 0, 255)),
        (7, "7", (1, 2, 3, 4)),
    ]


def test_colours_by_level_are_a_colour_map_of_rescaled_values():
    levels = {str(k): [k, 0, 255 - k] for k in range(256)}
    style = read(urlencode({"expression": "a", "colormap": json.dumps(levels), "rescale": "0,100"}))
    assert isinstance(style.colour, RampColour)
    assert style.colour.palette[0].tolist() == [0, 0, 255, 255]
    assert style.colour.palette[254].tolist() == [255, 0, 0, 255]
    assert style.colour.palette[255].tolist() == [0, 0, 0, 0]


def test_equal_formulas_are_one_style():
    first, second = read("expression=a%2Bb"), read("expression=a+%2B++b")
    assert first == second
    assert hash(first) == hash(second)
    assert first != read("expression=a-b")
    assert first != read("expression=a%2Bb&rescale=0,1")


@pytest.mark.parametrize(
    ("query", "parameter", "word"),
    [
        ("rescale=0,1", "rescale", "there is no expression"),
        ("expression=a%2B", "expression", "column"),
        ("expression=a.b", "expression", "column 1"),
        ("expression=a,b", "expression", "one, three or four values"),
        ("expression=a&rescale=1,0", "rescale", "not below"),
        ("expression=a&rescale=0,nan", "rescale", "no number"),
        ("expression=a&rescale=0", "rescale", "low,high"),
        ("expression=a&rescale=0,1,0,1,0,1", "expression", "ranges"),
        ("expression=a&rescale=0,1e-60", "expression", "must rise"),
        ("expression=a&colormap_name=nothing", "colormap_name", "no colour map"),
        ("expression=a&colormap_name=../x", "colormap_name", "no colour map"),
        ("expression=a,b,c&colormap_name=gray", "expression", "for one value"),
        ("expression=a&colormap={", "colormap", "not JSON"),
        ("expression=a&colormap=" + "[" * 9000, "colormap", "not JSON"),
        ("expression=a&colormap=3", "colormap", "an object"),
        ('expression=a&colormap={"x":"%23ffffff"}', "colormap", "whole number"),
        ('expression=a&colormap={"1":"red"}', "colormap", "a colour is"),
        ('expression=a&colormap={"1":[1,2,300]}', "colormap", "a colour is"),
        ('expression=a&colormap={"300":[1,2,3]}&rescale=0,1', "colormap", "0 to 255"),
        ("expression=a&colormap=[[[1,0],[1,2,3]]]", "colormap", "an interval"),
        ("expression=a&colormap=[]", "expression", "intervals"),
        ("expression=a,b,c&gamma=0", "expression", "gamma"),
        ("expression=a,b,c&gamma=x", "gamma", "no number"),
        ("expression=a&resampling=sinc", "resampling", "one of"),
        ("expression=" + "a" * 2001, "expression", "2000 characters"),
        ("expression=a&colormap=" + "1" * 16_001, "colormap", "16000 characters"),
        ("expression=a&colormap_name=gray&colormap={}", "colormap", "two ways"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_parameter(query, parameter, word):
    with pytest.raises(InvalidParameterError, match=word) as caught:
        read(query)
    assert caught.value.parameter == parameter


# What is drawn


@pytest.fixture
async def one(stock):
    await stock.add(stock.raster("one.tif", ramp()), 1)
    return stock


def physical():
    return ramp().astype(np.float32) * np.float32(SCALE) + np.float32(OFFSET)


async def test_a_tile_of_a_formula(one):
    query = "?" + urlencode(
        {"expression": "b1 / 2 + 1", "rescale": "0,20000", "resampling": "nearest"}
    )
    async with running(one.settings) as app:
        tile = pixels((await app.get(tile_url(style="any", query=query))).content)
        prefixed = await app.get(tile_url(style="any", query=query.replace("b1", "b1_b1")))
        assert (pixels(prefixed.content) == tile).all()
    value = physical() / np.float32(2) + np.float32(1)
    unit = np.clip(value * np.float32(1 / 20000), 0, 1)
    level = np.int32(unit * np.float32(254) + np.float32(0.5))
    expected = named("gray")[level]
    assert (np.abs(tile.astype(int) - expected) <= 1).all()
    assert (tile == expected).mean() > 0.999


async def test_intervals_are_drawn(one):
    colours = "[[[0, 1000], [255, 0, 0]], [[1000, 99999], [0, 0, 255, 255]]]"
    query = "?" + urlencode({"expression": "b1", "colormap": colours, "resampling": "nearest"})
    async with running(one.settings) as app:
        tile = pixels((await app.get(tile_url(query=query))).content)
    low = physical() < 1000
    assert (tile[low] == (255, 0, 0, 255)).all()
    assert (tile[~low] == (0, 0, 255, 255)).all()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
async def test_a_fourth_value_is_opacity(one, resampling):
    formula = "b1/40000, 0*b1, 0*b1, b1/32777"
    query = "?" + urlencode({"expression": formula, "resampling": resampling})
    async with running(one.settings) as app:
        answer = await app.get(tile_url(query=query))
        tile = pixels(answer.content).astype(int)
    assert (np.abs(tile[..., 3] - np.clip(physical() / 32777, 0, 1) * 255) <= 1).all()
    assert (np.abs(tile[..., 0] - physical() / 40000 * 255) <= 1).all()
    assert not tile[..., 1:3].any()


async def test_every_protocol_draws_the_same(one):
    formula = {"expression": "b1*2", "rescale": "0,40000", "colormap_name": "viridis"}
    box = ",".join(map(repr, mercator_tile(*TILE).bounds))
    z, x, y = TILE
    wms = {
        "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "heights",
        "STYLES": "", "CRS": "EPSG:3857", "BBOX": box, "WIDTH": "256", "HEIGHT": "256",
        "FORMAT": "image/png", "TRANSPARENT": "TRUE",
    }  # fmt: skip
    wmts = {
        "SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0", "LAYER": "heights",
        "STYLE": "default", "FORMAT": "image/png", "TILEMATRIXSET": "WebMercatorQuad",
        "TILEMATRIX": str(z), "TILEROW": str(y), "TILECOL": str(x),
    }  # fmt: skip
    upper = {name.upper(): value for name, value in formula.items()}
    async with running(one.settings) as app:
        tile = await app.get(tile_url(query="?" + urlencode(formula)))
        answers = [
            await app.get("/wms?" + urlencode(wms | upper)),
            await app.get("/wmts?" + urlencode(wmts | upper)),
        ]
        document = (await app.get("/tiles/heights/any/tilejson.json?" + urlencode(formula))).json()
        (template,) = document["tiles"]
        parts = urlsplit(template.format(z=z, x=x, y=y))
        answers.append(await app.get(f"{parts.path}?{parts.query}"))
        info = wms | upper | {
            "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "heights", "I": "3", "J": "0",
            "INFO_FORMAT": "application/json",
        }  # fmt: skip
        (feature,) = (await app.get("/wms?" + urlencode(info))).json()["features"]
    assert tile.status_code == 200
    assert [a.content == tile.content for a in answers] == [True, True, True]
    assert parse_qs(parts.query)["expression"] == ["b1*2"]
    assert feature["properties"]["expression"] == pytest.approx(2 * physical()[0, 3])


async def test_errors_name_the_column_in_the_protocol_s_form(one):
    async with running(one.settings) as app:
        answer = await app.get(tile_url(query="?expression=b1-nir"))
        assert answer.status_code == 400
        assert answer.json()["detail"] == "collection heights has no band nir (column 4)"
        document = await app.get("/tiles/heights/any/tilejson.json?expression=b1-nir")
        assert document.status_code == 400
        wms = "/wms?SERVICE=WMS&REQUEST=GetMap&VERSION=1.3.0&LAYERS=heights,heights&EXPRESSION=b1"
        answer = await app.get(wms)
        assert b"ServiceException" in answer.content
        assert b"a formula is for one layer" in answer.content
        wmts = (
            "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=heights&STYLE=&"
            "FORMAT=image/png&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=11&TILEROW=700&"
            "TILECOL=1088&EXPRESSION=b1("
        )
        answer = await app.get(wmts)
        assert answer.status_code == 400
        assert b'locator="expression"' in answer.content
        assert b"column" in answer.content


async def test_planes_through_the_route_and_where_they_are_refused(one):
    async with running(one.settings) as app:
        for text in ("slope(b1)", "time_max(b1) - b1", "hillshade(b1), b1/40000, 0*b1"):
            answer = await app.get(tile_url(query="?" + urlencode({"expression": text})))
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        query = "?" + urlencode({"expression": "time_max(b1)", "mosaic": "median"})
        answer = await app.get(tile_url(query=query))
        assert answer.status_code == 400
        assert "takes no such mosaic" in answer.json()["detail"]
        box = ",".join(map(repr, mercator_tile(*TILE).bounds))
        info = {
            "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetFeatureInfo", "LAYERS": "heights",
            "STYLES": "", "CRS": "EPSG:3857", "BBOX": box, "WIDTH": "256", "HEIGHT": "256",
            "FORMAT": "image/png", "QUERY_LAYERS": "heights", "I": "3", "J": "0",
            "INFO_FORMAT": "application/json", "EXPRESSION": "slope(b1)",
        }  # fmt: skip
        answer = await app.get("/wms?" + urlencode(info))
        assert b"no value at a single point" in answer.content
