"""Products in an S3 store: pictures, refusals, what is asked of the store, who sees what."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import httpx
import obstore
import pytest
from lxml import etree
from support.application import Running, fill, make_settings, mercator_tile, running, tile_at
from support.pictures import colours, pixels
from support.proxy import CountingProxy
from support.seaweed import ADMIN, READER
from support.stock import Stocked, both_buckets, cli, in_environment
from typer.testing import CliRunner

from renderers.errors import SourceForbiddenError
from renderers.files import FileCache
from renderers.plan import plan_read
from renderers.readers.registry import default_registry
from renderers.stores import StoreOptions, StorePolicy, StoreRegistry, coalesce
from renderers.warp import coordinate_grid
from tileserver.area import of_geobox
from tileserver.cli import app as command
from tileserver.products.base import Hints
from tileserver.timeaxis import ALWAYS

WRONG = (READER[0], "a-wrong-secret")
#: Inside the upper left 10 km of T32UPE, at the native zoom of 10 m.
SAFE_TILE = tile_at(10.58, 54.10, 14)
#: Inside the COGs' first block of 512 x 512 pixels (100 m); four of these tiles span 100 pixels.
COG_TILE = tile_at(-11.75, 25.15, 11)


@pytest.fixture(scope="module")
def catalogue(stocked: Stocked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalogue of both buckets, each its own collection, made by the command."""
    folder = tmp_path_factory.mktemp("s3-catalogue")
    stores = both_buckets(stocked.server.endpoint)
    for bucket in ("private", "public"):
        hrefs = [f"s3://{bucket}/products/{stocked.safe}"]
        if stocked.cogs is not None:
            hrefs.append(f"s3://{bucket}/cogs/{stocked.cogs.name}.json")
        words = ("catalogue", "add", *hrefs, "--collection", bucket)
        status, said = cli(folder, stores, *words)
        assert status == 0, said
        assert said.count("added ") == len(hrefs), said
    return folder


@pytest.fixture
def cogs(stocked: Stocked) -> Path:
    if stocked.cogs is None:
        pytest.skip("real COGs are absent: set TILESERVER_TEST_DATA_ROOT to their folder")
    return stocked.cogs


def settings(catalogue: Path, endpoint: str, key: tuple[str, str] | None = READER, **more):
    stores = both_buckets(endpoint, key)
    return make_settings(catalogue, stores=stores, store_connect_timeout=1.0, **more)


def tile(collection: str, style: str, zxy: tuple[int, int, int]) -> str:
    return f"/tiles/{collection}/{style}/WebMercatorQuad/{zxy[0]}/{zxy[1]}/{zxy[2]}.png"


def getmap(collection: str, style: str, zxy: tuple[int, int, int]) -> str:
    bbox = ",".join(map(str, mercator_tile(*zxy).bounds))
    return (
        "/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&CRS=EPSG:3857&WIDTH=256&HEIGHT=256"
        f"&FORMAT=image/png&LAYERS={collection}&STYLES={style}&BBOX={bbox}"
    )


def assert_tells_nothing(answer: httpx.Response, endpoint: str) -> None:
    """No word of where products lie or how they are reached, in body or headers."""
    told = f"{answer.text} {answer.headers!r} {unquote(answer.text)}"
    words = (*READER, *ADMIN, WRONG[1], endpoint.removeprefix("http://"), "s3:", "seaweed",
             ".SAFE", "B04", "IMG_DATA", "/cogs", "amazonaws", "Traceback", "obstore")  # fmt: skip
    assert [word for word in words if word.lower() in told.lower()] == []


async def test_pictures_from_private_and_public_bucket(stocked, catalogue, tmp_path):
    """The same as from local files, through a real catalogue and the whole application."""
    local = make_settings(tmp_path, file_roots=[stocked.local.parent])
    await fill(local, [str(stocked.local)], Hints(collection="local"))
    async with running(local) as app:
        expected = await app.get(tile("local", "true-color", SAFE_TILE))
    assert colours(expected.content) > 100
    async with running(settings(catalogue, stocked.server.endpoint)) as app:
        for bucket in ("private", "public"):
            answer = await app.get(tile(bucket, "true-color", SAFE_TILE))
            assert answer.status_code == 200
            assert (pixels(answer.content) == pixels(expected.content)).all()
            scl = await app.get(tile(bucket, "scl", SAFE_TILE))
            assert colours(scl.content) > 1


async def test_cogs_from_private_and_public_bucket(stocked, catalogue, cogs):
    async with running(settings(catalogue, stocked.server.endpoint)) as app:
        answers = [await app.get(tile(b, "ndvi", COG_TILE)) for b in ("private", "public")]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert colours(answers[0].content) > 10


@pytest.mark.parametrize("key", [WRONG, None], ids=["wrong secret", "anonymous"])
async def test_a_wrong_key_is_refused_in_the_protocols_own_form(stocked, catalogue, key):
    endpoint = stocked.server.endpoint
    async with running(settings(catalogue, endpoint, key)) as app:
        answer = await app.get(tile("private", "true-color", SAFE_TILE))
        assert answer.status_code == 502
        assert answer.json()["code"] == "SourceForbidden"
        assert answer.headers["cache-control"] == "no-store"
        assert_tells_nothing(answer, endpoint)
        answer = await app.get(getmap("private", "true-color", SAFE_TILE))
        assert answer.headers["content-type"].startswith("text/xml")
        report = etree.fromstring(answer.content)
        assert etree.QName(report).localname == "ServiceExceptionReport"
        assert_tells_nothing(answer, endpoint)
        public = await app.get(tile("public", "true-color", SAFE_TILE))
        assert public.status_code == 200


async def test_a_missing_object_is_told_and_the_others_still_draw(stocked, catalogue, cogs):
    server = stocked.server
    server.put_folder("private", "lost/cogs", cogs)
    endpoint = server.endpoint
    href = f"s3://private/lost/cogs/{cogs.name}.json"
    await fill(settings(catalogue, endpoint), [href], Hints(collection="lost"))
    obstore.delete(server.store("private"), "lost/cogs/B04.tif")
    async with running(settings(catalogue, endpoint)) as app:
        answer = await app.get(tile("lost", "ndvi", COG_TILE))
        assert (answer.status_code, answer.json()["code"]) == (502, "SourceMissing")
        assert_tells_nothing(answer, endpoint)
        whole = await app.get(tile("lost", "scl", COG_TILE))
        assert whole.status_code == 200


async def test_a_replaced_object_is_looked_at_anew(stocked, catalogue, cogs):
    """Its ETag is no longer the one that was indexed: the new content shows, not an error."""
    server = stocked.server
    server.put_folder("private", "changing/cogs", cogs)
    href = f"s3://private/changing/cogs/{cogs.name}.json"
    await fill(settings(catalogue, server.endpoint), [href], Hints(collection="changing"))
    store = server.store("private")
    # The band gets the other's content: NDVI is then zero everywhere.
    obstore.put(store, "changing/cogs/B04.tif", cogs / "B08.tif")
    async with running(settings(catalogue, server.endpoint)) as app:
        answer = await app.get(tile("changing", "ndvi", COG_TILE))
        assert answer.status_code == 200
        assert colours(answer.content) == 1


async def test_a_stopped_server_is_unavailable_and_cached_tiles_still_answer(stocked, catalogue):
    async with (
        CountingProxy(stocked.server.endpoint) as proxy,
        running(settings(catalogue, proxy.url)) as app,
    ):
        ready = await app.get(tile("private", "scl", SAFE_TILE))
        assert ready.status_code == 200
        await proxy.stop()
        answer = await asyncio.wait_for(app.get(tile("private", "ndvi", SAFE_TILE)), 15)
        assert (answer.status_code, answer.json()["code"]) == (503, "SourceUnavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert_tells_nothing(answer, proxy.url)
        wms = await asyncio.wait_for(app.get(getmap("private", "ndvi", SAFE_TILE)), 15)
        assert b"ServiceExceptionReport" in wms.content
        assert_tells_nothing(wms, proxy.url)
        again = await app.get(tile("private", "scl", SAFE_TILE))
        assert again.content == ready.content
        assert (await app.get("/healthz")).status_code == 200
        await proxy.__aenter__()
        healed = await app.get(tile("private", "ndvi", SAFE_TILE))
        assert healed.status_code == 200


# What is asked of the store


async def asked_for(app: Running, proxy: CountingProxy, path: str) -> dict[str, int]:
    """Ask for a picture; return GETs by file name. All of them must be one round."""
    proxy.clear()
    before = app.services.stores.requests
    answer = await app.get(path)
    assert answer.status_code == 200, answer.text
    assert colours(answer.content) > 2
    assert {asked.method for asked in proxy.asked} == {"GET"}
    assert all(asked.range for asked in proxy.asked)
    assert proxy.one_round(), proxy.asked
    assert app.services.stores.requests - before == len(proxy.asked)
    names = [asked.path.rpartition("/")[2] for asked in proxy.asked]
    return {name: names.count(name) for name in sorted(set(names))}


async def test_a_cold_cog_tile_costs_one_request_per_file(
    stocked, catalogue, cogs, record_testsuite_property
):
    async with (
        CountingProxy(stocked.server.endpoint, delay=0.5) as proxy,
        running(settings(catalogue, proxy.url)) as app,
    ):
        found = await asked_for(app, proxy, tile("private", "ndvi", COG_TILE))
        record_testsuite_property("GETs of a cold COG tile", found)
        assert found == {"B04.tif": 1, "B08.tif": 1}
        proxy.clear()
        assert (await app.get(tile("private", "ndvi", COG_TILE))).status_code == 200
        inside = (COG_TILE[0] + 1, COG_TILE[1] * 2, COG_TILE[2] * 2)
        assert (await app.get(tile("private", "ndvi", inside))).status_code == 200
        assert proxy.asked == [], "the tile and the block were at hand"


async def test_a_cold_cog_tile_of_many_blocks_is_one_round(
    stocked, catalogue, cogs, record_testsuite_property
):
    """As many requests as the blocks' ranges coalesce to, all sent before any was answered."""
    zxy = tile_at(-11.75, 25.15, 9)
    async with (
        CountingProxy(stocked.server.endpoint, delay=0.5) as proxy,
        running(settings(catalogue, proxy.url)) as app,
    ):
        box = mercator_tile(*zxy)
        (scene,) = await app.services.catalogue.search("private", of_geobox(box), ALWAYS, 5)
        expected, blocks = {}, 0
        for name in ("B04", "B08"):
            asset = scene.bands[name]
            reader = app.services.readers.get(asset.reader)
            index = reader.load_index(asset.index)
            plan = plan_read(index, [1], coordinate_grid(box, asset.grid))
            ranges = [r for block in plan.blocks for r in reader.ranges(index, block)]
            policy = app.services.stores.policy
            expected[f"{name}.tif"] = len(coalesce(ranges, policy.gap, policy.max_range)[0])
            blocks += len(plan.blocks)
        found = await asked_for(app, proxy, tile("private", "ndvi", zxy))
        record_testsuite_property("GETs of a cold tile of many blocks", found)
        assert blocks > 2
        assert found == expected


async def test_a_cold_jp2_tile_is_one_round(stocked, catalogue, record_testsuite_property):
    async with (
        CountingProxy(stocked.server.endpoint, delay=0.5) as proxy,
        running(settings(catalogue, proxy.url)) as app,
    ):
        found = await asked_for(app, proxy, tile("private", "true-color", SAFE_TILE))
        record_testsuite_property("GETs of a cold JP2 tile", found)
        assert len(found) == 3
        assert set(found.values()) == {1}


# Who sees what


async def test_two_services_in_one_process_share_no_reads(stocked, catalogue):
    endpoint = stocked.server.endpoint
    async with (
        running(settings(catalogue, endpoint)) as good,
        running(settings(catalogue, endpoint, None)) as bad,
    ):
        path = tile("private", "true-color", SAFE_TILE)
        etag = (await good.get(path)).headers["etag"]
        for _ in range(2):
            answers = await asyncio.gather(bad.get(path), good.get(path))
            assert [a.status_code for a in answers] == [502, 200]
        assert (await bad.get(getmap("private", "scl", SAFE_TILE))).content.startswith(b"<?xml")
        # An ETag is no secret and no key: knowing it gives nobody a picture.
        known = await bad.get(path, headers={"If-None-Match": etag})
        assert known.content == b"" or known.status_code == 502


@pytest.mark.parametrize("name", ["B04", "SCL"])
async def test_one_file_cache_holds_what_each_credential_read(
    stocked, catalogue, cogs, name, tmp_path
):
    """Warm blocks, open files and stored indexes of one credential give nothing to another."""
    endpoint = stocked.server.endpoint
    good = StoreOptions("s3://private", endpoint, "us-east-1", *READER)
    bad = StoreOptions("s3://private/nowhere", endpoint, anonymous=True)
    wrong = StoreOptions("s3://private/else", endpoint, "us-east-1", *WRONG)
    stores = StoreRegistry([good, bad, wrong], StorePolicy(timeout=5))
    others = StoreRegistry([replace(good, region="eu-west-1")])
    key = f"cogs/{name}.tif"
    ref = stores.resolve(f"s3://private/{key}")
    refused = [
        stores.resolve("s3://private/nowhere/x").store,
        stores.resolve("s3://private/else/x").store,
        others.resolve(f"s3://private/{key}").store,
    ]
    with ThreadPoolExecutor(1) as pool:
        files = FileCache(stores, default_registry(tmp_path / "spool"), pool)
        async with running(settings(catalogue, endpoint)) as app:
            box = mercator_tile(*COG_TILE)
            (scene,) = await app.services.catalogue.search("private", of_geobox(box), ALWAYS, 5)
        asset = scene.bands[name]
        assert asset.ref.store == ref.store
        file = await files.open(asset)
        plan = plan_read(file.index, [1], coordinate_grid(box, asset.grid))
        warm = await files.blocks(file, plan.blocks)
        for store in refused:
            theirs = replace(asset, ref=replace(asset.ref, store=store))
            with pytest.raises(SourceForbiddenError):
                await files.blocks(await files.open(theirs), plan.blocks)
            unindexed = replace(theirs, ref=replace(theirs.ref, etag=None, size=None), index=None)
            with pytest.raises(SourceForbiddenError):
                await files.open(unindexed)
        again = await files.blocks(await files.open(asset), plan.blocks)
        assert all(again[b] is warm[b] for b in plan.blocks), "the good one is still warm"


def test_doctor_says_which_store_is_wrong(stocked, tmp_path, monkeypatch):
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path))
    for endpoint, key, status, finding in (
        (stocked.server.endpoint, READER, 0, "s3://private answers (keys)"),
        (stocked.server.endpoint, WRONG, 0, "s3://private refuses the access (keys)"),
        ("http://127.0.0.1:9", READER, 1, "s3://private does not answer"),
    ):
        monkeypatch.setenv("TILESERVER_STORES", in_environment(both_buckets(endpoint, key)))
        done = CliRunner().invoke(command, ["doctor", "--json"])
        assert done.exit_code == status, done.output
        assert finding in done.output
        assert key[1] not in done.output
