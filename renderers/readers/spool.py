"""Whole copies of remote objects on local disk, for the readers that need a file."""

import asyncio
import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import IO, TypeVar
from weakref import WeakValueDictionary

from renderers.errors import (
    SourceCorruptError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.stores import ByteRange, ByteSource

T = TypeVar("T")

#: Bytes of one request while an object is copied.
CHUNK = 8 * 1024 * 1024
#: A copy used this recently (seconds) is not evicted: a read may be about to open it.
GRACE = 60.0
_BROKEN = "a member of the archive cannot be unpacked"


class Spool:
    """Copies under a folder, named by a digest of store, credential, path and ETag.

    A copy appears under its name only when complete (written aside and renamed), so several
    processes may share the folder. The least recently used copies go when the quota is passed.
    """

    def __init__(self, folder: Path, *, limit: int, quota: int) -> None:
        """Take a folder of our own.

        Args:
            folder: Made where absent; must hold nothing else.
            limit: Bytes of the largest object that is copied.
            quota: Bytes of all copies together.
        """
        #: Bytes of the largest copy.
        self.limit = min(limit, quota)
        self._folder = folder
        self._quota = quota
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def copy(
        self, source: ByteSource, pool: Executor, *, inflated: int | None = None
    ) -> Path:
        """Return the local copy of an object, fetching it where it is not there yet.

        Args:
            source: A pinned source (its size and ETag are known).
            pool: Where blocking file access runs.
            inflated: Where the object is a deflated stream, the bytes that it unpacks to: the copy
                is of these. None copies the object as it is.

        Raises:
            SourceUnsupportedError: The object is too large, or its store gives no ETag, so that a
                copy could not be told from an older object.
            SourceCorruptError: The stream does not unpack to so many bytes.
            SourceUnavailableError: The copy cannot be written.
            SourceError: Other kinds, by what the store answered.
        """
        size = (source.ref.size or 0) if inflated is None else inflated
        if source.ref.etag is None:
            raise SourceUnsupportedError("the store gives no ETag, so the file cannot be copied")
        if size > self.limit:
            raise SourceUnsupportedError("the file is too large to be copied")
        form = "" if inflated is None else "inflated"
        name = hashlib.sha256("\0".join((*source.ref.key, form)).encode()).hexdigest()
        key = (id(asyncio.get_running_loop()), name)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            path = self._folder / name
            if not await _run(pool, _touched, path, size):
                inflate = None if inflated is None else _Inflate(inflated)
                await self._fetch(source, path, size, pool, inflate)
        return path

    async def _fetch(
        self,
        source: ByteSource,
        path: Path,
        size: int,
        pool: Executor,
        inflate: "_Inflate | None",
    ) -> None:
        file = await self._begun(size, pool)
        stored = source.ref.size or 0
        try:
            for start in range(0, stored, CHUNK):
                (data,) = await source.read([ByteRange(start, min(start + CHUNK, stored))])
                if inflate is None:
                    await _run(pool, file.write, data)
                else:
                    await _run(pool, inflate.write, data, file)
            if inflate is not None:
                inflate.end()
            await _run(pool, _finish, file, path)
        except BaseException:
            _discard(file)
            raise

    async def _begun(self, size: int, pool: Executor) -> IO[bytes]:
        """Return a new file; where nobody waits for it any more, it goes as soon as it is there."""
        work = asyncio.ensure_future(_run(pool, self._begin, size))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_discard_result)
            raise

    def _begin(self, size: int) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room(size)
        handle, name = tempfile.mkstemp(prefix="part-", dir=self._folder)
        os.close(handle)
        return Path(name).open("wb")

    def _make_room(self, size: int) -> None:
        """Delete the least recently used copies until `size` more bytes fit."""
        entries = []
        for path in self._folder.iterdir():
            try:
                status = path.stat()
            except FileNotFoundError:  # another process evicted it
                continue
            entries.append((status.st_mtime, status.st_size, path))
        total = sum(entry[1] for entry in entries)
        for used, length, path in sorted(entries):
            if total + size <= self._quota:
                return
            if time.time() - used > GRACE:
                path.unlink(missing_ok=True)
                total -= length
        if total + size > self._quota:
            raise SourceUnavailableError("no room for another copied file just now")


class _Inflate:
    """Unpacks a raw deflate stream (RFC 1951) piece by piece, never to more than is promised."""

    def __init__(self, size: int) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._left = size

    def write(self, data: bytes, file: IO[bytes]) -> None:
        """Unpack the next bytes into a file.

        Raises:
            SourceCorruptError: They do not decode, or to too much.
        """
        while data and not self._stream.eof:
            try:
                out = self._stream.decompress(data, CHUNK)
            except zlib.error as error:
                raise SourceCorruptError(_BROKEN) from error
            data = self._stream.unconsumed_tail
            self._left -= len(out)
            if self._left < 0:
                raise SourceCorruptError(_BROKEN)
            file.write(out)

    def end(self) -> None:
        """Check that all has come.

        Raises:
            SourceCorruptError: Something is missing.
        """
        if self._left or not self._stream.eof:
            raise SourceCorruptError(_BROKEN)


def _touched(path: Path, size: int) -> bool:
    """Tell whether the copy is there, and note that it was used."""
    try:
        if path.stat().st_size != size:
            return False
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _discard(file: IO[bytes]) -> None:
    file.close()
    Path(file.name).unlink(missing_ok=True)


def _discard_result(work: "asyncio.Task[IO[bytes]]") -> None:
    if not work.cancelled() and work.exception() is None:
        _discard(work.result())


def _finish(file: IO[bytes], path: Path) -> None:
    file.close()
    Path(file.name).replace(path)


async def _run(pool: Executor, work: Callable[..., T], *arguments: object) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
    except OSError as error:
        detail = f"{type(error).__name__}: {error}"
        raise SourceUnavailableError("the file cannot be copied", detail=detail) from error
