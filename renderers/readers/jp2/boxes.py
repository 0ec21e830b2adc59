"""The boxes of a JP2 file (ISO/IEC 15444-1, Annex I): codestream, colours, metadata."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from renderers.errors import SourceUnsupportedError
from renderers.readers.jp2.errors import corrupt, truncated
from renderers.readers.jp2.window import Window

#: Signature box, the first 12 bytes of every JP2 file (I.5.1).
SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
#: SOC and SIZ: a codestream without boxes.
RAW_CODESTREAM = bytes.fromhex("ff4fff51")
#: Box that holds a degenerate GeoTIFF (GeoJP2).
GEOTIFF_UUID = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")

#: Metadata boxes larger than this are passed over unread.
MAX_METADATA = 4 * 1024 * 1024
#: Boxes walked before giving up.
MAX_BOXES = 1000
#: One request usually brings every box before the codestream and its main header.
FIRST_READ = 64 * 1024

RGBA = tuple[int, int, int, int]


@dataclass(slots=True)
class Jp2Boxes:
    """What the boxes say.

    Attributes:
        start: First byte of the codestream.
        stop: Byte after it, or after the file's end where the box has no length.
        geotiff: Contents of the GeoJP2 boxes.
        gml: Text of the GMLJP2 root instance, where present.
        palette: RGBA by sample value, where the file is a palette image.
        alpha: Component that is opacity, where channel definitions name one.
    """

    start: int
    stop: int
    geotiff: list[bytes] = field(default_factory=list)
    gml: bytes | None = None
    palette: tuple[RGBA, ...] | None = None
    alpha: int | None = None


async def read_boxes(window: Window) -> Jp2Boxes:
    """Walk the top-level boxes; a raw codestream is a file of no boxes.

    Raises:
        SourceUnsupportedError: Not JPEG 2000, or colours that are not plain components.
        SourceCorruptError: The boxes do not follow the standard.
        SourceError: Other kinds, by what the store answered.
    """
    head = await window.read(0, len(SIGNATURE), FIRST_READ)
    if head.startswith(RAW_CODESTREAM):
        return Jp2Boxes(0, window.size)
    if head != SIGNATURE:
        raise SourceUnsupportedError("the file is not JPEG 2000")
    found = Jp2Boxes(0, 0)
    position = 0
    for _ in range(MAX_BOXES):
        if position + 8 > window.size:
            break
        kind, body, stop = _box(await window.read(position, 16, FIRST_READ), position, window.size)
        if kind == b"jp2c":
            if not found.stop:
                found.start, found.stop = body, min(stop, window.size)
        elif kind in _HANDLERS and stop - body <= MAX_METADATA:
            _HANDLERS[kind](found, await window.read_exactly(body, stop - body))
        position = stop
    if not found.stop:
        raise corrupt("no codestream")
    return found


def _box(head: bytes, position: int, end: int) -> tuple[bytes, int, int]:
    """Return (kind, first content byte, byte after) of the box whose header is `head` (I.4)."""
    if len(head) < 8:
        raise truncated()
    length, kind = struct.unpack_from(">I4s", head)
    header = 8
    if length == 1:
        if len(head) < 16:
            raise truncated()
        (length,) = struct.unpack_from(">Q", head, 8)
        header = 16
    elif length == 0:
        length = end - position
    if length < header:
        raise corrupt("box length")
    return kind, position + header, position + length


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give (kind, content) of the boxes inside a superbox."""
    position = 0
    while position + 8 <= len(data):
        kind, body, stop = _box(data[position : position + 16], position, len(data))
        if stop > len(data):
            raise corrupt("a box is longer than the one around it")
        yield kind, data[body:stop]
        position = stop


def _header_box(found: Jp2Boxes, data: bytes) -> None:
    boxes = dict(_children(data))
    if b"cdef" in boxes:
        found.alpha = _alpha(boxes[b"cdef"])
    if b"pclr" in boxes:
        found.palette = _palette(boxes[b"pclr"], boxes.get(b"cmap", b""))


def _alpha(data: bytes) -> int | None:
    """Return the opacity channel of a channel definition box (I.5.3.6)."""
    if len(data) < 2 or len(data) != 2 + 6 * struct.unpack_from(">H", data)[0]:
        raise corrupt("channel definitions")
    alpha = None
    for channel, kind, association in struct.iter_unpack(">HHH", data[2:]):
        if kind == 0 and association not in (0, channel + 1, 0xFFFF):
            raise SourceUnsupportedError("JPEG 2000 with colours out of order")
        if kind in (1, 2):
            if alpha is not None or association != 0:
                raise SourceUnsupportedError("JPEG 2000 with several opacity channels")
            alpha = channel
    return alpha


def _palette(data: bytes, mapping: bytes) -> tuple[RGBA, ...]:
    """Return RGBA by value from palette (I.5.3.4) and component mapping (I.5.3.5) boxes."""
    if len(data) < 3:
        raise corrupt("palette")
    entries, columns = struct.unpack_from(">HB", data)
    if len(data) < 3 + columns:
        raise corrupt("palette")
    depths = data[3 : 3 + columns]
    plain = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(columns))
    if columns not in (3, 4) or any(d != 7 for d in depths) or mapping != plain:
        raise SourceUnsupportedError("JPEG 2000 with an unusual palette")
    values = data[3 + columns :]
    if not 1 <= entries <= 256 or len(values) != entries * columns:
        raise corrupt("palette")
    rows = (values[i : i + columns] for i in range(0, len(values), columns))
    return tuple((r[0], r[1], r[2], r[3] if columns == 4 else 255) for r in rows)


def _uuid_box(found: Jp2Boxes, data: bytes) -> None:
    if data.startswith(GEOTIFF_UUID):
        found.geotiff.append(data[16:])


def _association_box(found: Jp2Boxes, data: bytes) -> None:
    """Take the root instance out of a GMLJP2 association (OGC 05-047r3, 8.2)."""
    boxes = list(_children(data))
    if found.gml is not None or not boxes or boxes[0][0] != b"lbl ":
        return
    if boxes[0][1].rstrip(b"\0") != b"gml.data":
        return
    for kind, content in boxes[1:]:
        inner = dict(_children(content)) if kind == b"asoc" else {}
        if inner.get(b"lbl ", b"").rstrip(b"\0") == b"gml.root-instance":
            found.gml = inner.get(b"xml ")
            return


_HANDLERS = {b"jp2h": _header_box, b"uuid": _uuid_box, b"asoc": _association_box}
