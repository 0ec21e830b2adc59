"""The GDAL reader: pixels as rasterio gives them, isolation of stores, and what it refuses."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgpack
import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers.errors import (
    SourceChangedError,
    SourceCorruptError,
    SourceMissingError,
    SourceUnsupportedError,
)
from renderers.readers.base import BlockId
from renderers.readers.gdal import MAGIC, GdalReader, geotiff_keys
from renderers.scene import ObjectRef
from renderers.stores import ByteRange, ObjectMeta, StoreRegistry

UTM = {"crs": "EPSG:32633", "transform": Affine(10.0, 0.0, 499980.0, 0.0, -10.0, 5100000.0)}


class RemoteSource:
    """An object of some remote store, in memory."""

    def __init__(
        self, data: bytes, store: str = "s3:b:key", path: str = "k", etag: str | None = "e"
    ) -> None:
        self.data = data
        self.ref = ObjectRef(store, path, etag, len(data))
        self.requests = 0

    async def pinned(self) -> "RemoteSource":
        return self

    def beside(self, suffix: str) -> "RemoteSource":
        raise SourceMissingError("nothing is beside it", detail=suffix)

    async def head(self) -> ObjectMeta:
        return ObjectMeta(len(self.data), self.ref.etag)

    async def read(self, ranges: Sequence[ByteRange]) -> list[bytes]:
        self.requests += 1
        return [self.data[r.start : r.stop] for r in ranges]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[GdalReader]:
    made = GdalReader(tmp_path / "spool")
    yield made
    made.close()


def write(path: Path, array: np.ndarray, **options: object) -> Path:
    count, height, width = array.shape
    profile = {"driver": "GTiff", "dtype": array.dtype} | UTM | options
    with rasterio.open(path, "w", width=width, height=height, count=count, **profile) as dataset:
        dataset.write(array)
    return path


def noise(shape: tuple[int, ...], dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(3).integers(0, 200, shape).astype(dtype)


async def whole(reader, source, index, level: int) -> tuple[np.ndarray, np.ndarray | None]:
    shape = index.info.levels[level]
    out = np.zeros((index.info.count, shape.height, shape.width), index.info.dtype)
    mask = np.zeros((shape.height, shape.width), np.uint8) if index.info.masked else None
    ids = [
        BlockId(level, row, column, 0)
        for row in range(-(-shape.height // shape.block_height))
        for column in range(-(-shape.width // shape.block_width))
    ]
    for block, parts in zip(ids, await reader.fetch(source, index, ids), strict=True):
        decoded = reader.decode(index, block, parts)
        assert decoded.data.flags.c_contiguous
        top, left = block.row * shape.block_height, block.column * shape.block_width
        bottom, right = top + decoded.data.shape[1], left + decoded.data.shape[2]
        out[:, top:bottom, left:right] = decoded.data
        if mask is not None:
            mask[top:bottom, left:right] = decoded.mask
    return out, mask


async def test_all_levels_equal_rasterio(tmp_path, stores: StoreRegistry, reader) -> None:
    array = noise((2, 1300, 1111))
    path = write(tmp_path / "a.tif", array, nodata=7)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.1, 0.2), (1, 2)
        dataset.set_band_description(1, "red")
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
    source = stores.open(stores.resolve(str(path)))
    index = reader.load_index((await reader.build_index(source)).to_bytes())
    info = index.info
    assert (info.crs, info.transform, info.nodata, info.masked) == (*UTM.values(), 7, False)
    assert (info.scales, info.offsets, info.descriptions) == ((0.1, 0.2), (1, 2), ("red", ""))
    assert [(v.width, v.height) for v in info.levels] == [(1111, 1300), (556, 650), (278, 325)]
    assert info.levels[1].scale_x == 1111 / 556
    for level in range(3):
        with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as dataset:
            theirs = dataset.read()
        np.testing.assert_array_equal((await whole(reader, source, index, level))[0], theirs)


async def test_internal_mask_and_alpha(tmp_path, stores, reader) -> None:
    array = noise((3, 600, 500), "uint8")
    valid = np.full((600, 500), 255, np.uint8)
    valid[:100] = 0
    path = tmp_path / "m.tif"
    profile = {"driver": "GTiff", "dtype": "uint8", "photometric": "RGB"} | UTM
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", width=500, height=600, count=3, **profile) as dataset,
    ):
        dataset.write(array)
        dataset.write_mask(valid)
    alpha = write(
        tmp_path / "a.tif", np.concatenate([array, valid[None]]), photometric="RGB", alpha="YES"
    )
    for file in (path, alpha):
        source = stores.open(stores.resolve(str(file)))
        index = await reader.build_index(source)
        assert (index.info.count, index.info.masked) == (3, True)
        data, mask = await whole(reader, source, index, 0)
        np.testing.assert_array_equal(data, array)
        np.testing.assert_array_equal(mask, valid)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
async def test_palette_png(tmp_path, stores, reader) -> None:
    array = noise((1, 40, 30), "uint8") % 4
    path = tmp_path / "p.png"
    with rasterio.open(
        path, "w", driver="PNG", width=30, height=40, count=1, dtype="uint8"
    ) as dataset:
        dataset.write(array)
        dataset.write_colormap(1, {n: (3 * n + 1, 3 * n + 2, 3 * n + 3, 255) for n in range(4)})
    source = stores.open(stores.resolve(str(path)))
    index = reader.load_index((await reader.build_index(source)).to_bytes())
    assert index.info.colour_table is not None
    assert index.info.colour_table[:2] == ((1, 2, 3, 255), (4, 5, 6, 255))
    assert index.info.crs is None
    np.testing.assert_array_equal((await whole(reader, source, index, 0))[0], array)


async def test_remote_object_is_copied_once_and_by_credential(tmp_path, reader) -> None:
    data = write(tmp_path / "r.tif", noise((1, 300, 300))).read_bytes()
    source = RemoteSource(data)
    index = await reader.build_index(source)
    await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])
    assert source.requests == 1
    other = RemoteSource(data, store="s3:b:other-key")
    await reader.build_index(other)
    assert other.requests == 1
    newer = RemoteSource(data, etag="f")
    await reader.build_index(newer)
    assert newer.requests == 1
    assert len(list((tmp_path / "spool").iterdir())) == 3


async def test_copies_are_bounded(tmp_path) -> None:
    data = write(tmp_path / "r.tif", noise((1, 300, 300))).read_bytes()
    small = GdalReader(tmp_path / "one", limit=1000)
    with pytest.raises(SourceUnsupportedError, match="too large"):
        await small.build_index(RemoteSource(data))
    with pytest.raises(SourceUnsupportedError, match="no ETag"):
        await small.build_index(RemoteSource(data[:100], etag=None))
    small.close()


async def test_changed_local_file(tmp_path, stores, reader) -> None:
    path = write(tmp_path / "c.tif", noise((1, 100, 100)))
    source = await stores.open(stores.resolve(str(path))).pinned()
    index = await reader.build_index(source)
    write(path, noise((1, 90, 90)) + 1)
    with pytest.raises(SourceChangedError):
        await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])
    path.unlink()
    with pytest.raises(SourceMissingError):
        await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])


async def test_neighbours_are_not_looked_at(tmp_path, stores, reader) -> None:
    path = tmp_path / "n.png"
    with rasterio.open(
        path, "w", driver="PNG", width=30, height=40, count=1, dtype="uint8", **UTM
    ) as dataset:
        dataset.write(noise((1, 40, 30), "uint8"))
    assert (tmp_path / "n.png.aux.xml").exists()
    index = await reader.build_index(stores.open(stores.resolve(str(path))))
    assert index.info.crs is None
    assert index.info.transform is None


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            b'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1">'
            b"<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
            b"</VRTRasterBand></VRTDataset>",
            SourceUnsupportedError,
        ),
        (b"EHFA_HEADER_TAG\0" + b"\0" * 200, SourceUnsupportedError),
        (b"GIF89a" + b"\0" * 50, SourceUnsupportedError),
        (b"", SourceUnsupportedError),
        (b"II*\0 nonsense", SourceCorruptError),
        (b"\x89PNG\r\n\x1a\n nonsense", SourceCorruptError),
    ],
)
async def test_other_formats_and_damage(content, error, tmp_path, stores, reader) -> None:
    path = tmp_path / "secret-name.tif"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        await reader.build_index(stores.open(stores.resolve(str(path))))
    assert "secret-name" not in str(caught.value)
    assert "secret-name" in caught.value.detail


async def test_refusals_name_the_reason(tmp_path, stores, reader) -> None:
    complex_file = write(tmp_path / "complex.tif", np.ones((1, 5, 5), "complex64"))
    points = [
        rasterio.control.GroundControlPoint(row=r, col=c, x=c, y=-r)
        for r, c in ((0, 0), (0, 9), (9, 0))
    ]
    placed = tmp_path / "gcps.tif"
    with rasterio.open(
        placed,
        "w",
        driver="GTiff",
        width=9,
        height=9,
        count=1,
        dtype="uint8",
        gcps=points,
        crs="EPSG:4326",
    ) as dataset:
        dataset.write(np.ones((1, 9, 9), "uint8"))
    for path, reason in ((complex_file, "complex samples"), (placed, "ground control points")):
        with pytest.raises(SourceUnsupportedError, match=reason):
            await reader.build_index(stores.open(stores.resolve(str(path))))


async def test_jpeg_2000_that_our_reader_refuses(shared, stores, reader) -> None:
    for name, level in (("gtsmall_11_int16.jp2", 1), ("L1C_PVI_343_rgb.jp2", 2)):
        path = next((shared / "data").rglob(name))
        source = stores.open(stores.resolve(str(path)))
        index = await reader.build_index(source)
        assert index.info.levels[level].scale_x == 2**level
        with rasterio.open(path, overview_level=level - 1) as dataset:
            theirs = dataset.read()
        np.testing.assert_array_equal((await whole(reader, source, index, level))[0], theirs)
    path = next((shared / "data").rglob("small_world_truncated.jp2"))
    source = stores.open(stores.resolve(str(path)))
    index = await reader.build_index(source)
    with pytest.raises(SourceCorruptError):
        await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])


@pytest.mark.parametrize(
    "fields",
    [
        {"levels": []},
        {"count": "1"},
        {"dtype": "none"},
        {"alpha": None},
        {"more": 1},
        {"scales": 1},
    ],
)
async def test_damaged_index(fields, tmp_path, stores, reader) -> None:
    path = write(tmp_path / "i.tif", noise((1, 20, 20)))
    stored = (await reader.build_index(stores.open(stores.resolve(str(path))))).to_bytes()
    document = msgpack.unpackb(stored[len(MAGIC) :]) | fields
    with pytest.raises(SourceCorruptError):
        reader.load_index(MAGIC + msgpack.packb(document))
    with pytest.raises(SourceCorruptError):
        reader.load_index(stored[:-1])
    with pytest.raises(SourceCorruptError):
        reader.load_index(b"x" + stored)


async def test_blocks_outside_are_errors(tmp_path, stores, reader) -> None:
    path = write(tmp_path / "i.tif", noise((1, 20, 20)))
    index = await reader.build_index(stores.open(stores.resolve(str(path))))
    for block in (BlockId(0, 1, 0, 0), BlockId(1, 0, 0, 0), BlockId(0, 0, -1, 0)):
        with pytest.raises(ValueError, match="no block"):
            reader.ranges(index, block)
    with pytest.raises(SourceCorruptError, match="shape"):
        reader.decode(index, BlockId(0, 0, 0, 0), (b"abc",))


def test_geotiff_keys(tmp_path) -> None:
    keys = geotiff_keys(write(tmp_path / "k.tif", noise((1, 2, 2))).read_bytes())
    assert keys == (UTM["crs"], UTM["transform"], False)
    with pytest.raises(SourceCorruptError):
        geotiff_keys(b"II*\0")
