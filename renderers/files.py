"""Open files and decoded blocks, shared by all requests.

A file is opened once: its read index is kept under (store and credential id, path, ETag). Its
decoded blocks are kept under the same key plus the block's place. One computation per key, however
many ask.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cache.memory import SizedLru
from cache.singleflight import SingleFlight
from renderers.readers.base import Block, BlockId, RasterIndex, Reader
from renderers.readers.registry import ReaderRegistry
from renderers.scene import BandAsset, ObjectRef
from renderers.sourcegrid import SourceGrid
from renderers.stores import ByteSource, StoreRegistry
from renderers.together import together

FileKey = tuple[str, str, str]
BlockKey = tuple[FileKey, BlockId]

#: Bytes that an open file counts for beside its index, and for each byte of the index's stored
#: form, which is packed: offsets become arrays of 8 bytes, headers become objects.
_FILE_COST = 8 * 1024
_INDEX_FACTOR = 4


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file whose header is known.

    Attributes:
        source: Where its bytes come from, pinned to its ETag.
        reader: What decodes them.
        index: What the header said.
        fresh: True when the index was built now and not taken from the catalogue.
        cost: Bytes that it counts for in the cache of open files.
    """

    source: ByteSource
    reader: Reader
    index: RasterIndex
    fresh: bool
    cost: int

    @property
    def key(self) -> FileKey:
        """Identity of the content."""
        return self.source.ref.key


@dataclass(eq=False, slots=True)
class _Load:
    """One round of fetching and decoding blocks.

    Attributes:
        task: Gives the blocks.
        keys: Of those blocks.
        waiting: How many callers wait for some of them.
    """

    task: "asyncio.Task[dict[BlockId, Block]]"
    keys: tuple[BlockKey, ...]
    waiting: int = 0


class FileCache:
    """Opens files by stored or built indexes, and decodes blocks into a byte-bounded cache."""

    def __init__(
        self,
        stores: StoreRegistry,
        readers: ReaderRegistry,
        pool: ThreadPoolExecutor,
        *,
        block_bytes: int = 512 * 1024 * 1024,
        index_bytes: int = 128 * 1024 * 1024,
    ) -> None:
        self._stores = stores
        self._readers = readers
        self._pool = pool
        self._files: SizedLru[FileKey, OpenFile] = SizedLru(index_bytes, lambda f: f.cost)
        self._blocks: SizedLru[BlockKey, Block] = SizedLru(block_bytes, lambda b: b.nbytes + 200)
        self._opening: SingleFlight[FileKey, OpenFile] = SingleFlight()
        self._loading: dict[BlockKey, _Load] = {}

    async def open(self, asset: BandAsset) -> OpenFile:
        """Return the open file of a band.

        Raises:
            SourceError: It cannot be reached, or no reader can decode it.
        """
        key = asset.ref.key
        found = self._files.get(key)
        if found is None:
            found = await self._opening.run(key, lambda: self._open(asset))
            self._files.set(key, found)
        return found

    def forget(self, asset: BandAsset) -> None:
        """Drop the open file of a band, for example because its ETag changed."""
        self._files.delete(asset.ref.key)

    async def blocks(self, file: OpenFile, wanted: Sequence[BlockId]) -> dict[BlockId, Block]:
        """Return decoded blocks; all missing ones are fetched in one round of range requests.

        Raises:
            SourceError: Bytes could not be read or decoded.
        """
        out: dict[BlockId, Block] = {}
        loads: dict[_Load, list[BlockId]] = {}
        missing: list[BlockId] = []
        for block_id in wanted:
            key = (file.key, block_id)
            block = self._blocks.get(key)
            if block is not None:
                out[block_id] = block
            elif (running := self._loading.get(key)) is not None:
                loads.setdefault(running, []).append(block_id)
            else:
                missing.append(block_id)
        if missing:
            loads[self._begin(file, missing)] = missing
        if loads:
            await self._wait(loads, out)
        return out

    def _begin(self, file: OpenFile, missing: Sequence[BlockId]) -> "_Load":
        """Start one round of fetching and decoding, which others may join."""
        keys = tuple((file.key, block_id) for block_id in missing)
        load = _Load(asyncio.ensure_future(self._load(file, missing)), keys)
        self._loading.update(dict.fromkeys(keys, load))
        load.task.add_done_callback(lambda _: self._forget_load(load))
        return load

    async def _wait(self, loads: dict["_Load", list[BlockId]], out: dict[BlockId, Block]) -> None:
        """Take the wanted blocks of several rounds; rounds that nobody waits for are cancelled."""
        for load in loads:
            load.waiting += 1
        try:
            for load, block_ids in loads.items():
                # Shielded: when this caller goes away, others still get their blocks.
                blocks = await asyncio.shield(load.task)
                out.update({block_id: blocks[block_id] for block_id in block_ids})
        finally:
            self._leave(loads)
            # A task holds its error, which holds this frame and with it all that it had in hand.
            loads.clear()
            del load

    def _leave(self, loads: Iterable["_Load"]) -> None:
        for load in loads:
            load.waiting -= 1
            if load.waiting == 0 and not load.task.done():
                self._forget_load(load)
                load.task.cancel()

    def _forget_load(self, load: "_Load") -> None:
        for key in load.keys:
            if self._loading.get(key) is load:
                del self._loading[key]
        if load.task.done() and not load.task.cancelled():
            load.task.exception()  # retrieved, so that an abandoned error is not warned about

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the figures of both caches."""
        return {"blocks": self._blocks.stats(), "files": self._files.stats()}

    async def _open(self, asset: BandAsset) -> OpenFile:
        source = await self._stores.open(asset.ref).pinned()
        if asset.index is not None:
            reader = self._readers.get(asset.reader)
            index = reader.load_index(asset.index)
            return OpenFile(source, reader, index, fresh=False, cost=_cost(asset.index))
        reader, index = await self._readers.identify(source)
        return OpenFile(source, reader, index, fresh=True, cost=_cost(index.to_bytes()))

    async def _load(self, file: OpenFile, missing: Sequence[BlockId]) -> dict[BlockId, Block]:
        loop = asyncio.get_running_loop()
        parts = await file.reader.fetch(file.source, file.index, missing)
        decoding = [
            loop.run_in_executor(self._pool, file.reader.decode, file.index, block_id, part)
            for block_id, part in zip(missing, parts, strict=True)
        ]
        blocks = dict(zip(missing, await together(*decoding), strict=True))
        for block_id, block in blocks.items():
            self._blocks.set((file.key, block_id), block)
        return blocks


def _cost(stored: bytes) -> int:
    return _FILE_COST + _INDEX_FACTOR * len(stored)


def grid_of(asset: BandAsset, file: OpenFile) -> SourceGrid | None:
    """Return where the band's pixels lie: what the catalogue says, else what the file says."""
    return asset.grid if asset.grid is not None else file.index.info.geobox


def unpinned(asset: BandAsset) -> BandAsset:
    """Return the asset without its stored index and ETag, to be looked at anew."""
    ref = ObjectRef(asset.ref.store, asset.ref.path)
    return replace(asset, ref=ref, index=None, reader="")
