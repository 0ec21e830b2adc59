"""Pictures of several days, and the values at a place."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect
from support.browser import COLLECTION, PHONE, Visit, changed

pytestmark = pytest.mark.browser


def test_median_of_a_range_without_clouds(visit: Visit, dates: list[str]) -> None:
    day = visit.query()["t"]
    before = visit.picture()
    visit.testid("mosaic").select_option("median,clear")
    visit.settle()
    query = visit.query()
    first, last = query["t"].split("/")
    assert last == day
    assert any(first <= date < day for date in dates)
    assert query["mosaic"] == "median,clear"
    median = visit.picture()
    assert changed(before, median) > 0.1
    copied = httpx.URL(visit.testid("address-xyz").input_value()).params
    assert (copied["time"], copied["mosaic"]) == (query["t"], "median,clear")
    visit.testid("mosaic-from").fill(dates[0])
    visit.page.keyboard.press("Tab")
    expect(visit.page).to_have_url(re.compile(f"t={dates[0]}/{day}"))
    visit.settle()
    assert changed(median, visit.picture()) > 0.02
    visit.testid("mosaic").select_option("")
    visit.settle()
    assert visit.query()["t"] == day
    assert changed(before, visit.picture()) < 0.01


def values_on_page(visit: Visit) -> dict[str, str]:
    rows = visit.testid("values").locator("tr")
    expect(rows).not_to_have_count(0)
    return {
        row.locator("th").inner_text(): row.locator("td").last.inner_text() for row in rows.all()
    }


def test_click_tells_what_the_server_tells(visit: Visit) -> None:
    """One input (EO Browser: 13, with login)."""
    visit.page.mouse.click(700, 500)
    shown = values_on_page(visit)
    lon, lat = (float(value) for value in visit.query()["p"].split(","))
    side = 0.00005
    answer = httpx.get(
        f"{visit.url}/wms",
        params={
            "SERVICE": "WMS",
            "VERSION": "1.3.0",
            "REQUEST": "GetFeatureInfo",
            "LAYERS": COLLECTION,
            "QUERY_LAYERS": COLLECTION,
            "STYLES": "true-color",
            "CRS": "CRS:84",
            "BBOX": f"{lon - side:.7f},{lat - side:.7f},{lon + side:.7f},{lat + side:.7f}",
            "WIDTH": 1,
            "HEIGHT": 1,
            "I": 0,
            "J": 0,
            "TIME": visit.query()["t"],
            "INFO_FORMAT": "application/json",
        },
    ).raise_for_status()
    [feature] = answer.json()["features"]
    for band in ("B02", "B08", "SCL"):
        assert float(shown[band]) == pytest.approx(feature["properties"][band], rel=1e-3)
    visit.page.reload()
    visit.settle()
    assert values_on_page(visit) == shown
    visit.testid("values").get_by_role("button").click()
    expect(visit.testid("values")).to_be_hidden()
    assert "p" not in visit.query()


def test_enter_tells_the_values_in_the_middle(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.goto("?f=B08-B04")
    visit.testid("map").press("Enter")
    shown = values_on_page(visit)
    difference = float(shown["B08"]) - float(shown["B04"])
    assert float(shown["B08-B04"]) == pytest.approx(difference, abs=1e-3)


def test_tap_on_a_phone(open_page: Callable[..., Visit]) -> None:
    visit = open_page(viewport=PHONE, is_mobile=True, has_touch=True)
    visit.goto()
    visit.page.touchscreen.tap(150, 300)
    assert "B08" in values_on_page(visit)
