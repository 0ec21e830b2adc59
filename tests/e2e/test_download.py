"""GeoTIFF of what is in view."""

import re

import httpx
import pytest
import rasterio
from playwright.sync_api import expect
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds
from support.browser import Visit

pytestmark = pytest.mark.browser


def fetch(visit: Visit) -> "rasterio.io.DatasetReader":
    href = visit.testid("download").get_attribute("href")
    assert href is not None
    answer = httpx.get(f"{visit.url}/{href}", timeout=60).raise_for_status()
    return MemoryFile(answer.content).open()


def told_size(visit: Visit) -> tuple[int, int]:
    text = visit.testid("download-size").inner_text()
    found = re.search(r"(\d+) \S (\d+) pixels", text)
    assert found is not None, text
    return int(found[1]), int(found[2])


def test_geotiff_of_the_view_is_about_as_large_as_told(visit: Visit) -> None:
    """Panel, band, resolution, download: four inputs (EO Browser: 16, with login)."""
    panel = visit.testid("download-panel")
    panel.locator("summary").click()
    expect(visit.testid("download-resolution")).to_have_value("10")
    panel.get_by_text("B08", exact=True).click()
    visit.testid("download-resolution").fill("40")
    width, height = told_size(visit)
    with fetch(visit) as image:
        assert image.count == 1
        assert image.dtypes == ("uint16",)
        assert image.crs.to_epsg() == 32632
        assert image.res == pytest.approx((40, 40), rel=0.01)
        # The box of a rotated square is a little larger than the square.
        assert image.width == pytest.approx(width, rel=0.06)
        assert image.height == pytest.approx(height, rel=0.06)
        bounds = transform_bounds(image.crs, "EPSG:4326", *image.bounds)
        assert image.read(1).any()
    query = httpx.URL(visit.testid("download").get_attribute("href") or "").params
    subsets = query.get_list("SUBSET")
    west, east = (float(v) for v in re.findall(r"[\d.]+", subsets[0]))
    assert bounds[0] == pytest.approx(west, abs=0.005)
    assert bounds[2] == pytest.approx(east, abs=0.005)


def test_follows_the_map_and_says_when_nothing_is_in_view(visit: Visit) -> None:
    visit.testid("download-panel").locator("summary").click()
    expect(visit.testid("download")).to_be_visible()
    whole = told_size(visit)
    visit.testid("map").focus()
    for _ in range(2):
        visit.page.keyboard.press("+")
        visit.page.wait_for_timeout(400)
    visit.settle()
    assert told_size(visit)[1] < whole[1]
    visit.testid("download-resolution").fill("")
    expect(visit.testid("download")).to_be_hidden()
    visit.goto("?z=9&at=-150,-40&t=" + visit.query()["t"])
    visit.testid("download-panel").locator("summary").click()
    expect(visit.testid("download-size")).to_contain_text("No data in view")
    expect(visit.testid("download")).to_be_hidden()
