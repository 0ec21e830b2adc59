"""Files opened without an index: answered from what is found, then completed and kept."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from support.codestreams import segment

from renderers.draw import Renderer
from renderers.errors import SourceChangedError, SourceCorruptError, SourceUnavailableError
from renderers.files import FileCache
from renderers.geobox import GeoBox
from renderers.held import FIRST_READ, HeldSource
from renderers.job import Budget, DrawJob, LayerJob
from renderers.readers.base import BlockId
from renderers.readers.jp2.growing import GrowingIndex
from renderers.readers.jp2.index import Jp2Index
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset, Scene
from renderers.stores import ByteRange
from styles.registry import stretch_style
from tileserver.demo.jp2write import Placement, write_jp2

SIDE, TILE = 1500, 256
BLOCK = BlockId(0, 2, 3, 0)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    random = np.random.default_rng(8)
    return random.integers(0, 2**15, (SIDE, SIDE)).astype(np.uint16)


@pytest.fixture(scope="module")
def band(tmp_path_factory, picture):
    """36 tiles of 256 px, without TLM."""
    path = tmp_path_factory.mktemp("band") / "band.jp2"
    write_jp2(path, picture, Placement(500000, 5000000, 60, 32633), tlm=False)
    return path


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
async def cache(stores, tmp_path, pool):
    cache = FileCache(stores, default_registry(tmp_path / "spool"), pool)
    yield cache
    await cache.close()


@pytest.fixture
def asset(stores, tmp_path, band) -> BandAsset:
    """The band under a name of its own."""
    path = tmp_path / "band.jp2"
    path.write_bytes(band.read_bytes())
    return BandAsset(stores.resolve(str(path)))


def pixels_of(picture: np.ndarray, block: BlockId) -> np.ndarray:
    top, left = block.row * TILE, block.column * TILE
    return picture[None, top : top + TILE, left : left + TILE]


async def test_a_file_is_read_before_its_index_is_complete(cache, asset, picture) -> None:
    file = await cache.open(asset)
    assert isinstance(file.index, GrowingIndex)
    assert isinstance(file.source, HeldSource)
    saved: list[object] = []
    cache.when_complete(file, "once", saved.append)
    cache.when_complete(file, "once", saved.append)
    found = await cache.blocks(file, [BLOCK])
    np.testing.assert_array_equal(found[BLOCK].data, pixels_of(picture, BLOCK))
    assert not saved
    await cache.settled()
    again = await cache.open(asset)
    assert saved == [again]
    assert type(again.index) is Jp2Index
    assert not isinstance(again.source, HeldSource)
    assert again.fresh
    assert again.key == file.key
    cache.when_complete(again, "at once", saved.append)
    assert saved == [again, again]
    stored = BandAsset(again.source.ref, "jp2", index=again.index.to_bytes())
    other = BlockId(1, 4, 1, 0)
    ours = (await cache.blocks(await cache.open(stored), [other]))[other].data
    old = (await cache.blocks(file, [other]))[other].data
    np.testing.assert_array_equal(ours, old)


async def test_the_first_read_tells_size_and_etag(stores, asset, tmp_path) -> None:
    """Of a file shorter than that, too, and of one without any bytes."""
    source = await stores.open(asset.ref).pinned()
    before = stores.requests
    held = await HeldSource.begin(stores.open(asset.ref), FIRST_READ)
    assert stores.requests == before + 1
    assert held.ref == source.ref
    data = (tmp_path / "band.jp2").read_bytes()
    wanted = [ByteRange(5, 9), ByteRange(FIRST_READ - 3, FIRST_READ + 3), ByteRange(90_000, 90_001)]
    assert await held.hold(wanted) == [data[r.start : r.stop] for r in wanted]
    assert stores.requests == before + 3
    assert await held.read([ByteRange(FIRST_READ - 9, FIRST_READ + 3)]) == [
        data[FIRST_READ - 9 : FIRST_READ + 3]
    ]
    assert stores.requests == before + 3
    for content in (b"short", b""):
        (tmp_path / "small").write_bytes(content)
        ref = stores.resolve(str(tmp_path / "small"))
        small = await HeldSource.begin(stores.open(ref), FIRST_READ)
        assert small.ref.size == len(content)
        assert await small.read_head(16) == content


async def test_a_file_that_turns_out_otherwise_goes_to_gdal(
    cache, asset, tmp_path, picture, caplog
) -> None:
    """A tile far from the beginning has a coding style of its own, which cut-outs do not keep."""
    path = tmp_path / "band.jp2"
    data = path.read_bytes()
    index = await cache._readers.get("jp2").build_index(
        await cache._stores.open(asset.ref).pinned()
    )
    victim = 2 * 6 + 3
    (r,) = index.ranges(BlockId(0, 2, 3, 0))
    sot = data.rindex(b"\xff\x90\x00\x0a", 0, r.start)
    qcd = next(s.data for s in index.header.segments if s.marker == 0xFF5C)
    extra = segment(0xFF5C, qcd)
    length = int.from_bytes(data[sot + 6 : sot + 10], "big") + len(extra)
    head = data[: sot + 6] + length.to_bytes(4, "big") + data[sot + 10 : sot + 12]
    start = data.index(b"jp2c") + 4
    box = int.from_bytes(data[start - 8 : start - 4], "big")
    head = (head[: start - 8] + (box + len(extra) if box else 0).to_bytes(4, "big")
            + head[start - 4 :])  # fmt: skip
    path.write_bytes(head + extra + data[sot + 12 :])
    with rasterio.open(path) as dataset:  # GDAL reads the file as it was
        theirs = dataset.read(window=Window(3 * TILE, 2 * TILE, TILE, TILE))
    np.testing.assert_array_equal(theirs, pixels_of(picture, BLOCK))
    assert victim == BLOCK.row * 6 + BLOCK.column
    asset = BandAsset(cache._stores.resolve(str(path)))

    file = await cache.open(asset)
    other = BlockId(0, 5, 5, 0)
    found = await cache.blocks(file, [other])
    np.testing.assert_array_equal(found[other].data, pixels_of(picture, other))
    with caplog.at_level(logging.WARNING), pytest.raises(SourceChangedError):
        await cache.blocks(file, [BLOCK])
    assert "could not be completed" in caplog.text
    cache.forget(asset)
    file = await cache.open(asset)
    assert (file.reader.id, file.index.complete) == ("gdal", True)
    level = file.index.info.levels[0]
    at = BlockId(0, 2 * TILE // level.block_height, 3 * TILE // level.block_width, 0)
    block = (await cache.blocks(file, [at]))[at]
    top, left = at.row * level.block_height, at.column * level.block_width
    height, width = block.data.shape[1:]
    np.testing.assert_array_equal(
        block.data, picture[None, top : top + height, left : left + width]
    )


async def test_blocks_on_their_way_while_a_file_is_refused_are_neither_given_nor_kept(
    cache, asset, monkeypatch
) -> None:
    file = await cache.open(asset)
    read, go, begun = type(file.reader).fetch, asyncio.Event(), asyncio.Event()

    async def slow(*arguments):
        begun.set()
        await go.wait()
        return await read(*arguments)

    monkeypatch.setattr(type(file.reader), "fetch", slow)
    asked = asyncio.ensure_future(cache.blocks(file, [BLOCK]))
    await begun.wait()
    await cache._completions.refuse(file, SourceCorruptError("two tiles overlap"))
    go.set()
    with pytest.raises(SourceChangedError):
        await asked
    assert cache.stats()["blocks"]["entries"] == 0


async def test_completion_that_fails_is_told_and_tried_again(cache, asset, caplog) -> None:
    file = await cache.open(asset)
    failing = SimpleNamespace(
        id="jp2", complete=lambda *_: never(SourceUnavailableError("the store did not answer"))
    )
    gone = SimpleNamespace(key=file.key, index=file.index, source=file.source, reader=failing)
    with caplog.at_level(logging.INFO):
        cache._completions.start(gone)
        await cache.settled()
    assert "completed later" in caplog.text
    assert (await cache.open(asset)) is file
    await cache.blocks(file, [BLOCK])
    await cache.settled()
    assert (await cache.open(asset)).index.complete


async def never(error: Exception) -> None:
    raise error


async def test_closing_ends_what_is_being_completed(cache, asset) -> None:
    file = await cache.open(asset)
    begun = asyncio.Event()

    async def complete(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    slow = SimpleNamespace(id="jp2", complete=complete)
    cache._completions.start(
        SimpleNamespace(key=file.key, index=file.index, source=file.source, reader=slow)
    )
    await begun.wait()
    await cache.close()
    await cache.settled()
    assert (await cache.open(asset)) is file


async def test_a_picture_of_an_unknown_file_leaves_its_index_to_be_stored(
    cache, asset, pool
) -> None:
    """Saved once, complete, by whoever draws; the second picture needs no search."""
    saved: list[tuple[str, str, bytes]] = []
    renderer = Renderer(
        cache, pool, lambda scene, band, file: saved.append((scene.id, band, file.index.to_bytes()))
    )
    scene = Scene("one", "bands", None, {"red": asset})
    box = GeoBox.from_bounds((520000.0, 4960000.0, 535360.0, 4975360.0), 256, 256, "EPSG:32633")
    job = DrawJob((LayerJob((scene,), stretch_style("grey", "red", 0.0, 32767.0)),), box, Budget())
    first = (await renderer.picture(job, lambda image: image)).result
    assert saved == []
    await cache.settled()
    assert [(scene_id, band) for scene_id, band, _ in saved] == [("one", "red")]
    stored = BandAsset((await cache.open(asset)).source.ref, "jp2", index=saved[0][2])
    again = FileCache(cache._stores, cache._readers, pool)
    job = replace(job, layers=(replace(job.layers[0], scenes=(replace_band(scene, stored),)),))
    second = (await Renderer(again, pool).picture(job, lambda image: image)).result
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.pixels.any()
    await again.close()


def replace_band(scene: Scene, asset: BandAsset) -> Scene:
    return replace(scene, bands={"red": asset})
