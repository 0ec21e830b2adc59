"""Files that are decoded as one image: small ones of very many tiles, and those with PPM.

A preview of Sentinel-2, 343 by 343 pixels in 1849 tiles of 8 px, takes 50 ms as a whole, and tile
by tile 1849 calls of a decoder (GDAL: 1.3 s, and 11 s where its blocks are asked for one by one).
"""

import struct
from collections.abc import Sequence

from renderers.readers.jp2.codestream import (
    EOC,
    SIZ,
    SOC,
    SOD,
    SOT,
    SOT_FORMAT,
    SOT_LENGTH,
    MainHeader,
    ceil_shift,
)
from renderers.readers.jp2.cutout import KEPT, lowered


def reduced_stream(header: MainHeader, reduction: int, bodies: Sequence[bytes]) -> bytes:
    """Return a codestream of the whole image at a resolution.

    Tiles keep their places, as their side is a multiple of 2**reduction and the reference grid
    begins at 0: a tile's coordinates at resolution N-r are those of the tile of the smaller grid
    (T.800, B-14).

    Args:
        header: Main header of a file without image and tile offsets.
        reduction: Finest levels to leave out.
        bodies: Packet bytes of each tile, up to the last packet of the resolution.
    """
    parts = [struct.pack(">H", SOC)]
    for segment in header.segments:
        if segment.marker in KEPT:
            data = (
                _size(header, segment.data, reduction)
                if segment.marker == SIZ
                else lowered(header, segment, reduction)
            )
            parts.append(struct.pack(">HH", segment.marker, len(data) + 2) + data)
    for tile, body in enumerate(bodies):
        length = SOT_LENGTH + 2 + len(body)
        parts.append(struct.pack(SOT_FORMAT, SOT, 10, tile, length, 0, 1) + struct.pack(">H", SOD))
        parts.append(body)
    parts.append(struct.pack(">H", EOC))
    return b"".join(parts)


def _size(header: MainHeader, data: bytes, reduction: int) -> bytes:
    size = header.size
    width, height = ceil_shift(size.x1, reduction), ceil_shift(size.y1, reduction)
    tile_width = ceil_shift(size.tile_width, reduction)
    tile_height = ceil_shift(size.tile_height, reduction)
    area = struct.pack(">8I", width, height, 0, 0, tile_width, tile_height, 0, 0)
    return data[:2] + area + data[34:]
