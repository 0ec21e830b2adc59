"""Low zooms that are made when rasters are added."""

import json

import numpy as np
import pytest
import rasterio
from support.application import running
from support.rasters import tile_url
from typer.testing import CliRunner

from renderers import mosaic
from tileserver.commands import catalogue as commands
from tileserver.incomplete import INCOMPLETE
from tileserver.ingest.add import Outcome
from tileserver.ingest.levels import make_levels
from tileserver.services import open_pyramids, open_tools


def kept(stock):
    return [p for p in (stock.folder / "cache" / "pyramids").rglob("*") if p.is_file()]


@pytest.fixture
def plain(stock):
    """A raster without overviews."""
    values = np.full((2304, 2304), 700, np.uint16)
    return stock.raster("plain.tif", values, blockxsize=256, blockysize=256)


async def made(settings, outcomes, which):
    tools, pyramids = open_tools(settings), open_pyramids(settings)
    told = []
    try:
        done = await make_levels(
            outcomes, tools, pyramids, which, lambda found, done: told.append((found, done))
        )
    finally:
        await pyramids.close()
        tools.catalogue.close()
    return tuple(done), told


async def test_levels_are_made_once_and_the_first_far_zoom_has_them(stock, plain, monkeypatch):
    monkeypatch.setattr(mosaic, "FAR_PIXELS", 2000 * 2000)
    outcome = await stock.add(plain, 1)
    assert await made(stock.settings, [outcome], "none") == ((0, 0, 0), [])
    assert kept(stock) == []
    assert await made(stock.settings, [outcome], "local") == ((3, 1, 0), [(1, 0), (1, 1)])
    assert len(kept(stock)) == 3
    assert await made(stock.settings, [outcome], "all") == ((0, 0, 0), [(1, 0), (1, 1)])
    async with running(stock.settings) as app:
        before = app.services.stores.bytes_read
        answer = await app.get(tile_url((7, 68, 43)))
        assert INCOMPLETE not in answer.headers
        assert app.services.stores.bytes_read == before


async def test_files_with_overviews_and_small_ones_are_left_alone(stock, plain):
    with rasterio.open(plain, "r+") as dataset:
        dataset.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    small = stock.raster("small.tif", np.full((256, 256), 3, np.uint16))
    outcomes = [await stock.add(plain, 1), await stock.add(small, 2)]
    assert (await made(stock.settings, outcomes, "all"))[0] == (0, 0, 0)
    assert kept(stock) == []


async def test_a_file_that_is_gone_is_told_and_does_not_stop_the_rest(stock, plain):
    first = await stock.add(plain, 1)
    second = stock.raster("second.tif", np.full((2304, 2304), 9, np.uint16))
    second = await stock.add(second, 2)
    plain.unlink()
    skipped = Outcome("x", "skipped")
    assert (await made(stock.settings, [skipped, first, second], "local"))[0] == (3, 1, 1)


@pytest.mark.parametrize(
    ("option", "setting", "expected"),
    [([], "local", 3), ([], "none", 0), (["--levels"], "none", 3), (["--no-levels"], "all", 0)],
)
def test_the_option_wins_over_the_setting(stock, plain, monkeypatch, option, setting, expected):
    settings = stock.with_settings(ingest_levels=setting)
    monkeypatch.setattr(commands, "load_settings", lambda: settings)
    result = CliRunner().invoke(commands.app, ["add", str(plain), "--json", *option])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["status"] == "added"
    assert len(kept(stock)) == expected
    assert ("made 3 low zooms of 1 files" in result.stderr) == bool(expected)
