"""One block that is not there yet, of which windows are asked for while its bytes are fetched."""

from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from renderers.readers.base import Block, BlockId, PixelWindow, RasterIndex, Reader, covers
from renderers.stores import ByteSource

#: A part is decoded alone when it costs at most this share of the whole. The whole follows, so a
#: part adds to the work; what it saves is the wait of the first request, here at least 45 %.
WORTHWHILE_SHARE = 0.55


class ReadableFile(Protocol):
    """What is needed of `renderers.files.OpenFile`."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity of its content."""

    @property
    def source(self) -> ByteSource:
        """Its bytes."""

    @property
    def reader(self) -> Reader:
        """What decodes them."""

    @property
    def index(self) -> RasterIndex:
        """What its header said."""


def part_of(index: RasterIndex, block: BlockId, window: PixelWindow | None) -> PixelWindow | None:
    """Return the pixels of a block that a window of its level touches, None for all.

    Args:
        index: Of the file.
        block: The block.
        window: In pixels of the block's level; None for all of it.
    """
    if window is None:
        return None
    level = index.info.levels[block.level]
    top, left = block.row * level.block_height, block.column * level.block_width
    height = min(level.block_height, level.height - top)
    width = min(level.block_width, level.width - left)
    part = (
        max(window[0] - top, 0),
        max(window[1] - left, 0),
        min(window[2] - top, height),
        min(window[3] - left, width),
    )
    if part == (0, 0, height, width) or part[0] >= part[2] or part[1] >= part[3]:
        return None
    return part


class PartialLoad:
    """Fetches a block's bytes once and decodes of it what was asked for until then.

    What to decode is decided at the last moment, in the thread that decodes: tiles of one screen
    that came meanwhile share one decode of the rectangle around their windows, or of the whole
    block where that is not worthwhile any more.
    """

    def __init__(self, file: ReadableFile, block_id: BlockId, part: PixelWindow) -> None:
        """Begin with one window; see `part_of`."""
        self.file = file
        self.block_id = block_id
        self._around: PixelWindow | None = part
        self._decided = False
        self._lock = Lock()
        self._parts: Sequence[bytes] = ()

    @staticmethod
    def pays(file: ReadableFile, block_id: BlockId, part: PixelWindow) -> bool:
        """Tell whether decoding a part is enough less than decoding the whole block."""
        return file.reader.share(file.index, block_id, part) <= WORTHWHILE_SHARE

    @property
    def fetched(self) -> bool:
        """Whether the bytes are there."""
        return bool(self._parts)

    @property
    def size(self) -> int:
        """Bytes that were fetched."""
        return sum(len(part) for part in self._parts)

    def join(self, part: PixelWindow | None) -> bool:
        """Ask for another window (None: for the whole); False where it comes too late."""
        with self._lock:
            if self._decided:
                return covers(self._around, part)
            self._around = _around(self._around, part)
            return True

    async def fetch(self) -> None:
        """Fetch the bytes, in one round.

        Raises:
            SourceError: They could not be read.
        """
        ranges = self.file.reader.window_ranges(self.file.index, self.block_id)
        self._parts = await self.file.source.read(ranges)

    def decode(self) -> Block:
        """Decode what was asked for until now.

        Raises:
            SourceCorruptError: The bytes do not decode.
        """
        with self._lock:
            around = self._around
            if around is not None and not self.pays(self.file, self.block_id, around):
                around = None
            self._around, self._decided = around, True
        return self._decode(around)

    def whole(self) -> Block:
        """Decode the whole block.

        Raises:
            SourceCorruptError: The bytes do not decode.
        """
        return self._decode(None)

    def _decode(self, window: PixelWindow | None) -> Block:
        file = self.file
        return file.reader.decode_window(file.index, self.block_id, self._parts, window)


def _around(one: PixelWindow | None, other: PixelWindow | None) -> PixelWindow | None:
    if one is None or other is None:
        return None
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
