"""TIFF and BigTIFF files whose every offset is known before the first pixel (TIFF 6.0, 1992).

One image, or one image and its mask (TIFF 6.0, NewSubfileType 4), little endian, each band in
blocks of its own (PlanarConfiguration 2), blocks row by row: all blocks of one row of blocks follow
each other, band by band, then the mask's. So a picture can be sent from top to bottom while it is
still being made, and values are copied once.
"""

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Field types (TIFF 6.0, section 2; LONG8 of BigTIFF) and the size of one value.
ASCII, SHORT, LONG, DOUBLE, LONG8 = 2, 3, 4, 12, 16
_CODES: Final = {SHORT: "H", LONG: "I", DOUBLE: "d", LONG8: "Q"}

#: Compression schemes (libtiff's registry).
NONE, DEFLATE, ZSTD = 1, 8, 50000

#: Largest file with 32-bit offsets; a margin for the header.
CLASSIC_LIMIT: Final = 2**32 - 2**20

_SAMPLE_FORMATS: Final = {"u": 1, "b": 1, "i": 2, "f": 3, "c": 6}


class Field(NamedTuple):
    """One entry of a directory: number, type, how many values, and their bytes, little endian."""

    tag: int
    kind: int
    values: int
    data: bytes


def numbers(tag: int, kind: int, *values: float) -> Field:
    """Return a field of SHORT, LONG, LONG8 or DOUBLE values."""
    code = _CODES[kind]
    return Field(tag, kind, len(values), struct.pack(f"<{len(values)}{code}", *values))


def text(tag: int, value: str) -> Field:
    """Return an ASCII field; GDAL's own are UTF-8, which ASCII is part of."""
    data = value.encode() + b"\0"
    return Field(tag, ASCII, len(data), data)


@dataclass(frozen=True, slots=True)
class Form:
    """How the pixels of an image lie in the file.

    Attributes:
        width: Pixels per row.
        height: Rows.
        bands: Bands, alpha included.
        dtype: Of the values; written little endian.
        block_width: Pixels per row of a block: the width for strips.
        block_height: Rows of a block.
        tiled: Blocks at the right and bottom edge are filled up to full size.
        compression: One of `NONE`, `DEFLATE`, `ZSTD`.
        mask: A mask of one bit per pixel follows.
    """

    width: int
    height: int
    bands: int
    dtype: np.dtype[np.generic]
    block_width: int
    block_height: int
    tiled: bool = False
    compression: int = NONE
    mask: bool = False

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return -(-self.height // self.block_height)

    @property
    def columns(self) -> int:
        """Blocks per row of one band."""
        return -(-self.width // self.block_width)

    @property
    def pieces(self) -> int:
        """Blocks in one row of blocks: those of all bands, then the mask's."""
        return (self.bands + (1 if self.mask else 0)) * self.columns

    def plain_sizes(self) -> NDArray[np.int64]:
        """Return the bytes of every block before compression, shape (rows, pieces)."""
        heights = np.full(self.rows, self.block_height, np.int64)
        if not self.tiled:
            heights[-1] = self.height - (self.rows - 1) * self.block_height
        pixel = np.full(self.pieces, self.block_width * self.dtype.itemsize, np.int64)
        if self.mask:
            pixel[-self.columns :] = -(-self.block_width // 8)
        return heights[:, None] * pixel[None, :]


@dataclass(frozen=True, slots=True)
class Described:
    """What the directory says beside the form.

    Attributes:
        photometric: 1 for values, 2 for red, green and blue.
        extra_samples: Kind of each band beyond the photometric ones: 0 unspecified, 2 alpha.
        predictor: 1 none, 2 differences of integers, 3 of floating-point bytes.
        fields: Georeference and GDAL's fields.
    """

    photometric: int = 1
    extra_samples: tuple[int, ...] = ()
    predictor: int = 1
    fields: tuple[Field, ...] = field(default=())


def header(form: Form, said: Described, sizes: NDArray[np.int64]) -> bytes:
    """Return everything before the first block.

    Args:
        form: How the pixels lie.
        said: What else is to be told.
        sizes: Bytes of every block as written, shape (rows of blocks, pieces).
    """
    big = int(sizes.sum()) > CLASSIC_LIMIT
    blank = np.zeros_like(sizes)
    length = len(_directories(form, said, blank, sizes, big))
    ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
    return _directories(form, said, ends - sizes + length, sizes, big)


def _directories(
    form: Form,
    said: Described,
    offsets: NDArray[np.int64],
    sizes: NDArray[np.int64],
    big: bool,
) -> bytes:
    out = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else b"II*\0\x08\0\0\0")
    split = form.bands * form.columns
    image = _image_fields(form, said) + _block_fields(
        form, offsets[:, :split], sizes[:, :split], big
    )
    out += _directory(image, len(out), big, last=not form.mask)
    if form.mask:
        fields = _mask_fields(form) + _block_fields(form, offsets[:, split:], sizes[:, split:], big)
        out += _directory(fields, len(out), big, last=True)
    return bytes(out)


def _image_fields(form: Form, said: Described) -> list[Field]:
    dtype, bands = form.dtype, form.bands
    bits = dtype.itemsize * 8
    fields = [
        *_common_fields(form),
        numbers(258, SHORT, *([bits] * bands)),
        numbers(262, SHORT, said.photometric),
        numbers(277, SHORT, bands),
        numbers(284, SHORT, 2 if bands > 1 else 1),
        numbers(339, SHORT, *([_SAMPLE_FORMATS[dtype.kind]] * bands)),
        *said.fields,
    ]
    if said.predictor != 1:
        fields.append(numbers(317, SHORT, said.predictor))
    if said.extra_samples:
        fields.append(numbers(338, SHORT, *said.extra_samples))
    return fields


def _mask_fields(form: Form) -> list[Field]:
    return [
        *_common_fields(form),
        numbers(254, LONG, 4),
        numbers(258, SHORT, 1),
        numbers(262, SHORT, 4),
        numbers(277, SHORT, 1),
        numbers(284, SHORT, 1),
    ]


def _common_fields(form: Form) -> list[Field]:
    return [
        numbers(256, LONG, form.width),
        numbers(257, LONG, form.height),
        numbers(259, SHORT, form.compression),
    ]


def _block_fields(
    form: Form, offsets: NDArray[np.int64], sizes: NDArray[np.int64], big: bool
) -> list[Field]:
    """Return where the blocks are: band by band, as the standard counts them."""
    kind, code = (LONG8, "<u8") if big else (LONG, "<u4")
    if form.tiled:
        shape = [numbers(322, LONG, form.block_width), numbers(323, LONG, form.block_height)]
        tags = 324, 325
    else:
        shape = [numbers(278, LONG, form.block_height)]
        tags = 273, 279
    bands = offsets.shape[1] // form.columns
    places = []
    for tag, table in zip(tags, (offsets, sizes), strict=True):
        ordered = table.reshape(form.rows, bands, form.columns).transpose(1, 0, 2)
        data = ordered.astype(code).tobytes()
        places.append(Field(tag, kind, ordered.size, data))
    return shape + places


def _directory(fields: list[Field], start: int, big: bool, *, last: bool) -> bytes:
    """Return one directory with its values behind it; another one follows unless it is the last."""
    count, entry, word = ("<Q", "<HHQ", 8) if big else ("<H", "<HHI", 4)
    out = bytearray(struct.pack(count, len(fields)))
    behind = start + len(out) + len(fields) * (struct.calcsize(entry) + word) + word
    behind += -behind % 8
    values = bytearray()
    for one in sorted(fields):
        out += struct.pack(entry, one.tag, one.kind, one.values)
        if len(one.data) <= word:
            out += one.data.ljust(word, b"\0")
        else:
            out += (behind + len(values)).to_bytes(word, "little")
            values += one.data
            values += bytes(-len(values) % 8)
    end = behind + len(values)
    out += (0 if last else end).to_bytes(word, "little")
    out += bytes(behind - start - len(out))
    return bytes(out + values)
