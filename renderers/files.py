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
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cache.memory import SizedLru
from cache.singleflight import SingleFlight
from cache.twoqueues import TwoQueues
from renderers.background import Background
from renderers.completion import Completions
from renderers.errors import SourceChangedError, SourceCorruptError, SourceUnsupportedError
from renderers.held import FIRST_READ, HeldSource, plain
from renderers.partial import PartialLoad, ReadableFile, part_of
from renderers.pyramids.pyramids import Pyramids
from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader
from renderers.readers.registry import ReaderRegistry
from renderers.scene import BandAsset
from renderers.sourcegrid import SourceGrid
from renderers.stores import ByteSource, StoreRegistry
from renderers.together import together

FileKey = tuple[str, str, str]
#: A file, and the nodata value that the catalogue gives it: levels kept beside it depend on that.
OpenKey = tuple[FileKey, str]
#: A file, and its reader with what `RasterIndex.identity` says of a block in it.
BlockKey = tuple[FileKey, Hashable]
#: The same, and whether the block as a whole; beside each other in one cache.
StoredKey = tuple[FileKey, Hashable, bool]

#: Bytes that an open file counts for beside its index, and for each byte of the index's stored
#: form, which is packed: offsets become arrays of 8 bytes, headers become objects.
_FILE_COST = 8 * 1024
_INDEX_FACTOR = 4

#: Bytes of blocks that a pass over a large area may leave behind: a row of tiles of JPEG 2000 of
#: four bands of a whole Sentinel-2 tile (11 x 1024 x 1024 x 2 bytes x 4), of which it needs the
#: lower part next.
_PASS_BYTES = 96 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file whose header is known.

    Attributes:
        source: Where its bytes come from, pinned to its ETag.
        reader: What decodes them.
        index: What the header said; where it is not `complete`, the cache completes it soon.
        fresh: True when the index was built now and not taken from the catalogue.
        cost: Bytes that it counts for in the cache of open files.
        asset: The band it was opened for, while the index is not complete.
    """

    source: ByteSource
    reader: Reader
    index: RasterIndex
    fresh: bool
    cost: int
    asset: BandAsset | None = None

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

    task: "asyncio.Task[dict[BlockKey, Block]]"
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
        pyramids: Pyramids | None = None,
    ) -> None:
        """Begin with nothing open.

        Args:
            stores: Where bytes come from.
            readers: What reads them.
            pool: Threads that decode.
            block_bytes: Memory for decoded blocks.
            index_bytes: Memory for open files.
            pyramids: Levels kept beside files; None keeps none. Closed with this.
        """
        self._stores = stores
        self._readers = readers
        self._pool = pool
        self._pyramids = pyramids
        self._files: SizedLru[OpenKey, OpenFile] = SizedLru(index_bytes, lambda f: f.cost)
        self._blocks: TwoQueues[StoredKey, Block]
        self._blocks = TwoQueues(block_bytes, lambda b: b.nbytes + 200)
        self._opening: SingleFlight[OpenKey, OpenFile] = SingleFlight()
        self._loading: dict[BlockKey, _Load] = {}
        self._in_part: dict[BlockKey, _Load] = {}
        self._background: Background[BlockKey, Block] = Background(self._is_idle, self._keep)
        self._completions: Completions[OpenFile] = Completions(self._completed)

    async def open(self, asset: BandAsset) -> OpenFile:
        """Return the open file of a band.

        Raises:
            SourceError: It cannot be reached, or no reader can decode it.
        """
        key = _open_key(asset)
        found = self._files.get(key)
        if found is None:
            found = await self._opening.run(key, lambda: self._open(asset))
            self._files.set(key, found)
        return found

    def known(self, asset: BandAsset) -> OpenFile | None:
        """Return the file of a band if it is open. May be called from any thread."""
        return self._files.get(_open_key(asset))

    def at_hand(
        self, file: OpenFile, wanted: Sequence[BlockId], window: PixelWindow | None = None
    ) -> dict[BlockId, Block] | None:
        """Return decoded blocks if all are in memory, else None; see `blocks`.

        May be called from any thread.
        """
        whole = self._blocks.get_all(self.keys(file, wanted))
        if whole is not None:
            return dict(zip(wanted, whole, strict=True))
        if window is None:
            return None
        out: dict[BlockId, Block] = {}
        for block_id in wanted:
            block = self._blocks.get((*_key(file, block_id), True))
            if block is None:
                block = self._kept(file, block_id, part_of(file.index, block_id, window))
            if block is None:
                return None
            out[block_id] = block
        return out

    @staticmethod
    def keys(file: OpenFile, wanted: Sequence[BlockId]) -> tuple[StoredKey, ...]:
        """Return the keys of whole blocks, for `whole`."""
        return tuple((*_key(file, block_id), True) for block_id in wanted)

    def whole(self, keys: Sequence[StoredKey]) -> list[Block] | None:
        """Return decoded blocks if all are in memory as a whole. May be called from any thread."""
        return self._blocks.get_all(keys)

    def forget(self, asset: BandAsset) -> None:
        """Drop the open file of a band and its blocks, for example because its ETag changed.

        Without the blocks too, tiles that lie in memory would show the old file beside the new one.
        """
        key = _open_key(asset)
        file = self._files.get(key)
        self._files.delete(key)
        if file is not None:
            self._blocks.delete_where(lambda block: block[0] == file.key)

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
            SourceChangedError: The file is not what its beginning says; open it again.
            SourceError: Bytes could not be read or decoded.
        """
        await self._locate(file, wanted)
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
        self.make_levels(file, wanted)
        if loads:
            await self._wait(file, loads, out)
        if not self._trusted(file):  # found out while bytes were on their way
            raise SourceChangedError("a source file is not what its beginning says")
        if not all(out[b].covers(part) for b, part in parts.items()):
            raise RuntimeError("a partial block was about to be used outside of its window")
        self._completions.start(file)
        return out

    def passed(self) -> None:
        """Let go of most of what was read lately and only once: a pass over a file goes on."""
        self._blocks.trim_young(_PASS_BYTES)

    def lacks_levels(self, file: OpenFile, wanted: Sequence[BlockId]) -> bool:
        """Tell whether blocks will not be needed once levels are made; from any thread."""
        if self._pyramids is None:
            return False
        return self._pyramids.lack(file.source, file.reader, file.index, wanted) is not None

    def make_levels(self, file: OpenFile, wanted: Sequence[BlockId]) -> None:
        """Have the levels made that are lacking in place of blocks, as if these had been read."""
        if self._pyramids is not None:
            self._pyramids.used(
                file.source, file.reader, file.index, wanted, lambda: self._renew(file)
            )

    async def close(self) -> None:
        """Forget what waits in the background and wait for what runs there."""
        await self._completions.close()
        if self._pyramids is not None:
            await self._pyramids.close()
        await asyncio.to_thread(self._background.close)

    def _renew(self, file: OpenFile) -> None:
        """Have a file opened anew, as levels were made beside it; running requests keep theirs."""
        self._files.delete_where(lambda key: key[0] == file.key)

    def _kept(self, file: OpenFile, block_id: BlockId, part: PixelWindow | None) -> Block | None:
        """Return a block from the cache, whole or with the part that is needed."""
        block = self._blocks.get((*_key(file, block_id), True))
        if block is None and part is not None:
            block = self._blocks.get((*_key(file, block_id), False))
        return block if block is not None and block.covers(part) else None

    def _running(self, file: OpenFile, block_id: BlockId, part: PixelWindow | None) -> _Load | None:
        """Return a load that will give the block or its part: a running one or one in part."""
        key = _key(file, block_id)
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
        keys = tuple(_key(file, block_id) for block_id in missing)
        load = _Load(asyncio.ensure_future(self._load(file, missing)), keys)
        self._loading.update(dict.fromkeys(keys, load))
        load.task.add_done_callback(lambda _: self._forget_load(load))
        return load

    async def _wait(
        self, file: OpenFile, loads: dict["_Load", list[BlockId]], out: dict[BlockId, Block]
    ) -> None:
        """Take the wanted blocks of several rounds; rounds that nobody waits for are cancelled."""
        for load in loads:
            load.waiting += 1
        try:
            for load, block_ids in loads.items():
                # Shielded: when this caller goes away, others still get their blocks.
                blocks = await asyncio.shield(load.task)
                out.update({block_id: blocks[_key(file, block_id)] for block_id in block_ids})
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
            "pyramids": {} if self._pyramids is None else self._pyramids.stats(),
        }

    def when_complete(
        self, file: OpenFile, name: Hashable, then: Callable[[OpenFile], None]
    ) -> None:
        """Call `then` with the file once its index is complete; see `Completions.then`."""
        self._completions.then(file, name, then)

    async def settled(self) -> None:
        """Wait until the indexes of all files that were read are complete, and kept levels made."""
        await self._completions.settled()
        if self._pyramids is not None:
            await self._pyramids.settled()

    async def _locate(self, file: OpenFile, wanted: Sequence[BlockId]) -> None:
        """Find blocks in a file whose index is not complete.

        Raises:
            SourceChangedError: The file is not what its beginning says; open it again.
            SourceError: Other kinds, by what the store answered.
        """
        if file.index.complete:
            return
        try:
            await file.reader.locate(file.source, file.index, wanted)
        except (SourceUnsupportedError, SourceCorruptError) as error:
            await self._completions.refuse(file, error)
            message = "a source file is not what its beginning says"
            raise SourceChangedError(message, detail=error.detail) from error

    async def _completed(self, old: OpenFile, index: RasterIndex | None) -> OpenFile | None:
        """Put a file with its complete index in the place of one without, or drop all of it."""
        if index is None or old.asset is None:
            self._renew(old)
            self._blocks.delete_where(lambda key: key[0] == old.key)
            return None
        new = await self._opened(old.asset, plain(old.source), old.reader, index)
        if self._files.get(_open_key(old.asset)) is old:
            self._files.set(_open_key(old.asset), new)
        return new

    async def _open(self, asset: BandAsset) -> OpenFile:
        source = self._stores.open(asset.ref)
        if asset.index is not None:
            reader = self._readers.get(asset.reader)
            return await self._opened(
                asset, await source.pinned(), reader, reader.load_index(asset.index)
            )
        held = await HeldSource.begin(source, FIRST_READ)
        soon = not self._completions.refused(held.ref.key)
        reader, index = await self._readers.identify(held, soon=soon)
        if not index.complete:
            return OpenFile(held, reader, index, fresh=True, cost=_FILE_COST, asset=asset)
        return await self._opened(asset, held.plain, reader, index)

    async def _opened(
        self, asset: BandAsset, source: ByteSource, reader: Reader, index: RasterIndex
    ) -> OpenFile:
        """Return a file with a complete index, and with the levels that are kept beside it."""
        stored = index.to_bytes() if asset.index is None else asset.index
        if self._pyramids is not None:
            nodata = index.info.nodata if asset.nodata is None else asset.nodata
            reader, index = await self._pyramids.attach(source, reader, index, nodata)
        return OpenFile(source, reader, index, fresh=asset.index is None, cost=_cost(stored))

    async def _load(self, file: OpenFile, missing: Sequence[BlockId]) -> dict[BlockKey, Block]:
        """Decode whole blocks, from bytes that are at hand where there are such."""
        loop = asyncio.get_running_loop()
        decoding = {b: at_hand for b in missing if (at_hand := self._at_hand(file, b)) is not None}
        absent = [b for b in missing if b not in decoding]
        parts = await file.reader.fetch(file.source, file.index, absent) if absent else []
        at_once = _at_once(file, absent)
        stored = list(zip(absent, parts, strict=True))
        pieces = [
            loop.run_in_executor(self._pool, _decoded, file, stored[first : first + at_once])
            for first in range(0, len(stored), at_once)
        ]
        groups = await together(*(_named(b, work) for b, work in decoding.items()), *pieces)
        decoded = [pair for group in groups for pair in group]
        blocks = {_key(file, block_id): block for block_id, block in decoded}
        if self._trusted(file):
            for key, block in blocks.items():
                self._keep(key, block)
        return blocks

    def _at_hand(self, file: OpenFile, block_id: BlockId) -> "asyncio.Future[Block] | None":
        """Return a whole decode of bytes that were fetched for a part of the block, if any."""
        key = _key(file, block_id)
        load = self._in_part.get(key)
        if load is not None and load.partial is not None and load.partial.fetched:
            work = load.partial.whole
            return asyncio.get_running_loop().run_in_executor(self._pool, work)
        return self._background.take(key, self._pool)

    async def _load_part(self, partial: PartialLoad) -> dict[BlockKey, Block]:
        """Decode the windows of one block that were asked for until it can be decoded."""
        await partial.fetch()
        block = await asyncio.get_running_loop().run_in_executor(self._pool, partial.decode)
        key = _key(partial.file, partial.block_id)
        if not self._trusted(partial.file):
            return {key: block}
        if block.window is None:
            self._keep(key, block)
        elif (
            key not in self._loading
            and self._blocks.get((*key, True)) is None
            # Where the cache cannot hold it, nobody would get the whole block either.
            and self._blocks.set((*key, False), block)
        ):
            self._background.put(key, partial.whole, partial.size)
        return {key: block}

    def _keep(self, key: BlockKey, block: Block) -> None:
        """Keep a whole block, in place of a part of it."""
        self._blocks.set((*key, True), block)
        self._blocks.delete((*key, False))

    def _trusted(self, file: ReadableFile) -> bool:
        """Tell whether the places of a file's blocks are right, as far as is known by now."""
        return file.index.complete or not self._completions.refused(file.key)

    def _is_idle(self) -> bool:
        return not self._loading and not self._in_part


def _open_key(asset: BandAsset) -> OpenKey:
    return asset.ref.key, repr(asset.nodata)


def _key(file: ReadableFile, block_id: BlockId) -> BlockKey:
    # Another reader cuts the same file into other blocks under the same numbers.
    return file.key, (file.reader.id, file.index.identity(block_id))


#: Pixels that one thread decodes in one go: handing over costs as much as a tenth of a block of
#: 512 x 512, and a piece of work cannot be stopped.
_DECODED_AT_ONCE = 1024 * 1024


def _at_once(file: OpenFile, blocks: Sequence[BlockId]) -> int:
    """Return how many blocks of a file are decoded in one go."""
    if not blocks:
        return 1
    level = file.index.info.levels[blocks[0].level]
    return max(_DECODED_AT_ONCE // (level.block_width * level.block_height), 1)


async def _named(block_id: BlockId, work: "asyncio.Future[Block]") -> list[tuple[BlockId, Block]]:
    return [(block_id, await work)]


def _decoded(
    file: OpenFile, stored: Sequence[tuple[BlockId, tuple[bytes, ...]]]
) -> list[tuple[BlockId, Block]]:
    return [(b, file.reader.decode(file.index, b, parts)) for b, parts in stored]


def _cost(stored: bytes) -> int:
    return _FILE_COST + _INDEX_FACTOR * len(stored)


def grid_of(asset: BandAsset, file: OpenFile) -> SourceGrid | None:
    """Return where the band's pixels lie: what the catalogue says, else what the file says."""
    return asset.grid if asset.grid is not None else file.index.info.grid


def unpinned(asset: BandAsset) -> BandAsset:
    """Return the asset without its stored index and ETag, to be looked at anew."""
    ref = replace(asset.ref, etag=None, size=asset.ref.inside)
    return replace(asset, ref=ref, index=None, reader="")
