"""PNG (W3C Portable Network Graphics, third edition), fast: own filter and own deflate (ADR 7)."""

import functools
import struct
import zlib
from typing import Final

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from renderers.encoders.base import EncodingError, check_size
from renderers.image import Image, UInt8Array
from renderers.kernels import png as kernels
from renderers.kernels.deflate import HEAD, SLACK, deflate_rows

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREY: Final = 0
_TRUECOLOUR: Final = 2
_INDEXED: Final = 3
_TRUECOLOUR_ALPHA: Final = 6
_MAX_SIZE: Final = 65535
#: Window of 32 kB, fastest algorithm (RFC 1950, 2.2).
_ZLIB_HEAD: Final = b"\x78\x01"
_END: Final = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"
#: Below this many bytes of rows the head of our deflate block weighs more than zlib's time.
_SMALL: Final = 4096
#: Where rows shrink to less than this part, matches across rows gain, and isal is fast on them.
_FLAT_RATIO: Final = 40
#: Largest picture of one colour whose file is kept, in pixels; each file has 0.2 to 4 kB.
_KEPT_PIXELS: Final = 1 << 20
#: Largest chunk (section 5.3).
_LONGEST_CHUNK: Final = 2**31 - 1


class PngEncoder:
    """Lossless; RGB when opaque, RGBA otherwise; palettes with only the entries that occur."""

    media_type: Final = "image/png"
    extensions: Final = ("png",)
    supports_alpha: Final = True
    max_size: Final = _MAX_SIZE

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture exactly; see `Encoder.encode`. `quality` has no meaning here."""
        check_size(image, self)
        if image.palette is not None:
            return _indexed(np.ascontiguousarray(image.pixels), image.palette)
        pixels = np.ascontiguousarray(image.pixels).reshape(-1)
        every, some = kernels.extremes(pixels, image.opaque is True)
        opaque = image.opaque or every >> 24 == 255
        if every == some and image.width * image.height <= _KEPT_PIXELS:
            colour = pixels[: 3 if opaque else 4].tobytes()
            return _one_colour(image.width, image.height, colour)
        size = (3 if opaque else 4) * image.width
        rows = np.empty(image.height * (1 + size) + SLACK, np.uint8)
        if opaque:
            kernels.filter_rgb(pixels, image.height, image.width, rows)
        else:
            kernels.filter_bytes(pixels, image.height, size, 4, rows)
        colour_type = _TRUECOLOUR if opaque else _TRUECOLOUR_ALPHA
        head = _head(image.width, image.height, 8, colour_type)
        return _file(head, rows, image.height, size, 3 if opaque else 4)


def encode_grey16(values: NDArray[np.uint16]) -> bytes:
    """Encode values as a grey picture of 16 bits per sample, exactly.

    Args:
        values: uint16, shape (height, width).

    Raises:
        EncodingError: The array is not uint16, not two-dimensional, empty or too large.
    """
    if values.dtype != np.uint16 or values.ndim != 2:
        raise EncodingError("grey PNG of 16 bits takes uint16 values of one band")
    height, width = values.shape
    if not (1 <= width <= _MAX_SIZE and 1 <= height <= _MAX_SIZE):
        raise EncodingError(f"image/png pictures are 1 to {_MAX_SIZE} pixels wide and high")
    samples = values.astype(">u2", order="C").view(np.uint8).reshape(-1)
    rows = np.empty(height * (1 + 2 * width) + SLACK, np.uint8)
    kernels.filter_bytes(samples, height, 2 * width, 2, rows)
    return _file(_head(width, height, 16, _GREY), rows, height, 2 * width, 2)


def _indexed(indexes: UInt8Array, palette: UInt8Array) -> bytes:
    """Encode indexes with the entries that occur, those with transparency first.

    tRNS lists alpha from the first entry on and may stop after the last that is not opaque.
    """
    height, width = indexes.shape
    table, order = np.empty(256, np.uint8), np.empty(256, np.uint8)
    entries, translucent = kernels.arrange(indexes, np.ascontiguousarray(palette), table, order)
    if entries < 0:
        raise EncodingError("an index points past the end of the palette")
    colours = palette[order[:entries]]
    if entries == 1 and width * height <= _KEPT_PIXELS:
        return _one_entry(width, height, colours.tobytes())
    rows = np.empty(height * (1 + width) + SLACK, np.uint8)
    kernels.filter_indexes(indexes, table, rows)
    head = _head(width, height, 8, _INDEXED) + _palette(colours, translucent)
    return _file(head, rows, height, width, 1)


def _palette(colours: UInt8Array, translucent: int) -> bytes:
    """Return the chunks of a palette, RGBA, shape (n, 4), the first of them not opaque."""
    chunks = _chunk(b"PLTE", colours[:, :3].tobytes())
    if translucent:
        chunks += _chunk(b"tRNS", colours[:translucent, 3].tobytes())
    return chunks


@functools.lru_cache(maxsize=256)
def _one_colour(width: int, height: int, colour: bytes) -> bytes:
    """Return the file of a picture of one colour, RGB or RGBA: empty tiles above all."""
    colour_type = _TRUECOLOUR if len(colour) == 3 else _TRUECOLOUR_ALPHA
    row = np.frombuffer(colour * width, np.uint8)
    return _flat(_head(width, height, 8, colour_type), height, row, len(colour))


@functools.lru_cache(maxsize=256)
def _one_entry(width: int, height: int, colour: bytes) -> bytes:
    """Return the file of a picture of palette indexes that are all the same."""
    palette = _palette(np.frombuffer(colour, np.uint8).reshape(1, 4), int(colour[3] != 255))
    row = np.zeros(width, np.uint8)
    return _flat(_head(width, height, 8, _INDEXED) + palette, height, row, 1)


def _flat(head: bytes, height: int, row: UInt8Array, distance: int) -> bytes:
    """Return the file of a picture with one row repeated, as small as zlib makes it.

    All zeros, of an empty tile or a single palette entry, do best without a filter (type 0).
    """
    rows = np.zeros(height * (1 + len(row)), np.uint8)
    if row.any():
        kernels.filter_bytes(np.tile(row, height), height, len(row), distance, rows)
    return _whole(head, zlib.compress(rows.data, 9))


def _head(width: int, height: int, depth: int, colour_type: int) -> bytes:
    """Return signature and IHDR."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header)


def _file(head: bytes, rows: UInt8Array, height: int, size: int, distance: int) -> bytes:
    """Return the whole file.

    Args:
        head: All before IDAT.
        rows: Filtered rows, flat, and `SLACK` bytes.
        height: Number of rows.
        size: Bytes per row without the filter type.
        distance: Bytes per pixel.
    """
    total = height * (1 + size)
    start = len(head) + 8
    # Room for rows that do not compress, for the last row at its worst (14 bits per byte and the
    # store behind it), and for what follows the data.
    out = np.empty(start + HEAD + total + 2 * size + 64, np.uint8)
    end = 0
    if total >= _SMALL:
        end = deflate_rows(rows, height, 1 + size, distance, out, start + len(_ZLIB_HEAD))
    if not 0 < end <= start + total:
        return _whole(head, zlib.compress(rows[:total].data, 0 if total >= _SMALL else 6))
    if end - start < total // _FLAT_RATIO:
        flat = isal_zlib.compress(rows[:total].data, 1)
        if len(flat) < end - start:
            return _whole(head, flat)
    _check_length(end + 4 - start)
    view = out.data
    view[: len(head)] = head
    struct.pack_into(">I4s2s", view, len(head), end + 4 - start, b"IDAT", _ZLIB_HEAD)
    # isal's checksums take a fifth of the time of zlib's, and release the GIL like those.
    struct.pack_into(">I", view, end, isal_zlib.adler32(rows[:total]))
    check = isal_zlib.crc32(view[start - 4 : end + 4])
    struct.pack_into(f">I{len(_END)}s", view, end + 4, check, _END)
    return bytes(view[: end + 8 + len(_END)])


def _whole(head: bytes, data: bytes) -> bytes:
    """Return the file with a zlib stream that is ready."""
    _check_length(len(data))
    return b"".join((head, _chunk(b"IDAT", data), _END))


def _check_length(length: int) -> None:
    if length > _LONGEST_CHUNK:
        raise EncodingError("the picture is too large for one PNG chunk")


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)))
