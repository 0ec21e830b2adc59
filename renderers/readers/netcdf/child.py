"""Reads headers by libhdf5 in a process of its own: `python -m renderers.readers.netcdf.child`.

libhdf5 ends the process on some damaged files (measured: 1 of 40 with a few bytes changed), and it
holds one lock for the whole process while it reads. Here neither matters.

Requests and answers are msgpack, each behind its length in four bytes. Answers are plain values:
nothing that a file could make of this process runs in the one that asked.
"""

import resource
import struct
import sys
from typing import IO, Any, Final

import h5py
import msgpack

from renderers.errors import SourceError
from renderers.readers.netcdf.build import find_variable, list_times, list_variables
from renderers.readers.netcdf.variables import attributes_of, node

#: Bytes that are fetched at once.
PAGE: Final = 256 * 1024
#: Memory that a header may take.
_MEMORY: Final = 4 * 1024**3


class _MissingError(Exception):
    """A page that libhdf5 asked for is not at hand."""


class _Pages:
    """The part of a file that is at hand, as the file object that h5py reads."""

    def __init__(self, size: int, pages: dict[int, bytes]) -> None:
        self.size = size
        self.pages = pages
        self.missing: int | None = None
        self._position = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position; see `io.IOBase.seek`."""
        self._position = offset + (0, self._position, self.size)[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer from the position on.

        Raises:
            _MissingError: Some of the bytes are not at hand; `missing` is then their page.
        """
        stop = min(self._position + len(buffer), self.size)
        done = 0
        while self._position < stop:
            page, inside = divmod(self._position, PAGE)
            if page not in self.pages:
                self.missing = page
                raise _MissingError
            piece = self.pages[page][inside : inside + stop - self._position]
            buffer[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def read(self, size: int) -> bytes:
        """Return bytes from the position on; see `readinto`."""
        out = bytearray(size)
        return bytes(out[: self.readinto(memoryview(out))])

    def write(self, data: bytes) -> int:
        """Refuse: files are only read."""
        raise OSError("the file is only read")

    def truncate(self, size: int) -> int:
        """Refuse: files are only read."""
        raise OSError("the file is only read")

    def flush(self) -> None:
        """Do nothing: there is nothing to write."""


def _find(file: h5py.File, part: str, size: int) -> list[bytes | None]:
    found = find_variable(file, part, size)
    indexes = found.index, found.longitude, found.latitude
    return [None if index is None else index.to_bytes() for index in indexes]


def _list(file: h5py.File, group: str, size: int) -> list[Any]:
    about = attributes_of(node(file, group))
    variables = [
        [v.path, list(v.shape), list(v.dimensions), v.dtype, dict(v.attributes)]
        for v in list_variables(file)
    ]
    return [about, variables, {path: [u, v] for path, u, v in list_times(file, size)}]


_WORK: Final = {"find": _find, "list": _list}


def answer(work: str, argument: str, size: int, pages: dict[int, bytes]) -> list[Any]:
    """Do one piece of work.

    Returns:
        `["done", result]`, `["missing", page]`, or `["error", class, message, detail]`.
    """
    held = _Pages(size, pages)
    try:
        with h5py.File(held, "r", locking=False) as file:
            return ["done", _WORK[work](file, argument, size)]
    except Exception as error:
        # h5py raises a page that is missing as nearly any type.
        if held.missing is not None:
            return ["missing", held.missing]
        if isinstance(error, SourceError):
            return ["error", type(error).__name__, str(error), error.detail]
        detail = f"{type(error).__name__}: {error}"
        return ["error", "SourceCorruptError", "the NetCDF file cannot be read", detail]


def receive(stream: IO[bytes]) -> Any:
    """Return the next message, None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = stream.read(length)
    return msgpack.unpackb(body, strict_map_key=False) if len(body) == length else None


def send(stream: IO[bytes], message: Any) -> None:
    """Write a message."""
    body = msgpack.packb(message)
    stream.write(struct.pack("<I", len(body)) + body)
    stream.flush()


def main() -> None:
    """Answer requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (request := receive(sys.stdin.buffer)) is not None:
        send(sys.stdout.buffer, answer(*request))


if __name__ == "__main__":
    main()
