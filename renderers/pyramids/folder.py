"""The folder of sidecars: names that tell nothing, whole files only, a quota."""

import hashlib
import os
import tempfile
import time
from pathlib import Path

from renderers.pyramids.levels import Candidate
from renderers.pyramids.sidecar import DamagedSidecarError, Sidecar, open_sidecar

#: Changes when pixels of kept levels come out otherwise than before, so that old files are not
#: used any more (and go by the quota).
VERSION = "1"
#: A file that is being written this long ago (seconds) was left by a process that ended.
ABANDONED = 3600.0
_PART = "part-"


class PyramidFolder:
    """Sidecars by (store and credential, path, ETag, level).

    Names are digests, so a file can only be found by who opened the original with its own
    credential. A file appears under its name when it is complete, so any number of processes and
    machines may share the folder; two that make the same file at once write the same bytes. The
    time of last use is the file's modification time, the least recently used go first.
    """

    def __init__(self, folder: Path, quota: int) -> None:
        """Take a folder of our own.

        Args:
            folder: Made where absent; must hold nothing else.
            quota: Bytes of all files together.
        """
        self._folder = folder
        self._quota = quota

    def path(self, key: tuple[str, str, str], candidate: Candidate, nodata: float | None) -> Path:
        """Return where a level of an object is kept."""
        made = repr(nodata) if candidate.factor > 1 else ""
        scale = repr((candidate.shape.scale_x, candidate.shape.scale_y))
        name = hashlib.sha256("\0".join((VERSION, *key, made, scale)).encode()).hexdigest()
        return self._folder / name[:2] / name[2:]

    def open(
        self, key: tuple[str, str, str], candidate: Candidate, nodata: float | None
    ) -> Sidecar | None:
        """Return a kept level, None where it is not there; a damaged file is deleted."""
        path = self.path(key, candidate, nodata)
        try:
            sidecar = open_sidecar(path, candidate.shape)
            os.utime(path)
        except FileNotFoundError:
            return None
        except DamagedSidecarError:
            path.unlink(missing_ok=True)
            return None
        return sidecar

    def write(self, path: Path, data: bytes) -> bool:
        """Keep a level; False where it is larger than the quota.

        Raises:
            OSError: It cannot be written.
        """
        if len(data) > self._quota:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._make_room(len(data))
        handle, name = tempfile.mkstemp(prefix=_PART, dir=self._folder)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return True

    def stats(self) -> dict[str, int]:
        """Return `files`, `bytes` and `capacity`."""
        entries = self._entries()
        return {
            "files": len(entries),
            "bytes": sum(size for _, size, _ in entries),
            "capacity": self._quota,
        }

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return (last use, bytes, path) of every file, parts of files included."""
        found = []
        for path in (*self._folder.glob("??/*"), *self._folder.glob(f"{_PART}*")):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process evicted it
                continue
            found.append((status.st_mtime, status.st_size, path))
        return found

    def _make_room(self, size: int) -> None:
        entries = sorted(self._entries())
        total = sum(length for _, length, _ in entries)
        for used, length, path in entries:
            part = path.name.startswith(_PART)
            if part and time.time() - used < ABANDONED:
                continue  # somebody is writing it
            if part or total + size > self._quota:
                path.unlink(missing_ok=True)
                total -= length
