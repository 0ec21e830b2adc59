"""Decompression of one block; every codec's output is bounded by the block's own size.

JPEG decodes with the same library and settings as GDAL (libjpeg-turbo, accurate integer DCT, fancy
upsampling), WebP and LERC with their reference libraries, all exact against GDAL in the tests.
"""

import lzma
from collections.abc import Callable
from typing import Any, cast

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError
from renderers.kernels.predictor import separate, undo_float, undo_horizontal
from renderers.readers.tiff.layout import BLOCK_SLACK, Compression, Layout, Photometric

Samples = NDArray[Any]

#: Memory that an LZMA stream may ask for.
_LZMA_MEMORY = 256 * 1024 * 1024
#: What codecs raise on bytes they cannot decode. MemoryError: a size that a broken stream claims.
_BROKEN: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    MemoryError,
    EOFError,
    lzma.LZMAError,
    cast(type[Exception], isal_zlib.IsalError),
)


def decode_pixels(
    layout: Layout, big_endian: bool, data: bytes, row: int, column: int
) -> NDArray[Any]:
    """Decode one block.

    Args:
        layout: How the image is stored.
        big_endian: Byte order of the file.
        data: The block's bytes.
        row: Row of the block, which tells how many rows it holds.
        column: Column of the block.

    Returns:
        C-contiguous and writable, shape (samples of the block, rows, columns), native byte order,
        the layout's `dtype`, cut at the image's edge.

    Raises:
        SourceCorruptError: The bytes do not decode to a block of the right size.
    """
    try:
        pixels = _decode(layout, big_endian, data, row, column)
    except _BROKEN as error:
        detail = f"{type(error).__name__}: {error}"
        raise SourceCorruptError("a block does not decode", detail=detail) from error
    return pixels.astype(layout.dtype) if pixels.dtype == np.float16 else pixels


def _decode(layout: Layout, big_endian: bool, data: bytes, row: int, column: int) -> Samples:
    rows, columns = layout.extent(row, column)
    stored_rows = layout.stored_rows(row)
    out = np.empty((layout.block_samples, rows, columns), layout.stored)
    special = _SPECIAL.get(layout.compression)
    if special is not None:
        _separate(special(layout, data, stored_rows), out)
        return out
    size = layout.row_bytes() * stored_rows
    raw = np.frombuffer(_BYTE_CODECS[layout.compression](data, size), np.uint8)
    if raw.size != size:
        raise SourceCorruptError("a block is shorter than it should be")
    if layout.bits == 1:
        bits = np.unpackbits(raw.reshape(stored_rows, -1), axis=1)
        out[0] = bits[:rows, :columns]
    elif layout.predictor == 3:
        undo_float(raw.reshape(stored_rows, -1), _words(out))
    else:
        words = raw.view(f"{'>' if big_endian else '<'}u{layout.stored.itemsize}")
        words = words.astype(words.dtype.newbyteorder("="), copy=False)
        words = words.reshape(stored_rows, layout.block_width, layout.block_samples)
        if layout.predictor == 2:
            undo_horizontal(words, _words(out))
        else:
            _separate(words, out)
    return out


def _words(samples: Samples) -> Samples:
    """View samples as unsigned words of their size."""
    return samples.view(f"u{samples.dtype.itemsize}")


def _separate(source: Samples, out: Samples) -> None:
    """Copy (rows, columns, samples) to (samples, rows, columns), cut to `out`."""
    if out.shape[0] == 1:
        np.copyto(out[0], source[: out.shape[1], : out.shape[2], 0].view(out.dtype))
    else:
        separate(_words(source), _words(out))


def _inflate(data: bytes, size: int) -> bytes:
    """Inflate the first `size` bytes; isal is the fastest here and stops at the bound."""
    return isal_zlib.decompressobj().decompress(data, size)


def _plain(data: bytes, size: int) -> bytes:
    return data[:size]


def _lzma(data: bytes, size: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(data, size)


def _bounded(decode: Callable[..., Any]) -> Callable[[bytes, int], Any]:
    """Adapt an imagecodecs decoder, which fills `out` and never grows it."""

    def run(data: bytes, size: int) -> Any:
        return decode(data, out=np.empty(size, np.uint8))

    return run


_BYTE_CODECS: dict[int, Callable[[bytes, int], Any]] = {
    Compression.NONE: _plain,
    Compression.LZW: _bounded(imagecodecs.lzw_decode),
    Compression.DEFLATE: _inflate,
    Compression.DEFLATE_OLD: _inflate,
    Compression.PACKBITS: _bounded(imagecodecs.packbits_decode),
    Compression.LZMA: _lzma,
    Compression.ZSTD: _bounded(imagecodecs.zstd_decode),
}


def _empty(layout: Layout, rows: int) -> Samples:
    """Return room for a whole stored block; decoders refuse streams of another shape."""
    shape: tuple[int, ...] = (rows, layout.block_width, layout.block_samples)
    return np.empty(shape if layout.block_samples > 1 else shape[:2], layout.stored)


def _jpeg(layout: Layout, data: bytes, rows: int) -> Samples:
    if layout.block_samples == 1:
        spaces = ("GRAYSCALE", "GRAYSCALE")
    elif layout.photometric == Photometric.YCBCR:
        spaces = ("YCBCR", "RGB")
    elif layout.block_samples == 3:
        spaces = ("RGB", "RGB")
    else:
        spaces = ("UNKNOWN", "UNKNOWN")
    out = imagecodecs.jpeg8_decode(
        data,
        tables=layout.jpeg_tables or None,
        colorspace=spaces[0],
        outcolorspace=spaces[1],
        out=_empty(layout, rows),
    )
    return out.reshape(rows, layout.block_width, layout.block_samples)


def _webp(layout: Layout, data: bytes, rows: int) -> Samples:
    """Decode WebP; a fourth band that the stream leaves out is opaque, as libtiff has it."""
    out: Samples = imagecodecs.webp_decode(
        data, hasalpha=layout.block_samples == 4, out=_empty(layout, rows)
    )
    return out


def _lerc(layout: Layout, data: bytes, rows: int) -> Samples:
    """Decode LERC; pixels that its mask leaves out are NaN or 0, as libtiff has them."""
    most = 2 * layout.row_bytes() * rows + BLOCK_SLACK
    if layout.lerc == 1:
        data = _inflate(data, most)
    elif layout.lerc == 2:
        data = bytes(imagecodecs.zstd_decode(data, out=bytearray(most)))
    out, valid = imagecodecs.lerc_decode(data, masks=True, out=_empty(layout, rows))
    out = out.reshape(rows, layout.block_width, layout.block_samples)
    if valid is not None:
        fill = np.nan if layout.kind == "f" else 0
        out[np.asarray(valid).reshape(rows, layout.block_width, -1)[..., 0] == 0] = fill
    return np.ascontiguousarray(out)


_SPECIAL: dict[int, Callable[[Layout, bytes, int], Samples]] = {
    Compression.JPEG: _jpeg,
    Compression.WEBP: _webp,
    Compression.LERC: _lerc,
}
