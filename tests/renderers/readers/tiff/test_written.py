"""Files that GDAL writes, over codecs, predictors, types, interleavings, byte orders and masks."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling

from renderers.errors import SourceUnsupportedError
from renderers.gcp import GcpModel
from renderers.readers.base import BlockId
from renderers.readers.tiff.reader import TiffReader

Compare = Callable[..., Awaitable[Any]]

TYPES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64",
)  # fmt: skip
PREDICTED = ("DEFLATE", "LZW", "ZSTD")
GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 499980, 0, -10, 5000040)}


def pixels(dtype: str, count: int, height: int, width: int) -> Any:
    """Smooth values with steps and extremes, so that wrapping differences occur."""
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.integers(-40, 41, (count, height, width)), axis=2)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        values = (walk * 0.37).astype(kind)
        values[:, ::13, ::5] = np.nan
        values[:, 1::13, ::5] = np.inf
        values[:, 2::13, ::5] = np.finfo(kind).max
        return values
    values = walk.astype(kind)
    values[:, ::9, ::7] = np.iinfo(kind).max
    values[:, 1::9, ::5] = np.iinfo(kind).min
    return values


def write(path: Path, data: Any, **options: Any) -> Path:
    count, height, width = data.shape
    profile = {"driver": "GTiff", "width": width, "height": height, "count": count,
               "dtype": data.dtype.name, **GRID, **options}  # fmt: skip
    if profile.get("tiled", True):
        profile = {"tiled": True, "blockxsize": 64, "blockysize": 32, **profile}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(data)
    return path


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("compress", PREDICTED)
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
async def test_predictors_equal_gdal(
    tmp_path: Path, compare: Compare, dtype: str, compress: str, interleave: str, endian: str
) -> None:
    predictors = (1, 2, 3) if dtype.startswith("f") else (1, 2)
    for predictor, count in itertools.product(predictors, (1, 3)):
        path = write(
            tmp_path / f"{predictor}_{count}.tif", pixels(dtype, count, 75, 130), compress=compress,
            predictor=predictor, interleave=interleave, ENDIANNESS=endian,
        )  # fmt: skip
        opened = await compare(path)
        assert opened.index.images[0].predictor == predictor
        assert opened.index.big_endian is (endian == "BIG")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("compress", ["NONE", "PACKBITS", "LZMA"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
async def test_plain_blocks_equal_gdal(
    tmp_path: Path, compare: Compare, dtype: str, compress: str, endian: str
) -> None:
    cases = itertools.product(("pixel", "band"), ((True, "YES"), (False, "NO")))
    for interleave, (tiled, bigtiff) in cases:
        await compare(
            write(
                tmp_path / f"{interleave}_{tiled}.tif",
                pixels(dtype, 2, 45, 70),
                compress=compress,
                interleave=interleave,
                tiled=tiled,
                ENDIANNESS=endian,
                BIGTIFF=bigtiff,
            )
        )


@pytest.mark.parametrize("compress", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
@pytest.mark.parametrize("dtype", [t for t in TYPES if not t.endswith("64")] + ["float64"])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
async def test_lerc_equals_gdal(
    tmp_path: Path, compare: Compare, dtype: str, compress: str, interleave: str
) -> None:
    data = pixels(dtype, 3, 75, 130)
    if dtype.startswith("f"):
        data[~np.isfinite(data)] = 0
        path = write(tmp_path / "nan.tif", with_nan(data[:1]), compress=compress)
        await compare(path)
    await compare(write(tmp_path / "a.tif", data, compress=compress, interleave=interleave))


def counted(read: Any, rounds: list[Any]) -> Any:
    async def run(source: Any, ranges: Any) -> Any:
        rounds.append(ranges)
        return await read(source, ranges)

    return run


def with_nan(data: Any) -> Any:
    holes = data.copy()
    holes[:, 10:20, 30:70] = np.nan
    return holes


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("lossless", ["YES", "NO"])
async def test_webp_equals_gdal(
    tmp_path: Path, compare: Compare, bands: int, lossless: str
) -> None:
    data = pixels("uint8", bands, 75, 130)
    await compare(write(tmp_path / "a.tif", data, compress="WEBP", WEBP_LOSSLESS=lossless))


@pytest.mark.parametrize("nodata", [0, 255, 7])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("compress", ["NONE", "DEFLATE"])
async def test_sparse_blocks_hold_nodata(
    tmp_path: Path, compare: Compare, nodata: int, interleave: str, compress: str
) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=200, height=100, count=3, dtype="uint8", nodata=nodata,
        tiled=True, blockxsize=64, blockysize=32, SPARSE_OK=True, interleave=interleave,
        compress=compress, **GRID,
    ) as dataset:  # fmt: skip
        window = rasterio.windows.Window(64, 32, 64, 32)
        dataset.write(pixels("uint8", 3, 32, 64), window=window)
    opened = await compare(path)
    assert (await opened.blocks([BlockId(0, 0, 0, 0)]))[0].mask is None
    assert np.count_nonzero(opened.index.images[0].counts == 0) > 0


@pytest.mark.parametrize("nodata", [None, -128])
async def test_sparse_blocks_without_usable_nodata_hold_what_gdal_says(
    tmp_path: Path, compare: Compare, nodata: float | None
) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=100, height=100, count=1, dtype="int16", tiled=True,
        blockxsize=64, blockysize=64, SPARSE_OK=True, nodata=nodata, **GRID,
    ):  # fmt: skip
        pass
    await compare(path)


@pytest.mark.parametrize("text", ["nan", "-9999", "-3.4028234663852886e+38", "0.1", "3.4e+38"])
async def test_float_nodata(tmp_path: Path, compare: Compare, text: str) -> None:
    await compare(write(tmp_path / "a.tif", pixels("float32", 1, 40, 70), nodata=float(text)))


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (64, 32), (63, 33), (65, 31)])
async def test_odd_sizes_with_overviews(
    tmp_path: Path, compare: Compare, size: tuple[int, int]
) -> None:
    path = write(tmp_path / "a.tif", pixels("uint16", 1, *size), compress="DEFLATE", predictor=2)
    with rasterio.open(path, "r+") as dataset:
        factors = [f for f in (2, 4) if f <= max(size)]
        dataset.build_overviews(factors, Resampling.nearest)
    opened = await compare(path)
    levels = opened.index.info.levels
    assert all(v.scale_x == size[1] / v.width for v in levels)
    assert all(v.scale_y == size[0] / v.height for v in levels)


@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize("compress", ["DEFLATE", "JPEG"])
async def test_internal_masks_come_with_the_block_in_one_round(
    tmp_path: Path,
    compare: Compare,
    stores: Any,
    monkeypatch: pytest.MonkeyPatch,
    compress: str,
    *,
    tiled: bool,
) -> None:
    path = tmp_path / "a.tif"
    data = pixels("uint8", 3, 175, 230)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path, data, compress=compress, tiled=tiled)
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(np.random.default_rng(1).random((175, 230)) > 0.4)
            dataset.build_overviews([2, 4], Resampling.nearest)
    opened = await compare(path)
    assert opened.index.info.masked
    assert all(mask is not None for mask in opened.index.masks)
    block = BlockId(0, 0, 0, 0)
    source = stores.open(stores.resolve(str(path)))
    rounds = []
    monkeypatch.setattr(type(source), "read", counted(type(source).read, rounds))
    parts = await TiffReader().fetch(source, opened.index, [block])
    assert len(parts[0]) > 1
    assert len(rounds) == 1


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("alpha", ["PREMULTIPLIED", "NON-PREMULTIPLIED"])
async def test_alpha_is_a_mask_and_no_band(
    tmp_path: Path, compare: Compare, interleave: str, dtype: str, alpha: str, *, sparse: bool
) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=130, height=75, count=4, dtype=dtype, photometric="RGB",
        alpha=alpha, interleave=interleave, tiled=True, blockxsize=64, blockysize=64,
        SPARSE_OK=sparse, **GRID,
    ) as dataset:  # fmt: skip
        data = pixels(dtype, 4, 75, 64 if sparse else 130)
        data[3, :20] = 0
        dataset.write(data, window=rasterio.windows.Window(0, 0, data.shape[2], 75))
        assert dataset.colorinterp[3] is ColorInterp.alpha
    opened = await compare(path)
    assert (opened.index.info.count, opened.index.alpha) == (3, True)


async def test_scales_offsets_and_names(tmp_path: Path, compare: Compare) -> None:
    path = write(tmp_path / "a.tif", pixels("int16", 2, 40, 70))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (0.0001, 2.0)
        dataset.offsets = (-0.1, 3.0)
        dataset.descriptions = ("red & near", "ñandú")
    info = (await compare(path)).index.info
    assert info.scales == (0.0001, 2.0)
    assert info.descriptions == ("red & near", "ñandú")


async def test_palette(tmp_path: Path, compare: Compare) -> None:
    path = write(tmp_path / "a.tif", pixels("uint8", 1, 40, 70), nodata=3, photometric="PALETTE")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {i: (i, 255 - i, i // 2, 255) for i in range(256)})
    info = (await compare(path)).index.info
    assert info.colour_table is not None
    assert info.colour_table[3] == (3, 252, 1, 0)


@pytest.mark.parametrize("point", ["AREA", "POINT"])
@pytest.mark.parametrize(
    "transform",
    [
        Affine(10, 0, 500000, 0, -10, 5000000),
        Affine(10, 0, 500000, 0, 10, 5000000),
        Affine(7, 2, 500000, 3, -9, 5000000),
        Affine(0.25, 0, -10.125, 0, -0.5, 3.0625),
    ],
)
async def test_affines(tmp_path: Path, compare: Compare, point: str, transform: Affine) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=20, height=10, count=1, dtype="uint8", crs="EPSG:32633",
        transform=transform,
    ) as dataset:  # fmt: skip
        dataset.update_tags(AREA_OR_POINT=point.title())
    await compare(path)


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:4326", "EPSG:3857", "EPSG:3035", "EPSG:2056", "EPSG:31370", "EPSG:3031", "EPSG:3413",
        "EPSG:5070", "EPSG:2272", "EPSG:4258", "EPSG:27700", "EPSG:6933",
        "+proj=tmerc +lat_0=10 +lon_0=12 +k=0.9995 +x_0=1000 +y_0=2000 +ellps=bessel",
        "+proj=lcc +lat_0=40 +lon_0=5 +lat_1=30 +lat_2=50 +x_0=7 +y_0=8 +ellps=GRS80",
        "+proj=aea +lat_0=34 +lon_0=-120 +lat_1=43 +lat_2=48 +x_0=600000 +ellps=GRS80",
        "+proj=laea +lat_0=45 +lon_0=-100 +a=6370997 +b=6370997",
        "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=10 +ellps=WGS84",
        "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +a=6378273 +b=6356889.449",
        "+proj=stere +lat_0=90 +k=0.994 +lon_0=0 +x_0=2000000 +y_0=2000000 +datum=WGS84",
        "+proj=eqc +lat_ts=10 +lon_0=20 +R=3396190",
        "+proj=sinu +lon_0=0 +R=6371007.181",
        "+proj=utm +zone=33 +south +ellps=intl",
        "+proj=tmerc +lat_0=10 +lon_0=12 +units=us-ft +ellps=bessel",
        "+proj=longlat +a=6371229 +b=6371229",
        "+proj=moll +lon_0=0 +datum=WGS84",
        "+proj=geos +h=35785831 +lon_0=0 +sweep=y +datum=WGS84",
    ],
)  # fmt: skip
async def test_crs_equals_gdal(tmp_path: Path, compare: Compare, crs: str) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", crs=crs,
        transform=Affine(1, 0, 10, 0, -1, 20),
    ):  # fmt: skip
        pass
    opened = await compare(path)
    assert opened.index.info.crs is not None
    if crs.startswith("EPSG"):
        assert opened.index.info.crs == crs


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"compress": "CCITTFAX4", "nbits": 1}, "compression 4"),
        ({"photometric": "MINISWHITE"}, "samples where white is zero"),
        ({"photometric": "CMYK", "count": 4}, "photometric interpretation 5"),
        ({"dtype": "complex64"}, "complex samples"),
        ({"crs": "+proj=cass +lat_0=1 +lon_0=2"}, "a projection method that is not built here"),
        (
            {"width": 4096, "height": 4096, "tiled": False, "blockysize": 4096},
            "blocks of too many pixels",
        ),
    ],
)
async def test_refusals_name_their_reason(
    tmp_path: Path,
    open_tiff: Callable[[Path], Awaitable[Any]],
    options: dict[str, Any],
    reason: str,
) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint8",
               "SPARSE_OK": True, **GRID, **options}  # fmt: skip
    with rasterio.open(path, "w", **profile):
        pass
    with pytest.raises(SourceUnsupportedError, match=reason):
        await open_tiff(path)


def with_points(path: Path, places: list[tuple[float, float]], crs: str) -> Path:
    """Write a file whose control points lie at (column, row) = (x, y)."""
    points = [rasterio.control.GroundControlPoint(y, x, x, y) for x, y in places]
    with rasterio.open(
        path, "w", driver="GTiff", width=10, height=10, count=1, dtype="uint8", gcps=points,
        crs=CRS.from_string(crs) if crs else CRS(),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 10, 10), "uint8"))
    return path


async def test_ground_control_points_are_a_grid(
    tmp_path: Path, compare: Callable[..., Awaitable[Any]]
) -> None:
    path = with_points(tmp_path / "a.tif", [(0, 0), (9, 0), (0, 9), (9, 9)], "EPSG:4326")
    index = (await compare(path)).index
    assert index.info.geobox is None
    assert isinstance(index.info.grid, GcpModel)


@pytest.mark.parametrize(
    ("places", "crs", "reason"),
    [
        ([(0, 0), (9, 0)], "EPSG:4326", "fewer than three"),
        ([(0, 0), (3, 3), (9, 9)], "EPSG:4326", "on one line"),
        ([(0, 0), (9, 0), (9, 9)], "", "without a CRS"),
        ([(i % 9, i // 9) for i in range(1001)], "EPSG:32632", "more than 1000"),
    ],
)
async def test_points_that_make_no_grid_are_refused(
    tmp_path: Path,
    open_tiff: Callable[[Path], Awaitable[Any]],
    places: list[tuple[float, float]],
    crs: str,
    reason: str,
) -> None:
    path = with_points(tmp_path / "a.tif", places, crs)
    with pytest.raises(SourceUnsupportedError, match=reason):
        await open_tiff(path)
