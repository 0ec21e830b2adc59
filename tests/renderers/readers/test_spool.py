"""Copies of remote objects: whole or absent, fetched once, within the quota."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from renderers.errors import SourceUnavailableError, SourceUnsupportedError
from renderers.readers.spool import CHUNK, Spool
from renderers.scene import ObjectRef
from renderers.stores import ByteRange


class Remote:
    """An object that counts its requests and may fail at one of them."""

    def __init__(self, data: bytes, path: str = "k", fail_at: int = 0) -> None:
        self.data = data
        self.ref = ObjectRef("s3:b:key", path, "etag", len(data))
        self.requests = 0
        self.fail_at = fail_at

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        self.requests += 1
        await asyncio.sleep(0)
        if self.requests == self.fail_at:
            raise SourceUnavailableError("the store did not answer")
        return [self.data[r.start : r.stop] for r in ranges]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def test_large_object_in_chunks(tmp_path: Path, pool) -> None:
    data = os.urandom(64) * (CHUNK // 64) + b"tail"
    source = Remote(data)
    spool = Spool(tmp_path, limit=1 << 30, quota=1 << 30)
    path = await spool.copy(source, pool)
    assert path.read_bytes() == data
    assert source.requests == 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


async def test_many_callers_cause_one_fetch(tmp_path, pool) -> None:
    source = Remote(b"abc")
    spool = Spool(tmp_path, limit=100, quota=100)
    paths = await asyncio.gather(*(spool.copy(source, pool) for _ in range(8)))
    assert len(set(paths)) == 1
    assert source.requests == 1


async def test_failed_fetch_leaves_nothing(tmp_path, pool) -> None:
    source = Remote(b"x" * (CHUNK + 5), fail_at=2)
    spool = Spool(tmp_path, limit=1 << 30, quota=1 << 30)
    with pytest.raises(SourceUnavailableError):
        await spool.copy(source, pool)
    assert list(tmp_path.iterdir()) == []
    assert (await spool.copy(source, pool)).stat().st_size == CHUNK + 5


async def test_who_leaves_while_the_file_is_made_leaves_nothing(
    tmp_path, pool, monkeypatch
) -> None:
    spool = Spool(tmp_path, limit=100, quota=100)
    began, go = threading.Event(), threading.Event()
    begin = spool._begin

    def slow(size: int) -> IO[bytes]:
        began.set()
        assert go.wait(10)
        return begin(size)

    monkeypatch.setattr(spool, "_begin", slow)
    copy = asyncio.create_task(spool.copy(Remote(b"abc"), pool))
    assert await asyncio.to_thread(began.wait, 10)
    copy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copy
    go.set()
    # The pool has one thread: what the first one made is there before the second one begins.
    path = await spool.copy(Remote(b"abc"), pool)
    assert list(tmp_path.iterdir()) == [path]


async def test_oldest_copies_go_and_recent_ones_stay(tmp_path, pool) -> None:
    spool = Spool(tmp_path, limit=100, quota=100)
    first = await spool.copy(Remote(b"1" * 40, "1"), pool)
    second = await spool.copy(Remote(b"2" * 40, "2"), pool)
    with pytest.raises(SourceUnavailableError, match="no room"):
        await spool.copy(Remote(b"3" * 40, "3"), pool)
    os.utime(first, (1, 1))
    third = await spool.copy(Remote(b"3" * 40, "3"), pool)
    assert not first.exists()
    assert second.exists()
    assert third.exists()


async def test_limits(tmp_path, pool) -> None:
    with pytest.raises(SourceUnsupportedError, match="too large"):
        await Spool(tmp_path, limit=10, quota=100).copy(Remote(b"1" * 40), pool)
    with pytest.raises(SourceUnsupportedError, match="too large"):
        await Spool(tmp_path, limit=100, quota=30).copy(Remote(b"1" * 40), pool)


async def test_folder_that_cannot_be_made(tmp_path, pool) -> None:
    (tmp_path / "file").write_bytes(b"")
    spool = Spool(tmp_path / "file" / "folder", limit=100, quota=100)
    with pytest.raises(SourceUnavailableError, match="cannot be copied"):
        await spool.copy(Remote(b"1"), pool)
