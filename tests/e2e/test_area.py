"""Areas from files: opened, dropped, in the address."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from support.browser import Visit, changed

pytestmark = pytest.mark.browser

RING = [[10.6, 54.02], [10.64, 54.02], [10.64, 54.05], [10.6, 54.05], [10.6, 54.02]]
LINK = ",".join(str(value) for position in RING for value in position)
KML = (
    '<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><Polygon><outerBoundaryIs>'
    f"<LinearRing><coordinates>{' '.join(f'{lon},{lat},0' for lon, lat in RING)}</coordinates>"
    "</LinearRing></outerBoundaryIs></Polygon></Placemark></kml>"
)
DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  document.querySelector('[data-testid=map]').dispatchEvent(
    new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def test_dropped_kml_is_outlined_zoomed_to_and_linked(visit: Visit) -> None:
    """One input (EO Browser: 5)."""
    visit.page.evaluate(DROP, ["field.kml", KML])
    expect(visit.testid("remove-area")).to_be_visible()
    visit.page.wait_for_timeout(600)
    visit.settle()
    query = visit.query()
    assert query["a"] == LINK
    lon, lat = (float(value) for value in query["at"].split(","))
    assert lon < 10.63, "the free part of the map lies right of its middle"
    assert lat == pytest.approx(54.035, abs=0.01)
    assert float(query["z"]) > 12
    outlined = visit.picture()
    visit.page.reload()
    visit.settle()
    assert changed(outlined, visit.picture()) < 0.01
    visit.testid("remove-area").click()
    visit.settle()
    assert "a" not in visit.query()
    assert changed(outlined, visit.picture()) > 0.002


def test_opened_geojson_and_files_that_are_none(visit: Visit) -> None:
    polygon = json.dumps({"type": "Polygon", "coordinates": [RING]})
    file = visit.testid("area-file")
    wrong = {"name": "notes.json", "mimeType": "application/json", "buffer": b"[]"}
    file.set_input_files(wrong)
    fault = visit.testid("area-fault")
    expect(fault).to_have_text("notes.json cannot be shown: there is no polygon in it.")
    right = {"name": "a.geojson", "mimeType": "application/json", "buffer": polygon.encode()}
    file.set_input_files(right)
    expect(fault).to_be_empty()
    expect(visit.testid("remove-area")).to_be_visible()
    assert visit.query()["a"] == LINK


def test_address_of_an_area_alone_goes_there(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.goto(f"?a={LINK}")
    assert float(visit.query()["z"]) > 12
    assert float(visit.query()["at"].split(",")[1]) == pytest.approx(54.035, abs=0.01)
