"""Decoding a window of a tile: packets of precincts that it does not need become empty packets.

Entropy decoding is nearly all the work (a 1024 px tile of Sentinel-2: 200 ms, of which 4.5 remain
when every packet is empty), and OpenJPEG does it for every code-block that has bytes. A packet
whose first header bit is 0 has none (ISO/IEC 15444-1, B.10.3), so a precinct is left out by the
byte 0x00 in place of each of its packets. Precincts are coded apart from one another: those that
stay are unchanged, and a pixel is exact if every coefficient that its synthesis filters reach is
there.

Samples that one step of synthesis needs, in absolute coordinates of the reference grid (F.3, with
x(2n) from the low-pass s(n) and x(2n+1) from the high-pass d(n)), for pixels `lo` to `hi` - 1:

=========  =========================  ===============================
transform  low-pass, both ends        high-pass, both ends
=========  =========================  ===============================
5-3        lo >> 1      to hi >> 1    (lo >> 1) - 1 to hi >> 1
9-7        (lo >> 1) - 1 to (hi >> 1) + 1  (lo >> 1) - 2 to (hi >> 1) + 1
=========  =========================  ===============================

The low-pass range is the window of the next coarser resolution. At the edges of a tile the signal
is mirrored, and what a filter then takes lies within the same ranges.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError
from renderers.readers.base import PixelWindow
from renderers.readers.jp2.codestream import (
    COD,
    SOT,
    MainHeader,
    PartHead,
    ceil_shift,
    parse_part_head,
    part_header_length,
)
from renderers.readers.jp2.cutout import tile_area
from renderers.readers.jp2.errors import corrupt

#: Bytes that a tile-part header is expected to have at most, and per packet: SOT, SOD, PLT's own
#: marker and a short comment; a length of up to 2**28.
_HEAD_BYTES, _LENGTH_BYTES = 96, 4
#: Room for a header is no larger: a file that claims millions of packets is decoded whole.
MAX_ROOM = 64 * 1024
#: Places tried where bytes look like an SOT; a second one is rare already.
_MAX_TRIES = 8

_SOT_BEGIN = SOT.to_bytes(2, "big") + b"\0\x0a"
_SOP_BEGIN, _SOP_LENGTH = b"\xff\x91\0\4", 6
_EPH_MARKER = b"\xff\x92"
_MAY_SOP, _HAS_EPH = 2, 4

#: How packets of one resolution are ordered, as axes of (layer, component, precinct).
_ORDERS = {
    "LRCP": (0, 1, 2),
    "RLCP": (0, 1, 2),
    "RPCL": (2, 1, 0),
    "PCRL": (2, 1, 0),
    "CPRL": (1, 2, 0),
}


class _Span(NamedTuple):
    """Precincts of one resolution along one axis.

    Attributes:
        first: First precinct that is needed, counted from the tile's first.
        stop: One after the last.
        total: Precincts of the tile.
        needed: Pixels of the resolution that the needed ones cover.
        size: Pixels of the tile at the resolution.
    """

    first: int
    stop: int
    total: int
    needed: int
    size: int


@lru_cache(maxsize=1024)
def _spans(
    edges: tuple[int, int],
    window: tuple[int, int],
    levels: int,
    exponents: tuple[int, ...],
    reversible: bool,
) -> tuple[_Span, ...]:
    """Follow a window along one axis down the resolutions; coarsest first.

    Args:
        edges: Of the tile on the reference grid.
        window: First pixel and one after the last, on the canvas of the finest resolution here.
        levels: Decomposition levels of the file.
        exponents: Precinct size exponents of the resolutions here, coarsest first.
        reversible: 5-3 instead of 9-7.
    """
    reach = 0 if reversible else 1
    lo, hi = window
    out = []
    for resolution in range(len(exponents) - 1, -1, -1):
        low, high = (ceil_shift(edge, levels - resolution) for edge in edges)
        exponent = exponents[resolution]
        base, count = low >> exponent, ceil_shift(high, exponent) - (low >> exponent)
        if resolution:
            first, last = (lo >> 1) - 1 - reach, (hi >> 1) + reach
            first, last = first >> exponent - 1, last >> exponent - 1
            lo, hi = (lo >> 1) - reach, (hi >> 1) + reach + 1
        else:
            first, last = lo >> exponent, hi - 1 >> exponent
        first, last = max(first, base), min(last, base + count - 1)
        covered = min(last + 1 << exponent, high) - max(first << exponent, low)
        span = _Span(first - base, last + 1 - base, count, max(covered, 0), high - low)
        out.append(span if high > low else _Span(0, 0, 0, 0, 0))
    return tuple(reversed(out))


def _axes(
    header: MainHeader, tile: int, reduction: int, window: PixelWindow
) -> list[tuple[_Span, _Span]]:
    """Return (rows, columns) of precincts by resolution, coarsest first."""
    coding = header.coding[0]
    x0, y0, x1, y1 = header.size.tile(tile)
    left, top, _, _ = tile_area(header, tile, reduction)
    sizes = coding.precincts[: coding.levels + 1 - reduction]
    reversible = all(c.reversible for c in header.coding)
    rows = (top + window[0], top + window[2])
    columns = (left + window[1], left + window[3])
    down = _spans((y0, y1), rows, coding.levels, tuple(p[1] for p in sizes), reversible)
    along = _spans((x0, x1), columns, coding.levels, tuple(p[0] for p in sizes), reversible)
    return list(zip(down, along, strict=True))


def divisible(header: MainHeader) -> bool:
    """Tell whether tiles of the file can be decoded in part: precincts alike in all components."""
    sizes = header.coding[0].precincts
    return all(c.precincts == sizes for c in header.coding) and all(
        min(size) > 0 for size in sizes[1:]
    )


def coefficient_share(header: MainHeader, tile: int, reduction: int, window: PixelWindow) -> float:
    """Return the part of the tile's coefficients that a window needs, 0 to 1.

    Args:
        header: Main header of a `divisible` file.
        tile: Tile number.
        reduction: Finest levels left out.
        window: First row, first column, and one after the last of each, in pixels of the tile at
            that reduction.
    """
    needed = whole = 0
    shapes = [
        (rows.needed * columns.needed, rows.size * columns.size)
        for rows, columns in _axes(header, tile, reduction, window)
    ]
    for number, (part, size) in enumerate(shapes):
        # A resolution adds three quarters of its pixels to those below; the coarsest all of them.
        weight = 3 if number else 4
        needed, whole = needed + weight * part, whole + weight * size
    return needed / whole if whole else 1.0


def wanted_packets(
    header: MainHeader, tile: int, reduction: int, window: PixelWindow
) -> NDArray[np.bool_]:
    """Return bool (packets,): which packets of a tile a window needs, in the file's order.

    Args:
        header: Main header of a `divisible` file.
        tile: Tile number.
        reduction: Finest levels left out, with their packets.
        window: As in `coefficient_share`.
    """
    order = _ORDERS[header.progression]
    out = []
    for rows, columns in _axes(header, tile, reduction, window):
        precincts = np.zeros((rows.total, columns.total), np.bool_)
        precincts[rows.first : rows.stop, columns.first : columns.stop] = True
        shape = header.layers, len(header.coding), precincts.size
        out.append(np.broadcast_to(precincts.ravel(), shape).transpose(order).ravel())
    return np.concatenate(out)


def head_room(header: MainHeader, tile: int) -> int:
    """Return how many bytes before a tile-part's packets hold its header, PLT included."""
    return min(_HEAD_BYTES + _LENGTH_BYTES * sum(header.packets(tile)), MAX_ROOM)


def find_head(room: bytes, tile: int, body: int) -> PartHead | None:
    """Find the tile-part header at the end of some bytes.

    Args:
        room: Bytes up to the first packet.
        tile: Number of the tile it must be of.
        body: Bytes of the tile-part's packets, all resolutions.

    Returns:
        The header, or None where it begins before `room`.
    """
    # Nearest first; the bytes of an SOT can also stand in PLT or in packets of the tile before,
    # but then tile, length and the chain of segments up to the first packet do not all fit.
    position = len(room)
    for _ in range(_MAX_TRIES):
        position = room.rfind(_SOT_BEGIN, 0, position)
        if position < 0:
            return None
        try:
            if part_header_length(room[position:]) == len(room) - position:
                head = parse_part_head(room[position:])
                if head.tile == tile and head.length in (0, head.header + body):
                    return head
        except SourceCorruptError:
            continue  # not a header, only its first bytes
    return None


def blanked(
    header: MainHeader, body: bytes, lengths: Sequence[int], wanted: NDArray[np.bool_]
) -> bytes:
    """Return packet bytes with empty packets in place of those not wanted.

    Args:
        header: Main header, whose COD says which markers packets have.
        body: Packets, one after the other.
        lengths: Bytes of each, the first `len(wanted)` of which are in `body`.
        wanted: bool (packets,), which stay.

    Raises:
        SourceCorruptError: The lengths do not fit the bytes.
    """
    ends = np.cumsum(lengths[: len(wanted)], dtype=np.int64)
    if len(ends) != len(wanted) or (len(ends) and ends[-1] != len(body)):
        raise corrupt("packet lengths")
    style = next(s.data[0] for s in header.segments if s.marker == COD)
    tail = b"\0" + (_EPH_MARKER if style & _HAS_EPH else b"")
    out = []
    start = 0
    for stop, stays in zip(ends.tolist(), wanted.tolist(), strict=True):
        if stays:
            out.append(body[start:stop])
        else:
            if style & _MAY_SOP and body.startswith(_SOP_BEGIN, start):
                out.append(body[start : start + _SOP_LENGTH])
            out.append(tail)
        start = stop
    return b"".join(out)
