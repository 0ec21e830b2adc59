"""Which reader takes which content."""

from pathlib import Path

import pytest

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.jp2.reader import Jp2Reader
from renderers.readers.registry import ReaderRegistry, default_registry


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("tiff_named.jp2", "tiff"),
        ("SCL.tif", "jp2"),
        ("MSK_DETFOO_B01.jp2", "jp2"),
        ("L1C_PVI_343_rgb.jp2", "jp2"),
        ("3_13bit_and_1bit.jp2", "gdal"),
        ("gtsmall_11_int16.jp2", "gdal"),
        ("bmng_5400x2700.jpg", "gdal"),
    ],
)
async def test_content_decides(name, reader, shared: Path, stores, tmp_path) -> None:
    path = next((shared / "data").rglob(name))
    registry = default_registry(tmp_path / "spool")
    source = stores.open(stores.resolve(str(path)))
    found, index = await registry.identify(source)
    assert found.id == reader
    assert registry.get(reader) is found
    assert found.load_index(index.to_bytes()).info == index.info


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n", b"<VRTDataset/>"])
async def test_unknown_content(content, stores, tmp_path) -> None:
    path = tmp_path / "file.tif"
    path.write_bytes(content)
    with pytest.raises(SourceUnsupportedError, match="no known raster format"):
        await default_registry(tmp_path / "spool").identify(stores.open(stores.resolve(str(path))))


async def test_damage_is_not_passed_on_to_gdal(shared, stores, tmp_path) -> None:
    path = next((shared / "data").rglob("small_world_truncated.jp2"))
    with pytest.raises(SourceCorruptError, match="truncated"):
        await default_registry(tmp_path / "spool").identify(stores.open(stores.resolve(str(path))))


async def test_registry_without_gdal_says_why(shared, stores) -> None:
    path = next((shared / "data").rglob("gtsmall_11_int16.jp2"))
    with pytest.raises(SourceUnsupportedError, match="not ordered by resolution"):
        await ReaderRegistry([Jp2Reader()]).identify(stores.open(stores.resolve(str(path))))


def test_registering_returns_another_registry() -> None:
    empty = ReaderRegistry([])
    reader = Jp2Reader()
    assert empty.with_reader(reader).get("jp2") is reader
    with pytest.raises(SourceUnsupportedError):
        empty.get("jp2")
