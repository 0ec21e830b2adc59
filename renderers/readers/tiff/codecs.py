"""Decompression of one block; every codec's output is bounded by the block's own size.

JPEG decodes with the same library and settings as GDAL (libjpeg-turbo, accurate integer DCT, fancy
upsampling), WebP, LERC and JPEG XL with their reference libraries; all but JPEG XL, which few
builds of GDAL have, are exact against GDAL in the tests.

Measured for real blocks of 512 x 512 (CPU, medians within one run): libdeflate needs 0.82 to 0.9 of
isal's time and half of zlib's; imagecodecs' JPEG 0.85 of simplejpeg's, and it takes the shared
tables that simplejpeg would need spliced in.
"""

import lzma
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceCorruptError
from renderers.kernels.predictor import separate, undo_float, undo_horizontal
from renderers.kernels.unpack import unpack_bits, unpack_runs
from renderers.readers.tiff.layout import BLOCK_SLACK, Compression, Layout, Photometric

Samples = NDArray[Any]

#: Memory that an LZMA stream may ask for.
_LZMA_MEMORY = 256 * 1024 * 1024
#: A thread keeps at most this many bytes for the next block.
_SCRATCH_BYTES = 8 * 1024 * 1024
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
    return room.copied(pixels, layout.dtype) if pixels.dtype == np.float16 else pixels


def _decode(layout: Layout, big_endian: bool, data: bytes, row: int, column: int) -> Samples:
    rows, columns = layout.extent(row, column)
    stored_rows = layout.stored_rows(row)
    out = room.empty((layout.block_samples, rows, columns), layout.stored)
    special = _SPECIAL.get(layout.compression)
    if special is not None:
        _separate(special(layout, data, stored_rows), out)
        return out
    size = layout.row_bytes() * stored_rows
    raw = np.frombuffer(_BYTE_CODECS[layout.compression](data, size), np.uint8)
    if raw.size != size:
        raise SourceCorruptError("a block is shorter than it should be")
    if layout.odd:
        _unpack(raw.reshape(stored_rows, -1), layout, out)
    elif layout.predictor == 3:
        undo_float(raw.reshape(stored_rows, -1), _words(out))
    else:
        words = _native(raw.view(f"u{layout.stored.itemsize}"), big_endian)
        words = words.reshape(stored_rows, layout.block_width, layout.block_samples)
        if layout.predictor == 2:
            undo_horizontal(words, _words(out))
        else:
            _separate(words, out)
    return out


def _unpack(raw: Samples, layout: Layout, out: Samples) -> None:
    if layout.bits == 1 and layout.block_samples == 1:
        out[0] = np.unpackbits(raw, axis=1)[: out.shape[1], : out.shape[2]]
    else:
        unpack_bits(raw, layout.bits, out)


def _native(words: Samples, big_endian: bool) -> Samples:
    """Return words in the machine's byte order, turned in place where they are our own copy."""
    if big_endian == (sys.byteorder == "big"):
        return words
    return words.byteswap(inplace=words.flags.writeable)


def _words(samples: Samples) -> Samples:
    """View samples as unsigned words of their size."""
    return samples.view(f"u{samples.dtype.itemsize}")


def _separate(source: Samples, out: Samples) -> None:
    """Copy (rows, columns, samples) to (samples, rows, columns), cut to `out`."""
    if out.shape[0] == 1:
        np.copyto(out[0], source[: out.shape[1], : out.shape[2], 0].view(out.dtype))
    else:
        separate(_words(source), _words(out))


class _Scratch(threading.local):
    """Room for the bytes of one block, one per thread: fresh pages cost a tenth of a decode."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.uint8)

    def of(self, size: int) -> NDArray[np.uint8]:
        """Return `size` bytes of undefined content, valid until the thread asks again."""
        if size > _SCRATCH_BYTES:
            return np.empty(size, np.uint8)
        if self._room.size < size:
            self._room = np.empty(size, np.uint8)
        return self._room[:size]


_scratch = _Scratch()


def _inflate(data: bytes, size: int) -> Samples:
    """Inflate a block; what a stream holds beyond it is left alone, as libtiff does.

    libdeflate knows whole streams only, so the rare longer ones go to isal.
    """
    decode: Callable[..., Any] = imagecodecs.deflate_decode
    out: Samples
    try:
        out = decode(data, out=_scratch.of(size))
    except RuntimeError:
        out = np.frombuffer(_inflate_to(data, size + 1), np.uint8)
        if out.size <= size:  # it is not longer, so it is broken
            raise
        out = out[:size]
    return out


def _inflate_to(data: bytes, most: int) -> bytes:
    """Inflate at most `most` bytes."""
    return isal_zlib.decompressobj().decompress(data, most)


def _plain(data: bytes, size: int) -> bytes:
    return data[:size]


def _lzma(data: bytes, size: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(data, size)


def _packbits(data: bytes, size: int) -> Samples:
    out = _scratch.of(size)
    return out[: unpack_runs(np.frombuffer(data, np.uint8), out)]


def _bounded(decode: Callable[..., Any]) -> Callable[[bytes, int], Any]:
    """Adapt an imagecodecs decoder, which fills `out` as far as it goes and returns that."""

    def run(data: bytes, size: int) -> Any:
        return decode(data, out=_scratch.of(size))

    return run


_BYTE_CODECS: dict[int, Callable[[bytes, int], Any]] = {
    Compression.NONE: _plain,
    Compression.LZW: _bounded(imagecodecs.lzw_decode),
    Compression.DEFLATE: _inflate,
    Compression.DEFLATE_OLD: _inflate,
    Compression.PACKBITS: _packbits,
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


def _jpeg_xl(layout: Layout, data: bytes, rows: int) -> Samples:
    out: Samples = imagecodecs.jpegxl_decode(data, numthreads=1, out=_empty(layout, rows))
    return out.reshape(rows, layout.block_width, layout.block_samples)


def _lerc(layout: Layout, data: bytes, rows: int) -> Samples:
    """Decode LERC; pixels that its mask leaves out are NaN or 0, as libtiff has them."""
    most = 2 * layout.row_bytes() * rows + BLOCK_SLACK
    if layout.lerc == 1:
        data = _inflate_to(data, most)
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
    Compression.JPEG_XL: _jpeg_xl,
    Compression.JPEG_XL_DNG: _jpeg_xl,
    Compression.LERC: _lerc,
}
