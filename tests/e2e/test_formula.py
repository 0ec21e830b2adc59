"""The formula panel: typing, completion, faults, and the address."""

import re

import httpx
import pytest
from playwright.sync_api import expect
from support.browser import COLLECTION, Visit, changed

pytestmark = pytest.mark.browser


def test_typed_formula_is_drawn_kept_in_the_address_and_copied(visit: Visit) -> None:
    visit.testid("style-ndvi").locator("label").click()
    visit.settle()
    ndvi = visit.picture()
    visit.testid("formula-panel").locator("summary").click()
    formula = visit.testid("formula")
    formula.press_sequentially("(B08 - r")
    expect(visit.testid("completions").get_by_role("option").first).to_contain_text("red")
    formula.press("Tab")
    formula.press_sequentially(") / (nir + red)")
    formula.press("Escape")
    formula.press("Enter")
    expect(visit.page).to_have_url(re.compile("[&]f="))
    visit.testid("formula-low").fill("-0.2")
    visit.testid("formula-high").fill("1")
    visit.testid("formula-colormap").select_option("magma")
    expect(visit.page).to_have_url(re.compile("[&]m=magma"))
    visit.settle()
    query = visit.query()
    assert query["f"] == "(B08 - red) / (nir + red)"
    assert (query["r"], query["m"]) == ("-0.2,1", "magma")
    drawn = visit.picture()
    assert changed(ndvi, drawn) > 0.2
    expect(visit.testid("legend")).to_contain_text("(B08 - red) / (nir + red)")
    address = visit.testid("address-tilejson").input_value()
    copied = httpx.URL(address).params
    assert copied["expression"] == query["f"]
    assert (copied["rescale"], copied["colormap_name"]) == ("-0.2,1", "magma")
    assert httpx.get(address).raise_for_status().json()["tiles"]
    visit.page.reload()
    visit.settle()
    expect(formula).to_have_value(query["f"])
    assert changed(drawn, visit.picture()) < 0.01
    visit.testid("style-ndvi").locator("label").click()
    visit.settle()
    assert "f" not in visit.query()
    assert changed(ndvi, visit.picture()) < 0.01


def test_fault_is_shown_at_its_column_and_the_picture_stays(visit: Visit) -> None:
    before = visit.picture()
    visit.testid("formula-panel").locator("summary").click()
    visit.testid("formula").fill("nir + nowhere")
    fault = visit.testid("formula-fault")
    expect(fault).to_contain_text(f"collection {COLLECTION} has no band nowhere (column 7)")
    expect(fault.locator("mark")).to_have_text("n")
    assert "f" not in visit.query()
    assert changed(before, visit.picture()) < 0.01
    # The browser reports every answer of 400, also one that the page understands.
    assert all("400" in text for text in visit.console_errors)
    visit.console_errors.clear()
