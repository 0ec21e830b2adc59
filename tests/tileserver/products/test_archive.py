"""Products inside ZIP archives: stored members are read where they lie, packed ones are refused."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from renderers.errors import (
    SourceChangedError,
    SourceCorruptError,
    SourceError,
    SourceForbiddenError,
    SourceMissingError,
    SourceUnsupportedError,
)
from renderers.readers.registry import default_registry
from renderers.readers.spool import Spool
from renderers.stores import ByteRange, StorePolicy, StoreRegistry, member_href
from renderers.unpacked import Unpacker
from tileserver.products.archive import open_archive, split
from tileserver.products.base import Access
from tileserver.products.registry import find, recognise

L1C = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911.SAFE"


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.fixture
def safe(shared, tmp_path):
    """Pack the genuine product; `images` and `documents` say how."""

    def pack(images=zipfile.ZIP_STORED, documents=zipfile.ZIP_STORED, name="product.zip"):
        folder = shared / "data/sentinel2"
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("note.txt", "x" * 70_000)
            for file in sorted((folder / L1C).rglob("*")):
                if file.is_file():
                    kind = images if file.suffix == ".jp2" else documents
                    out.write(file, str(file.relative_to(folder)), compress_type=kind)
        return path

    return pack


@pytest.mark.parametrize("documents", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_a_product_in_an_archive_is_the_one_outside(
    documents, safe, shared, stores, readers, tmp_path
):
    path = safe(documents=documents)
    (inside,) = await recognise(str(path), stores, readers)
    (outside,) = await recognise(str(shared / "data/sentinel2" / L1C), stores, readers)
    assert {**inside.item, "assets": {}} == {**outside.item, "assets": {}}
    access = Access(stores, readers)
    assert list(inside.item["assets"]) == list(outside.item["assets"]) == ["B01", "angles"]
    asset, plain = (found.item["assets"]["B01"] for found in (inside, outside))
    assert asset["href"].startswith(f"{path}!/{L1C}/GRANULE/")
    place = await access.address(asset["href"])
    source = await stores.open(stores.resolve(place)).pinned()
    original = await stores.open(stores.resolve(plain["href"])).pinned()
    assert source.ref.size == original.ref.size
    assert source.ref.key != (await stores.open(stores.resolve(str(path))).pinned()).ref.key
    whole = await source.read_all(1 << 30)
    assert whole == await original.read_all(1 << 30)
    assert await source.read([ByteRange(5, 9), ByteRange(0, 2)]) == [whole[5:9], whole[:2]]
    with pytest.raises(SourceCorruptError):
        await source.read([ByteRange(0, len(whole) + 1)])  # never into the next member
    assert await source.read_head(len(whole) + 100) == whole
    pinned, head = await stores.open(stores.resolve(place)).first(len(whole) + 100)
    assert (head, pinned.ref) == (whole, source.ref)
    with pytest.raises(SourceMissingError):
        source.beside(".msk")


@pytest.fixture
def unpacking(tmp_path):
    """Makes stores that unpack members of at most so many bytes."""

    def make(limit):
        spool = Spool(tmp_path / "spool", limit=limit, quota=1 << 24)
        return StoreRegistry(policy=StorePolicy(file_roots=(tmp_path,)), unpack=Unpacker(spool))

    return make


async def test_packed_images_are_unpacked_once(safe, unpacking, readers, shared, tmp_path):
    path = safe(images=zipfile.ZIP_DEFLATED, documents=zipfile.ZIP_DEFLATED)
    stores = unpacking(1 << 24)
    (found,) = await recognise(str(path), stores, readers)
    access = Access(stores, readers)
    href = found.item["assets"]["B01"]["href"]
    original = next((shared / "data/sentinel2" / L1C).rglob("*B01.jp2")).read_bytes()
    source = await access.open(href)
    assert source.ref.size == len(original)
    assert (await source.head()).size == len(original)
    assert await source.read([ByteRange(5, 900), ByteRange(0, 2)]) == [original[5:900], b"\0\0"]
    pinned, head = await source.first(100)
    assert (pinned.ref.etag is not None, head) == (True, original[:100])
    assert await source.read_all(1 << 24) == original
    (copy,) = (tmp_path / "spool").iterdir()
    written = copy.stat().st_mtime_ns, copy.stat().st_ino
    assert copy.read_bytes() == original
    file = await access.indexed(href)
    assert (file.reader.id, file.size) == ("jp2", len(original))
    assert await pinned.read_head(1 << 30) == original
    assert (copy.stat().st_ino,) == written[1:]
    copy.unlink()  # another one needed the room
    assert await pinned.read([ByteRange(0, 4)]) == [original[:4]]
    with pytest.raises(SourceCorruptError):
        await pinned.read([ByteRange(0, len(original) + 1)])


async def test_a_replaced_archive_is_not_unpacked_for_another(safe, unpacking, readers, tmp_path):
    path = safe(images=zipfile.ZIP_DEFLATED)
    stores = unpacking(1 << 24)
    (found,) = await recognise(str(path), stores, readers)
    source = await (
        await Access(stores, readers).open(found.item["assets"]["B01"]["href"])
    ).pinned()
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(SourceChangedError):
        await source.read([ByteRange(0, 4)])


async def test_packed_images_that_are_too_large_are_refused_by_name(safe, unpacking, readers):
    stores = unpacking(100_000)
    (found,) = await recognise(str(safe(images=zipfile.ZIP_DEFLATED)), stores, readers)
    with pytest.raises(SourceUnsupportedError, match="too large to be unpacked"):
        await Access(stores, readers).indexed(found.item["assets"]["B01"]["href"])


@pytest.mark.parametrize("damage", ["cut", "longer", "junk"])
async def test_damaged_streams_end_in_an_error_and_leave_no_copy(unpacking, tmp_path, damage):
    """Written: raw deflate streams that do not hold what their address promises."""
    content = bytes(range(256)) * 300
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = stream.compress(content) + stream.flush()
    size = len(content)
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "longer":
        size -= 1
    else:
        data = b"\xff" * len(data)
    (tmp_path / "a.zip").write_bytes(data)
    stores = unpacking(1 << 24)
    source = stores.open(
        stores.resolve(member_href(str(tmp_path / "a.zip"), "x", 0, len(data), size))
    )
    with pytest.raises(SourceCorruptError, match="cannot be unpacked"):
        await source.read_head(10)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_packed_images_are_refused_by_name_where_nothing_is_unpacked(safe, stores, readers):
    path = safe(images=zipfile.ZIP_DEFLATED)
    (found,) = await recognise(str(path), stores, readers)
    asset = found.item["assets"]["B01"]
    with pytest.raises(SourceUnsupportedError, match="without compression"):
        await Access(stores, readers).indexed(asset["href"])


async def test_archives_in_a_folder(safe, stores, readers, tmp_path):
    safe(name="one.zip")
    (tmp_path / "no.zip").write_text("no archive at all")
    found = await find(str(tmp_path), Access(stores, readers))
    assert [(c.product, split(c.href)[0]) for c in found] == [
        ("sentinel2", str(tmp_path / "one.zip"))
    ]


async def test_a_replaced_archive_is_noticed(safe, stores, readers):
    path = safe()
    access = Access(stores, readers)
    (member,) = [f for f in await access.files(str(path)) if f.endswith("B01.jp2")]
    place = await access.address(member)
    source = await stores.open(stores.resolve(place)).pinned()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SourceChangedError):
        await source.read([ByteRange(0, 4)])
    path.write_bytes(path.read_bytes()[: source.ref.window[0] + 10])
    with pytest.raises(SourceCorruptError, match="shorter than its directory"):
        await stores.open(stores.resolve(place)).pinned()


async def test_gdal_reads_a_copy_of_the_member_only(stores, tmp_path):
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.write(tmp_path / "a.png", "x/a.png")
    access = Access(stores, default_registry(tmp_path / "spool"))
    file = await access.indexed(f"{tmp_path}/a.zip!/x/a.png")
    assert (file.reader.id, file.raster.info.count) == ("gdal", 3)
    (copy,) = (p for p in (tmp_path / "spool").iterdir())
    assert copy.read_bytes() == (tmp_path / "a.png").read_bytes()


async def test_members_lie_where_their_archive_may_be_read(tmp_path, safe):
    nowhere = StoreRegistry(policy=StorePolicy(file_roots=(tmp_path / "other",)))
    with pytest.raises(SourceForbiddenError):
        nowhere.resolve(member_href(str(safe()), "a.jp2", 0, 10))
    with pytest.raises(SourceForbiddenError):
        nowhere.resolve(member_href("s3://bucket/a.zip", "a.jp2", 0, 10))


async def archive_of(data, stores, path):
    path.write_bytes(data)
    return await open_archive(str(path), stores.open(stores.resolve(str(path))))


def small(**options):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", **options) as out:
        out.writestr("a.txt", b"hello")
        out.writestr("d/b#1.txt", b"world" * 1000)
        out.mkdir("e")
    return packed.getvalue()


@pytest.mark.parametrize("before", [b"", b"x" * 200_000])
async def test_large_directories_take_a_second_look(before, stores, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("data", before)
        for number in range(3000):
            out.writestr(f"folder/with/a/long/name/{number:05}.txt", str(number))
    archive = await archive_of(packed.getvalue(), stores, tmp_path / "a.zip")
    assert len(archive.members) == 3001
    assert await archive.content("folder/with/a/long/name/00042.txt", 10) == b"42"


async def test_contents_are_bounded(stores, tmp_path):
    data = small(compression=zipfile.ZIP_DEFLATED)
    archive = await archive_of(data, stores, tmp_path / "a.zip")
    assert archive.addresses() == (f"{tmp_path}/a.zip!/a.txt", f"{tmp_path}/a.zip!/d/b#1.txt")
    assert archive.addresses("d/") == (f"{tmp_path}/a.zip!/d/b#1.txt",)
    assert await archive.content("d/b#1.txt", 5000) == b"world" * 1000
    assert await archive.content("d/b#1.txt", 7, cut=True) == b"worldwo"
    with pytest.raises(SourceUnsupportedError, match="too large"):
        await archive.content("d/b#1.txt", 4999)
    with pytest.raises(SourceCorruptError, match="no such member"):
        await archive.place("c.txt")


async def test_names_with_a_hash_have_an_address(stores, tmp_path):
    archive = await archive_of(small(), stores, tmp_path / "a.zip")
    source = stores.open(stores.resolve(await archive.place("d/b#1.txt")))
    assert await source.read_all(5000) == b"world" * 1000


async def test_encrypted_members_are_refused(stores, tmp_path):
    data = bytearray(small())
    place = data.index(b"PK\x01\x02")
    (flags,) = struct.unpack_from("<H", data, place + 8)
    struct.pack_into("<H", data, place + 8, flags | 1)
    archive = await archive_of(bytes(data), stores, tmp_path / "a.zip")
    with pytest.raises(SourceUnsupportedError, match="encrypted"):
        await archive.content("a.txt", 100)


@given(data=st.data())
async def test_damaged_archives_never_fail_in_another_way(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    stores = StoreRegistry(policy=StorePolicy(file_roots=(folder,)))
    whole = bytearray(small(compression=zipfile.ZIP_DEFLATED))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    kept = bytes(whole if data.draw(st.booleans()) else whole[:cut])
    try:
        archive = await archive_of(kept, stores, folder / "a.zip")
        for name in archive.members:
            assert len(await archive.content(name, 10_000)) <= 10_000
    except SourceError:
        pass


def test_addresses_of_members():
    assert split("/a/b.ZIP!/c/d.jp2") == ("/a/b.ZIP", "c/d.jp2")
    assert split("s3://b/c.zip!/d") == ("s3://b/c.zip", "d")
    assert split("/a/b.zip") is None
    assert split("/a/b.zip/c!/d") is None
