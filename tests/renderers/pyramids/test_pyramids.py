"""Files read with and without levels kept beside them: which are made when, and equal pixels."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from renderers.files import FileCache
from renderers.plan import choose_level
from renderers.pyramids import levels, pyramids
from renderers.pyramids.folder import PyramidFolder
from renderers.pyramids.levels import PyramidIndex, candidates
from renderers.pyramids.pyramids import Pyramids
from renderers.pyramids.reduce import Reduction, beside_nodata, reduced
from renderers.readers.base import Block, BlockId
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset
from renderers.stores import StorePolicy, StoreRegistry
from tileserver.demo.jp2write import Placement, write_jp2

SIDE = 2300


@pytest.fixture(autouse=True)
def small_files_count(monkeypatch) -> None:
    monkeypatch.setattr(levels, "WORTHWHILE_PIXELS", 1000 * 1000)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Hills with a border of nodata (0) along a slope, uint16 (rows, columns)."""
    random = np.random.default_rng(6)
    y, x = np.mgrid[:SIDE, :SIDE]
    values = 3000 + 900 * np.sin(x / 90) + 700 * np.cos(y / 130) + random.normal(0, 60, x.shape)
    values[x + y // 2 < 700] = 0
    return values.astype(np.uint16)


@pytest.fixture(scope="module")
def files(tmp_path_factory, picture) -> Path:
    """Gives `scene.jp2`, `plain.tif` (no overviews), `planes.tif`, `alpha.tif`, `classes.tif`."""
    folder = tmp_path_factory.mktemp("files")
    write_jp2(folder / "scene.jp2", picture, Placement(500000, 5000000, 10, 32633), tlm=True)
    place = {"crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}

    def write(name: str, array: np.ndarray, **options: object) -> None:
        count, height, width = array.shape
        shape = {"count": count, "height": height, "width": width, "dtype": array.dtype}
        with rasterio.open(folder / name, "w", "GTiff", **shape, **place, **tiled | options) as out:
            out.write(array)

    write("plain.tif", picture[None], nodata=0)
    write("strips.tif", picture[None, :1501], nodata=0, tiled=False, blockysize=7)
    write("planes.tif", np.stack([picture, picture[::-1], picture[:, ::-1]]), interleave="band")
    alpha = np.where(picture == 0, 0, 255).astype(np.uint8)
    low = (picture // 20).astype(np.uint8)
    write("alpha.tif", np.stack([low, low, low, alpha]), photometric="rgb", alpha="unassociated")
    write("classes.tif", (picture // 400).astype(np.uint8)[None])
    return folder


class Server:
    """Opens files as a server does; every start has new caches over the same folder."""

    def __init__(self, files: Path, folder: Path, pool: ThreadPoolExecutor, quota: int) -> None:
        self.stores = StoreRegistry((), StorePolicy(file_roots=(files,)))
        self.pyramids = Pyramids(PyramidFolder(folder / "pyramids", quota))
        self.readers = default_registry(folder / "spool")
        self.cache = FileCache(self.stores, self.readers, pool, pyramids=self.pyramids)
        self.files = files

    async def open(self, name: str, nodata: float | None = None):
        source = await self.stores.open(self.stores.resolve(str(self.files / name))).pinned()
        reader, index = await self.readers.identify(source)
        stored = BandAsset(source.ref, reader.id, nodata=nodata, index=index.to_bytes())
        return await self.cache.open(stored)

    async def level(self, file, number: int) -> Block:
        """Read a whole level through the cache of blocks."""
        shape = file.index.info.levels[number]
        rows = -(-shape.height // shape.block_height)
        columns = -(-shape.width // shape.block_width)
        planes = sorted({file.index.plane_of(b + 1)[0] for b in range(file.index.info.count)})
        wanted = [
            BlockId(number, r, c, p) for p in planes for r in range(rows) for c in range(columns)
        ]
        blocks = await self.cache.blocks(file, wanted)

        def joined(plane: int, part) -> np.ndarray:
            lines = [
                np.concatenate([part(blocks[number, r, c, plane]) for c in range(columns)], -1)
                for r in range(rows)
            ]
            return np.concatenate(lines, -2)

        data = np.concatenate([joined(p, lambda b: b.data) for p in planes])
        assert data.shape[1:] == (shape.height, shape.width)
        masked = next(iter(blocks.values())).mask is not None
        return Block(data, joined(0, lambda b: b.mask) if masked else None)

    async def close(self) -> None:
        await self.cache.close()


@pytest.fixture
async def serve(files, tmp_path):
    opened: list[Server] = []
    with ThreadPoolExecutor(2) as pool:

        def make(quota: int = 1 << 30, folder: Path = tmp_path) -> Server:
            opened.append(Server(files, folder, pool, quota))
            return opened[-1]

        yield make
        for server in opened:
            await server.close()


def sidecars(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / "pyramids").rglob("*") if p.is_file())


async def ready(server: Server, name: str, nodata: float | None = None):
    """Open a file whose levels are all made."""
    while True:
        file = await server.open(name, nodata)
        if not isinstance(file.index, PyramidIndex) or not file.index.lacking:
            return file
        for number in file.index.lacking:
            await server.level(file, number)
        await server.pyramids.settled()
        assert server.pyramids.failed == 0


def scales(file) -> list[tuple[float, int]]:
    return [(level.scale_x, level.block_width) for level in file.index.info.levels]


async def test_jpeg2000_levels_are_kept_pixel_for_pixel(serve, tmp_path) -> None:
    server = serve()
    file = await server.open("scene.jp2", 0)
    assert scales(file) == [(1, 1024), (2, 512), (4, 256), (8, 128), (16, 64)]
    own = [await server.level(file, number) for number in range(5)]
    file = await ready(server, "scene.jp2", 0)
    assert scales(file) == [(1, 1024), (2, 512), (4, 512), (8, 512), (16, 512)]
    assert len(sidecars(tmp_path)) == 3
    for number in range(5):
        found = await server.level(file, number)
        np.testing.assert_array_equal(found.data, own[number].data)
    with rasterio.open(server.files / "scene.jp2", overview_level=1) as dataset:
        np.testing.assert_array_equal(own[2].data, dataset.read())


async def test_only_what_was_used_is_made(serve, tmp_path) -> None:
    server = serve()
    file = await server.open("scene.jp2", 0)
    for number in (0, 1):
        await server.cache.blocks(file, [BlockId(number, 0, 0, 0)])
    await server.pyramids.settled()
    assert sidecars(tmp_path) == []
    await server.cache.blocks(file, [BlockId(3, 0, 0, 0)])
    await server.pyramids.settled()
    assert len(sidecars(tmp_path)) == 1
    file = await server.open("scene.jp2", 0)
    assert scales(file) == [(1, 1024), (2, 512), (4, 256), (8, 512), (16, 64)]


async def test_kept_levels_take_no_request(serve) -> None:
    first = serve()
    await ready(first, "scene.jp2", 0)
    server = serve()  # another process, or the same after a restart
    file = await server.open("scene.jp2", 0)
    before = server.stores.requests
    await server.level(file, 2)
    await server.level(file, 4)
    assert server.stores.requests == before
    await server.cache.blocks(file, [BlockId(1, 0, 0, 0)])
    assert server.stores.requests == before + 1


async def test_levels_below_the_coarsest_leave_nodata_and_mixtures_out(
    serve, monkeypatch, picture
) -> None:
    monkeypatch.setattr(levels, "SMALLEST", 40)
    server = serve()
    file = await ready(server, "scene.jp2", 0)
    assert [s for s, _ in scales(file)] == [1, 2, 4, 8, 16, 32, 64]
    coarsest = await server.level(file, 4)
    mixed = beside_nodata(coarsest.data, 0)
    assert 0 < mixed.mean() < 0.5
    expected = reduced(coarsest, [2, 4], 0, Reduction.AVERAGE, mixed)
    for number, block in zip((5, 6), expected, strict=True):
        np.testing.assert_array_equal((await server.level(file, number)).data, block.data)
    # Against the original: no pixel is darkened by the nodata beside it.
    deepest = (await server.level(file, 6)).data[0, :35, :35]
    groups = picture[: 64 * 35, : 64 * 35].reshape(35, 64, 35, 64).astype(float)
    means = groups.sum(axis=(1, 3)) / np.maximum((groups != 0).sum(axis=(1, 3)), 1)
    both = deepest != 0
    assert abs(deepest[both] - means[both]).max() < 400
    assert both.mean() > 0.6


async def test_what_is_nodata_decides_on_deeper_levels(serve, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(levels, "SMALLEST", 80)
    server = serve()
    with_nodata = await ready(server, "scene.jp2", 0)
    without = await ready(server, "scene.jp2", None)
    assert len(sidecars(tmp_path)) == 3 + 1 + 1
    one, other = [await server.level(f, 5) for f in (with_nodata, without)]
    assert not np.array_equal(one.data, other.data)
    for number in (2, 4):
        ours, theirs = [await server.level(f, number) for f in (with_nodata, without)]
        assert np.array_equal(ours.data, theirs.data)


@pytest.mark.parametrize("name", ["plain.tif", "strips.tif", "planes.tif", "alpha.tif"])
async def test_files_without_overviews_get_averages(name, serve, monkeypatch) -> None:
    monkeypatch.setattr(pyramids, "STRIP_BYTES", 2 * 1024 * 1024)
    server = serve()
    file = await ready(server, name)
    assert [s for s, _ in scales(file)] == [1, 4, 8, 16]
    full = await server.level(file, 0)
    nodata = file.index.info.nodata
    expected = reduced(full, [4, 8, 16], nodata, Reduction.AVERAGE)
    for number, block in enumerate(expected, 1):
        found = await server.level(file, number)
        np.testing.assert_array_equal(found.data, block.data)
        assert (found.mask is None) == (block.mask is None)
        if block.mask is not None:
            np.testing.assert_array_equal(found.mask, block.mask)
    assert choose_level(file.index.info.levels, 9.0) == 2


async def test_classes_stay_classes(serve) -> None:
    server = serve()
    file = await ready(server, "classes.tif")
    classes = set(np.unique((await server.level(file, 0)).data))
    for number in range(1, len(file.index.info.levels)):
        assert set(np.unique((await server.level(file, number)).data)) <= classes


async def test_a_file_without_overviews_is_not_read_whole_for_a_tile(serve, tmp_path) -> None:
    server = serve()
    file = await server.open("plain.tif")
    tile = [BlockId(0, r, c, 0) for r in range(3) for c in range(5)]
    await server.cache.blocks(file, tile)
    await server.pyramids.settled()
    assert sidecars(tmp_path) == []


@pytest.mark.parametrize("damage", ["gone", "flipped"])
@pytest.mark.parametrize("name", ["scene.jp2", "alpha.tif"])
async def test_a_lost_sidecar_changes_no_pixel(
    name, damage, serve, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(levels, "SMALLEST", 80)
    first = serve()
    file = await ready(first, name)
    numbers = range(len(file.index.info.levels))
    expected = [await first.level(file, number) for number in numbers]
    server = serve()
    file = await server.open(name)
    for path in sidecars(tmp_path):
        data = path.read_bytes()
        path.unlink()
        if damage == "flipped":
            path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    with caplog.at_level(logging.WARNING):
        for number in numbers:
            found = await server.level(file, number)
            np.testing.assert_array_equal(found.data, expected[number].data)
            if found.mask is not None:
                np.testing.assert_array_equal(found.mask, expected[number].mask)
    assert server.pyramids.lost > 0
    assert ("damaged" in caplog.text) == (damage == "flipped")
    # Opened anew, what is lost is made again.
    again = serve()
    file = await ready(again, name)
    assert not file.index.lacking
    assert again.pyramids.made > 0


async def test_running_requests_keep_their_levels(serve) -> None:
    """Blocks of one number at two times are two things, and both are what was asked for."""
    server = serve()
    before = await server.open("scene.jp2", 0)
    old = await server.cache.blocks(before, [BlockId(2, 0, 0, 0)])
    await server.pyramids.settled()
    after = await server.open("scene.jp2", 0)
    new = await server.cache.blocks(after, [BlockId(2, 0, 0, 0)])
    assert old[2, 0, 0, 0].data.shape == (1, 256, 256)
    assert new[2, 0, 0, 0].data.shape == (1, 512, 512)
    again = await server.cache.blocks(before, [BlockId(2, 0, 0, 0)])
    assert again[2, 0, 0, 0] is old[2, 0, 0, 0]
    full, same = [await server.cache.blocks(f, [BlockId(0, 0, 0, 0)]) for f in (before, after)]
    assert full[0, 0, 0, 0] is same[0, 0, 0, 0]


async def test_another_credential_finds_nothing(serve, tmp_path) -> None:
    server = serve()
    file = await ready(server, "scene.jp2", 0)
    foreign = Pyramids(PyramidFolder(tmp_path / "pyramids", 1 << 30))
    source = file.source
    base = file.reader.base, file.index.base
    _, index = await foreign.attach(source, *base, 0)
    assert len(index.ready) == 3
    for ref in (
        replace(source.ref, store="s3:bucket:other"),
        replace(source.ref, etag="other"),
        replace(source.ref, path="other"),
    ):
        other = type(source)(None, None, ref)
        _, index = await foreign.attach(other, *base, 0)
        assert index.ready == {}
    unknown = type(source)(None, None, replace(source.ref, etag=None))
    assert await foreign.attach(unknown, *base, 0) == base
    await foreign.close()


async def test_failures_are_remembered_and_told(serve, monkeypatch, caplog, tmp_path) -> None:
    def full(self, path, data) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PyramidFolder, "write", full)
    server = serve()
    file = await server.open("scene.jp2", 0)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await server.level(file, 3)
            await server.pyramids.settled()
    assert server.pyramids.failed == 1
    assert "No space" in caplog.text


async def test_a_quota_that_is_too_small_keeps_nothing(serve, tmp_path) -> None:
    server = serve(quota=1000)
    file = await server.open("scene.jp2", 0)
    for _ in range(2):
        await server.level(file, 2)
        await server.pyramids.settled()
    assert sidecars(tmp_path) == []
    assert server.pyramids.stats() == {"waiting": 0, "made": 0, "failed": 0, "lost": 0}


async def test_two_processes_make_the_same_level_at_once(serve, tmp_path) -> None:
    servers = [serve(), serve()]
    opened = await asyncio.gather(*(ready(s, "scene.jp2", 0) for s in servers))
    one, other = [await s.level(f, 4) for s, f in zip(servers, opened, strict=True)]
    np.testing.assert_array_equal(one.data, other.data)
    assert len(sidecars(tmp_path)) == 3


async def test_closing_gives_up_what_is_being_made(serve, tmp_path) -> None:
    server = serve()
    file = await server.open("scene.jp2", 0)
    await server.cache.blocks(file, [BlockId(2, 0, 0, 0)])
    await server.close()
    assert not [p for p in sidecars(tmp_path) if p.name.startswith("part-")]
    before = sidecars(tmp_path)
    await server.cache.blocks(file, [BlockId(3, 0, 0, 0)])
    await server.pyramids.settled()
    assert sidecars(tmp_path) == before


async def test_small_files_have_none(serve, monkeypatch) -> None:
    monkeypatch.setattr(levels, "WORTHWHILE_PIXELS", 1 << 30)
    server = serve()
    assert not isinstance((await server.open("scene.jp2")).index, PyramidIndex)


async def test_what_an_index_tells_of_itself(serve) -> None:
    """The catalogue stores the file's own index, and blocks outside are refused."""
    server = serve()
    file = await ready(server, "scene.jp2", 0)
    own = file.index.base
    assert file.index.to_bytes() == own.to_bytes()
    assert file.reader.id == "jp2"
    assert file.reader.load_index(own.to_bytes()).info == own.info
    assert file.index.plane_of(1) == (0, 0)
    assert file.reader.ranges(file.index, BlockId(0, 0, 0, 0)) == own.ranges(BlockId(0, 0, 0, 0))
    assert file.reader.ranges(file.index, BlockId(2, 0, 0, 0)) == ()
    assert file.reader.share(file.index, BlockId(2, 0, 0, 0), (0, 0, 5, 5)) == 1.0
    assert {c.factor for c in candidates(own)} == {1}
