"""Annex C of OGC 06-042 on the suites' data: TIME finer than days, ELEVATION by pixel values.

What is expected is what the suites' raster ELEVATION, vector ELEVATION and TIME options count.
"""

import numpy as np
import pytest
from httpx import Response
from lxml import etree
from support.application import Running
from support.reports import exception_code, rgba, warning

from conformance.bluelake import AUTOS

pytestmark = pytest.mark.asyncio(loop_scope="module")

WMS = "{http://www.opengis.net/wms}"
LAST = "2000-01-01T00:01:00Z"


async def get_map(cite: Running, layers: str, bbox: str, size: str, **more: str) -> Response:
    width, height = size.split("x")
    query = {
        "REQUEST": "GetMap",
        "VERSION": "1.3.0",
        "LAYERS": layers,
        "STYLES": "",
        "CRS": "CRS:84",
        "BBOX": bbox,
        "WIDTH": width,
        "HEIGHT": height,
        "FORMAT": "image/png",
        **more,
    }
    return await cite.get("/ows", params=query)


async def dimension(cite: Running, title: str, name: str) -> etree._Element:
    answer = await cite.get("/ows?service=WMS&request=GetCapabilities&version=1.3.0")
    (layer,) = [
        layer
        for layer in etree.fromstring(answer.content).iter(f"{WMS}Layer")
        if layer.findtext(f"{WMS}Title") == title
    ]
    (found,) = [d for d in layer.findall(f"{WMS}Dimension") if d.get("name") == name]
    return found


async def terrain(cite: Running, elevation: str | None) -> Response:
    more = {} if elevation is None else {"ELEVATION": elevation}
    return await get_map(
        cite, "Terrain", "-0.5,-0.5,0.5,0.5", "600x600", TRANSPARENT="TRUE", **more
    )


async def test_dimensions_are_told_as_they_were_set(cite: Running):
    height = await dimension(cite, "cite:Terrain", "elevation")
    assert (height.text, height.get("units"), height.get("unitSymbol")) == (
        "0/425/1",
        "CRS:88",
        "m",
    )
    assert (height.get("multipleValues"), height.get("nearestValue")) == ("1", "0")
    lakes = await dimension(cite, "cite:Lakes", "elevation")
    assert (lakes.text, lakes.get("default"), lakes.get("nearestValue")) == (
        "500,490,480",
        "500",
        "1",
    )
    time = await dimension(cite, "cite:Autos", "time")
    assert time.text == "2000-01-01T00:00:00Z/2000-01-01T00:01:00Z/PT5S"
    assert (time.get("multipleValues"), time.get("nearestValue")) == ("1", "1")


@pytest.mark.parametrize(
    ("elevation", "north_west", "south_east", "whole"),
    [
        ("0/200", 22500, 0, 337500),
        ("200/335", 22500, 22500, 45000),
        ("335/425", 0, 22500, 337500),
        ("0/200,335/425", 0, 0, 315000),
    ],
)
async def test_elevation_shows_the_pixels_whose_value_is_in_its_ranges(
    cite: Running, elevation: str, north_west: int, south_east: int, whole: int
):
    clear = rgba((await terrain(cite, elevation)).content)[..., 3] == 0
    counts = clear[:150, :150].sum(), clear[450:, 450:].sum(), clear.sum()
    assert counts == (north_west, south_east, whole)


async def test_a_single_elevation_shows_the_pixels_of_that_very_value(cite: Running):
    clear = rgba((await terrain(cite, "250")).content)[..., 3] == 0
    assert 45000 < clear.sum() < 360000
    both = rgba((await terrain(cite, "0/200,250")).content)[..., 3] == 0
    assert both[:150, :150].all()
    assert not both[450:, 450:].any()
    assert np.array_equal(both[:, :450], clear[:, :450])


async def test_an_elevation_outside_or_unreadable_is_an_invalid_value(cite: Running):
    for wrong in ("1000", "high", "5/1", "1/2/3/4", "nan", ",".join(["1"] * 30)):
        answer = await terrain(cite, wrong)
        assert (answer.status_code, exception_code(answer.content)) == (
            400,
            "InvalidDimensionValue",
        )


async def test_the_default_elevation_is_told_in_a_warning(cite: Running):
    answer = await terrain(cite, None)
    assert warning(answer) == "99 Default value used: elevation=0/425 m"
    assert (rgba(answer.content)[..., 3] == 255).all()
    assert not warning(await terrain(cite, "0/425"))


async def lakes(cite: Running, elevation: str | None) -> Response:
    more = {} if elevation is None else {"ELEVATION": elevation}
    return await get_map(cite, "Lakes", "0,-0.002,0.004,0", "200x100", **more)


async def test_a_lower_water_level_covers_what_lies_deeper(cite: Running):
    shown = {}
    for level in ("480", "490", "500"):
        picture = rgba((await lakes(cite, level)).content)
        shown[level] = ~(picture[..., :3] == 255).all(axis=-1)
    assert shown["480"][35:65, 65:75].all()
    assert not shown["480"][:, :50].any()
    assert not shown["480"][:, 100:].any()
    assert shown["490"][30:75, 60:75].all()
    assert shown["490"][60:70, 60:120].all()
    assert shown["500"][55:75, 85:140].all()
    assert (shown["480"] <= shown["490"]).all()
    assert (shown["490"] <= shown["500"]).all()


async def test_the_nearest_level_stands_for_one_between_and_the_default_for_none(cite: Running):
    near = await lakes(cite, "488")
    assert warning(near) == "99 Nearest value used: elevation=490 m"
    assert near.content == (await lakes(cite, "490")).content
    default = await lakes(cite, None)
    assert warning(default) == "99 Default value used: elevation=500 m"
    assert default.content == (await lakes(cite, "500")).content


async def test_several_values_where_one_is_taken_are_invalid(cite: Running):
    answer = await lakes(cite, "480,500")
    assert exception_code(answer.content) == "InvalidDimensionValue"


async def autos(cite: Running, time: str) -> Response:
    bbox = "-0.0042,-0.0024,0.0042,0.0024"
    return await get_map(cite, "Autos", bbox, "420x240", TIME=time)


def places(answer: Response) -> set[tuple[int, int]]:
    """Where automobiles are in a map, in the data's units."""
    white = (rgba(answer.content)[..., :3] == 255).all(axis=-1)
    everywhere = {p for points in AUTOS.values() for p in points}
    # Neatline of the map: 42 and 24 units from the middle, 5 pixels to a unit.
    pixel = {(x, y): (round((24 - y) * 5), round((x + 42) * 5)) for x, y in everywhere}
    return {p for p, (row, column) in pixel.items() if not white[row - 1 : row + 1, column].all()}


def iso(second: int) -> str:
    return f"2000-01-01T00:{second // 60:02}:{second % 60:02}Z"


@pytest.mark.parametrize("second", sorted(AUTOS))
async def test_each_instant_shows_its_own(cite: Running, second: int):
    assert places(await autos(cite, iso(second))) == set(AUTOS[second])


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (f"{iso(10)}/{iso(25)}", (10, 15, 20, 25)),
        (f"{iso(0)}/{iso(10)}/PT5S", (0, 5, 10)),
        (f"{iso(5)},{iso(40)}", (5, 40)),
        (f"{iso(0)}/{iso(5)},{iso(30)}", (0, 5, 30)),
        (f"{iso(0)}/{iso(5)},{iso(45)}/{iso(50)}", (0, 5, 45, 50)),
        (f"{iso(55)}/current", (55, 60)),
        (f"{iso(0)}/{iso(20)}/PT10S", (0, 10, 20)),
        ("2000-01-01", tuple(AUTOS)),
    ],
)
async def test_intervals_lists_and_periods_show_all_of_theirs(
    cite: Running, time: str, seconds: tuple[int, ...]
):
    assert places(await autos(cite, time)) == {p for s in seconds for p in AUTOS[s]}


async def test_an_instant_between_two_values_is_answered_by_the_nearer_one(cite: Running):
    answer = await autos(cite, "2000-01-01T00:00:42Z")
    assert warning(answer) == f"99 Nearest value used: time={iso(40)} ISO8601"
    assert places(answer) == set(AUTOS[40])


async def test_other_layers_ignore_a_dimension_that_they_lack(cite: Running):
    bbox = "-0.0042,-0.0024,0.0042,0.0024"
    more = {"TIME": iso(30), "ELEVATION": "490", "DIM_BAND": "7"}
    answer = await get_map(cite, "DividedRoutes,RoadSegments,Autos", bbox, "420x240", **more)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


async def test_version_1_1_1_takes_and_tells_the_same(cite: Running):
    answer = await cite.get("/ows?service=WMS&request=GetCapabilities&version=1.1.1")
    root = etree.fromstring(answer.content)
    (layer,) = [x for x in root.iter("Layer") if x.findtext("Title") == "cite:Lakes"]
    assert [d.attrib for d in layer.findall("Dimension")] == [
        {"name": "elevation", "units": "CRS:88", "unitSymbol": "m"}
    ]
    extent = layer.find("Extent")
    assert extent is not None
    assert (extent.text, extent.get("default")) == ("500,490,480", "500")
