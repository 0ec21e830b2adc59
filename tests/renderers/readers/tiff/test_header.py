"""Headers: rounds of requests, and hostile ones refused before any allocation."""

import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from renderers.errors import SourceCorruptError, SourceError, SourceUnsupportedError
from renderers.readers.tiff.header import MAX_DIRECTORIES, read_header
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StoreRegistry

Entries = list[tuple[int, int, int, int]]

PLAIN: Entries = [
    (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
    (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 256),
]  # fmt: skip


def classic(entries: Entries, *, following: int = 0, body: bytes = bytes(256)) -> bytes:
    """A little-endian file: header, body from byte 8, then one directory."""
    at = 8 + len(body)
    raw = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHI", b"II", 42, at) + body
    return head + struct.pack("<H", len(entries)) + raw + struct.pack("<I", following)


def changed(tag: int, kind: int, count: int, value: int) -> Entries:
    return [e for e in PLAIN if e[0] != tag] + [(tag, kind, count, value)]


async def build(stores: StoreRegistry, path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return await TiffReader().build_index(stores.open(stores.resolve(str(path))))


async def test_the_hand_made_file_is_good(stores: StoreRegistry, tmp_path: Path) -> None:
    index = await build(stores, tmp_path / "a.tif", classic(PLAIN, body=bytes(range(256))))
    assert (index.info.width, index.info.height, index.info.dtype) == (16, 16, "uint8")
    assert index.info.geobox is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a TIFF"),
        (b"II*\0", "not a TIFF"),
        (b"II*\0\xff\xff\xff\x7f", "past the end"),
        (b"MM\0*\0\0\0\x08\0\0", "impossible number"),
        (b"II+\0\x08\0\0\0" + b"\xff" * 8, "past the end"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 62) + bytes(64), "impossible number"),
        (b"II+\0\x04\0\0\0" + bytes(16), "not a TIFF"),
        (classic(PLAIN, following=264), "loop"),
        (classic(changed(256, 4, 1, 0)), "impossible"),
        (classic(changed(256, 4, 1, 1 << 31)), "impossible"),
        (classic(changed(256, 12, 1, 8)), "not an unsigned integer"),
        (classic(changed(256, 99, 1, 8)), "unknown field type"),
        (classic(changed(273, 4, 0xFFFFFFFF, 8)), "past the end"),
        (classic(changed(273, 4, 1, 1 << 20)), "past the end"),
        (classic(changed(273, 4, 1, 0)), "in the header"),
        (classic(changed(279, 4, 1, 0xFFFFFFFF)), "past the end"),
        (classic(changed(278, 4, 1, 4)), "wrong length"),
        (classic(changed(278, 4, 1, 0)), "impossible"),
        (classic(PLAIN[:-1]), None),
        (classic([e for e in PLAIN if e[0] != 256]), "IMAGE_WIDTH is missing"),
    ],
)  # fmt: skip
async def test_hostile_headers_are_refused(
    stores: StoreRegistry, tmp_path: Path, data: bytes, reason: str | None
) -> None:
    expected = SourceUnsupportedError if reason is None else SourceCorruptError
    with pytest.raises(expected, match=reason):
        await build(stores, tmp_path / "a.tif", data)


async def test_values_far_above_the_bound_are_refused(
    stores: StoreRegistry, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(classic(changed(273, 4, 20_000_000, 8)))
    with path.open("r+b") as file:
        file.truncate(200_000_000)  # sparse: the values are inside the file
    with pytest.raises(SourceCorruptError, match="too many tag values"):
        await TiffReader().build_index(stores.open(stores.resolve(str(path))))


async def test_too_many_directories_are_refused(stores: StoreRegistry, tmp_path: Path) -> None:
    one = struct.pack("<HHHII", 1, 256, 4, 1, 16)
    data = struct.pack("<2sHI", b"II", 42, 8)
    for _ in range(MAX_DIRECTORIES + 2):
        data += one + struct.pack("<I", len(data) + len(one) + 4)
    with pytest.raises(SourceUnsupportedError, match="too many images"):
        await build(stores, tmp_path / "a.tif", data)


async def test_directories_behind_the_pixels_cost_one_request_each(
    stores: StoreRegistry, tmp_path: Path, compare: Callable[..., Awaitable[Any]]
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 60000, (1, 1024, 1024)).astype("uint16")
    with rasterio.open(
        path, "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint16", tiled=True,
        compress="DEFLATE", crs="EPSG:32633", transform=rasterio.Affine(10, 0, 0, 0, -10, 0),
    ) as dataset:  # fmt: skip
        dataset.write(pixels)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
    header = await read_header(stores.open(stores.resolve(str(path))))
    assert len(header.directories) == 3
    assert stores.requests <= 1 + 3 + 1
    await compare(path)


async def test_a_written_cog_costs_one_request(
    stores: StoreRegistry, tmp_path: Path, compare: Callable[..., Awaitable[Any]]
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 999, (3, 1500, 1400)).astype("uint16")
    with rasterio.open(
        path, "w", driver="COG", width=1400, height=1500, count=3, dtype="uint16", blocksize=256,
        compress="ZSTD", predictor=2, crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 0, 0, -10, 0),
    ) as dataset:  # fmt: skip
        dataset.write(pixels)
    opened = await compare(path)
    assert len(opened.index.info.levels) == 4
    before = stores.requests
    await read_header(stores.open(stores.resolve(str(path))))
    assert stores.requests == before + 1


async def test_a_changed_object_is_noticed(stores: StoreRegistry, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = classic(PLAIN, body=bytes(256))
    path.write_bytes(data)
    source = await stores.open(stores.resolve(str(path))).pinned()
    path.write_bytes(data + bytes(100))
    with pytest.raises(SourceError):
        await TiffReader().build_index(source)
