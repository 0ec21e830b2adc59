"""TIFF and BigTIFF headers: byte order, the chain of image file directories, tag values.

Sources: TIFF 6.0 (Adobe, 1992), section 2; BigTIFF as libtiff writes it; SubIFDs of TIFF Technical
Note 1. Every offset and count is checked against the file's size before anything is allocated.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.stores import ByteRange, ByteSource

#: Bytes of the first request; holds all directories of a COG with up to some 4000 blocks.
HEAD_BYTES = 64 * 1024
#: Bytes fetched for a directory that lies further away.
DIRECTORY_BYTES = 16 * 1024
#: Most directories that are followed.
MAX_DIRECTORIES = 64
#: Most entries in one directory; TIFF 6.0 and its extensions know a few hundred tags.
MAX_ENTRIES = 4096
#: Most bytes of tag values that are read from one file.
MAX_TAG_BYTES = 64 * 1024 * 1024


class Tag(IntEnum):
    """The tags that this reader looks at; all others are skipped unread."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    YCBCR_SUBSAMPLING = 530
    IMAGE_DEPTH = 32997
    MODEL_PIXEL_SCALE = 33550
    MODEL_TIEPOINT = 33922
    MODEL_TRANSFORMATION = 34264
    GEO_KEY_DIRECTORY = 34735
    GEO_DOUBLE_PARAMS = 34736
    GEO_ASCII_PARAMS = 34737
    GDAL_METADATA = 42112
    GDAL_NODATA = 42113
    RPC_COEFFICIENTS = 50844
    LERC_PARAMETERS = 50674


class SubfileType(IntFlag):
    """Bits of NewSubfileType."""

    REDUCED = 1
    PAGE = 2
    MASK = 4


#: Little-endian NumPy code of each field type; "S" and "V" are plain bytes.
_TYPES = {
    1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "V1", 8: "i2", 9: "i4",
    11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
_SIZES = {5: 8, 10: 8} | {kind: int(code[1]) for kind, code in _TYPES.items()}
_UNSIGNED = frozenset({1, 3, 4, 13, 16, 18})
_WANTED = frozenset(int(tag) for tag in Tag)


class Entry(NamedTuple):
    """One directory entry: field type, number of values, and where the values lie."""

    kind: int
    number: int
    start: int

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return _SIZES[self.kind] * self.number


class Buffer:
    """The parts of a file that were fetched so far."""

    def __init__(self, source: ByteSource, size: int) -> None:
        self._source = source
        self._segments: list[tuple[int, bytes]] = []
        self.size = size

    def add(self, start: int, data: bytes) -> None:
        """Keep bytes that lie at `start` of the file."""
        self._segments.append((start, data))

    def _find(self, start: int, stop: int) -> bytes | None:
        for begin, data in self._segments:
            if begin <= start and stop <= begin + len(data):
                return data[start - begin : stop - begin]
        return None

    def check(self, start: int, length: int) -> None:
        """Refuse bytes that are not in the file.

        Raises:
            SourceCorruptError: They end past the file.
        """
        if start + length > self.size:
            raise SourceCorruptError("the TIFF header points past the end of the file")

    async def ensure(self, wanted: Iterable[tuple[int, int]], ahead: int = 0) -> None:
        """Fetch the (start, length) parts that are not here yet, in one round.

        Args:
            wanted: Start and length of each part.
            ahead: Fetch at least this many bytes from each start, as far as the file goes.
        """
        missing = []
        for start, length in wanted:
            self.check(start, length)
            if self._find(start, start + length) is None:
                missing.append(ByteRange(start, max(start + length, min(start + ahead, self.size))))
        if missing:
            for wanted_range, data in zip(missing, await self._source.read(missing), strict=True):
                self.add(wanted_range.start, data)

    def get(self, start: int, length: int) -> bytes:
        """Return bytes that `ensure` brought."""
        self.check(start, length)
        data = self._find(start, start + length)
        if data is None:
            raise SourceCorruptError("the TIFF header was not read far enough")
        return data


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory.

    Attributes:
        entries: Where the values of its known tags lie.
        values: The values, as far as `load` brought them: arrays in native byte order, one
            dimension, or bytes for text and undefined fields.
    """

    entries: dict[int, Entry]
    values: dict[int, Any]

    def has(self, tag: Tag) -> bool:
        """Tell whether the directory has the tag."""
        return tag in self.entries

    def integers(self, tag: Tag) -> NDArray[Any] | None:
        """Return the unsigned integers of a tag, or None where it is absent.

        Raises:
            SourceCorruptError: The field has another type, or no values.
        """
        if tag not in self.entries:
            return None
        if self.entries[tag].kind not in _UNSIGNED or self.entries[tag].number == 0:
            raise SourceCorruptError(f"TIFF tag {tag.name} is not an unsigned integer")
        array: NDArray[Any] = self.values[tag]
        return array

    def integer(self, tag: Tag, default: int | None = None) -> int:
        """Return the first unsigned integer of a tag.

        Raises:
            SourceCorruptError: It is absent and has no default, or has another type.
        """
        array = self.integers(tag)
        if array is not None:
            return int(array[0])
        if default is None:
            raise SourceCorruptError(f"TIFF tag {tag.name} is missing")
        return default

    def doubles(self, tag: Tag) -> list[float]:
        """Return the floating-point values of a tag; [] where it is absent.

        Raises:
            SourceCorruptError: The field has another type.
        """
        if tag not in self.entries:
            return []
        if self.entries[tag].kind not in (11, 12):
            raise SourceCorruptError(f"TIFF tag {tag.name} is not floating point")
        return [float(v) for v in self.values[tag]]

    def data(self, tag: Tag) -> bytes:
        """Return the bytes of a text or undefined field; b"" where it is absent.

        Raises:
            SourceCorruptError: The field has another type.
        """
        if tag not in self.entries:
            return b""
        if self.entries[tag].kind not in (1, 2, 7):
            raise SourceCorruptError(f"TIFF tag {tag.name} is not text or bytes")
        return bytes(self.values[tag])


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a file holds.

    Attributes:
        big_endian: Byte order of header and samples.
        size: Bytes of the file.
        directories: The main chain, first image first.
        children: SubIFDs of the first directory.
    """

    big_endian: bool
    size: int
    directories: tuple[Directory, ...]
    children: tuple[Directory, ...]


class _Form(NamedTuple):
    """How classic TIFF and BigTIFF differ."""

    order: str
    counter: str
    entry: str
    offset: str

    @property
    def entry_size(self) -> int:
        return struct.calcsize(self.order + self.entry)

    @property
    def inline(self) -> int:
        return struct.calcsize(self.order + self.offset)


def _signature(head: bytes) -> tuple[_Form, int]:
    """Read byte order and form; return them with the offset of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise SourceCorruptError("not a TIFF file")
    magic = struct.unpack_from(order + "H", head, 2)[0]
    if magic == 42:
        return _Form(order, "H", "HHI4s", "I"), struct.unpack_from(order + "I", head, 4)[0]
    if magic == 43 and len(head) >= 16:
        size, zero, first = struct.unpack_from(order + "HHQ", head, 4)
        if (size, zero) == (8, 0):
            return _Form(order, "Q", "HHQ8s", "Q"), first
    raise SourceCorruptError("not a TIFF file")


async def _read_directory(buffer: Buffer, form: _Form, offset: int) -> tuple[Directory, int]:
    """Read the entries of one directory; return it with the offset of the next one."""
    count_size = struct.calcsize(form.order + form.counter)
    await buffer.ensure([(offset, count_size)], DIRECTORY_BYTES)
    count = struct.unpack(form.order + form.counter, buffer.get(offset, count_size))[0]
    if not 0 < count <= MAX_ENTRIES:
        raise SourceCorruptError("a TIFF directory has an impossible number of entries")
    start = offset + count_size
    length = count * form.entry_size + form.inline
    await buffer.ensure([(start, length)])
    raw = buffer.get(start, length)
    entries: dict[int, Entry] = {}
    for i in range(count):
        tag, kind, number, value = struct.unpack_from(
            form.order + form.entry, raw, i * form.entry_size
        )
        if tag not in _WANTED or tag in entries:
            continue
        if kind not in _SIZES:
            raise SourceCorruptError(f"TIFF tag {Tag(tag).name} has an unknown field type")
        place = start + (i + 1) * form.entry_size - form.inline
        if _SIZES[kind] * number > form.inline:
            place = struct.unpack(form.order + form.offset, value)[0]
        entries[tag] = Entry(kind, number, place)
        buffer.check(place, entries[tag].size)
    following = struct.unpack_from(form.order + form.offset, raw, count * form.entry_size)[0]
    return Directory(entries, {}), following


async def _load(buffer: Buffer, order: str, directories: Sequence[Directory]) -> None:
    """Bring the values of all known tags of several directories, in one round."""
    entries = [e for d in directories for e in d.entries.values()]
    if sum(e.size for e in entries) > MAX_TAG_BYTES:
        raise SourceCorruptError("the TIFF header has too many tag values")
    await buffer.ensure([(e.start, e.size) for e in entries])
    for directory in directories:
        for tag, entry in directory.entries.items():
            data = buffer.get(entry.start, entry.size)
            code = _TYPES.get(entry.kind, "V1")
            if code[0] not in "SV":
                array = np.frombuffer(data, np.dtype(order + code))
                directory.values[tag] = array.astype(array.dtype.newbyteorder("="))
            else:
                directory.values[tag] = data


async def _chain(
    buffer: Buffer, form: _Form, offsets: Sequence[int], seen: set[int]
) -> list[Directory]:
    """Follow directories from the given offsets; `seen` guards against loops."""
    found = []
    pending = list(offsets)
    while pending:
        offset = pending.pop(0)
        if offset in seen:
            raise SourceCorruptError("the TIFF directories form a loop")
        seen.add(offset)
        if len(seen) > MAX_DIRECTORIES:
            raise SourceUnsupportedError("the TIFF file has too many images")
        directory, following = await _read_directory(buffer, form, offset)
        found.append(directory)
        if following:
            pending.append(following)
    return found


async def read_header(source: ByteSource) -> Header:
    """Read the directories of a TIFF file.

    One range request where all directories lie in the first 64 kB, as in any COG of moderate size;
    else one more per far directory and one for all far tag values together.

    Args:
        source: The file; size and ETag are pinned first, so all ranges are of one version.

    Raises:
        SourceCorruptError: Not a TIFF file, or its header is inconsistent.
        SourceUnsupportedError: It has more than 64 images.
    """
    source = await source.pinned()
    size = source.ref.size or 0
    buffer = Buffer(source, size)
    head = await source.read_head(min(HEAD_BYTES, size)) if size else b""
    buffer.add(0, head)
    form, first = _signature(head)
    seen: set[int] = set()
    directories = await _chain(buffer, form, [first], seen)
    await _load(buffer, form.order, directories)
    children: list[Directory] = []
    if directories[0].has(Tag.SUB_IFDS):
        offsets = directories[0].integers(Tag.SUB_IFDS)
        if offsets is None or len(offsets) > MAX_DIRECTORIES:
            raise SourceUnsupportedError("the TIFF file has too many images")
        children = await _chain(buffer, form, [int(o) for o in offsets], seen)
        await _load(buffer, form.order, children)
    return Header(form.order == ">", size, tuple(directories), tuple(children))
