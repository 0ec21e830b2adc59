"""The read index of one variable of a NetCDF file: where each of its chunks lies."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import msgpack
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from renderers import gridmodels
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import Level, RasterIndex, RasterInfo
from renderers.readers.netcdf.storage import Storage, check

MAGIC: Final = b"NIX\x02"
_DIGEST: Final = 8
#: Bits of the words in which packed bits of larger types are shown: as many as kernels and styles
#: read exactly.
WORD_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Validity:
    """Stored values that mean "no data" beside `RasterInfo.nodata`, which replaces them.

    Attributes:
        missing: Values that are no data.
        low: Least value that is data.
        high: Greatest value that is data.
    """

    missing: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        return bool(self.missing) or self.low is not None or self.high is not None


@dataclass(frozen=True, slots=True)
class NetcdfIndex(RasterIndex):
    """Everything needed to read blocks of one variable.

    Bands are the slices along the leading dimensions, the last of these fastest, from 1; those of
    one chunk lie in one plane. Of packed bits in values of 32 or 64 bits each slice is several
    bands, words of `WORD_BITS` from the lowest bits on.

    Attributes:
        raster: What the file says of the variable.
        size: Bytes of the file.
        storage: Where its chunks lie.
        unsigned: Values are unsigned although the file's type is not, or the other way round.
        validity: What else is no data; false where `RasterInfo.nodata` says all.
        fill: What chunks that are not in the file hold.
        first: Number of the slice that is band 1, among those of the planes in `storage`.
        order: Shape of the leading dimensions, and of a chunk along them.
        words: Bands of each slice.
    """

    raster: RasterInfo
    size: int
    storage: Storage
    unsigned: bool
    validity: Validity
    fill: float
    first: int
    order: tuple[tuple[int, ...], tuple[int, ...]]
    words: int = 1

    @property
    def info(self) -> RasterInfo:
        """What the file says of the variable."""
        return self.raster

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, position within the plane's block) of a band number from 1."""
        number, word = divmod(band - 1, self.words)
        plane, position = slice_place(self.first + number, *self.order)
        return plane, position * self.words + word

    def to_bytes(self) -> bytes:
        """Serialise; some 16 bytes per chunk."""
        info, storage = self.raster, self.storage
        body: bytes = msgpack.packb(
            [
                self.size, self.unsigned, self.words, self.first, [list(o) for o in self.order],
                [list(self.validity.missing), self.validity.low, self.validity.high, self.fill],
                [info.crs, None if info.transform is None else list(info.transform[:6])],
                None if info.model is None else gridmodels.to_plain(info.model),
                [info.nodata, info.scales[0], info.offsets[0], list(info.descriptions)],
                [
                    storage.width, storage.height, storage.block_width, storage.block_height,
                    storage.depth, storage.stored, list(storage.filters), storage.contiguous,
                    storage.planes, storage.offsets.astype("<u8").tobytes(),
                    storage.sizes.astype("<u4").tobytes(), storage.skipped.astype("<u4").tobytes(),
                ],
            ]
        )  # fmt: skip
        return MAGIC + _digest(body) + body


def slice_place(number: int, shape: tuple[int, ...], chunk: tuple[int, ...]) -> tuple[int, int]:
    """Return (plane, position in its chunk) of a slice along the leading dimensions.

    Args:
        number: Of the slice, the last dimension fastest.
        shape: Of the leading dimensions.
        chunk: Of a chunk along them.
    """
    plane = position = 0
    places: list[int] = []
    for side in reversed(shape):
        number, place = divmod(number, side)
        places.insert(0, place)
    for place, side, deep in zip(places, shape, chunk, strict=True):
        plane = plane * -(-side // deep) + place // deep
        position = position * deep + place % deep
    return plane, position


def value_type(storage: Storage, unsigned: bool) -> np.dtype[Any]:
    """Return the type of decoded values, in native byte order."""
    kind = np.dtype(storage.stored)
    if kind == np.float16:
        return np.dtype(np.float32)
    if unsigned and kind.kind in "iu":
        return np.dtype(f"{'u' if kind.kind == 'i' else 'i'}{kind.itemsize}")
    return kind.newbyteorder("=")


def words_of(storage: Storage) -> int:
    """Return in how many words packed bits of a type are shown; 1 shows them as they are."""
    kind = np.dtype(storage.stored)
    return max(1, kind.itemsize * 8 // WORD_BITS) if kind.kind in "iu" else 1


def level_of(storage: Storage) -> Level:
    """Return the one level that a variable has."""
    return Level(storage.width, storage.height, storage.block_width, storage.block_height, 1.0, 1.0)


def load_index(data: bytes) -> NetcdfIndex:
    """Read back what `NetcdfIndex.to_bytes` wrote; all checks of the header are made again.

    Raises:
        SourceCorruptError: Not such an index, damaged, or of another version.
    """
    body = data[len(MAGIC) + _DIGEST :]
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : len(MAGIC) + _DIGEST] != _digest(body):
        raise SourceCorruptError("not a NetCDF read index of this version")
    try:
        return _unpack(msgpack.unpackb(body))
    except (
        ValueError, TypeError, IndexError, OverflowError, msgpack.UnpackException,
        SourceUnsupportedError,
    ) as error:  # fmt: skip
        raise SourceCorruptError("the NetCDF read index is damaged", detail=str(error)) from error


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST).digest()


def _unpack(fields: Any) -> NetcdfIndex:
    size, unsigned, words, first, order, validity, place, model, bands, stored = fields
    storage = _storage(stored)
    check(storage, int(size))
    missing, low, high, fill = validity
    crs, transform = place
    nodata, scale, offset, names = bands
    shape, chunk = (tuple(int(side) for side in sides) for sides in order)
    count = len(names)
    if words not in (1, words_of(storage)) or count % words:
        raise ValueError("words of another number")
    last = slice_place(int(first) + count // words - 1, shape, chunk)[0] if count else -1
    if not 0 <= last < storage.planes or int(np.prod(chunk)) != storage.depth:
        raise ValueError("bands that the file does not have")
    info = RasterInfo(
        dtype="uint16" if words > 1 else value_type(storage, bool(unsigned)).name,
        count=count,
        levels=(level_of(storage),),
        crs=None if crs is None else str(crs),
        transform=None if transform is None else Affine(*map(float, transform)),
        nodata=None if nodata is None else float(nodata),
        scales=(float(scale),) * count,
        offsets=(float(offset),) * count,
        descriptions=tuple(map(str, names)),
        model=None if model is None else gridmodels.from_plain(model),
    )
    if info.nodata is None and (missing or low is not None or high is not None):
        raise ValueError("no value that means no data")
    return NetcdfIndex(
        info, int(size), storage, bool(unsigned),
        Validity(tuple(map(float, missing)), low, high), float(fill), int(first), (shape, chunk),
        words,
    )  # fmt: skip


def _storage(fields: Any) -> Storage:
    *sides, stored, filters, contiguous, planes, offsets, sizes, skipped = fields
    width, height, block_width, block_height, depth = (int(side) for side in sides)
    if min(width, height, block_width, block_height, depth) < 1:
        raise ValueError("a variable without pixels")
    down, across = -(-height // block_height), -(-width // block_width)
    shape = (int(planes), 1, 1) if contiguous else (int(planes), down, across)

    def array(raw: bytes, kind: str) -> NDArray[Any]:
        return np.frombuffer(raw, kind).reshape(shape)

    return Storage(
        width, height, block_width, block_height, depth, str(stored),
        tuple(int(number) for number in filters), bool(contiguous),
        array(offsets, "<u8"), array(sizes, "<u4"), array(skipped, "<u4"),
    )  # fmt: skip
