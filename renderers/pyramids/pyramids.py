"""Looks kept levels up when a file is opened, and makes them once they would have been of use."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from cachetools import TTLCache

from renderers.background import yield_to_others
from renderers.errors import SourceError
from renderers.pyramids.assemble import assembled, covering, made_of, source_window, split
from renderers.pyramids.folder import PyramidFolder
from renderers.pyramids.levels import (
    FINEST,
    Candidate,
    PyramidIndex,
    candidates,
    lacking_overviews,
)
from renderers.pyramids.reader import PyramidReader
from renderers.pyramids.sidecar import Sidecar, pack
from renderers.readers.base import Block, BlockId, Level, PixelWindow, RasterIndex, Reader
from renderers.stores import ByteSource

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: Levels that wait to be made; more are not noted, they will be asked for again.
MAX_WAITING = 32
#: Seconds after which a level that could not be made is tried again, and how many are remembered.
RETRY_AFTER, REMEMBERED = 600.0, 4096
#: Blocks of a file fetched and decoded in one go, and bytes of a strip of the base level.
BLOCKS_AT_ONCE = 32
STRIP_BYTES = 16 * 1024 * 1024
#: A file without overviews is read whole for its pyramid: only once a request has read this share
#: of its blocks, and at least so many, for the pyramid then costs a few such requests.
WHOLE_SHARE, WHOLE_BLOCKS = 0.25, 16


class _Lack(NamedTuple):
    """Levels that would be of use, and the index and the own reader of their file."""

    name: tuple[tuple[str, str, str], tuple[Candidate, ...]]
    wanted: tuple[Candidate, ...]
    own: PyramidIndex
    base: Reader


@dataclass(frozen=True, slots=True)
class _Work:
    """Levels to make of one level of one file."""

    source: ByteSource
    reader: Reader
    index: PyramidIndex
    wanted: tuple[Candidate, ...]
    done: Callable[[], None]

    @property
    def name(self) -> tuple[tuple[str, str, str], tuple[Candidate, ...]]:
        return self.source.ref.key, self.wanted


class Pyramids:
    """Sidecars of all files: one at a time is made, in a thread that yields to requests.

    For one event loop. `await close()` when done.
    """

    def __init__(self, folder: PyramidFolder) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "pyramids", yield_to_others)
        self._waiting: dict[object, _Work] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._failed: TTLCache[object, bool] = TTLCache(REMEMBERED, RETRY_AFTER)
        self.made = 0
        self.failed = 0
        self.lost = 0

    async def attach(
        self, source: ByteSource, reader: Reader, index: RasterIndex, nodata: float | None
    ) -> tuple[Reader, RasterIndex]:
        """Return reader and index of a file with the levels that are kept beside it.

        Args:
            source: The file's bytes, opened with its own credential.
            reader: Its reader.
            index: Its index.
            nodata: The value that means "no data" in it, or None.
        """
        if isinstance(reader, PyramidReader) and isinstance(index, PyramidIndex):
            reader, index = reader.base, index.base
        wanted = candidates(index)
        # Without an ETag, a kept level could be one of an older file of the same name.
        if not wanted or source.ref.etag is None:
            return reader, index
        key = source.ref.key
        # Not in our own thread, where a level may be in the making.
        ready = await asyncio.to_thread(self._ready, key, wanted, nodata)
        extended = PyramidIndex(index, nodata, wanted, ready)
        return PyramidReader(reader, self._on_lost), extended

    def used(
        self,
        source: ByteSource,
        reader: Reader,
        index: RasterIndex,
        blocks: Sequence[BlockId],
        done: Callable[[], None],
    ) -> None:
        """Note that blocks are read, and begin to make the levels that would serve better.

        Args:
            source: As for `attach`.
            reader: As `attach` returned it.
            index: As `attach` returned it.
            blocks: All of one level.
            done: Called when something was made, so that the file is attached anew.
        """
        wanted = self.lack(source, reader, index, blocks)
        if wanted is None:
            return
        name, candidates, own, base = wanted
        if name not in self._waiting and len(self._waiting) < MAX_WAITING:
            self._waiting[name] = _Work(source, base, own, candidates, done)
            self._go_on()

    def lack(
        self, source: ByteSource, reader: Reader, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> "_Lack | None":
        """Return which levels would serve better than some blocks; None where none can be made.

        May be called from any thread; see `used` for the arguments.
        """
        if not blocks or not isinstance(index, PyramidIndex):
            return None
        number = blocks[0].level
        wanted = index.lacking.get(number)
        if not wanted or not isinstance(reader, PyramidReader):
            return None
        level = index.info.levels[number]
        if level.scale_x < FINEST and len(blocks) < _many(level):
            return None
        found = _Lack((source.ref.key, wanted), wanted, index, reader.base)
        return None if found.name in self._failed else found

    async def make(
        self, source: ByteSource, reader: Reader, index: RasterIndex, nodata: float | None
    ) -> int:
        """Make the levels of a file that has no overviews, whether anybody has looked at it or not.

        Args:
            source: The file's bytes.
            reader: Its own reader.
            index: Its own index.
            nodata: The value that means "no data" in it, or None.

        Returns:
            How many were made; 0 where all are there, none is needed or none can be kept.

        Raises:
            SourceError: The file cannot be read.
            OSError: Levels cannot be written.
        """
        wanted = lacking_overviews(index)
        if not wanted or source.ref.etag is None:
            return 0
        before = self.made
        extended = PyramidIndex(index, nodata, wanted, {})
        await self._make(_Work(source, reader, extended, wanted, lambda: None))
        return self.made - before

    async def settled(self) -> None:
        """Wait until nothing is left to be made."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Give up what waits and what runs, and begin nothing more."""
        self._closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    def stats(self) -> dict[str, int]:
        """Return `waiting`, `made`, `failed` and `lost`."""
        return {
            "waiting": len(self._waiting),
            "made": self.made,
            "failed": self.failed,
            "lost": self.lost,
        }

    def _ready(
        self, key: tuple[str, str, str], wanted: Iterable[Candidate], nodata: float | None
    ) -> dict[Candidate, Sidecar]:
        found = ((c, self._folder.open(key, c, nodata)) for c in wanted)
        return {c: sidecar for c, sidecar in found if sidecar is not None}

    def _on_lost(self, sidecar: Sidecar, damaged: bool) -> None:
        self.lost += 1
        if damaged:
            _log.warning("a damaged pyramid file is deleted: %s", sidecar.path.name)
            sidecar.path.unlink(missing_ok=True)

    def _go_on(self) -> None:
        if self._task is None and self._waiting and not self._closed:
            self._task = asyncio.ensure_future(self._next())
            self._task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("making a pyramid failed", exc_info=error)
        self._go_on()

    async def _next(self) -> None:
        name = next(iter(self._waiting))
        work = self._waiting[name]
        try:
            await self._make(work)
        except Exception as error:
            self._failed[name] = True
            self.failed += 1
            if not isinstance(error, (SourceError, OSError)):
                raise  # a fault of ours: `_ended` logs it with its traceback
            _log.info("a pyramid could not be made: %s", error)
        else:
            work.done()
        finally:
            self._waiting.pop(name, None)

    async def _make(self, work: _Work) -> None:
        """Make levels, unless another process did meanwhile."""
        key, nodata = work.source.ref.key, work.index.nodata
        there = await self._run(self._ready, key, work.wanted, nodata)
        wanted = [c for c in work.wanted if c not in there]
        if not wanted:
            return
        planes = range(len(wanted[0].shape.planes))
        levels = [await self._plane(work, wanted, plane) for plane in planes]
        for number, candidate in enumerate(wanted):
            blocks = [block for plane in levels for block in plane[number]]
            data = await self._run(pack, candidate.shape, blocks)
            path = self._folder.path(key, candidate, nodata)
            if await self._run(self._folder.write, path, data):
                self.made += 1
            else:
                self._failed[work.name] = True

    async def _plane(
        self, work: _Work, wanted: Sequence[Candidate], plane: int
    ) -> list[list[Block]]:
        """Return the blocks of each wanted level, for one plane."""
        info = work.index.base.info
        strips: list[list[Block]] = []
        for inner, outer in _strips(work, wanted, plane):
            source = await self._window(work, wanted[0].base, plane, outer)
            within = (
                inner[0] - outer[0],
                inner[1] - outer[1],
                inner[2] - outer[0],
                inner[3] - outer[1],
            )
            factors = [c.factor for c in wanted]
            strips.append(
                await self._run(made_of, info, work.index.nodata, source, within, factors)
            )
        return await self._run(_stacked, strips)

    async def _window(self, work: _Work, base: int, plane: int, window: PixelWindow) -> Block:
        """Read pixels of one of the file's own levels, not through the cache of blocks."""
        level = work.index.base.info.levels[base]
        ids = covering(level, base, plane, window)
        blocks: dict[BlockId, Block] = {}
        for first in range(0, len(ids), BLOCKS_AT_ONCE):
            some = ids[first : first + BLOCKS_AT_ONCE]
            parts = await work.reader.fetch(work.source, work.index.base, some)
            blocks.update(await self._run(_decoded, work, some, parts))
        return await self._run(assembled, level, window, blocks)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _many(level: Level) -> float:
    """Return how many blocks one request must read to make the file worth reading whole."""
    rows, columns = -(-level.height // level.block_height), -(-level.width // level.block_width)
    return max(WHOLE_BLOCKS, WHOLE_SHARE * rows * columns)


def _decoded(
    work: _Work, ids: Sequence[BlockId], parts: Sequence[tuple[bytes, ...]]
) -> dict[BlockId, Block]:
    index = work.index.base
    return {b: work.reader.decode(index, b, p) for b, p in zip(ids, parts, strict=True)}


def _strips(
    work: _Work, wanted: Sequence[Candidate], plane: int
) -> list[tuple[PixelWindow, PixelWindow]]:
    """Return windows of the base level that together are all of it, as `source_window` does.

    Every strip but the last has whole groups of the coarsest level, and whole rows of blocks where
    these are not too odd.
    """
    info = work.index.base.info
    coarsest, level = wanted[-1], info.levels[wanted[0].base]
    shape, factor = coarsest.shape, coarsest.factor
    row_bytes = level.width * np.dtype(info.dtype).itemsize * shape.planes[plane]
    rows = max(STRIP_BYTES // (row_bytes * factor), 1)
    step = level.block_height // factor if level.block_height % factor == 0 else 1
    rows = rows // step * step or rows
    return [
        source_window(info, coarsest, (top, 0, min(top + rows, shape.height), shape.width))
        for top in range(0, shape.height, rows)
    ]


def _stacked(strips: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """Put strips of several levels together and cut each level into the blocks that are kept."""
    out = []
    for parts in zip(*strips, strict=True):
        data = np.concatenate([part.data for part in parts], axis=1)
        masks = [part.mask for part in parts if part.mask is not None]
        out.append(split(Block(data, np.concatenate(masks) if masks else None)))
    return out
