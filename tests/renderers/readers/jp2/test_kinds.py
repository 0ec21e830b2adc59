"""Every kind of JPEG 2000 through the registry: by our reader or GDAL, pixels equal GDAL's."""

import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio
from support.codestreams import COM, segment

from renderers.readers.base import BlockId
from renderers.readers.jp2.cutout import cut_out
from renderers.readers.registry import default_registry

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PLT, PPM, PPT, SOD = 0xFF58, 0xFF60, 0xFF61, b"\xff\x93"
SIXTY = {
    "BLOCKXSIZE": 192, "BLOCKYSIZE": 192, "CODEBLOCK_WIDTH": 4, "CODEBLOCK_HEIGHT": 4,
    "PRECINCTS": "{64,64},{64,64},{64,64},{64,64},{64,64}", "RESOLUTIONS": 5, "PROGRESSION": "LRCP",
}  # fmt: skip


async def level_of(registry, stores, path: Path, level: int) -> tuple[str, np.ndarray]:
    """Read a level as a server does: opened soon, located, fetched, decoded."""
    source = await stores.open(stores.resolve(str(path))).pinned()
    reader, index = await registry.identify(source, soon=True)
    shape = index.info.levels[level]
    out = np.zeros((index.info.count, shape.height, shape.width), index.info.dtype)
    rows = -(-shape.height // shape.block_height)
    columns = -(-shape.width // shape.block_width)
    blocks = [BlockId(level, r, c, 0) for r in range(rows) for c in range(columns)]
    await reader.locate(source, index, blocks)
    for block, parts in zip(blocks, await reader.fetch(source, index, blocks), strict=True):
        data = reader.decode(index, block, parts).data
        top, left = block.row * shape.block_height, block.column * shape.block_width
        out[:, top : top + data.shape[1], left : left + data.shape[2]] = data
    return reader.id, out


async def compare(stores, path: Path, expected: str, levels: int = 3) -> None:
    registry = default_registry(path.parent / "spool")
    for level in range(levels):
        used, ours = await level_of(registry, stores, path, level)
        assert used == expected
        options = {"overview_level": level - 1} if level else {}
        with rasterio.open(path, **options) as dataset:
            theirs = dataset.read(list(range(1, len(ours) + 1)))  # without alpha
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("expected", "bands", "options"),
    [
        ("jp2", 3, {"YCC": "YES"}),
        ("jp2", 8, {"PLT": "YES"}),
        ("jp2", 1, {"PROGRESSION": "RPCL", "TILEPARTS": "RESOLUTIONS", "PLT": "YES"}),
        ("jp2", 3, {"PROGRESSION": "RPCL", "TILEPARTS": "COMPONENTS"}),
        ("jp2", 1, {"PROGRESSION": "RLCP", "QUALITY": "10,30,100", "PLT": "YES"}),
        ("gdal", 1, {"PROGRESSION": "LRCP", "QUALITY": "10,30,100", "PLT": "YES"}),
        ("gdal", 1, {"PROGRESSION": "LRCP", "QUALITY": "10,100", "TILEPARTS": "LAYERS"}),
        ("gdal", 3, {"PROGRESSION": "PCRL", "PLT": "YES"}),
        ("gdal", 3, {"PROGRESSION": "CPRL"}),
        ("jp2", 1, SIXTY),
        ("jp2", 3, {"BLOCKXSIZE": 32, "BLOCKYSIZE": 32}),
    ],
    ids=lambda v: "-".join(f"{k}={w}" for k, w in v.items()) if isinstance(v, dict) else str(v),
)
async def test_kind(expected, bands, options, pixels, write_jp2, stores) -> None:
    array = pixels(700, 600, bands, 255).astype(np.uint8)
    profile = {"BLOCKXSIZE": 256, "BLOCKYSIZE": 256, "RESOLUTIONS": 3} | options
    await compare(stores, write_jp2(array, **profile), expected)


async def test_sub_sampled_components(pixels, write_jp2, stores, tmp_path) -> None:
    """Three codestreams of one packet each become the components of one, 4:2:0."""
    one_packet = {"RESOLUTIONS": 1, "CODEC": "J2K", "BLOCKXSIZE": 512, "BLOCKYSIZE": 512}
    bodies, header = [], b""
    for number, side in enumerate((200, 100, 100)):
        array = pixels(side, side, 1, 255, seed=number).astype(np.uint8)
        path = write_jp2(array, f"{number}.j2k", **one_packet)
        data = path.read_bytes()
        data = data[data.index(b"\xff\x4f\xff\x51") :]
        sod = data.index(SOD)
        bodies.append(data[sod + 2 : -2])
        header = header or data[: data.index(b"\xff\x90\x00\x0a")]
    # Lsiz, then (after the 36 bytes of the image's own fields) how many and which components
    size = b"\xff\x51" + struct.pack(">H", 47) + header[6:40] + struct.pack(">H", 3)
    size += bytes((7, 1, 1, 7, 2, 2, 7, 2, 2))
    body = SOD + b"".join(bodies)
    part = struct.pack(">HHHIBB", 0xFF90, 10, 0, 12 + len(body), 0, 1) + body
    other = tmp_path / "sub.j2k"
    other.write_bytes(header[:2] + size + header[45:] + part + b"\xff\xd9")
    await compare(stores, other, "gdal", 1)


def split_headers(data: bytes) -> tuple[bytes, list[tuple[bytes, list[bytes], bytes]]]:
    """Take a codestream with EPH and PLT apart: main header, and by tile SOT, headers, bodies."""
    start = data.index(b"\xff\x90\x00\x0a")
    position, tiles = start, []
    while data[position : position + 2] == b"\xff\x90":
        (length,) = struct.unpack_from(">I", data, position + 6)
        at, sizes = position + 12, b""
        while data[at : at + 2] != SOD:
            (marker, size) = struct.unpack_from(">HH", data, at)
            sizes += data[at + 5 : at + 2 + size] if marker == PLT else b""
            at += 2 + size
        packets, value, at = [], 0, at + 2
        for byte in sizes:
            value = value << 7 | byte & 127
            if byte < 128:
                packets.append(data[at : at + value])
                at, value = at + value, 0
        assert at == position + length
        ends = [packet.index(b"\xff\x92") + 2 for packet in packets]
        headers = [packet[:end] for packet, end in zip(packets, ends, strict=True)]
        body = b"".join(packet[end:] for packet, end in zip(packets, ends, strict=True))
        tiles.append((data[position : position + 12], headers, body))
        position += length
    assert data[position:] == b"\xff\xd9"
    return data[:start], tiles


def packed(data: bytes, where: str) -> bytes:
    """Return the codestream with its packet headers in the main header or the tile-parts'."""
    main, tiles = split_headers(data)
    out = b""
    for number, (sot, headers, body) in enumerate(tiles):
        together = b"".join(headers)
        if where == "main":
            content = bytes([number]) + struct.pack(">I", len(together)) + together
            main += segment(PPM, content)
        extra = segment(PPT, b"\0" + together) if where == "tile" else b""
        part = extra + SOD + body
        out += sot[:6] + struct.pack(">I", 12 + len(part)) + sot[10:] + part
    return main + out + b"\xff\xd9"


@pytest.mark.parametrize("where", ["main", "tile"])
async def test_packed_packet_headers(where, pixels, write_jp2, stores, tmp_path) -> None:
    array = pixels(300, 280, 1, 255).astype(np.uint8)
    path = write_jp2(
        array, "plain.j2k", BLOCKXSIZE=128, BLOCKYSIZE=128, RESOLUTIONS=3, EPH="YES", PLT="YES",
        CODEC="J2K",
    )  # fmt: skip
    data = path.read_bytes()
    other = tmp_path / "packed.j2k"
    other.write_bytes(packed(data[data.index(b"\xff\x4f\xff\x51") :], where))
    # GDAL decodes tile by tile and loses its place in the packed headers of the main header.
    expected = "jp2" if where == "main" else "gdal"
    used, ours = await level_of(default_registry(tmp_path / "spool"), stores, other, 0)
    assert used == expected
    np.testing.assert_array_equal(ours, array)


async def test_image_and_tile_offsets(pixels, write_jp2, stores, memory, reader, tmp_path) -> None:
    """A tile that was cut out lies where it lay on the reference grid of the file."""
    array = pixels(700, 600, 1, 255).astype(np.uint8)
    path = write_jp2(array, BLOCKXSIZE=256, BLOCKYSIZE=256, RESOLUTIONS=3, PLT="YES")
    source = memory(path.read_bytes())
    index = await reader.build_index(source)
    block = BlockId(0, 1, 1, 0)
    ((body,),) = await reader.fetch(source, index, [block])
    other = tmp_path / "offset.j2k"
    other.write_bytes(cut_out(index.header, index.tile_number(block), 0, [body]))
    await compare(stores, other, "gdal", 1)
    with rasterio.open(other) as dataset:
        np.testing.assert_array_equal(dataset.read(), array[:, 256:512, 256:512])


@pytest.mark.parametrize(
    ("name", "expected", "levels"),
    [
        ("3_13bit_and_1bit.jp2", "gdal", 1),
        ("byte_one_poc.j2k", "gdal", 1),
        ("byte_tlm_plt.jp2", "jp2", 1),
        ("fake_sent2_preview.jp2", "jp2", 1),
        ("gtsmall_11_int16.jp2", "gdal", 1),
        ("L1C_PVI_343_rgb.jp2", "jp2", 3),
        ("T19UDP_20170729_L2A_TCI_658_openjpeg.jp2", "jp2", 1),
        ("MSK_QUALIT_B02.jp2", "jp2", 0),
        ("L1C_15bit_1830_T31_sparse.jp2", "jp2", 4),
    ],
)
async def test_real_files(name, expected, levels, shared, stores, tmp_path) -> None:
    found = next((shared / "data").rglob(name))
    path = tmp_path / name
    path.write_bytes(found.read_bytes())
    await compare(stores, path, expected, levels)


def test_comment_marker() -> None:
    """The writer of segments above is the one of the standard: COM with its length."""
    assert segment(COM, b"ab") == b"\xff\x64\x00\x04ab"
