"""Styles on the page: search, the whole library, legends."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect
from support.browser import COLLECTION, DemoServer, Visit, changed

pytestmark = pytest.mark.browser


def test_finds_a_style_of_the_library_by_keyboard(visit: Visit) -> None:
    before = visit.picture()
    search = visit.testid("style-search")
    search.fill("savi")
    expect(visit.testid("style-savi")).to_be_visible()
    expect(visit.testid("style-ndwi")).to_have_count(0)
    search.press("ArrowDown")
    visit.page.keyboard.press("Space")
    visit.settle()
    assert visit.query()["s"] == visit.page.evaluate("document.activeElement.value")
    assert changed(before, visit.picture()) > 0.2
    expect(visit.testid("legend")).to_contain_text("SAVI")


def test_lists_the_library_and_draws_only_previews_in_view(
    visit: Visit, demo_server: DemoServer
) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.testid("all-styles").click()
    url = f"{demo_server.url}/styles?collection={COLLECTION}"
    known = httpx.get(url).raise_for_status().json()["styles"]
    radios = visit.testid("style-switcher").get_by_role("radio")
    expect(radios).to_have_count(len(known))
    advertised = visit.page.evaluate(
        "(id) => fetch(`/api/collections/${id}`).then((r) => r.json())"
        ".then((c) => c.styles.map((s) => s.id))",
        COLLECTION,
    )
    listed = [radio.get_attribute("value") for radio in radios.all()[: len(advertised)]]
    assert listed == advertised
    last = visit.testid(f"style-{radios.last.get_attribute('value')}").locator("img")
    assert last.get_attribute("src") is None
    last.scroll_into_view_if_needed()
    expect(last).to_have_class("style-preview ready")
    assert len({url for url in asked if "/tiles/" in url}) < len(known) / 2


def test_legend_says_what_the_servers_legend_says(
    open_page: Callable[..., Visit], demo_server: DemoServer
) -> None:
    visit = open_page()
    visit.goto("?s=scl")
    facts = httpx.get(f"{demo_server.url}/styles/{COLLECTION}/scl/legend.json").json()
    shown = [entry["name"] for entry in facts["classes"] if entry["color"] != "#00000000"]
    assert visit.testid("legend").locator("li").all_text_contents() == shown


def test_address_may_name_any_style_and_unknown_ones_fall_back(
    open_page: Callable[..., Visit],
) -> None:
    visit = open_page()
    visit.goto("?s=osavi")
    expect(visit.testid("style-osavi").locator("input")).to_be_checked()
    assert visit.query()["s"] == "osavi"
    visit.goto("?s=no-such-style")
    assert visit.query()["s"] == "true-color"
