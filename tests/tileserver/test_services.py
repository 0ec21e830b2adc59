"""What a server opens, keeps between starts and gives back."""

import threading

from support.application import make_settings, running
from support.rasters import ramp, tile_url

from renderers.readers.registry import ReaderRegistry
from tileserver.area import WORLD
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.timeaxis import ALWAYS


async def test_an_empty_catalogue_serves(tmp_path):
    async with running(make_settings(tmp_path)) as app:
        assert (await app.get("/readyz")).json() == {"status": "ready"}
        assert (await app.get("/api/collections")).json()["collections"] == []
        assert (await app.get(tile_url())).status_code == 404
    assert (tmp_path / "data" / "catalogue.sqlite").is_file()


async def test_threads_and_files_are_given_back(stock):
    await stock.add(stock.raster("a.tif", ramp()), 1)
    before = {t.ident for t in threading.enumerate()}
    async with running(stock.settings) as app:
        assert (await app.get(tile_url())).status_code == 200
    left = [t.name for t in threading.enumerate() if t.ident not in before]
    assert not [name for name in left if name.startswith("pixels")], left


async def test_an_index_that_had_to_be_built_is_kept_for_the_next_start(stock, monkeypatch):
    """A file is replaced behind the catalogue's back: its header is read once, not ever again."""
    await stock.add(stock.raster("a.tif", ramp()), 1)
    stock.raster("a.tif", ramp()[::-1].copy())
    looked = []
    original = ReaderRegistry.identify

    async def identify(self, source, **how):
        looked.append(source.ref)
        return await original(self, source, **how)

    monkeypatch.setattr(ReaderRegistry, "identify", identify)
    async with running(stock.settings) as app:
        first = await app.get(tile_url())
        assert first.status_code == 200
    assert len(looked) == 1


async def test_scenes_carry_the_stored_index(stock):
    await stock.add(stock.raster("a.tif", ramp()), 1)
    async with running(stock.settings) as app:
        assert isinstance(app.services.catalogue.local, SqliteCatalogue)
        (scene,) = await app.services.catalogue.search("heights", WORLD, ALWAYS, 5)
        (band,) = set(scene.bands.values())
        assert band.index is not None
        assert band.ref.etag is not None
        assert band.ref.size == (stock.folder / "a.tif").stat().st_size
        before = app.services.stores.requests
        assert (await app.get(tile_url())).status_code == 200
        # 16 blocks of 64 x 64 that lie one after another: one range.
        assert app.services.stores.requests - before == 1
