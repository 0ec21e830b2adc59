"""Far zooms through the whole application: coarser levels, footprints, and pictures for now."""

import asyncio

import numpy as np
import pytest
import rasterio
from support.application import running
from support.pictures import pixels
from support.rasters import TILE, tile_url

from renderers import mosaic
from tileserver.footprints import LEFT_OUT
from tileserver.incomplete import INCOMPLETE

#: Four zooms above the rasters.
ABOVE = (TILE[0] - 4, TILE[1] >> 4, TILE[2] >> 4)


def place(tile, above):
    """Rows and columns of a tile within one above it."""
    steps = 2 ** (tile[0] - above[0])
    side = 256 // steps
    column, row = (tile[1] % steps) * side, (tile[2] % steps) * side
    return slice(row, row + side), slice(column, column + side)


def coarse(value, size=2304):
    return np.full((size, size), value, np.uint16)


@pytest.fixture
async def plain(stock, monkeypatch):
    """A raster without overviews, of so many pixels that no far zoom reads them."""
    monkeypatch.setattr(mosaic, "FAR_PIXELS", 2000 * 2000)
    await stock.add(stock.raster("plain.tif", coarse(700), blockxsize=256, blockysize=256), 1)
    return stock


async def test_a_far_zoom_shows_the_place_until_levels_are_there(plain):
    rows, columns = place(TILE, ABOVE)
    async with running(plain.settings) as app:
        token = await app.services.pipeline.version("heights")
        url = tile_url(ABOVE, query=f"?v={token}")
        # Asked five times at once, levels are made once.
        first, *others = await asyncio.gather(*(app.get(url) for _ in range(5)))
        assert first.headers[INCOMPLETE] == "footprints=1, pending=1"
        assert first.headers["cache-control"] == "no-store"
        assert "etag" not in first.headers
        assert all(other.content == first.content for other in others)
        picture = pixels(first.content)
        assert (picture[rows, columns] == LEFT_OUT).all()
        await app.services.files.settled()
        assert app.services.figures()["pyramids"]["made"] == 3
        second = await app.get(url)
        assert INCOMPLETE not in second.headers
        assert "immutable" in second.headers["cache-control"]
        assert (pixels(second.content)[rows, columns][..., 3] == 255).all()
        assert app.services.figures()["pyramids"]["made"] == 3
        third = await app.get(url, headers={"if-none-match": second.headers["etag"]})
        assert third.status_code == 304


async def test_the_picture_for_now_reads_nothing_of_the_file(plain, monkeypatch):
    async with running(plain.settings) as app:
        used = app.services.files._pyramids
        monkeypatch.setattr(used, "_go_on", lambda: None)  # nothing is made
        await app.get("/readyz")
        before = app.services.stores.bytes_read
        for _ in range(2):
            answer = await app.get(tile_url(ABOVE))
            assert answer.headers[INCOMPLETE] == "footprints=1, pending=1"
        assert app.services.stores.bytes_read == before
        assert app.services.tiles.stats()["entries"] == 0
        near = await app.get(tile_url((TILE[0] + 3, TILE[1] * 8, TILE[2] * 8)))
        assert INCOMPLETE not in near.headers


async def test_without_levels_a_far_zoom_reads_within_the_budget(plain):
    rows, columns = place(TILE, ABOVE)
    async with running(plain.with_settings(pyramid_bytes=0)) as app:
        answer = await app.get(tile_url(ABOVE))
        assert INCOMPLETE not in answer.headers
        assert (pixels(answer.content)[rows, columns][..., 3] == 255).all()
    async with running(plain.with_settings(pyramid_bytes=0, max_blocks=50)) as app:
        answer = await app.get(tile_url(ABOVE))
        assert answer.headers[INCOMPLETE] == "footprints=1"
        assert "etag" in answer.headers
        assert (pixels(answer.content)[rows, columns] == LEFT_OUT).all()


@pytest.fixture
async def with_overviews(stock):
    """Three dates of one place, as COGs of 64 px blocks with overviews."""
    for day in (1, 2, 3):
        rows, columns = np.mgrid[:1024, :1024]
        values = (100 * day + rows // 16 + columns // 16).astype(np.uint16)
        path = stock.raster(f"day{day}.tif", values)
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews([2, 4, 8], rasterio.enums.Resampling.nearest)
        await stock.add(path, day)
    return stock


async def test_scenes_beyond_the_budget_are_read_from_coarser_levels(with_overviews):
    # At the tile's own zoom each date takes 16 blocks of the level with a quarter of its pixels.
    url = tile_url(query="?mosaic=mean")
    async with running(with_overviews.settings) as app:
        whole = await app.get(url)
        assert INCOMPLETE not in whole.headers
    async with running(with_overviews.with_settings(max_blocks=40)) as app:
        reduced = await app.get(url)
        assert reduced.headers[INCOMPLETE] == "level=2"
        assert "etag" in reduced.headers
        shown, expected = pixels(reduced.content), pixels(whole.content)
        assert (shown[..., 3] == 255).all()
        assert np.abs(shown.astype(int) - expected).max() < 12
        assert (await app.get(url)).headers[INCOMPLETE] == "level=2", "from the cache"
    async with running(with_overviews.with_settings(max_blocks=4)) as app:
        least = await app.get(url)
        assert least.headers[INCOMPLETE] == "footprints=3", "there are no levels so coarse"


async def test_the_newest_scenes_stay_sharp(with_overviews):
    """The first scene fills the picture: nothing is coarser for the ones behind it."""
    async with running(with_overviews.with_settings(max_blocks=24)) as app:
        answer = await app.get(tile_url())
        assert INCOMPLETE not in answer.headers


async def test_thousands_of_scenes_answer_within_the_limits(stock):
    """Only so many are looked into; all others show where they are."""
    path = stock.raster("one.tif", coarse(500, 64))
    await stock.add(path, 1)
    async with running(stock.with_settings(max_scenes=4)) as app:
        local = app.services.catalogue.local
        item = await local.item("heights", "one")
        collection = await local.collection("heights")
        rng = np.random.default_rng(7)
        for number in range(60):
            west, south = rng.uniform(-170, 160), rng.uniform(-60, 60)
            other = copied(item, f"item{number}", west, south)
            await local.put_item(other, [], lambda have: have or collection)
        answer = await app.get(tile_url((0, 0, 0)))
        assert answer.status_code == 200
        lacking = dict(part.split("=") for part in answer.headers[INCOMPLETE].split(", "))
        assert lacking["scenes"] == "4"
        assert int(lacking["footprints"]) == 57
        tinted = (pixels(answer.content) == LEFT_OUT).all(axis=2)
        assert tinted.sum() >= 57 * 0.5
        outlines = pixels((await app.get(tile_url((0, 0, 0), "footprints"))).content)
        # Wherever something is filled, an outline is near.
        near = np.zeros((256, 256), bool)
        for dy, dx in np.ndindex(5, 5):
            near |= np.roll(outlines[..., 3] > 0, (dy - 2, dx - 2), axis=(0, 1))
        assert not (tinted & ~near).any()


def copied(item, name, west, south):
    """An item elsewhere, four degrees wide, of the same file."""
    ring = [
        [west, south], [west + 4, south], [west + 4, south + 4], [west, south + 4], [west, south],
    ]  # fmt: skip
    assets = {}
    for key, asset in item["assets"].items():
        kept = {k: v for k, v in asset.items() if not k.startswith("proj:")}
        assets[key] = kept | {
            "proj:code": "EPSG:4326",
            "proj:shape": [64, 64],
            "proj:transform": [4 / 64, 0, west, 0, -4 / 64, south + 4],
        }
    return {
        **item,
        "id": name,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, west + 4, south + 4],
        "assets": assets,
    }
