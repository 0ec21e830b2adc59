"""A decodable codestream of one tile at one resolution, made of header patches and packet bytes.

The tile keeps its coordinates on the reference grid (only SIZ's image and tile areas shrink to
it), so the parity of the wavelet, the precinct and the code-block partition stay as they were
(T.800, B.3 to B.7). For a reduction by r, all coordinates become ceil(x / 2**r), which is where
the standard puts resolution N-r (equation B-14), and the r finest levels leave COD, COC, QCD and
QCC; what remains of the sub-bands is unchanged, as quantisation steps are listed coarsest first.
"""

import struct
from collections.abc import Sequence

from renderers.readers.jp2.codestream import (
    CAP,
    COC,
    COD,
    EOC,
    PPM,
    QCC,
    QCD,
    RGN,
    SIZ,
    SOC,
    SOD,
    SOT,
    SOT_FORMAT,
    SOT_LENGTH,
    MainHeader,
    Segment,
    ceil_shift,
)

#: Main-header segments that the decoder needs. PPM is of all tiles: such files are one block.
KEPT = (SIZ, CAP, COD, COC, QCD, QCC, RGN, PPM)


def tile_area(header: MainHeader, tile: int, reduction: int) -> tuple[int, int, int, int]:
    """Return (x0, y0, x1, y1) of a tile in the pixels of a reduced resolution (B-14, B-15)."""
    x0, y0, x1, y1 = (ceil_shift(edge, reduction) for edge in header.size.tile(tile))
    return x0, y0, x1, y1


def cut_out(header: MainHeader, tile: int, reduction: int, bodies: Sequence[bytes]) -> bytes:
    """Return a codestream that holds one tile only.

    Args:
        header: Main header of the file.
        tile: Tile number.
        reduction: Finest levels to leave out.
        bodies: Packet bytes of the tile's tile-parts in their order, at least up to the last
            packet of the resolution asked for.
    """
    x0, y0, x1, y1 = tile_area(header, tile, reduction)
    area = x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0
    return stream(header, reduction, area, [b"".join(bodies)])


def stream(
    header: MainHeader, reduction: int, area: tuple[int, ...], bodies: Sequence[bytes]
) -> bytes:
    """Return a codestream of a main header without its finest levels, and of tiles.

    Args:
        header: Main header of the file.
        reduction: Finest levels to leave out.
        area: Xsiz to YTOsiz of SIZ, 8 numbers (T.800, A.5.1).
        bodies: Packet bytes of each tile, in the order of their numbers.
    """
    parts = [struct.pack(">H", SOC)]
    for segment in header.segments:
        if segment.marker in KEPT:
            data = _lowered(header, segment, reduction)
            if segment.marker == SIZ:
                data = data[:2] + struct.pack(">8I", *area) + data[34:]
            parts.append(struct.pack(">HH", segment.marker, len(data) + 2) + data)
    for tile, body in enumerate(bodies):
        length = SOT_LENGTH + 2 + len(body)
        parts.append(struct.pack(SOT_FORMAT, SOT, 10, tile, length, 0, 1) + struct.pack(">H", SOD))
        parts.append(body)
    parts.append(struct.pack(">H", EOC))
    return b"".join(parts)


def _lowered(header: MainHeader, segment: Segment, reduction: int) -> bytes:
    """Return a segment of the main header without its finest levels; SIZ as it is."""
    wide = 2 if len(header.size.components) > 256 else 1
    match segment.marker:
        case 0xFF52:  # COD
            return _coding(segment.data, 5, bool(segment.data[0] & 1), reduction)
        case 0xFF53:  # COC
            return _coding(segment.data, wide + 1, bool(segment.data[wide] & 1), reduction)
        case 0xFF5C:  # QCD
            return _quantisation(segment.data, 0, reduction)
        case 0xFF5D:  # QCC
            return _quantisation(segment.data, wide, reduction)
        case _:
            return segment.data


def _coding(data: bytes, position: int, has_precincts: bool, reduction: int) -> bytes:
    """Lower the number of levels, which stands at `position`, and drop their precinct sizes."""
    out = bytearray(data)
    out[position] -= reduction
    if has_precincts and reduction:
        del out[-reduction:]
    return bytes(out)


def _quantisation(data: bytes, position: int, reduction: int) -> bytes:
    """Drop the steps of the finest levels: three sub-bands each (A.6.4, table A.27)."""
    style = data[position] & 0x1F
    each = {0: 1, 2: 2}.get(style, 0)  # 1: one step for all, from which the others derive
    drop = 3 * reduction * each
    return data[:-drop] if drop else data
