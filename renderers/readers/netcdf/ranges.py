"""Reads headers of a byte source through a child process, by pages of the file.

The child is given the pages that are at hand; it either answers, or names a page that it misses,
which is then fetched. Headers lie close together: measured, 2 rounds for a gridded file, 1 for
files up to `WHOLE` bytes.
"""

import asyncio
import atexit
import contextlib
import subprocess
import sys
import threading
from typing import Any, Final

from renderers import errors
from renderers.errors import SourceCorruptError, SourceError, SourceUnsupportedError
from renderers.readers.netcdf.child import PAGE, receive, send
from renderers.stores import ByteRange, ByteSource

#: Files up to this many bytes are fetched whole: one round in place of one for every page.
WHOLE: Final = 2 * 1024 * 1024
#: Bytes of headers that are read of one file at most.
MOST: Final = 64 * 1024 * 1024
#: Seconds for one answer; they take milliseconds, and the child a second or two to start.
PATIENCE: Final = 60.0


class _Child:
    """The child process: one for all, made when it is first needed, and again when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, request: list[Any]) -> list[Any]:
        """Return the answer to a request.

        Raises:
            SourceCorruptError: The file ended the child, or kept it busy for too long.
        """
        with self._lock:
            process = self._started()
            timer = threading.Timer(PATIENCE, process.kill)
            timer.start()
            try:
                return self._asked(process, request)
            finally:
                timer.cancel()

    def _asked(self, process: "subprocess.Popen[bytes]", request: list[Any]) -> list[Any]:
        answer: list[Any] | None = None
        if process.stdin is not None and process.stdout is not None:
            try:
                send(process.stdin, request)
                answer = receive(process.stdout)
            except (OSError, ValueError):
                answer = None
        if answer is None:
            status = self._ended(process)
            raise SourceCorruptError("the NetCDF file cannot be read", detail=f"ended: {status}")
        return answer

    def close(self) -> None:
        """End the child; the next request makes another."""
        with self._lock:
            if self._process is not None:
                self._ended(self._process)

    def _ended(self, process: "subprocess.Popen[bytes]") -> int:
        self._process = None
        process.kill()
        # closing flushes what the dead child never took
        with contextlib.suppress(OSError):
            process.communicate()
        return process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "renderers.readers.netcdf.child"]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process


_child: Final = _Child()
atexit.register(_child.close)


async def explore(source: ByteSource, work: str, argument: str) -> Any:
    """Have the child do some work on the headers of a file.

    Args:
        source: The file, pinned.
        work: `find` (see `build.find_variable`) or `list`.
        argument: The part, or the group whose attributes are told.

    Returns:
        Plain values, as the child gives them.

    Raises:
        SourceCorruptError: libhdf5 does not understand the file.
        SourceUnsupportedError: Its headers are spread over too much of it.
        SourceError: Other kinds, by what the work or the store says.
    """
    size = source.ref.size or 0
    pages: dict[int, bytes] = {}
    wanted = ByteRange(0, size if size <= WHOLE else PAGE)
    while True:
        data = (await source.read([wanted]))[0]
        for offset in range(0, len(data), PAGE):
            pages[(wanted.start + offset) // PAGE] = data[offset : offset + PAGE]
        answer = await asyncio.to_thread(_child.ask, [work, argument, size, pages])
        match answer:
            case ["done", result]:
                return result
            case ["error", str(kind), str(message), str(detail)]:
                raise _error(kind, message, detail)
            case ["missing", int(page)] if page not in pages and 0 <= page * PAGE < size:
                wanted = ByteRange(page * PAGE, min((page + 1) * PAGE, size))
            case _:
                raise SourceCorruptError("the NetCDF file cannot be read")
        if len(pages) * PAGE > MOST:
            raise SourceUnsupportedError(
                "the headers of the NetCDF file are spread over too much of it"
            )


def _error(kind: str, message: str, detail: str) -> SourceError:
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, SourceError):
        return found(message, detail=detail)
    return SourceCorruptError("the NetCDF file cannot be read")
