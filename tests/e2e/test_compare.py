"""Two pictures with a line between them."""

import pytest
from playwright.sync_api import expect
from support.browser import DESKTOP, Visit, changed

pytestmark = pytest.mark.browser


def test_two_dates_of_ndvi_with_a_line_on_the_map(visit: Visit, dates: list[str]) -> None:
    """NDVI, compare, drag: three inputs (EO Browser: 13)."""
    visit.testid("style-ndvi").locator("label").click()
    visit.settle()
    alone = visit.picture()
    visit.testid("compare").click()
    divider = visit.testid("divider")
    expect(divider).to_be_visible()
    visit.settle()
    query = visit.query()
    assert query["bt"] in dates
    assert query["bt"] != query["t"]
    box = divider.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    target = 800
    visit.page.mouse.move(target, y, steps=4)
    visit.page.mouse.up()
    visit.settle()
    assert float(visit.query()["bx"]) == pytest.approx(100 * target / DESKTOP["width"], abs=1)
    both = visit.picture()
    # The pictures begin at 420; the line and its labels take some pixels on either side.
    line = target - 420
    assert changed(alone[60:, : line - 30], both[60:, : line - 30]) < 0.01
    assert changed(alone[60:, line + 30 :], both[60:, line + 30 :]) > 0.1
    visit.page.reload()
    visit.settle()
    assert changed(both, visit.picture()) < 0.01


def test_line_moves_by_keys_and_goes_away(visit: Visit) -> None:
    alone = visit.picture()
    visit.testid("compare").click()
    visit.testid("compare-style").select_option("ndvi")
    visit.settle()
    assert visit.query()["bs"] == "ndvi"
    visit.testid("divider").press("Home")
    visit.page.keyboard.press("Shift+ArrowRight")
    expect(visit.testid("divider")).to_have_attribute("aria-valuenow", "10")
    assert visit.query()["bx"] == "10"
    visit.settle()
    assert changed(alone, visit.picture()) > 0.2
    visit.testid("compare").click()
    expect(visit.testid("divider")).to_be_hidden()
    visit.settle()
    assert {"bt", "bs", "bx"}.isdisjoint(visit.query())
    assert changed(alone, visit.picture()) < 0.01
