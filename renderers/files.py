"""Open files and decoded blocks, shared by all requests.

A file is opened once: its read index is kept under (store and credential id, path, ETag). Its
decoded blocks are kept under the same key plus the block's place. One computation per key, however
many ask.

Where only a window of a block is needed and a reader can decode that for much less, the first
request for the block gets a *partial* block, and the whole one follows in the background. A second
window that does not lie in the first costs a whole decode, so that a block is never decoded more
than once in part and once as a whole, however many tiles of a screen ask for it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cache.memory import SizedLru
from cache.singleflight import SingleFlight
from renderers.background import Background
from renderers.partial import PartialLoad, part_of
from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader
from renderers.readers.registry import ReaderRegistry
from renderers.scene import BandAsset, ObjectRef
from renderers.sourcegrid import SourceGrid
from renderers.stores import ByteSource, StoreRegistry
from renderers.together import together

FileKey = tuple[str, str, str]
BlockKey = tuple[FileKey, BlockId]
#: A block, and whether as a whole; beside each other in one cache.
StoredKey = tuple[FileKey, BlockId, bool]

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
        partial: Set where it is one block, of which windows were asked for.
    """

    task: "asyncio.Task[dict[BlockId, Block]]"
    keys: tuple[BlockKey, ...]
    waiting: int = 0
    partial: PartialLoad | None = None


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
        self._blocks: SizedLru[StoredKey, Block] = SizedLru(block_bytes, lambda b: b.nbytes + 200)
        self._opening: SingleFlight[FileKey, OpenFile] = SingleFlight()
        self._loading: dict[BlockKey, _Load] = {}
        self._in_part: dict[BlockKey, _Load] = {}
        self._background: Background[BlockKey, Block] = Background(self._is_idle, self._keep)

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

    async def blocks(
        self, file: OpenFile, wanted: Sequence[BlockId], window: PixelWindow | None = None
    ) -> dict[BlockId, Block]:
        """Return decoded blocks; all missing ones are fetched in one round of range requests.

        Args:
            file: The open file.
            wanted: Blocks, all of one level where a window is given.
            window: The pixels of that level that will be read, if not all. A block may then be
                partial, with a `Block.window` that covers what `window` and the block share;
                without it, blocks are always whole.

        Raises:
            SourceError: Bytes could not be read or decoded.
        """
        parts = {b: part_of(file.index, b, window) for b in wanted}
        out: dict[BlockId, Block] = {}
        loads: dict[_Load, list[BlockId]] = {}
        missing: list[BlockId] = []
        for block_id, part in parts.items():
            block = self._kept(file, block_id, part)
            if block is not None:
                out[block_id] = block
            elif (running := self._running(file, block_id, part)) is not None:
                loads.setdefault(running, []).append(block_id)
            else:
                missing.append(block_id)
        if missing:
            loads[self._begin(file, missing)] = missing
        if loads:
            await self._wait(loads, out)
        if not all(out[b].covers(part) for b, part in parts.items()):
            raise RuntimeError("a partial block was about to be used outside of its window")
        return out

    async def close(self) -> None:
        """Forget what waits in the background and wait for what runs there."""
        await asyncio.to_thread(self._background.close)

    def _kept(self, file: OpenFile, block_id: BlockId, part: PixelWindow | None) -> Block | None:
        """Return a block from the cache, whole or with the part that is needed."""
        block = self._blocks.get((file.key, block_id, True))
        if block is None and part is not None:
            block = self._blocks.get((file.key, block_id, False))
        return block if block is not None and block.covers(part) else None

    def _running(self, file: OpenFile, block_id: BlockId, part: PixelWindow | None) -> _Load | None:
        """Return a load that will give the block or its part: a running one or one in part."""
        key = (file.key, block_id)
        running = self._loading.get(key)
        if running is not None:
            return running
        load = self._in_part.get(key)
        if load is not None:
            joined = load.partial is not None and load.partial.join(part)
            return load if joined else None
        known = self._blocks.get((*key, False)) is not None or self._background.has(key)
        if part is None or known or not PartialLoad.pays(file, block_id, part):
            return None
        partial = PartialLoad(file, block_id, part)
        load = _Load(asyncio.ensure_future(self._load_part(partial)), (key,), partial=partial)
        self._in_part[key] = load
        load.task.add_done_callback(lambda _: self._forget_load(load))
        return load

    def _begin(self, file: OpenFile, missing: Sequence[BlockId]) -> _Load:
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
        for loads in (self._loading, self._in_part):
            for key in load.keys:
                if loads.get(key) is load:
                    del loads[key]
        if load.task.done() and not load.task.cancelled():
            load.task.exception()  # retrieved, so that an abandoned error is not warned about
        self._background.kick()

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the figures of both caches and of what goes on in the background."""
        return {
            "blocks": self._blocks.stats(),
            "files": self._files.stats(),
            "background": self._background.stats(),
        }

    async def _open(self, asset: BandAsset) -> OpenFile:
        source = await self._stores.open(asset.ref).pinned()
        if asset.index is not None:
            reader = self._readers.get(asset.reader)
            index = reader.load_index(asset.index)
            return OpenFile(source, reader, index, fresh=False, cost=_cost(asset.index))
        reader, index = await self._readers.identify(source)
        return OpenFile(source, reader, index, fresh=True, cost=_cost(index.to_bytes()))

    async def _load(self, file: OpenFile, missing: Sequence[BlockId]) -> dict[BlockId, Block]:
        """Decode whole blocks, from bytes that are at hand where there are such."""
        loop = asyncio.get_running_loop()
        decoding = {b: at_hand for b in missing if (at_hand := self._at_hand(file, b)) is not None}
        absent = [b for b in missing if b not in decoding]
        parts = await file.reader.fetch(file.source, file.index, absent) if absent else []
        for block_id, part in zip(absent, parts, strict=True):
            decoding[block_id] = loop.run_in_executor(
                self._pool, file.reader.decode, file.index, block_id, part
            )
        blocks = dict(zip(decoding, await together(*decoding.values()), strict=True))
        for block_id, block in blocks.items():
            self._keep((file.key, block_id), block)
        return blocks

    def _at_hand(self, file: OpenFile, block_id: BlockId) -> "asyncio.Future[Block] | None":
        """Return a whole decode of bytes that were fetched for a part of the block, if any."""
        key = (file.key, block_id)
        load = self._in_part.get(key)
        if load is not None and load.partial is not None and load.partial.fetched:
            work = load.partial.whole
            return asyncio.get_running_loop().run_in_executor(self._pool, work)
        return self._background.take(key, self._pool)

    async def _load_part(self, partial: PartialLoad) -> dict[BlockId, Block]:
        """Decode the windows of one block that were asked for until it can be decoded."""
        await partial.fetch()
        block = await asyncio.get_running_loop().run_in_executor(self._pool, partial.decode)
        key = (partial.file.key, partial.block_id)
        if block.window is None:
            self._keep(key, block)
        elif key not in self._loading and self._blocks.get((*key, True)) is None:
            self._blocks.set((*key, False), block)
            self._background.put(key, partial.whole, partial.size)
        return {partial.block_id: block}

    def _keep(self, key: BlockKey, block: Block) -> None:
        """Keep a whole block, in place of a part of it."""
        self._blocks.set((*key, True), block)
        self._blocks.delete((*key, False))

    def _is_idle(self) -> bool:
        return not self._loading and not self._in_part


def _cost(stored: bytes) -> int:
    return _FILE_COST + _INDEX_FACTOR * len(stored)


def grid_of(asset: BandAsset, file: OpenFile) -> SourceGrid | None:
    """Return where the band's pixels lie: what the catalogue says, else what the file says."""
    return asset.grid if asset.grid is not None else file.index.info.geobox


def unpinned(asset: BandAsset) -> BandAsset:
    """Return the asset without its stored index and ETag, to be looked at anew."""
    ref = ObjectRef(asset.ref.store, asset.ref.path)
    return replace(asset, ref=ref, index=None, reader="")
