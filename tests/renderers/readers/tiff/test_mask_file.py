"""Masks in a file beside the image, and overviews that have no mask of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from renderers.errors import SourceChangedError, SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import BlockId
from renderers.readers.gdal import GdalReader
from renderers.readers.registry import default_registry
from renderers.readers.tiff.index import TiffIndex
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StoreOptions, StoreRegistry

Compare = Callable[..., Awaitable[Any]]
Open = Callable[[Path], Awaitable[Any]]

GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 499980, 0, -10, 5000040)}
HEIGHT, WIDTH = 175, 230


def write(
    path: Path, *, internal: bool = False, late: bool = False, count: int = 3, **options: Any
) -> Path:
    """Write an image and its mask; with `late` the mask comes after the overviews."""
    rng = np.random.default_rng(3)
    profile = {"tiled": True, "blockxsize": 64, "blockysize": 32, "compress": "DEFLATE", **options}
    mask = rng.random((HEIGHT, WIDTH)) > 0.4
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal):
        with rasterio.open(
            path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=count, dtype="uint8",
            **GRID, **profile,
        ) as dataset:  # fmt: skip
            dataset.write(rng.integers(0, 255, (count, HEIGHT, WIDTH), np.uint8))
        with rasterio.open(path, "r+") as dataset:
            if not late:
                dataset.write_mask(mask)
            dataset.build_overviews([2, 4], Resampling.nearest)
        if late:
            with rasterio.open(path, "r+") as dataset:
                dataset.write_mask(mask)
    assert Path(f"{path}.msk").exists() is not internal
    return path


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
async def test_mask_beside_equals_gdal(
    tmp_path: Path, compare: Compare, interleave: str, endian: str
) -> None:
    opened = await compare(write(tmp_path / "a.tif", interleave=interleave, ENDIANNESS=endian))
    assert opened.index.info.masked
    assert opened.index.beside is not None
    assert [mask.width for mask in opened.index.masks] == [230, 115, 58]


async def test_real_mask_beside_equals_gdal(shared: Path, compare: Compare) -> None:
    opened = await compare(shared / "data/cog/hro_extmask.tif")
    assert opened.index.beside is not None


@pytest.mark.parametrize("internal", [True, False])
async def test_overviews_without_mask_show_the_nearest_pixels_of_a_finer_one(
    tmp_path: Path, open_tiff: Open, *, internal: bool
) -> None:
    path = write(tmp_path / "a.tif", internal=internal, late=True)
    opened = await open_tiff(path)
    with rasterio.open(path) as dataset:
        full = dataset.read_masks(1)
    for number, level in enumerate(opened.index.info.levels):
        y = ((np.arange(level.height) + 0.5) * HEIGHT / level.height).astype(int)
        x = ((np.arange(level.width) + 0.5) * WIDTH / level.width).astype(int)
        expected = full[np.ix_(y, x)]
        image = opened.index.images[number]
        ids = [BlockId(number, r, c, 0) for r in range(image.down) for c in range(image.across)]
        for block_id, block in zip(ids, await opened.blocks(ids), strict=True):
            top, left = block_id.row * image.block_height, block_id.column * image.block_width
            rows, columns = block.data.shape[1:]
            window = expected[top : top + rows, left : left + columns]
            np.testing.assert_array_equal(block.mask, window)


async def test_a_mask_inside_wins(tmp_path: Path, compare: Compare) -> None:
    path = write(tmp_path / "a.tif", internal=True)
    Path(f"{path}.msk").write_bytes(b"II*\0 is damaged")
    with pytest.raises(SourceCorruptError):
        await compare(path)
    other = write(tmp_path / "b.tif")
    Path(f"{path}.msk").write_bytes(Path(f"{other}.msk").read_bytes())
    assert (await compare(path)).index.beside is None


async def test_what_is_no_tiff_is_no_mask(tmp_path: Path, open_tiff: Open) -> None:
    """Web servers send a page where there is nothing."""
    path = write(tmp_path / "a.tif")
    for content in (b"", b"<html>not here</html>"):
        Path(f"{path}.msk").write_bytes(content)
        opened = await open_tiff(path)
        assert (opened.index.beside, opened.index.info.masked) == (None, False)


async def test_a_mask_of_another_size_is_an_error(tmp_path: Path, open_tiff: Open) -> None:
    path = write(tmp_path / "a.tif")
    with rasterio.open(
        f"{path}.msk", "w", driver="GTiff", width=WIDTH - 1, height=HEIGHT, count=1, dtype="uint8",
        **GRID,
    ):  # fmt: skip
        pass
    with pytest.raises(SourceCorruptError, match="another size"):
        await open_tiff(path)


async def test_a_link_out_of_the_allowed_folders_is_no_mask(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, open_tiff: Open
) -> None:
    path = write(tmp_path / "a.tif")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "mask"
    Path(f"{path}.msk").rename(elsewhere)
    Path(f"{path}.msk").symlink_to(elsewhere)
    assert (await open_tiff(path)).index.beside is None


async def test_a_changed_mask_is_a_changed_source(tmp_path: Path, open_tiff: Open) -> None:
    path = write(tmp_path / "a.tif")
    opened = await open_tiff(path)
    other = write(tmp_path / "b.tif", count=1)
    Path(f"{other}.msk").replace(f"{path}.msk")
    block = BlockId(0, 0, 0, 0)
    with pytest.raises(SourceChangedError):
        await opened.blocks([block])
    renewed = await open_tiff(path)
    assert renewed.index.identity(block) != opened.index.identity(block)


@pytest.mark.parametrize(("count", "photometric"), [(4, "CMYK"), (1, "MINISWHITE")])
async def test_gdal_refuses_what_would_lose_its_mask(
    tmp_path: Path, stores: StoreRegistry, count: int, photometric: str
) -> None:
    path = write(tmp_path / "a.tif", count=count, photometric=photometric)
    source = stores.open(stores.resolve(str(path)))
    registry = default_registry(tmp_path / "spool")
    with pytest.raises(SourceUnsupportedError, match="a mask beside it"):
        await registry.identify(source)
    Path(f"{path}.msk").unlink()
    reader, _ = await registry.identify(source)
    assert isinstance(reader, GdalReader)
    reader.close()


async def test_one_round_and_one_more_request_in_an_s3_store(tmp_path: Path, s3: Any) -> None:
    path = write(tmp_path / "a.tif")
    store = s3.store("public")
    obstore.put(store, "masks/a.tif", path)
    obstore.put(store, "masks/a.tif.msk", Path(f"{path}.msk"))
    obstore.put(store, "masks/alone.tif", path)
    options = StoreOptions("s3://public", endpoint=s3.endpoint, anonymous=True)
    stores, reader = StoreRegistry([options]), TiffReader()
    source = await stores.open(stores.resolve("s3://public/masks/a.tif")).pinned()
    index = await reader.build_index(source)
    assert isinstance(index, TiffIndex)
    assert index.beside is not None
    assert index.beside.etag is not None
    before = stores.requests
    (parts,) = await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])
    assert stores.requests == before + 2
    mask = reader.decode(index, BlockId(0, 0, 0, 0), parts).mask
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(mask, dataset.read_masks(1)[:32, :64])
    alone = await reader.build_index(stores.open(stores.resolve("s3://public/masks/alone.tif")))
    assert alone.beside is None
    obstore.put(store, "masks/a.tif.msk", path)
    with pytest.raises(SourceChangedError):
        await reader.fetch(source, index, [BlockId(0, 0, 0, 0)])
