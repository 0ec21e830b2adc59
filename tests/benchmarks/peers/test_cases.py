"""Which tiles are asked for, and how rounds share them."""

from pathlib import Path

import pytest
from rasterio.coords import BoundingBox
from rasterio.warp import transform_bounds

from benchmarks.peers.cases import CASES, TILE_PIXELS, Case, windows
from benchmarks.peers.measure import quantile, slices
from benchmarks.peers.scene import SceneFiles
from tileserver.grids import grid

NAMES = {case.name: case for case in CASES}


def scene(size: int) -> SceneFiles:
    """A scene of tile 32UPE; its files are not there."""
    nowhere = Path("nowhere")
    bounds = (600_000.0, 6_000_000.0 - 10.0 * size, 600_000.0 + 10.0 * size, 6_000_000.0)
    return SceneFiles(nowhere, size, nowhere, {}, nowhere, "EPSG:32632", bounds)


def test_every_case_of_the_issue_is_there():
    assert list(NAMES) == [
        "rgb8_png", "rgb8_png_level1", "rgb8_jpg", "rgb16_png", "rgb16_bilinear_jpg", "ndvi_png",
        "jp2_native", "jp2_overview", "coverage_2048",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["rgb8_png", "jp2_overview"])
def test_tiles_are_distinct_and_wholly_in_the_scene(name: str):
    full = scene(10980)
    found = windows(NAMES[name], full, 400)
    assert len({w.name for w in found}) == len(found) == (400 if name == "rgb8_png" else 72)
    left, bottom, right, top = full.bounds
    for window in found:
        inside = BoundingBox(*transform_bounds("EPSG:3857", full.crs, *window.bounds))
        assert left <= inside.left < inside.right <= right
        assert bottom <= inside.bottom < inside.top <= top


def test_a_tile_has_the_name_that_its_bounds_have_in_the_tile_matrix_set():
    web = grid("WebMercatorQuad")
    for window in windows(NAMES["rgb8_png"], scene(10980), 5):
        zoom, x, y = window.name.split("/")
        box = web.geobox(web.matrix(zoom), int(x), int(y))
        assert window.bounds == pytest.approx(box.bounds, abs=1e-3)
        assert (box.width, box.height) == (window.pixels, window.pixels)
        assert window.pixels == TILE_PIXELS


def test_a_scene_smaller_than_a_tile_is_asked_by_the_tiles_that_touch_it():
    found = windows(NAMES["jp2_overview"], scene(600), 400)
    assert 1 <= len(found) <= 4


def test_subsets_lie_on_pixels_within_the_scene_and_do_not_overlap():
    full = scene(10980)
    found = windows(Case("x", "coverage", "tif", None), full, 100)
    assert len(found) == 25
    corners = set()
    for window in found:
        west, south, east, north = window.bounds
        assert (east - west, north - south, window.pixels) == (20480.0, 20480.0, 2048)
        assert full.bounds[0] <= west
        assert east <= full.bounds[2]
        assert full.bounds[1] <= south
        assert north <= full.bounds[3]
        column, row = (west - full.bounds[0]) / 10, (full.bounds[3] - north) / 10
        assert column == int(column)
        assert column % 512
        corners.add((int(column) // 2048, int(row) // 2048))
    assert len(corners) == 25


def test_rounds_together_ask_each_tile_once():
    found = windows(NAMES["rgb8_png"], scene(10980), 53)
    dealt = slices(found, 5)
    assert sorted(w.name for part in dealt for w in part) == sorted(w.name for w in found)
    assert {len(part) for part in dealt} == {10, 11}


def test_few_tiles_are_asked_in_every_round():
    found = windows(NAMES["rgb8_png"], scene(10980), 3)
    assert slices(found, 2) == [found, found]


def test_the_quantile_is_a_value_that_was_measured():
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 3.0
    assert quantile([1.0], 0.95) == 1.0
    assert quantile(list(map(float, range(100))), 0.95) == 95.0
