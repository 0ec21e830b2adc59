"""What the settings make of pyramids, through the whole application."""

import threading
from pathlib import Path

import numpy as np
import pytest
from support.application import running
from support.rasters import Stock, tile_url


@pytest.fixture
async def large(stock: Stock) -> Stock:
    """A raster without overviews, nine times as fine as the tile it is seen through."""
    rows, columns = np.mgrid[:2304, :2304]
    pixels = (100 + rows // 8 + columns // 4).astype(np.uint16)
    path = stock.raster("large.tif", pixels, blockxsize=256, blockysize=256)
    await stock.add(path, 1)
    return stock


def kept(folder: Path) -> list[Path]:
    return [p for p in (folder / "cache" / "pyramids").rglob("*") if p.is_file()]


async def test_low_zooms_are_kept_and_used_after_a_restart(large) -> None:
    settings = large.settings
    async with running(settings) as app:
        first = await app.get(tile_url())
        assert first.status_code == 200
        await app.services.files.settled()
        assert app.services.figures()["pyramids"]["made"] == 3
        threads = {t.name for t in threading.enumerate()}
        assert any(name.startswith("pyramids") for name in threads)
        text = (await app.get("/metrics")).text
        assert 'tileserver_pyramids{what="made"} 3.0' in text
    assert len(kept(large.folder)) == 3
    assert not any(t.name.startswith("pyramids") for t in threading.enumerate())
    async with running(settings) as app:
        again = await app.get(tile_url())
        assert again.status_code == 200
        assert app.services.stores.requests == 0


async def test_no_bytes_no_pyramids(large) -> None:
    async with running(large.with_settings(pyramid_bytes=0)) as app:
        assert (await app.get(tile_url())).status_code == 200
        await app.services.files.settled()
        assert app.services.figures()["pyramids"] == {}
    assert kept(large.folder) == []
