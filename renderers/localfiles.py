"""Ranges of local files, read by the operating system.

Files on disk and on network mounts are a store like any other, but going through the object-store
client took half a millisecond of CPU per read, a third of a cold tile; `pread` takes a few
hundredths.
"""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple


class FileFacts(NamedTuple):
    """Bytes of a file, and an ETag of the form that obstore gives to local files."""

    size: int
    etag: str


class ChangedError(Exception):
    """The file is no longer the one that was meant."""


def _opened(path: str) -> tuple[int, FileFacts]:
    """Open a file; return its descriptor and facts.

    Raises:
        FileNotFoundError: There is no such file, or it is no regular one.
        OSError: It cannot be opened.
    """
    # O_NONBLOCK: opening a pipe would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileNotFoundError
    micros = max(found.st_mtime_ns, 0) // 1000
    etag = f'"{found.st_ino:x}-{micros:x}-{found.st_size:x}"'
    return descriptor, FileFacts(found.st_size, etag)


def facts(path: str) -> FileFacts:
    """Return size and ETag of a file.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor, found = _opened(path)
    os.close(descriptor)
    return found


def read(
    path: str, etag: str | None, ranges: Sequence[tuple[int, int]]
) -> tuple[FileFacts, list[bytes]]:
    """Read ranges of a file.

    Args:
        path: Absolute.
        etag: What the file must have, None for any.
        ranges: First byte and one after the last of each.

    Returns:
        The file's facts, and one `bytes` per range, shorter where the file ends before.

    Raises:
        ChangedError: The ETag is another one.
        OSError: The file cannot be read.
    """
    descriptor, found = _opened(path)
    try:
        if etag is not None and found.etag != etag:
            raise ChangedError
        return found, [_whole(descriptor, start, stop) for start, stop in ranges]
    finally:
        os.close(descriptor)


def _whole(descriptor: int, start: int, stop: int) -> bytes:
    """Read one range, which the system may give in several pieces."""
    data = os.pread(descriptor, stop - start, start)
    if len(data) == stop - start or not data:
        return data
    pieces = [data]
    while data and sum(map(len, pieces)) < stop - start:
        done = sum(map(len, pieces))
        data = os.pread(descriptor, stop - start - done, start + done)
        pieces.append(data)
    return b"".join(pieces)
