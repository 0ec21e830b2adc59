"""Items and catalogues made for tests."""

from datetime import UTC, datetime

import pytest
from affine import Affine

from renderers.geobox import GeoBox
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.catalogue.footprint import grid_footprint
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.products.item import Asset, Band, make_item


@pytest.fixture
def make(tmp_path):
    """Make a canonical item of one file at a place (degrees) and day of 2024."""

    def item(name, west, south, size=1.0, day=1, timeless=False):
        grid = GeoBox(
            100, 100, Affine(size / 100, 0, west, 0, -size / 100, south + size), "EPSG:4326"
        )
        band = Band(BandInfo("B04", "red"), 1e-4, -0.1, 0.0, "uint16")
        asset = Asset("B04", str(tmp_path / f"{name}.tif"), (band,), grid)
        time = None if timeless else datetime(2024, 1, day, 10, tzinfo=UTC)
        document = make_item(name, grid_footprint(grid), time, [asset], {"eo:cloud_cover": 5.0})
        document["collection"] = "c"
        return document

    return item


@pytest.fixture
def merge():
    """What a new or old collection becomes when an item is put in."""

    def collection(have, collection_id="c"):
        return have or Collection(collection_id, collection_id, bands=(BandInfo("B04", "red"),))

    return collection


@pytest.fixture
def catalogue(tmp_path, stores):
    """An empty catalogue."""
    opened = SqliteCatalogue(tmp_path / "catalogue.sqlite", stores)
    yield opened
    opened.close()
