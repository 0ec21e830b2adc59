"""Every TIFF among the real products: equal to GDAL in all blocks, or refused by name."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from renderers.errors import SourceCorruptError, SourceUnsupportedError

ROOT = Path(
    os.environ.get("TILESERVER_TEST_DATA_ROOT", Path(__file__).resolve().parents[5] / "shared")
)
FOLDERS = (
    "cog", "cog_odd", "dem", "landcover", "landsat", "modis", "sentinel1", "parcels",
)  # fmt: skip

#: What is refused, and why; anything else must be read. Support cannot shrink unseen.
REFUSED = {
    "slc_complex_int16_gcps.tif": "complex samples",
    "cint_sar.tif": "complex samples",
    "byte_gcp_pixelispoint.tif": "the GeoKeys name no projected or geographic CRS",
    "byte_rpc.tif": "georeferenced by rational polynomial coefficients",
    "epsg_2853_with_us_feet.tif": "GeoKeys disagree with the EPSG code beside them",
}
#: Files with so many blocks that a random choice of them is compared, with all corners.
MANY = {
    "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif": 60,
    "s1b-iw-grd-vv-20210401t052623-20210401t052648-026269-032297-001.tiff": 60,
}


def products() -> list[Any]:
    found = []
    for folder in FOLDERS:
        paths = (ROOT / "data" / folder).rglob("*")
        found += sorted(p for p in paths if p.suffix.lower() in (".tif", ".tiff"))
    return [pytest.param(p, id=str(p.relative_to(ROOT / "data"))) for p in found]


def test_discovery_finds_the_products(shared: Path) -> None:
    names = {p.values[0].name for p in products()}
    assert len(names) >= 55
    assert set(REFUSED) <= names


@pytest.mark.parametrize("path", products())
async def test_product_equals_gdal_or_is_refused_by_name(
    path: Path,
    compare: Callable[..., Awaitable[Any]],
    open_tiff: Callable[[Path], Awaitable[Any]],
) -> None:
    if path.name in REFUSED:
        with pytest.raises(SourceUnsupportedError) as caught:
            await open_tiff(path)
        assert str(caught.value) == REFUSED[path.name]
        return
    await compare(path, MANY.get(path.name, 10**9))


async def test_a_codestream_with_a_tiff_name_is_not_a_tiff(
    shared: Path, open_tiff: Callable[[Path], Awaitable[Any]]
) -> None:
    with pytest.raises(SourceCorruptError, match="not a TIFF"):
        await open_tiff(shared / "data/sentinel2/S2B_33TWL_20230810_0_L2A/B04.tif")


async def test_a_tiff_with_another_name_is_read(
    shared: Path, compare: Callable[..., Awaitable[Any]]
) -> None:
    await compare(shared / "data/sentinel2/traps/tiff_named.jp2")


async def test_infrared_marked_as_alpha_stays_a_band_where_there_is_nodata(
    shared: Path, open_tiff: Callable[[Path], Awaitable[Any]]
) -> None:
    path = shared / "data/cog/naip_time_series/m_4709963_se_14_1_20100629.tif"
    opened = await open_tiff(path)
    assert (opened.index.info.count, opened.index.info.masked) == (4, False)


async def test_index_of_a_36000_pixel_cog_is_small_and_costs_one_request(
    shared: Path, stores: Any, open_tiff: Callable[[Path], Awaitable[Any]]
) -> None:
    path = shared / "data/landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    opened = await open_tiff(path)
    assert stores.requests == 1
    blocks = sum(len(image.offsets) for image in opened.index.images)
    assert blocks == 1740
    assert len(opened.index.to_bytes()) < 8.5 * blocks
