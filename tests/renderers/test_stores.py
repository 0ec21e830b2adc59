"""Which addresses are read, by whose credential, and what a store's answers become."""

import asyncio
import itertools
import os
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.seaweed import READER, Seaweed

from renderers.errors import (
    SourceChangedError,
    SourceCorruptError,
    SourceForbiddenError,
    SourceMissingError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.scene import ObjectRef
from renderers.stores import (
    ByteRange,
    StoreOptions,
    StorePolicy,
    StoreRegistry,
    coalesce,
    href_of_path,
)

BUCKET = StoreOptions("s3://bucket/folder", endpoint="http://127.0.0.1:1", anonymous=True)


def registry(*options, **policy):
    return StoreRegistry(options, StorePolicy(**policy))


@pytest.fixture
def root(tmp_path):
    """A folder that may be read, beside one that may not."""
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "secret").write_bytes(b"secret")
    (tmp_path / "open-sesame").write_bytes(b"secret")
    return tmp_path / "open"


# Addresses


@pytest.mark.parametrize("name", ["plain.tif", "a b.tif", "a%20b.tif", "ü#?&+.tif", "..a/b..tif"])
async def test_files_inside_a_root_are_read_by_path_and_address(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"content")
    stores = registry(file_roots=(root,))
    for href in (str(root / name), href_of_path(root / name)):
        assert await stores.open(stores.resolve(href)).read_head(20) == b"content"


def test_files_outside_the_roots_are_refused(root):
    (root / "way-out").symlink_to(root.parent / "closed")
    (root / "direct").symlink_to(root.parent / "closed" / "secret")
    stores = registry(file_roots=(root,))
    for href in (
        f"{root}/../closed/secret",
        f"{root}/way-out/secret",
        f"{root}/direct",
        f"{root}-sesame",
        f"file://{root}/../closed/secret",
        f"file://{root}/%2e%2e/closed/secret",
        f"file://{root}/way-out/secret",
        f"file://{root}%2F..%2Fclosed%2Fsecret",
        "/etc/passwd",
        "relative.tif",
        os.path.relpath(root / "plain.tif"),
        "",
    ):
        with pytest.raises(SourceForbiddenError) as caught:
            stores.resolve(href)
        assert "secret" not in str(caught.value)


def test_a_root_that_is_a_link_counts_by_where_it_leads(root):
    (root.parent / "link").symlink_to(root)
    (root / "a.tif").write_bytes(b"a")
    stores = registry(file_roots=(root.parent / "link",))
    assert stores.resolve(f"{root}/a.tif") == stores.resolve(f"{root.parent}/link/a.tif")


def test_prefixes_are_compared_by_whole_segments():
    stores = registry(BUCKET)
    assert stores.resolve("s3://bucket/folder/a.tif").path == "folder/a.tif"
    assert stores.resolve("s3://bucket/folder/a%20b.tif").path == "folder/a b.tif"
    for href in (
        "s3://bucket/folderx/a.tif",
        "s3://bucket/folder%2Fa.tif",
        "s3://bucket/other",
        "s3://bucketx/folder/a.tif",
        "s3://other/folder",
        "s3://",
    ):
        with pytest.raises(SourceForbiddenError):
            stores.resolve(href)


@pytest.mark.parametrize("step", ["..", ".", "%2e%2e", "%2E.", "a/../.."])
def test_no_key_climbs_out_of_its_prefix(step):
    stores = registry(BUCKET, http_hosts=frozenset({"host"}))
    for start in ("s3://bucket/folder", "http://host/folder"):
        with pytest.raises(SourceForbiddenError):
            stores.resolve(f"{start}/{step}/secret")
        with pytest.raises(SourceForbiddenError):
            stores.resolve(f"{start}/x%2F{quote('..')}%2F{step}/secret")


def test_the_longest_prefix_gives_the_credential():
    inner = replace(BUCKET, prefix="s3://bucket/folder/inner", region="inner")
    stores = registry(BUCKET, inner)
    outside = stores.resolve("s3://bucket/folder/a")
    inside = stores.resolve("s3://bucket/folder/inner/a")
    assert outside.store != inside.store
    assert inside.store.endswith(inner.credential_id)
    assert outside.store.endswith(BUCKET.credential_id)


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://127.0.0.1:2"},
        {"region": "elsewhere"},
        {"access_key_id": "a"},
        {"secret_access_key": "b"},
        {"session_token": "c"},
        {"anonymous": False},
    ],
)
def test_whatever_tells_credentials_apart_is_in_their_id(change):
    assert replace(BUCKET, **change).credential_id != BUCKET.credential_id
    assert "secret-word" not in repr(replace(BUCKET, secret_access_key="secret-word"))  # noqa: S106


def test_hosts_are_allowed_by_name_and_port():
    stores = registry(http_hosts=frozenset({"host", "host:8080"}))
    for href in ("http://host/a", "https://HOST/a", "http://host:8080/a"):
        assert stores.resolve(href).path == "a"
    for href in (
        "http://host:80/a",
        "http://host:8081/a",
        "http://sub.host/a",
        "http://host.evil/a",
        "http://user@host/a",
        "http://evil@host/a",
        "http://host@evil/a",
        "http://host\\@evil/a",
        "http:///a",
    ):
        with pytest.raises(SourceForbiddenError):
            stores.resolve(href)


def test_a_configured_store_allows_its_host_below_its_prefix_only():
    stores = registry(StoreOptions("https://host/folder"))
    assert stores.resolve("https://host/folder/a").path == "folder/a"
    for href in ("https://host/a", "http://host/folder/a", "https://host/folderx"):
        with pytest.raises(SourceForbiddenError):
            stores.resolve(href)


@pytest.mark.parametrize(
    "href",
    ["ftp://host/a", "gs://bucket/a", "vsicurl:/x", "http://[bad/a", "/data/\0a", "file:///data/%00a",
     "s3://bucket/folder/%0a"],
)  # fmt: skip
def test_what_is_no_address_we_read_says_so(href):
    stores = registry(BUCKET, file_roots=(Path("/data"),), http_hosts=frozenset({"host"}))
    with pytest.raises(SourceUnsupportedError):
        stores.resolve(href)


def test_a_store_of_other_settings_is_not_opened():
    ref = registry(BUCKET).resolve("s3://bucket/folder/a")
    with pytest.raises(SourceForbiddenError):
        registry(replace(BUCKET, region="other")).open(ref)


# Merging ranges

RANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 500)).map(
        lambda r: ByteRange(r[0], r[0] + r[1])
    ),
    max_size=40,
)


@given(RANGES, st.integers(0, 300), st.integers(1, 2000))
def test_merged_ranges_hold_the_wanted_ones(ranges, gap, limit):
    merged, place = coalesce(ranges, gap, limit)
    content = bytes(i * 7 % 251 for i in range(10_501))
    fetched = [content[r.start : r.stop] for r in merged]
    longest = max((r.stop - r.start for r in ranges), default=0)
    for wanted, (number, offset) in zip(ranges, place, strict=True):
        length = wanted.stop - wanted.start
        assert fetched[number][offset : offset + length] == content[wanted.start : wanted.stop]
    for one in merged:
        assert one.stop - one.start <= max(limit, longest)
        inside = sorted(r for r in ranges if one.start <= r.start and r.stop <= one.stop)
        reached = inside[0].stop
        for r in inside:
            assert r.start - reached <= gap, "bytes nobody wants, beyond the gap"
            reached = max(reached, r.stop)
        assert (inside[0].start, reached) == one
    for one, following in itertools.pairwise(merged):
        assert one.start <= following.start
        apart = following.start - one.stop > gap
        assert apart or max(following.stop, one.stop) - one.start > limit


# Answers of stores


async def test_a_file_that_changed_since_it_was_indexed(root):
    path = root / "a.bin"
    path.write_bytes(b"old content")
    stores = registry(file_roots=(root,))
    source = await stores.open(stores.resolve(str(path))).pinned()
    assert await source.read([ByteRange(0, 3)]) == [b"old"]
    path.write_bytes(b"new and longer content")
    with pytest.raises(SourceChangedError):
        await source.read([ByteRange(0, 3)])


async def test_a_file_that_is_shorter_than_its_index_says(root):
    (root / "a.bin").write_bytes(b"0123456789")
    stores = registry(file_roots=(root,))
    plain = stores.open(stores.resolve(str(root / "a.bin")))
    pinned = await plain.pinned()
    for source, ranges in ((plain, [(5, 15)]), (pinned, [(0, 2), (5, 15)]), (pinned, [(20, 30)])):
        with pytest.raises(SourceCorruptError):
            await source.read([ByteRange(*r) for r in ranges])


async def test_a_file_larger_than_the_limit_is_not_read_whole(root):
    (root / "a.bin").write_bytes(b"0123456789")
    (root / "empty").write_bytes(b"")
    stores = registry(file_roots=(root,))
    assert await stores.open(stores.resolve(str(root / "a.bin"))).read_all(10) == b"0123456789"
    assert await stores.open(stores.resolve(str(root / "empty"))).read_all(10) == b""
    with pytest.raises(SourceUnsupportedError):
        await stores.open(stores.resolve(str(root / "a.bin"))).read_all(9)


# A real S3 server

SECRETS = ("path-word", "private", "public", "127.0.0.1", *READER, "test-")


def at(server: Seaweed, bucket: str, key=None, **more) -> StoreOptions:
    keys = {} if key is None else {"access_key_id": key[0], "secret_access_key": key[1]}
    return StoreOptions(
        f"s3://{bucket}", endpoint=server.endpoint, anonymous=key is None, **keys, **more
    )


@pytest.fixture
def objects(s3):
    for bucket in ("private", "public"):
        obstore.put(s3.store(bucket), "path-word/a.bin", bytes(range(256)) * 300)
    return s3


async def read(options: StoreOptions, href: str, **policy) -> list[bytes]:
    stores = registry(options, timeout=3.0, connect_timeout=1.0, **policy)
    source = await stores.open(stores.resolve(href)).pinned()
    return await source.read([ByteRange(0, 4), ByteRange(76_796, 76_800), ByteRange(2, 6)])


async def test_signed_and_anonymous_reads(objects):
    expected = [b"\0\1\2\3", b"\xfc\xfd\xfe\xff", b"\2\3\4\5"]
    assert await read(at(objects, "private", READER), "s3://private/path-word/a.bin") == expected
    assert await read(at(objects, "public"), "s3://public/path-word/a.bin") == expected


@pytest.mark.parametrize(
    ("bucket", "key", "name", "kind"),
    [
        ("private", None, "a.bin", SourceForbiddenError),
        ("private", (READER[0], "wrong-secret"), "a.bin", SourceForbiddenError),
        ("private", ("nobody", READER[1]), "a.bin", SourceForbiddenError),
        ("private", READER, "missing.bin", SourceMissingError),
        ("public", None, "missing.bin", SourceMissingError),
    ],
)
async def test_refusals_of_the_store(objects, bucket, key, name, kind):
    with pytest.raises(kind) as caught:
        await read(at(objects, bucket, key), f"s3://{bucket}/path-word/{name}")
    assert not [word for word in SECRETS if word in str(caught.value)]


async def test_an_object_that_was_replaced(objects):
    stores = registry(at(objects, "private", READER))
    store = objects.store("private")
    obstore.put(store, "path-word/b.bin", b"first")
    source = await stores.open(stores.resolve("s3://private/path-word/b.bin")).pinned()
    assert await source.read([ByteRange(0, 5)]) == [b"first"]
    obstore.put(store, "path-word/b.bin", b"other")
    with pytest.raises(SourceChangedError) as caught:
        await source.read([ByteRange(0, 5)])
    assert not [word for word in SECRETS if word in str(caught.value)]


async def test_objects_of_a_folder_are_listed(objects):
    stores = registry(at(objects, "private", READER))
    obstore.put(objects.store("private"), "path-words/other.bin", b"beside the folder")
    found = await stores.list_folder("s3://private/path-word/")
    assert "s3://private/path-word/a.bin" in found
    assert all(href.startswith("s3://private/path-word/") for href in found)
    refused = registry(at(objects, "private"))
    with pytest.raises(SourceForbiddenError):
        await refused.list_folder("s3://private/path-word/")


async def test_one_credential_says_nothing_for_another(objects):
    """The same object, allowed and refused, with reads in between and at the same time."""
    good, bad = at(objects, "private", READER), at(objects, "private")
    for _ in range(2):
        assert await read(good, "s3://private/path-word/a.bin")
        results = await asyncio.gather(
            read(bad, "s3://private/path-word/a.bin"),
            read(good, "s3://private/path-word/a.bin"),
            return_exceptions=True,
        )
        assert isinstance(results[0], SourceForbiddenError)
        assert not isinstance(results[1], BaseException)


async def test_a_server_that_is_gone_is_unavailable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = StoreOptions("s3://private", endpoint=f"http://127.0.0.1:{port}", anonymous=True)
    with pytest.raises(SourceUnavailableError) as caught:
        await read(options, "s3://private/path-word/a.bin")
    assert not [word for word in (*SECRETS, str(port)) if word in str(caught.value)]
    assert "path-word" in caught.value.detail, "the log must be able to name the object"


async def test_a_server_that_never_answers_is_unavailable():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = StoreOptions("s3://private", endpoint=f"http://127.0.0.1:{port}", anonymous=True)
    async with server:
        stores = registry(options, timeout=0.2, retries=0)
        source = stores.open(ObjectRef(stores.resolve("s3://private/a").store, "a", "etag", 10))
        with pytest.raises(SourceUnavailableError):
            await source.read([ByteRange(0, 5)])
