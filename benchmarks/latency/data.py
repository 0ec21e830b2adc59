"""The files: bands of 10 m as JPEG 2000 without and with TLM, and as COG; same pixels."""

import struct
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import scene
from renderers.readers.jp2.codestream import SOT, SOT_FORMAT, SOT_LENGTH, header_length

#: Bands that are measured.
BANDS = ("B02", "B03", "B04")
_TLM = 0xFF55


@dataclass(frozen=True)
class Files:
    """What is served.

    Attributes:
        folder: Holds nothing but the files below, all of them hard links or made here.
        plain: JPEG 2000 as the ground segment wrote it until February 2026: PLT, no TLM.
        listed: The same with a TLM.
        cogs: The same pixels.
    """

    folder: Path
    plain: tuple[Path, ...]
    listed: tuple[Path, ...]
    cogs: tuple[Path, ...]


def make(cache: Path, size: int) -> Files:
    """Make what is missing of the files, of the scene that `benchmarks.peers` draws too."""
    source = cache / "bench-peers" / str(size)
    made = scene.make(source, size)
    folder = cache / "bench-latency" / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    plain, listed, cogs = [], [], []
    for band in BANDS:
        original = next(made.jp2.parent.glob(f"*_{band}_*.jp2"))
        plain.append(_linked(original, folder / f"{band}.jp2"))
        cogs.append(_linked(made.bands[band], folder / f"{band}.tif"))
        path = folder / f"{band}-tlm.jp2"
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(with_tlm(original.read_bytes()))
            part.replace(path)
        listed.append(path)
    return Files(folder, tuple(plain), tuple(listed), tuple(cogs))


def _linked(source: Path, target: Path) -> Path:
    if not target.exists():
        target.hardlink_to(source)
    return target


def with_tlm(data: bytes) -> bytes:
    """Return a JP2 file whose last box is the codestream with a TLM put into its main header."""
    start = data.index(b"jp2c") + 4
    length = header_length(data[start : start + 65536])
    if length is None:
        raise ValueError("the main header is very long")
    entries = []
    position = start + length
    while position + SOT_LENGTH <= len(data):
        marker, _, tile, size, _, _ = struct.unpack_from(SOT_FORMAT, data, position)
        if marker != SOT:
            break
        entries.append(struct.pack(">HI", tile, size))
        position += size
    body = b"\0\x60" + b"".join(entries)
    tlm = struct.pack(">HH", _TLM, len(body) + 2) + body
    (box,) = struct.unpack_from(">I", data, start - 8)
    box = struct.pack(">I", box + len(tlm) if box > 1 else box)
    if box == struct.pack(">I", 1):
        raise ValueError("the box has a length of 8 bytes")
    end = start + length
    return data[: start - 8] + box + data[start - 4 : end] + tlm + data[end:]
