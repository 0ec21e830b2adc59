"""PNG (W3C Portable Network Graphics, third edition), fast: own row filter, isal level 1."""

import struct
import zlib
from typing import Final

import numpy as np
from isal import isal_zlib

from renderers.encoders.base import EncodingError, check_size
from renderers.image import Image, UInt8Array
from renderers.kernels import png as kernels

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR: Final = 2
_INDEXED: Final = 3
_TRUECOLOUR_ALPHA: Final = 6
#: One pass of Intel's matcher: 0.7 ms for a 256 px picture where zlib's level 6 takes 29 ms, for
#: about 4 % more bytes.
_LEVEL: Final = 1


class PngEncoder:
    """Lossless; RGB when opaque, RGBA otherwise; palettes with only the entries that occur."""

    media_type: Final = "image/png"
    extensions: Final = ("png",)
    supports_alpha: Final = True
    max_size: Final = 65535

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Encode a picture exactly; see `Encoder.encode`. `quality` has no meaning here."""
        check_size(image, self)
        if image.palette is not None:
            return _indexed(image.pixels, image.palette)
        pixels = np.ascontiguousarray(image.pixels)
        opaque = kernels.lowest_alpha(pixels) == 255
        rows = np.empty((image.height, 1 + image.width * (3 if opaque else 4)), np.uint8)
        kernels.filter_rows(pixels, rows)
        return _file(image, _TRUECOLOUR if opaque else _TRUECOLOUR_ALPHA, rows)


def _indexed(pixels: UInt8Array, palette: UInt8Array) -> bytes:
    """Encode indexes with the entries that occur, those with transparency first.

    tRNS lists alpha from the first entry on and may stop after the last that is not opaque.
    """
    indexes = np.ascontiguousarray(pixels)
    used = np.zeros(256, np.uint8)
    kernels.mark_used(indexes, used)
    entries = np.flatnonzero(used)
    if entries[-1] >= len(palette):
        raise EncodingError("an index points past the end of the palette")
    order = entries[np.argsort(palette[entries, 3] == 255, kind="stable")]
    table = np.zeros(256, np.uint8)
    table[order] = np.arange(len(order), dtype=np.uint8)
    rows = np.empty((indexes.shape[0], 1 + indexes.shape[1]), np.uint8)
    kernels.index_rows(indexes, table, rows)
    colours = palette[order]
    chunks = _chunk(b"PLTE", np.ascontiguousarray(colours[:, :3]).tobytes())
    translucent = int(np.count_nonzero(colours[:, 3] != 255))
    if translucent:
        chunks += _chunk(b"tRNS", colours[:translucent, 3].tobytes())
    return _file(Image(pixels, palette), _INDEXED, rows, chunks)


def _file(image: Image, colour_type: int, rows: UInt8Array, chunks: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, colour_type, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            chunks,
            _chunk(b"IDAT", isal_zlib.compress(rows, _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)))
