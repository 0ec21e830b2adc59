"""What every reader gives: a read index, the blocks it needs, and decoded pixels."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from renderers.geobox import GeoBox
from renderers.sourcegrid import GridModel, SourceGrid
from renderers.stores import ByteRange, ByteSource

#: First row, first column, and one after the last of each: pixels of a block or of a level.
PixelWindow = tuple[int, int, int, int]


def covers(have: PixelWindow | None, wanted: PixelWindow | None) -> bool:
    """Tell whether one window of a block holds another; None is the whole block."""
    if have is None or wanted is None:
        return have is None
    begins = have[0] <= wanted[0] and have[1] <= wanted[1]
    return begins and have[2] >= wanted[2] and have[3] >= wanted[3]


class BlockId(NamedTuple):
    """One decodable unit of a file: overview level (0 is full resolution), row and column of the
    block in that level, and the plane (0 unless bands lie in separate blocks).
    """  # noqa: D205

    level: int
    row: int
    column: int
    plane: int


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a file.

    Attributes:
        width: Pixels per row at this level.
        height: Rows.
        block_width: Pixels per row of a block; blocks at the right edge may be narrower.
        block_height: Rows of a block.
        scale_x: Full-resolution pixels per pixel of this level (1.0 for level 0). COG overviews:
            width0 / width; JPEG 2000: exactly 2**r, as its reference grid says (T.800, B.5).
        scale_y: The same for rows.
    """

    width: int
    height: int
    block_width: int
    block_height: int
    scale_x: float
    scale_y: float


@dataclass(frozen=True, slots=True)
class RasterInfo:
    """What a file says of itself.

    Attributes:
        dtype: NumPy name of the decoded pixels, for example `uint16`.
        count: Bands, alpha not included.
        levels: Full resolution first, then coarser and coarser.
        crs: Canonical CRS name, or None where the file has no georeference.
        transform: Affine of full resolution, or None.
        model: How full resolution lies on Earth where no affine describes it, or None; `crs` is
            then the one that the file names, which need not be the model's.
        nodata: Stored value that means "no data" (may be NaN), or None.
        masked: True when decoded blocks carry a validity mask (internal mask or alpha band).
        scales: Per band; physical = stored * scale + offset.
        offsets: Per band.
        descriptions: Per band, "" where the file has none.
        colour_table: RGBA by value, for palette files.
        bits: Significant bits of integer samples (Sentinel-2: 15 in uint16).
        mixed: True when coarser levels are low-pass filtered with no regard to nodata, as wavelet
            levels of JPEG 2000 are: pixels beside nodata then hold a mixture with it.
    """

    dtype: str
    count: int
    levels: tuple[Level, ...]
    crs: str | None
    transform: Affine | None
    nodata: float | None = None
    masked: bool = False
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    descriptions: tuple[str, ...] = ()
    colour_table: tuple[tuple[int, int, int, int], ...] | None = None
    bits: int = 0
    mixed: bool = False
    model: GridModel | None = None

    @property
    def width(self) -> int:
        """Pixels per row at full resolution."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Rows at full resolution."""
        return self.levels[0].height

    @property
    def geobox(self) -> GeoBox | None:
        """The full-resolution grid where it is affine, else None."""
        if self.crs is None or self.transform is None:
            return None
        return GeoBox(self.width, self.height, self.transform, self.crs)

    @property
    def grid(self) -> SourceGrid | None:
        """How full resolution lies on Earth, or None where the file has no georeference."""
        return self.geobox if self.model is None else self.model


@dataclass(frozen=True, slots=True)
class Block:
    """Decoded pixels of one block.

    Attributes:
        data: C-contiguous, shape (bands in the plane, rows, columns), the file's dtype; cut at the
            edge of the level, so edge blocks are smaller.
        mask: uint8, shape (rows, columns), 255 valid and 0 not; None means all valid (a nodata
            value is compared later, by the gathering kernel).
        window: None for a whole block. Else only these pixels were decoded: `data` has the shape
            of the whole block and is 0 elsewhere, and nothing else may be read. `FileCache` gives
            such a block only to who asked for pixels inside its window.
    """

    data: NDArray[Any]
    mask: NDArray[np.uint8] | None = None
    window: PixelWindow | None = None
    #: Where kernels find it: addresses of the first value and of the mask (0 for none), bytes from
    #: band to band.
    address: int = field(init=False, repr=False, compare=False)
    mask_address: int = field(init=False, repr=False, compare=False)
    step: int = field(init=False, repr=False, compare=False)
    #: What kernels rely on: dtype with its byte order, rows, columns.
    form: tuple[str, int, int] = field(init=False, repr=False, compare=False)
    _holds: dict[float, bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        mask = self.mask
        for array in (self.data,) if mask is None else (self.data, mask):
            if not array.flags.c_contiguous:
                raise ValueError("the arrays of a block are C-contiguous")
        if self.data.ndim != 3:
            raise ValueError("the values of a block are of bands, rows and columns")
        if mask is not None and (mask.dtype != np.uint8 or mask.shape != self.data.shape[1:]):
            raise ValueError("the mask of a block has a byte for each pixel")
        told = {
            "address": self.data.__array_interface__["data"][0],
            "mask_address": 0 if mask is None else mask.__array_interface__["data"][0],
            "step": self.data.strides[0],
            "form": (self.data.dtype.str, *self.data.shape[1:]),
            "_holds": {},
        }
        for name, value in told.items():
            object.__setattr__(self, name, value)

    def holds(self, value: float) -> bool:
        """Tell whether any pixel has this stored value."""
        found = self._holds.get(value)
        if found is None:
            found = self._holds[value] = bool((self.data == value).any())
        return found

    def covers(self, window: PixelWindow | None) -> bool:
        """Tell whether all pixels of a window (None: of the block) are there."""
        return covers(self.window, window)

    @property
    def nbytes(self) -> int:
        """Bytes that the block holds in memory."""
        return int(self.data.nbytes) + (0 if self.mask is None else int(self.mask.nbytes))


class RasterIndex(ABC):
    """Everything needed to read any block of one file without touching its header again."""

    @property
    @abstractmethod
    def info(self) -> RasterInfo:
        """What the file says of itself."""

    @property
    def complete(self) -> bool:
        """Whether every block's place is known; else see `Reader.open`."""
        return True

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Serialise; `Reader.load_index` reads it back. Only offsets, lengths and header facts."""

    def identity(self, block: BlockId) -> Hashable:
        """Return what tells a block of this file from its others in caches.

        Not always the block's own id: where levels are kept beside a file, their numbers change
        when one more is there.
        """
        return block

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, position within the plane's block) of a band number from 1."""
        return 0, band - 1


class Reader(ABC):
    """Reads one family of formats. Stateless: all it knows of a file is in the index."""

    #: Name stored in the catalogue.
    id: str

    @abstractmethod
    async def build_index(self, source: ByteSource) -> RasterIndex:
        """Read the header by ranges and return the index.

        Raises:
            SourceCorruptError: The bytes are not what the format promises.
            SourceUnsupportedError: This reader cannot decode the file exactly (a capability check
                on the header decides, never a failed decode).
        """

    async def open(self, source: ByteSource) -> RasterIndex:
        """Return an index soon: one that may not be `complete`, where that saves rounds.

        Of such an index only `info` can be used until `locate` has found the blocks in question.

        Raises:
            SourceError: As `build_index` does.
        """
        return await self.build_index(source)

    async def locate(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> None:
        """Find some blocks in a file whose index is not complete.

        Raises:
            SourceCorruptError: The file is damaged.
            SourceUnsupportedError: The file turns out to be of a kind this reader does not read.
            SourceError: Other kinds, by what the store answered.
        """
        del source, index, blocks

    async def complete(self, source: ByteSource, index: RasterIndex) -> RasterIndex:
        """Return the complete index in place of one that is not.

        Raises:
            SourceError: As `locate` does; `SourceChangedError` where blocks were located wrongly.
        """
        del source
        return index

    @abstractmethod
    def load_index(self, data: bytes) -> RasterIndex:
        """Read back what `RasterIndex.to_bytes` wrote.

        Raises:
            SourceCorruptError: Not such an index, or one of an older form.
        """

    @abstractmethod
    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the byte ranges the block needs; () for a block that is not in the file."""

    @abstractmethod
    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode one block from the bytes of its `ranges`. Pure and releases the GIL.

        Raises:
            SourceCorruptError: The bytes do not decode.
        """

    def share(self, index: RasterIndex, block: BlockId, window: PixelWindow) -> float:
        """Return the part of a block's decoding that a window of it costs, 0 to 1.

        1.0, the default, says that the reader decodes whole blocks only, or that a part would not
        save enough time to be worth it.
        """
        del index, block, window
        return 1.0

    def window_ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the byte ranges from which `decode_window` decodes a block or any part of it."""
        return self.ranges(index, block)

    def decode_window(
        self,
        index: RasterIndex,
        block: BlockId,
        parts: Sequence[bytes],
        window: PixelWindow | None,
    ) -> Block:
        """Decode a part of a block, exactly, from the bytes of its `window_ranges`.

        Args:
            index: Of the file.
            block: The block.
            parts: One `bytes` per range.
            window: Pixels of the block; None decodes all of it.

        Returns:
            A block that covers the window: with that window, or whole where the file turns out
            not to allow a part.

        Raises:
            SourceCorruptError: The bytes do not decode.
        """
        del window
        return self.decode(index, block, parts)

    async def fetch(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> list[tuple[bytes, ...]]:
        """Fetch the bytes of several blocks in one round of coalesced range requests.

        Returns:
            One tuple per block, one `bytes` per range.
        """
        wanted = [self.ranges(index, block) for block in blocks]
        parts = iter(await source.read([r for ranges in wanted for r in ranges]))
        return [tuple(next(parts) for _ in ranges) for ranges in wanted]
