"""How the pixels of one image of a TIFF file are stored, and whether we can decode that exactly."""

from collections.abc import Container
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.tiff.header import Directory, Tag

#: Most pixels in one block (tile or strip), all its samples counted once.
MAX_BLOCK_PIXELS = 8 * 1024 * 1024
#: Most decoded bytes of one block.
MAX_BLOCK_BYTES = 128 * 1024 * 1024
#: Bytes of tables and headers that a compressed block may have beside twice its pixels.
BLOCK_SLACK = 64 * 1024
#: Most mask blocks that one data block may need.
MAX_MASK_BLOCKS = 256


class Compression(IntEnum):
    """Compression schemes that are decoded here."""

    NONE = 1
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    DEFLATE_OLD = 32946
    PACKBITS = 32773
    LERC = 34887
    LZMA = 34925
    ZSTD = 50000
    WEBP = 50001
    JPEG_XL = 50002
    JPEG_XL_DNG = 52546


class Photometric(IntEnum):
    """Photometric interpretations that are read here."""

    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    YCBCR = 6


#: Schemes under which libtiff undoes a predictor.
_PREDICTED = frozenset(
    {
        Compression.LZW,
        Compression.DEFLATE,
        Compression.DEFLATE_OLD,
        Compression.LZMA,
        Compression.ZSTD,
    }
)
#: Schemes that give plain bytes, so that samples may have any number of bits.
BYTE_STREAMS = _PREDICTED | {Compression.NONE, Compression.PACKBITS}
JPEG_XL = frozenset({Compression.JPEG_XL, Compression.JPEG_XL_DNG})
_KINDS = {1: "u", 2: "i", 3: "f"}
#: Words of 24 bits are left out, as writers disagree on the order of their bytes.
_DEPTHS = {"u": (*range(1, 24), *range(25, 33), 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
_KIND_NAMES = {"u": "unsigned", "i": "signed", "f": "floating-point"}
_FORMAT_NAMES = {4: "undefined samples", 5: "complex samples", 6: "complex samples"}


class _Limits(NamedTuple):
    """What a codec of whole images holds: types (None: any), bands, and how a refusal reads."""

    kinds: frozenset[str] | None
    bands: Container[int]
    reason: str


_ANY = _Limits(None, (), "")
_LERC_TYPES = frozenset(
    {"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"}
)
_JPEG_XL = _Limits(
    frozenset({"uint8", "uint16", "float32"}),
    range(1, 5),
    "JPEG XL of other than uint8, uint16 or float32 samples in 1 to 4 bands",
)
_IMAGE_CODECS: dict[int, _Limits] = {
    Compression.JPEG: _Limits(
        frozenset({"uint8"}), (1, 3, 4), "JPEG of other than 8-bit samples in 1, 3 or 4 bands"
    ),
    Compression.WEBP: _Limits(
        frozenset({"uint8"}), (3, 4), "WebP of other than 8-bit samples in 3 or 4 bands"
    ),
    Compression.LERC: _Limits(_LERC_TYPES, range(1 << 16), "LERC of samples that it cannot hold"),
    Compression.JPEG_XL: _JPEG_XL,
    Compression.JPEG_XL_DNG: _JPEG_XL,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Storage of one image (one resolution, or one mask).

    Attributes:
        width: Pixels per row.
        height: Rows.
        block_width: Pixels per row of a tile, or of the image for strips.
        block_height: Rows of a tile or strip.
        tiled: Edge tiles are stored whole, edge strips are not.
        samples: Samples per pixel, alpha included.
        separate: Each sample has blocks of its own.
        kind: NumPy kind of the samples: u, i or f.
        bits: Bits per sample.
        compression: TIFF code.
        predictor: 1 none, 2 horizontal difference, 3 floating point.
        photometric: TIFF code.
        lerc: Compression on top of LERC: 0 none, 1 deflate, 2 zstd.
        jpeg_tables: Quantisation and Huffman tables shared by JPEG blocks, or b"".
        offsets: uint64, where each block starts in the file.
        counts: uint32, bytes of each block; 0 for a block that is not in the file.
    """

    width: int
    height: int
    block_width: int
    block_height: int
    tiled: bool
    samples: int
    separate: bool
    kind: str
    bits: int
    compression: int
    predictor: int
    photometric: int
    lerc: int
    jpeg_tables: bytes
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint32]

    @property
    def across(self) -> int:
        """Blocks per row of blocks."""
        return -(-self.width // self.block_width)

    @property
    def down(self) -> int:
        """Rows of blocks."""
        return -(-self.height // self.block_height)

    @property
    def planes(self) -> int:
        """Blocks that lie over one another: one per sample where these are separate."""
        return self.samples if self.separate else 1

    @property
    def block_samples(self) -> int:
        """Samples per pixel of one block."""
        return 1 if self.separate else self.samples

    @property
    def stored(self) -> np.dtype[np.generic]:
        """Type of the stored samples, native byte order; the next larger one for odd bits."""
        size = next(size for size in (1, 2, 4, 8) if self.bits <= 8 * size)
        return np.dtype(f"{self.kind}{size}")

    @property
    def odd(self) -> bool:
        """Whether samples are packed, as their bits are no word of the machine."""
        return self.bits not in (8, 16, 32, 64)

    @property
    def dtype(self) -> str:
        """NumPy name of decoded samples: the stored type, but float32 for float16, as GDAL."""
        return "float32" if self.stored == np.float16 else self.stored.name

    def stored_rows(self, row: int) -> int:
        """Return how many rows the blocks of a row of blocks hold in the file."""
        if self.tiled:
            return self.block_height
        return min(self.block_height, self.height - row * self.block_height)

    def row_bytes(self) -> int:
        """Return bytes of one stored row of a block, uncompressed; rows start at whole bytes."""
        return -(-self.block_width * self.block_samples * self.bits // 8)

    def number(self, row: int, column: int, plane: int) -> int:
        """Return the position of a block in `offsets` and `counts`."""
        return (plane * self.down + row) * self.across + column

    def extent(self, row: int, column: int) -> tuple[int, int]:
        """Return rows and columns of a block that lie inside the image."""
        return (
            min(self.block_height, self.height - row * self.block_height),
            min(self.block_width, self.width - column * self.block_width),
        )


def _same(directory: Directory, tag: Tag, default: int, samples: int) -> int:
    """Return the one value that all samples share."""
    values = directory.integers(tag)
    if values is None:
        return default
    if len(values) > samples and len(values) > 1:
        values = values[:samples]
    if int(values.min()) != int(values.max()):
        raise SourceUnsupportedError("samples of different types in one image")
    return int(values[0])


def _geometry(directory: Directory, width: int, height: int) -> tuple[bool, int, int, Tag, Tag]:
    """Return (tiled, block width, block height, tag of offsets, tag of byte counts)."""
    if directory.has(Tag.TILE_WIDTH) or directory.has(Tag.TILE_OFFSETS):
        block_width = directory.integer(Tag.TILE_WIDTH)
        block_height = directory.integer(Tag.TILE_LENGTH)
        return True, block_width, block_height, Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS
    rows = directory.integer(Tag.ROWS_PER_STRIP, height)
    return False, width, min(rows, height), Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS


def _lerc(directory: Directory, compression: int) -> int:
    if compression != Compression.LERC:
        return 0
    parameters = directory.integers(Tag.LERC_PARAMETERS)
    if parameters is None or len(parameters) < 2 or parameters[0] != 4 or parameters[1] > 2:
        raise SourceUnsupportedError("LERC of an unknown version")
    return int(parameters[1])


def read_layout(directory: Directory, size: int) -> Layout:
    """Read the storage tags of one directory and check them.

    Args:
        directory: With its values loaded.
        size: Bytes of the file.

    Raises:
        SourceCorruptError: The tags contradict one another or the file's size.
        SourceUnsupportedError: Blocks of this kind are not decoded here; the message says why.
    """
    width = directory.integer(Tag.IMAGE_WIDTH)
    height = directory.integer(Tag.IMAGE_LENGTH)
    samples = directory.integer(Tag.SAMPLES_PER_PIXEL, 1)
    if directory.integer(Tag.IMAGE_DEPTH, 1) != 1:
        raise SourceUnsupportedError("volumes")
    if directory.integer(Tag.FILL_ORDER, 1) != 1:
        raise SourceUnsupportedError("reversed bit order")
    planes = directory.integer(Tag.PLANAR_CONFIGURATION, 1)
    if planes not in (1, 2):
        raise SourceCorruptError("an unknown arrangement of samples")
    sample_format = _same(directory, Tag.SAMPLE_FORMAT, 1, samples)
    if sample_format not in _KINDS:
        raise SourceUnsupportedError(_FORMAT_NAMES.get(sample_format, "unknown sample format"))
    tiled, block_width, block_height, at, lengths = _geometry(directory, width, height)
    offsets, counts = directory.integers(at), directory.integers(lengths)
    if offsets is None or counts is None:
        raise SourceUnsupportedError("no table of blocks")
    if len(counts) and int(counts.max()) >= 1 << 32:
        raise SourceCorruptError("a block is larger than it can be")
    compression = directory.integer(Tag.COMPRESSION, 1)
    layout = Layout(
        width=width,
        height=height,
        block_width=block_width,
        block_height=block_height,
        tiled=tiled,
        samples=samples,
        separate=planes == 2 and samples > 1,
        kind=_KINDS[sample_format],
        bits=_same(directory, Tag.BITS_PER_SAMPLE, 1, samples),
        compression=compression,
        predictor=directory.integer(Tag.PREDICTOR, 1),
        photometric=directory.integer(Tag.PHOTOMETRIC, 1),
        lerc=_lerc(directory, compression),
        jpeg_tables=directory.data(Tag.JPEG_TABLES),
        offsets=offsets.astype(np.uint64),
        counts=counts.astype(np.uint32),
    )
    check_layout(layout, size)
    return layout


def check_layout(layout: Layout, size: int) -> None:
    """Check that a layout is consistent and that we decode its blocks exactly.

    Raises:
        SourceCorruptError: It contradicts itself or the file's size.
        SourceUnsupportedError: Blocks of this kind are not decoded here.
    """
    _check_geometry(layout)
    _check_samples(layout)
    _check_codec(layout)
    _check_table(layout, size)


def _check_geometry(layout: Layout) -> None:
    sizes = (layout.width, layout.height, layout.block_width, layout.block_height, layout.samples)
    if min(sizes) < 1 or max(sizes) >= 1 << 31 or layout.samples >= 1 << 16:
        raise SourceCorruptError("an image or block size is impossible")
    if layout.block_width * layout.block_height > MAX_BLOCK_PIXELS:
        raise SourceUnsupportedError("blocks of too many pixels")
    if layout.row_bytes() * layout.block_height > MAX_BLOCK_BYTES:
        raise SourceUnsupportedError("blocks of too many bytes")


def _check_samples(layout: Layout) -> None:
    if layout.bits not in _DEPTHS.get(layout.kind, ()):
        raise SourceUnsupportedError(
            f"{_KIND_NAMES.get(layout.kind, layout.kind)} samples of {layout.bits} bits"
        )
    if layout.photometric == 0:
        raise SourceUnsupportedError("samples where white is zero")
    if layout.photometric not in set(Photometric):
        raise SourceUnsupportedError(f"photometric interpretation {layout.photometric}")
    ycbcr = layout.photometric == Photometric.YCBCR
    if ycbcr and (layout.compression != Compression.JPEG or layout.samples != 3 or layout.separate):
        raise SourceUnsupportedError("YCbCr samples outside JPEG")
    if layout.photometric == Photometric.PALETTE and (layout.samples != 1 or layout.bits > 8):
        raise SourceUnsupportedError("a palette of more than 256 colours")


def _check_codec(layout: Layout) -> None:
    compression, stored = layout.compression, layout.stored
    if compression not in set(Compression):
        raise SourceUnsupportedError(f"compression {compression}")
    if layout.predictor not in (1, 2, 3):
        raise SourceUnsupportedError(f"predictor {layout.predictor}")
    if layout.predictor != 1 and (compression not in _PREDICTED or layout.odd):
        raise SourceUnsupportedError("a predictor that the compression does not know")
    if layout.predictor == 3 and layout.kind != "f":
        raise SourceUnsupportedError("a floating-point predictor on integers")
    if layout.odd and compression not in BYTE_STREAMS:
        raise SourceUnsupportedError("packed samples that the compression does not know")
    kinds, bands, reason = _IMAGE_CODECS.get(compression, _ANY)
    if kinds is not None and (stored.name not in kinds or layout.block_samples not in bands):
        raise SourceUnsupportedError(reason)


def _check_table(layout: Layout, size: int) -> None:
    blocks = layout.across * layout.down * layout.planes
    if len(layout.offsets) != blocks or len(layout.counts) != blocks:
        raise SourceCorruptError("the table of blocks has a wrong length")
    counts = layout.counts.astype(np.uint64)
    if np.any(layout.offsets > size) or np.any(counts > np.uint64(size) - layout.offsets):
        raise SourceCorruptError("a block lies past the end of the file")
    if np.any((layout.offsets == 0) & (counts > 0)):
        raise SourceCorruptError("a block lies in the header")
    most = 2 * layout.row_bytes() * layout.block_height + BLOCK_SLACK
    if layout.compression != Compression.NONE and np.any(counts > most):
        raise SourceCorruptError("a block is larger than it can be")


def check_mask(image: Layout, mask: Layout) -> None:
    """Check that a mask has one integer sample, covers its image, and has no absurd blocks.

    Raises:
        SourceCorruptError: It is smaller than the image.
        SourceUnsupportedError: It is not decoded here.
    """
    if mask.width < image.width or mask.height < image.height:
        raise SourceCorruptError("a mask of another size")
    plain = mask.photometric in (Photometric.MASK, Photometric.BLACK_IS_ZERO)
    if mask.samples != 1 or mask.kind != "u" or not plain:
        raise SourceUnsupportedError("a mask of several or signed samples")
    rows = -(-image.block_height * mask.height // image.height)
    columns = -(-image.block_width * mask.width // image.width)
    blocks = (-(-rows // mask.block_height) + 1) * (-(-columns // mask.block_width) + 1)
    if blocks > MAX_MASK_BLOCKS:
        raise SourceUnsupportedError("a mask in too small blocks")
