"""Names and the canonical form."""

import re

import pystac
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from renderers.geobox import GeoBox
from tileserver.catalogue.base import BandInfo
from tileserver.catalogue.footprint import grid_footprint
from tileserver.catalogue.scenes import asset_grid, item_times
from tileserver.products.item import Asset, Band, band_name, make_item, ncname


@given(st.text())
def test_every_text_becomes_an_ncname_or_is_refused(text):
    try:
        name = ncname(text)
    except ValueError:
        assert not re.search(r"[A-Za-z0-9]", text)
        return
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)
    assert ncname(name) == name


@given(st.text(), st.integers(1, 99))
def test_every_description_becomes_a_band_name(text, number):
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,42}", band_name(text, number))


@pytest.mark.parametrize("nodata", [None, 0.0, -9999.0, float("nan"), float("inf")])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_items_are_valid_stac_and_keep_grid_and_nodata(nodata, crs):
    size = 10.0 if crs == "EPSG:32633" else 1e-4
    grid = GeoBox(300, 200, Affine(size, 0, 12, 0, -size, 45), crs)
    band = Band(BandInfo("b1", "", "", "m"), nodata=nodata, data_type="float32")
    asset = Asset("data", "/a.tif", (band,), grid, "image/tiff")
    item = make_item("x", grid_footprint(grid), None, [asset], {})
    pystac.Item.from_dict(item)
    assert item_times(item) is None
    assert asset_grid(item["assets"]["data"]) == grid
    written = item["assets"]["data"]["bands"][0].get("nodata")
    assert (written is None) == (nodata is None)
    if nodata is not None:
        assert float(written) == pytest.approx(nodata, nan_ok=True)
