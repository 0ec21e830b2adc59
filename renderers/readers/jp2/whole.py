"""Files that are decoded as one image: small ones of very many tiles, and those with PPM.

A preview of Sentinel-2, 343 by 343 pixels in 1849 tiles of 8 px, takes 50 ms as a whole, and tile
by tile 1849 calls of a decoder (GDAL: 1.3 s, and 11 s where its blocks are asked for one by one).
"""

from collections.abc import Sequence

from renderers.readers.jp2.codestream import MainHeader, ceil_shift
from renderers.readers.jp2.cutout import stream


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
    size = header.size
    sides = (size.x1, size.y1, 0, 0, size.tile_width, size.tile_height, 0, 0)
    area = tuple(ceil_shift(side, reduction) for side in sides)
    return stream(header, reduction, area, bodies)
