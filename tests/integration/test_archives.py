"""A Sentinel-2 product inside an archive: same picture, same rounds, same bytes as outside."""

import zipfile

import obstore
import pytest
from support.application import fill, make_settings, running, tile_at
from support.seaweed import READER
from support.stock import both_buckets

from renderers.stores import ByteSource

SAFE = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911.SAFE"


@pytest.fixture
def packed(shared, tmp_path):
    return pack(shared, tmp_path, zipfile.ZIP_STORED)


def pack(shared, tmp_path, how):
    folder = shared / "data/sentinel2"
    with zipfile.ZipFile(tmp_path / "product.zip", "w", how) as out:
        for file in sorted((folder / SAFE).rglob("*")):
            if file.is_file():
                out.write(file, str(file.relative_to(folder)))
    return tmp_path / "product.zip"


async def test_a_cold_tile_costs_and_shows_the_same(packed, shared, tmp_path, monkeypatch):
    rounds = []
    real = ByteSource.read

    async def counted(self, ranges):
        rounds.append(len(ranges))
        return await real(self, ranges)

    monkeypatch.setattr(ByteSource, "read", counted)
    z, x, y = tile_at(2.3, 42.8, 10)
    told = []
    for number, href in enumerate((shared / "data/sentinel2" / SAFE, packed)):
        settings = make_settings(tmp_path / str(number), file_roots=[shared, tmp_path])
        (outcome,) = await fill(settings, [str(href)])
        assert (outcome.status, outcome.item) == ("added", SAFE.removesuffix(".SAFE"))
        async with running(settings) as server:
            rounds.clear()
            before = server.services.stores.bytes_read
            answer = await server.get(f"/tiles/sentinel-2-l1c/B01/WebMercatorQuad/{z}/{x}/{y}.png")
            size = server.services.stores.bytes_read - before
            assert answer.status_code == 200
            told.append((answer.content, len(rounds), size))
    (picture, first, size), inside = told
    assert len(set(picture)) > 100  # a picture, not an empty tile
    assert 1 <= first <= 2
    assert 0 < size < 1_500_000
    assert inside == (picture, first, size)


async def test_in_a_bucket(packed, s3, tmp_path):
    """The archive is never fetched whole: its directory, the metadata and what a tile needs."""
    await obstore.put_async(s3.store("private"), "zipped/product.zip", packed.read_bytes())
    stores = both_buckets(s3.endpoint, READER)
    local = make_settings(tmp_path / "local", file_roots=[tmp_path])
    remote = make_settings(tmp_path / "remote", stores=stores)
    pictures = []
    z, x, y = tile_at(2.3, 42.8, 10)
    for settings, href in ((local, str(packed)), (remote, "s3://private/zipped/")):
        (outcome,) = await fill(settings, [href])
        assert outcome.status == "added", outcome
        async with running(settings) as server:
            before = server.services.stores.bytes_read
            answer = await server.get(f"/tiles/sentinel-2-l1c/B01/WebMercatorQuad/{z}/{x}/{y}.png")
            assert answer.status_code == 200
            assert server.services.stores.bytes_read - before < 1_500_000
            pictures.append(answer.content)
    assert pictures[0] == pictures[1]
    assert len(set(pictures[0])) > 100


async def test_a_packed_one_in_a_bucket_is_unpacked_once(shared, s3, tmp_path):
    packed = pack(shared, tmp_path, zipfile.ZIP_DEFLATED)
    await obstore.put_async(s3.store("private"), "deflated/product.zip", packed.read_bytes())
    stores = both_buckets(s3.endpoint, READER)
    pictures = []
    z, x, y = tile_at(2.3, 42.8, 10)
    outside = make_settings(tmp_path / "outside", file_roots=[shared])
    inside = make_settings(tmp_path / "inside", stores=stores)
    hrefs = str(shared / "data/sentinel2" / SAFE), "s3://private/deflated/"
    for settings, href in zip((outside, inside), hrefs, strict=True):
        (outcome,) = await fill(settings, [href])
        assert outcome.status == "added", outcome
        async with running(settings) as server:
            before = server.services.stores.bytes_read
            for name in ("B01", "sun_zenith"):
                path = f"/tiles/sentinel-2-l1c/{name}/WebMercatorQuad/{z}/{x}/{y}.png"
                answer = await server.get(path)
                assert answer.status_code == 200
                pictures.append(answer.content)
            read = server.services.stores.bytes_read - before
    assert read == 0  # from the copy that was made when it was added
    assert pictures[:2] == pictures[2:]
    small = make_settings(tmp_path / "small", stores=stores, spool_bytes=1_000_000)
    (outcome,) = await fill(small, ["s3://private/deflated/"])
    assert outcome.status == "skipped"
    assert "B01.jp2" in outcome.reason
    assert "too large to be unpacked" in outcome.reason
