"""Local files read by the system, as the object-store client reads them."""

import os

import obstore
import pytest
from obstore.store import LocalStore

from renderers import localfiles
from renderers.errors import SourceChangedError, SourceCorruptError, SourceMissingError
from renderers.stores import ByteRange


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(range(256)) * 100)
    return path


def test_size_and_etag_are_those_of_the_object_store_client(file):
    meta = obstore.head(LocalStore(), str(file)[1:])
    assert localfiles.facts(str(file)) == (meta["size"], meta["e_tag"])
    os.utime(file, ns=(0, 1_234_567_890_987_654_321))
    meta = obstore.head(LocalStore(), str(file)[1:])
    assert localfiles.facts(str(file)) == (meta["size"], meta["e_tag"])


def test_ranges_come_as_asked_and_end_with_the_file(file):
    found, parts = localfiles.read(str(file), None, [(10, 20), (0, 3), (25_590, 26_000)])
    assert parts[0] == bytes(range(10, 20))
    assert parts[1] == bytes(range(3))
    assert len(parts[2]) == 10
    assert found.size == 25_600


def test_a_replaced_file_is_not_read_under_its_old_etag(file):
    etag = localfiles.facts(str(file)).etag
    localfiles.read(str(file), etag, [(0, 1)])
    file.write_bytes(b"other")
    with pytest.raises(localfiles.ChangedError):
        localfiles.read(str(file), etag, [(0, 1)])


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "none", "."):
        with pytest.raises(OSError):  # noqa: PT011 - which of them depends on the system
            localfiles.facts(str(tmp_path / name))


async def test_sources_answer_in_their_own_errors(file, stores):
    source = await stores.open(stores.resolve(str(file))).pinned()
    assert await source.read([ByteRange(255, 258)]) == [b"\xff\x00\x01"]
    pinned, head = await stores.open(stores.resolve(str(file))).first(4)
    assert (pinned.ref, head) == (source.ref, bytes(range(4)))
    with pytest.raises(SourceCorruptError):
        await source.read([ByteRange(25_000, 26_000)])
    file.write_bytes(b"other")
    with pytest.raises(SourceChangedError):
        await source.read([ByteRange(0, 1)])
    file.unlink()
    with pytest.raises(SourceMissingError):
        await source.read([ByteRange(0, 1)])
