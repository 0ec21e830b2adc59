"""Ways to read a window of a file that was never read before: ours and GDAL's."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from snailmail import HTTPRangeServer

from renderers.files import FileCache, OpenFile
from renderers.readers.base import BlockId
from renderers.readers.registry import default_registry
from renderers.scene import BandAsset
from renderers.stores import StorePolicy, StoreRegistry

#: Pixels of a window's side.
SIDE = 256
#: Seconds that work in the background is waited for between windows.
PATIENCE = 1.0


@dataclass(frozen=True)
class Place:
    """A window of full resolution, inside one tile of the JPEG 2000 file."""

    file: int
    row: int
    column: int

    @property
    def window(self) -> tuple[int, int, int, int]:
        """First row and column, and one after the last."""
        return self.row, self.column, self.row + SIDE, self.column + SIDE


Read = Callable[[Path, Place], Awaitable[NDArray[Any]]]


class Engine:
    """Our readers behind a cache of files that is new for every window."""

    def __init__(self, server: HTTPRangeServer, spool: Path) -> None:
        host = urlsplit(server.base).netloc
        self._server = server
        self._stores = StoreRegistry((), StorePolicy(http_hosts=frozenset({host})))
        self._readers = default_registry(spool)
        self._pool = ThreadPoolExecutor(2)
        self._indexes: dict[Path, BandAsset] = {}
        self._last: FileCache | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def unindexed(self, path: Path, place: Place) -> NDArray[Any]:
        """Open the file and read a window; nothing is known of it."""
        ref = self._stores.resolve(self._server.url(path.name))
        return await self._read(BandAsset(ref), place)

    async def indexed(self, path: Path, place: Place) -> NDArray[Any]:
        """Read a window of a file whose index the catalogue holds."""
        return await self._read(self._indexes[path], place)

    async def learn(self, path: Path) -> None:
        """Build the index of a file as ingest does."""
        source = self._stores.open(self._stores.resolve(self._server.url(path.name)))
        source = await source.pinned()
        reader, index = await self._readers.identify(source)
        self._indexes[path] = BandAsset(source.ref, reader.id, index=index.to_bytes())

    async def rest(self) -> None:
        """End what the last read left to the background.

        A decode of the whole block that has begun would slow the next window down, but it has the
        lowest priority: on a busy machine it is not waited for very long.
        """
        if self._last is not None:
            closing = asyncio.ensure_future(self._last.close())
            self._closing.add(closing)
            self._last = None
            await asyncio.wait({closing}, timeout=PATIENCE)

    async def close(self) -> None:
        """Wait for what was left to the background."""
        await asyncio.gather(*self._closing)
        self._pool.shutdown()

    async def decode_ms(self, path: Path, place: Place) -> float:
        """Time to decode the block around a window, from bytes at hand."""
        cache = FileCache(self._stores, self._readers, self._pool)
        file = await cache.open(self._indexes[path])
        total = 0.0
        for block, window in _needed(file, place).items():
            ranges = file.reader.window_ranges(file.index, block)
            parts = await file.source.read(ranges)
            share = file.reader.share(file.index, block, window)
            began = time.perf_counter()
            part = window if share < 1 else None
            await asyncio.to_thread(file.reader.decode_window, file.index, block, parts, part)
            total += time.perf_counter() - began
        await cache.close()
        return total * 1e3

    async def _read(self, asset: BandAsset, place: Place) -> NDArray[Any]:
        self._last = FileCache(self._stores, self._readers, self._pool)
        file = await self._last.open(asset)
        blocks = list(_needed(file, place))
        found = await self._last.blocks(file, blocks, place.window)
        out = np.zeros((SIDE, SIDE), file.index.info.dtype)
        level = file.index.info.levels[0]
        for block, decoded in found.items():
            top, left = block.row * level.block_height, block.column * level.block_width
            height, width = decoded.data.shape[1:]
            rows = slice(max(top, place.row), min(top + height, place.row + SIDE))
            columns = slice(max(left, place.column), min(left + width, place.column + SIDE))
            out[
                rows.start - place.row : rows.stop - place.row,
                columns.start - place.column : columns.stop - place.column,
            ] = decoded.data[
                0, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
        return out


def _needed(file: OpenFile, place: Place) -> dict[BlockId, tuple[int, int, int, int]]:
    """Return the blocks under a window, and its part of each in their pixels."""
    level = file.index.info.levels[0]
    top, left, bottom, right = place.window
    out = {}
    for row in range(top // level.block_height, (bottom - 1) // level.block_height + 1):
        for column in range(left // level.block_width, (right - 1) // level.block_width + 1):
            y, x = row * level.block_height, column * level.block_width
            out[BlockId(0, row, column, 0)] = (
                max(top - y, 0),
                max(left - x, 0),
                min(bottom - y, level.block_height),
                min(right - x, level.block_width),
            )
    return out


class Vsicurl:
    """rasterio over GDAL's /vsicurl, each window under a URL that GDAL has not seen."""

    def __init__(self, server: HTTPRangeServer) -> None:
        self._server = server
        self._number = 0

    async def read(self, path: Path, place: Place) -> NDArray[Any]:
        """Open the file and read a window, in a thread."""
        return await asyncio.to_thread(self._read, path, place)

    def _read(self, path: Path, place: Place) -> NDArray[Any]:
        self._number += 1
        options = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
        url = f"/vsicurl/{self._server.url(path.name)}?n={self._number}"
        window = Window(place.column, place.row, SIDE, SIDE)
        with rasterio.Env(**options), rasterio.open(url) as dataset:
            read: NDArray[Any] = dataset.read(1, window=window)
            return read
