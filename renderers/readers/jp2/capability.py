"""Which codestreams this reader decodes exactly: a check on the headers, never a trial."""

from renderers.readers.jp2.boxes import Jp2Boxes
from renderers.readers.jp2.codestream import COC, COD, POC, PPM, PPT, QCC, QCD, RGN, MainHeader
from renderers.readers.jp2.cutout import KEPT

#: Samples (pixels times components) of one tile; OpenJPEG holds each in 4 bytes while decoding.
MAX_TILE_SAMPLES = 1 << 25
#: A file of more than `MANY_TILES` tiles smaller than this (the previews of Sentinel-2 have 1849
#: of 8 px) is read and decoded as a whole: one by one, tiles cost more calls than they save bytes.
MIN_TILE_SIDE = 64
MANY_TILES = 64
#: Bytes of the packets of such a file.
MAX_WHOLE_BYTES = 4 * 1024 * 1024
#: Levels stop when the next would be shorter than this on a side.
MIN_LEVEL_SIDE = 32

#: Rsiz bit of Part 15 (high throughput), and the code-block style that goes with it.
_HIGH_THROUGHPUT = 0x40
#: Rsiz bit that announces extensions of Part 2.
_EXTENSIONS = 0x8000

#: Main-header markers that change nothing for a tile that is cut out.
_HARMLESS = frozenset({0xFF55, 0xFF57, 0xFF63, 0xFF64})  # TLM, PLM, CRG, COM

#: Tile-part headers that override the main header, or hold packet headers.
OVERRIDES = frozenset({COD, COC, QCD, QCC, RGN, POC, PPT})


def unsupported(header: MainHeader, boxes: Jp2Boxes) -> str | None:
    """Return why the file cannot be read by cut-out, or None where it can."""
    return _geometry(header) or _samples(header, boxes) or _coding(header)


def _geometry(header: MainHeader) -> str | None:
    size = header.size
    if any((size.x0, size.y0, size.tile_x0, size.tile_y0)):
        return "an image or tile offset"
    width, height = min(size.tile_width, size.x1), min(size.tile_height, size.y1)
    if is_whole(header):
        width, height = size.x1, size.y1
    if width * height * len(size.components) > MAX_TILE_SAMPLES:
        return "many tiles that are read as one" if is_whole(header) else "very large tiles"
    return None


def is_whole(header: MainHeader) -> bool:
    """Tell whether a file is one block: its tiles are many and small, or not to be had alone.

    Packet headers in the main header (PPM) are one stream for all tiles in their order. OpenJPEG
    reads it from the beginning to the end only, so GDAL, which asks tile by tile, fails.
    """
    size = header.size
    if PPM in header.markers:
        return True
    many = size.columns * size.rows > MANY_TILES
    return many and min(size.tile_width, size.tile_height) < MIN_TILE_SIDE


def _samples(header: MainHeader, boxes: Jp2Boxes) -> str | None:
    parts = header.size.components
    if any((p.dx, p.dy) != (1, 1) for p in parts):
        return "sub-sampled components"
    if any(p[:2] != parts[0][:2] for p in parts):
        return "components of different depth"
    if parts[0].precision > 16 or (parts[0].signed and parts[0].precision <= 8):
        return "an unusual sample depth"
    if boxes.palette is not None and (len(parts) != 1 or parts[0].signed):
        return "a palette over several components"
    if boxes.alpha is not None and (boxes.alpha != len(parts) - 1 or len(parts) == 1):
        return "opacity that is not the last component"
    return None


def _coding(header: MainHeader) -> str | None:
    if POC in header.markers:
        return "changes of progression"
    if header.markers - _HARMLESS - frozenset(KEPT):
        return "unknown markers"
    if header.size.capabilities & _EXTENSIONS or any(
        c.block_style & _HIGH_THROUGHPUT for c in header.coding
    ):
        return "extensions of the standard"
    levels = header.coding[0].levels
    if any(c.levels != levels for c in header.coding):
        return "components of different resolutions"
    if usable_levels(header) > 1 and not resolution_major(header):
        return "packets not ordered by resolution"
    return None


def resolution_major(header: MainHeader) -> bool:
    """Tell whether all packets of a resolution come before those of the next finer one."""
    order = header.progression
    return order in ("RLCP", "RPCL") or (order == "LRCP" and header.layers == 1)


def usable_levels(header: MainHeader) -> int:
    """Return how many resolutions have a regular grid of blocks and a useful size.

    A tile side that 2**r does not divide would make blocks of different sizes at reduction r.
    """
    size = header.size
    count = 1
    if PPM in header.markers:
        return count
    for reduction in range(1, header.coding[0].levels + 1):
        regular = (size.columns == 1 or size.tile_width % (1 << reduction) == 0) and (
            size.rows == 1 or size.tile_height % (1 << reduction) == 0
        )
        if not regular or min(size.x1, size.y1) >> reduction < MIN_LEVEL_SIDE:
            break
        count += 1
    return count
