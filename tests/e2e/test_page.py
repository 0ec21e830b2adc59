"""The page in a real browser: what it shows, how it is driven, what its address says."""

import io
import re
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import COLLECTION, PHONE, DemoServer, Visit, changed, colours

pytestmark = pytest.mark.browser


def test_opens_with_satellite_images(visit: Visit, dates: list[str]) -> None:
    query = visit.query()
    assert (query["c"], query["s"]) == (COLLECTION, "true-color")
    assert query["t"] in dates
    expect(visit.testid("status")).to_have_attribute("data-kind", "none")
    assert colours(visit.picture()) > 100


def test_is_served_under_a_strict_policy(demo_server: DemoServer) -> None:
    policy = httpx.get(f"{demo_server.url}/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy


def test_sets_no_cookie_and_asks_no_other_host(
    open_page: Callable[..., Visit], demo_server: DemoServer
) -> None:
    visit = open_page()
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.goto()
    foreign = [url for url in asked if not url.startswith((demo_server.url, "blob:", "data:"))]
    assert foreign == []
    assert visit.page.context.cookies() == []


def test_calendar_marks_the_days_with_images(visit: Visit, dates: list[str]) -> None:
    month = visit.query()["t"][:7]
    picker = visit.testid("date-picker")
    marked = picker.locator('[data-date]:not([aria-disabled="true"])')
    found = [day.get_attribute("data-date") for day in marked.all()]
    assert found == [day for day in dates if day.startswith(month)]


def test_choosing_another_date_changes_address_and_picture(visit: Visit, dates: list[str]) -> None:
    shown = visit.query()["t"]
    before = visit.picture()
    index = dates.index(shown)
    step = "previous-date" if index > 0 else "next-date"
    visit.testid(step).click()
    visit.settle()
    assert visit.query()["t"] == dates[index - 1 if index > 0 else index + 1]
    assert changed(before, visit.picture()) > 0.05


def test_dates_can_be_chosen_by_keyboard(visit: Visit, dates: list[str]) -> None:
    chosen = visit.testid("date-picker").locator('[aria-selected="true"] button')
    chosen.focus()
    start = visit.query()["t"]
    target = dates[1] if start == dates[0] else dates[0]
    days = (np.datetime64(target) - np.datetime64(start)).astype(int)
    for _ in range(abs(int(days))):
        visit.page.keyboard.press("ArrowRight" if days > 0 else "ArrowLeft")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.query()["t"] == target
    focused = visit.page.evaluate("document.activeElement.dataset.date")
    assert focused == target


def test_ndvi_changes_address_and_picture(visit: Visit) -> None:
    before = visit.picture()
    visit.testid("style-ndvi").locator("label").click()
    visit.settle()
    assert visit.query()["s"] == "ndvi"
    after = visit.picture()
    assert colours(after) > 100
    assert changed(before, after) > 0.2


def test_opacity_lets_the_base_map_through(visit: Visit) -> None:
    before = visit.picture()
    visit.testid("opacity").fill("30")
    visit.settle()
    assert visit.query()["o"] == "30"
    assert changed(before, visit.picture()) > 0.2


def test_copies_the_addresses_of_the_shown_layer(
    open_page: Callable[..., Visit], dates: list[str]
) -> None:
    visit = open_page(permissions=["clipboard-read", "clipboard-write"])
    visit.goto(f"?c={COLLECTION}&s=ndvi&t={dates[0]}")
    visit.testid("addresses").locator("summary").click()
    tiles = f"{visit.url}/tiles/{COLLECTION}/ndvi"
    for name, value in {
        "xyz": f"{tiles}/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png?time={dates[0]}",
        "tilejson": f"{tiles}/tilejson.json?time={dates[0]}",
    }.items():
        expect(visit.testid(f"address-{name}")).to_have_value(value)
        visit.testid(f"copy-{name}").click()
        assert visit.page.evaluate("navigator.clipboard.readText()") == value
    for name, service in {"wms": "WMS_Capabilities", "wmts": "Capabilities"}.items():
        address = visit.testid(f"address-{name}").input_value()
        assert address.startswith(visit.url)
        capabilities = httpx.get(
            httpx.URL(address).copy_merge_params({"SERVICE": name, "REQUEST": "GetCapabilities"})
        ).raise_for_status()
        assert f"<{service}" in capabilities.text
        assert COLLECTION in capabilities.text


def test_copied_addresses_give_pictures(visit: Visit) -> None:
    tilejson = httpx.get(visit.testid("address-tilejson").input_value()).raise_for_status().json()
    west, south, east, north = tilejson["bounds"]
    zoom = int(tilejson["maxzoom"])
    x = int(((west + east) / 2 + 180) / 360 * 2**zoom)
    sine = np.sin(np.radians((south + north) / 2))
    y = int((0.5 - np.arctanh(sine) / (2 * np.pi)) * 2**zoom)
    for template in (tilejson["tiles"][0], visit.testid("address-xyz").input_value()):
        url = template.replace("{z}", str(zoom)).replace("{x}", str(x)).replace("{y}", str(y))
        tile = httpx.get(url).raise_for_status()
        picture = np.asarray(Image.open(io.BytesIO(tile.content)).convert("RGB"))
        assert colours(picture) > 100


def test_reload_gives_the_same_view(visit: Visit) -> None:
    visit.testid("style-false-color").locator("label").click()
    visit.settle()
    # Zooming by key moves the map away from where the page would start by itself.
    visit.testid("map").focus()
    visit.page.keyboard.press("+")
    visit.page.wait_for_function(
        "(start) => !location.search.includes(`z=${start}&`)", arg=visit.query()["z"]
    )
    visit.settle()
    address, before = visit.page.url, visit.picture()
    visit.page.reload()
    visit.settle()
    assert visit.page.url == address
    assert changed(before, visit.picture()) < 0.01


def test_back_and_forward_walk_through_the_choices(visit: Visit) -> None:
    first = visit.picture()
    visit.testid("style-ndvi").locator("label").click()
    visit.settle()
    second = visit.picture()
    visit.page.go_back()
    expect(visit.testid("style-true-color").locator("input")).to_be_checked()
    visit.settle()
    assert visit.query()["s"] == "true-color"
    assert changed(first, visit.picture()) < 0.01
    visit.page.go_forward()
    expect(visit.testid("style-ndvi").locator("input")).to_be_checked()
    visit.settle()
    assert visit.query()["s"] == "ndvi"
    assert changed(second, visit.picture()) < 0.01


def test_collection_without_dates_has_no_date_picker(visit: Visit) -> None:
    visit.testid("collection-blue-marble").locator("label").click()
    visit.settle()
    assert visit.query()["c"] == "blue-marble"
    assert "t" not in visit.query()
    expect(visit.testid("date-picker")).to_be_hidden()
    expect(visit.testid("date-stepper")).to_be_hidden()


def test_day_without_image_offers_the_nearest_ones(
    open_page: Callable[..., Visit], dates: list[str]
) -> None:
    empty = str(np.datetime64(dates[0]) + 1)
    assert empty not in dates
    visit = open_page()
    visit.goto(f"?c={COLLECTION}&s=true-color&t={empty}")
    status = visit.testid("status")
    expect(status).to_have_attribute("data-kind", "empty")
    status.get_by_role("button").first.click()
    visit.settle()
    assert visit.query()["t"] == dates[0]
    expect(status).to_have_attribute("data-kind", "none")


def test_leads_back_to_data_out_of_view(open_page: Callable[..., Visit], dates: list[str]) -> None:
    visit = open_page()
    visit.goto(f"?c={COLLECTION}&s=true-color&t={dates[0]}&z=9&at=-150,-40")
    status = visit.testid("status")
    expect(status).to_have_attribute("data-kind", "outside")
    status.get_by_role("button").click()
    expect(status).to_have_attribute("data-kind", "none")
    visit.settle()
    assert colours(visit.picture()) > 100


def test_says_when_the_server_is_gone_and_tries_again(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.page.route("**/api/collections", lambda route: route.abort())
    visit.page.goto(f"{visit.url}/")
    visit.settle("error")
    expect(visit.testid("status")).to_have_attribute("data-kind", "error")
    # The browser itself reports the request that the test refused.
    assert len(visit.console_errors) == 1
    assert "ERR_FAILED" in visit.console_errors.pop()
    visit.page.unroute("**/api/collections")
    visit.testid("status").get_by_role("button").click()
    visit.settle()
    expect(visit.testid("status")).to_have_attribute("data-kind", "none")


def test_shows_the_servers_words_for_failed_tiles(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    pattern = re.compile(rf"/tiles/{COLLECTION}/")
    refusal = {"code": "store_unavailable", "detail": "The store did not answer"}
    visit.page.route(pattern, lambda route: route.fulfill(status=502, json=refusal))
    visit.page.goto(f"{visit.url}/")
    visit.settle("error")
    expect(visit.testid("status")).to_contain_text("The store did not answer")
    visit.page.unroute(pattern)
    visit.testid("status").get_by_role("button").click()
    visit.settle()
    assert colours(visit.picture()) > 100
    assert all("502" in text for text in visit.console_errors)
    visit.console_errors.clear()


def test_high_density_screens_get_larger_tiles(open_page: Callable[..., Visit]) -> None:
    visit = open_page(device_scale_factor=2)
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.goto()
    on_map = [url for url in asked if f"/tiles/{COLLECTION}/" in url and "@2x.png" in url]
    assert on_map
    assert httpx.get(on_map[0]).status_code == httpx.codes.OK
    width, height = Image.open(io.BytesIO(httpx.get(on_map[0]).content)).size
    assert (width, height) == (512, 512)


def test_phone_has_a_sheet_that_opens(open_page: Callable[..., Visit]) -> None:
    visit = open_page(viewport=PHONE, is_mobile=True, has_touch=True)
    visit.goto()
    expect(visit.testid("style-switcher")).to_be_hidden()
    toggle = visit.testid("toggle-panel")
    toggle.tap()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    visit.testid("style-ndvi").locator("label").tap()
    visit.settle()
    assert visit.query()["s"] == "ndvi"
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"]
