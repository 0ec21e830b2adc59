"""Our application and TiTiler's own factories over the same files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
import pytest_asyncio
import rasterio
from affine import Affine
from fastapi import FastAPI
from rasterio.enums import ColorInterp
from rio_tiler.io import STACReader
from support.application import make_settings, running
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.core.factory import MultiBaseTilerFactory, TilerFactory

UTM = Affine(10.0, 0, 499980.0, 0, -10.0, 5500020.0)


class Both(NamedTuple):
    """Clients of our application and of TiTiler's, and the folder that ours may read."""

    ours: httpx.AsyncClient
    theirs: httpx.AsyncClient
    folder: Path

    async def get(
        self, path: str, name: str, **query: Any
    ) -> tuple[httpx.Response, httpx.Response]:
        params = {"url": str(self.folder / name), **query}
        return await self.ours.get(path, params=params), await self.theirs.get(path, params=params)

    async def post(
        self, path: str, name: str, body: Any, **query: Any
    ) -> tuple[httpx.Response, httpx.Response]:
        params = {"url": str(self.folder / name), **query}
        return (
            await self.ours.post(path, params=params, json=body),
            await self.theirs.post(path, params=params, json=body),
        )


def write(path: Path, data: Any, **changes: Any) -> None:
    """Write a tiled GeoTIFF of 16-bit or other values, UTM 33 N, 10 m, without overviews."""
    profile = {
        "driver": "GTiff", "count": len(data), "height": data.shape[1], "width": data.shape[2],
        "dtype": data.dtype, "crs": "EPSG:32633", "transform": UTM, "tiled": True,
        "blockxsize": 128, "blockysize": 128, "compress": "deflate",
    }  # fmt: skip
    mask = changes.pop("mask", None)
    colours = changes.pop("colours", None)
    alpha = changes.pop("alpha", False)
    scales = changes.pop("scales", None)
    with rasterio.open(path, "w", **profile | changes) as file:
        if alpha:
            file.colorinterp = (*file.colorinterp[:-1], ColorInterp.alpha)
        if scales:
            file.scales, file.offsets = scales
        file.write(data)
        if mask is not None:
            file.write_mask(mask)
        if colours:
            file.write_colormap(1, colours)


def smooth(bands: int, size: int = 400, top: float = 4000.0) -> Any:
    """Hills, another one in each band, all above 1."""
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(7 * x + n) * np.cos(5 * y - n) + x * y for n in range(bands)]
    return (np.stack(waves) + 2.0) / 5.0 * top


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind of missing data."""
    folder = tmp_path_factory.mktemp("named")
    hills = smooth(3)
    gap = np.zeros((400, 400), bool)
    gap[100:180, 50:300] = True
    write(folder / "plain.tif", hills.astype(np.uint16))
    with_nodata = hills.astype(np.uint16)
    with_nodata[:, gap] = 0
    with_nodata[0, 300:320] = 0  # missing in one band only
    write(folder / "nodata.tif", with_nodata, nodata=0)
    floats = hills.astype(np.float32)
    floats[:, gap] = np.nan
    write(folder / "nan.tif", floats[:1], nodata=np.nan)
    bytes_ = (hills / 4000 * 255).astype(np.uint8)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(folder / "mask.tif", bytes_, mask=~gap)
    with_alpha = np.concatenate([bytes_, np.where(gap, 0, 255)[None].astype(np.uint8)])
    write(folder / "alpha.tif", with_alpha, alpha=True)
    write(folder / "scaled.tif", hills[:1].astype(np.int16), scales=((0.1,), (-5.0,)))
    classes = (hills[:1] / 1000).astype(np.uint8)
    table = {n: (n * 20, 255 - n * 20, 7, 255) for n in range(8)}
    write(folder / "classes.tif", classes, colours=table, nodata=0, photometric="palette")
    degrees = Affine(0.001, 0, 15.0, 0, -0.001, 50.0)
    write(folder / "degrees.tif", hills.astype(np.uint16), crs="EPSG:4326", transform=degrees)
    (folder / "text.tif").write_text("no raster at all")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    theirs = FastAPI()
    theirs.include_router(
        TilerFactory(router_prefix="/cog", add_viewer=False).router, prefix="/cog"
    )
    items = MultiBaseTilerFactory(reader=STACReader, router_prefix="/stac-item", add_viewer=False)
    theirs.include_router(items.router, prefix="/stac-item")
    add_exception_handlers(theirs, DEFAULT_STATUS_CODES)
    transport = httpx.ASGITransport(theirs, raise_app_exceptions=False)
    settings = make_settings(
        tmp_path_factory.mktemp("server"), file_roots=[folder], adhoc_urls=[str(folder)]
    )
    async with (
        running(settings) as ours,
        httpx.AsyncClient(transport=transport, base_url="http://maps.example") as client,
    ):
        yield Both(ours.client, client, folder)
