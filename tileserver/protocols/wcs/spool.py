"""Room on disk for coverages that are sent when they are whole: bounded, and given back."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tileserver.errors import OverloadedError, TooLargeError

#: Files that GDAL lays out anew at the same time; each takes a core.
_CONVERTING: Final = 2
#: Folders may be shared by machines, whose processes have numbers of their own.
_PREFIX: Final = f"coverage-{socket.gethostname()}-"


class Spool:
    """A folder of which at most so many bytes are used."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Begin; what processes that are gone left there is removed at the first use.

        Args:
            folder: Made where it does not exist.
            limit: Most bytes of all requests together.
        """
        self._folder = folder
        self._limit = limit
        self._used = 0
        self._clean = False
        self.converting = asyncio.Semaphore(_CONVERTING)

    async def room(self, size: int) -> "Room":
        """Return room for so many bytes; to be closed.

        Raises:
            TooLargeError: There never is as much.
            OverloadedError: Others have it.
        """
        if size > self._limit:
            raise TooLargeError(
                f"{size} bytes to be put together; at most {self._limit} (coverage_spool_bytes)",
                parameter="subset",
            )
        if self._used + size > self._limit:
            raise OverloadedError("too many large coverages are being made; try again soon")
        self._used += size
        try:
            return Room(self, size, await asyncio.to_thread(self._made))
        except BaseException:
            self._used -= size
            raise

    def given_back(self, size: int) -> None:
        """Take back what `room` gave."""
        self._used -= size

    def _made(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._clean:
            self._clean = True
            for old in self._folder.glob(f"{_PREFIX}*"):
                if not _alive(old.name.removeprefix(_PREFIX).partition("-")[0]):
                    shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._folder))


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError, OverflowError):
        return True
    return True


class Room:
    """A folder of its own for one answer."""

    def __init__(self, spool: Spool, size: int, folder: Path) -> None:
        self._spool = spool
        self._size = size
        self.folder = folder

    async def converting(self, work: Callable[[], None]) -> None:
        """Run work of GDAL in a thread, when there is one for it."""
        async with self._spool.converting:
            await asyncio.to_thread(work)

    def close(self) -> None:
        """Remove the folder; twice does nothing more."""
        if self._size:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._spool.given_back(self._size)
            self._size = 0
