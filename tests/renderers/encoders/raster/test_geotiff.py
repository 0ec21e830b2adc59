"""GeoTIFF and COG against GDAL, which reads back every value and every word."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader, MemoryFile

from renderers.crs import canonical_name, crs_object
from renderers.encoders.base import EncodingError
from renderers.encoders.raster import tiff
from renderers.encoders.raster.cog import CogEncoder
from renderers.encoders.raster.geokeys import crs_keys
from renderers.encoders.raster.geotiff import GeoTiffEncoder, Options, stream
from renderers.geobox import GeoBox
from renderers.image import Raster

DTYPES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip
TRANSFORM = Affine(10.0, 0, 499980.0, 0, -10.0, 5000040.0)


def values(dtype: str, bands: int = 1, height: int = 61, width: int = 83) -> Any:
    """Noise over the type's whole range."""
    rng = np.random.default_rng(7)
    kind = np.dtype(dtype)
    if kind.kind in "ui":
        limits = np.iinfo(kind)
        shape = bands, height, width
        return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    data = rng.normal(0, 1e6, (bands, height, width))
    return (data + 1j * data[::-1]).astype(kind) if kind.kind == "c" else data.astype(kind)


def raster(data: Any, valid: Any = None, **changes: Any) -> Raster:
    bands, height, width = data.shape
    told: dict[str, Any] = {
        "names": tuple(f"B{n}" for n in range(1, bands + 1)),
        "geobox": GeoBox(width, height, TRANSFORM, "EPSG:32633"),
        "nodata": None,
        "scale": (1.0,) * bands,
        "offset": (0.0,) * bands,
    } | changes
    return Raster(data, np.ones(data.shape, bool) if valid is None else valid, **told)


@contextmanager
def opened(body: bytes) -> Iterator[DatasetReader]:
    with MemoryFile(body) as memory, memory.open() as file:
        yield file


WAYS = {
    "strips": Options(),
    "rows": Options(rows=7),
    "tiles": Options(tile=32),
    "deflate": Options("deflate"),
    "deflate-tiles": Options("deflate", tile=16),
    "zstd": Options("zstd"),
    "zstd-tiles": Options("zstd", tile=64),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_every_type_in_every_way_is_read_back(dtype: str, way: str, bands: int) -> None:
    data = values(dtype, bands)
    with opened(GeoTiffEncoder(WAYS[way]).encode(raster(data))) as file:
        assert file.dtypes == (dtype,) * bands
        np.testing.assert_array_equal(file.read(), data)
        assert file.transform == TRANSFORM
        assert file.crs.to_epsg() == 32633
        assert file.nodata is None
        assert file.descriptions == tuple(f"B{n}" for n in range(1, bands + 1))
        assert all(flags == [MaskFlags.all_valid] for flags in file.mask_flag_enums)


@pytest.mark.parametrize("way", WAYS)
def test_half_floats(way: str) -> None:
    data = np.linspace(-5, 5, 61 * 83).astype(np.float16).reshape(1, 61, 83)
    with opened(GeoTiffEncoder(WAYS[way]).encode(raster(data))) as file:
        np.testing.assert_array_equal(file.read(), data)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_nodata_stands_where_data_is_missing(way: str, dtype: str) -> None:
    data = np.full((2, 61, 83), 9, dtype)
    valid = np.ones(data.shape, bool)
    valid[0, :3] = valid[1, 5:, 7] = False
    body = GeoTiffEncoder(WAYS[way]).encode(raster(data, valid, nodata=17))
    with opened(body) as file:
        assert file.nodata == 17
        np.testing.assert_array_equal(file.read(), np.where(valid, data, 17))
        np.testing.assert_array_equal(file.read_masks() == 255, valid)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "complex64"])
def test_types_without_nodata_get_a_mask(way: str, dtype: str) -> None:
    data = values(dtype, 3)
    valid = np.broadcast_to(np.random.default_rng(1).random((61, 83)) < 0.5, data.shape)
    with opened(GeoTiffEncoder(WAYS[way]).encode(raster(data, valid))) as file:
        assert file.mask_flag_enums[0] == [MaskFlags.per_dataset]
        np.testing.assert_array_equal(file.dataset_mask() == 255, valid[0])
        np.testing.assert_array_equal(file.read()[valid], data[valid])
        assert not file.read()[~valid].any()


def test_missing_floats_are_nan() -> None:
    data = values("float32", 2)
    valid = np.ones(data.shape, bool)
    valid[1, 4] = False
    with opened(GeoTiffEncoder().encode(raster(data, valid))) as file:
        assert math.isnan(file.nodata)
        np.testing.assert_array_equal(file.read(masked=True).mask, ~valid)


def test_bands_that_miss_different_pixels_need_nodata() -> None:
    data = values("uint16", 2)
    valid = np.ones(data.shape, bool)
    valid[1, 4] = False
    with pytest.raises(EncodingError, match="nodata"):
        GeoTiffEncoder().encode(raster(data, valid))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("uint8", 0, 255),
        ("uint16", 0, 65535),
        ("int16", -32768, 32767),
        ("float32", np.finfo("f4").min, np.finfo("f4").max),
    ],
)
def test_alpha_is_the_last_band(way: str, dtype: str, low: float, high: float) -> None:
    data = values(dtype, 3)
    valid = np.ones(data.shape, bool)
    valid[:, 40:] = False
    valid[2, 40] = True  # some band has data here
    options = Options(WAYS[way].compression, WAYS[way].tile, True, WAYS[way].rows)
    with opened(GeoTiffEncoder(options).encode(raster(data, valid, nodata=3))) as file:
        assert file.count == 4
        assert file.colorinterp[3] == ColorInterp.alpha
        assert file.nodata is None
        np.testing.assert_array_equal(file.read(4), np.where(valid.any(axis=0), high, low))
        np.testing.assert_array_equal(file.read([1, 2, 3]), np.where(valid, data, 3))


def test_scales_offsets_and_names_are_exact() -> None:
    names = ('Red <665 nm> & "more"', "Grün", "")
    told = raster(
        values("uint16", 3), names=names, scale=(0.1, 1e-4, 1 / 3), offset=(-0.1, 0.0, 1e300)
    )
    with opened(GeoTiffEncoder().encode(told)) as file:
        assert file.scales == told.scale
        assert file.offsets == told.offset
        assert file.descriptions == (names[0], names[1], None)


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.1, 0, -0.3, 0, -0.1, 0.7),
        Affine(1 / 3, 0, 1e7 / 3, 0, -2 / 7, 1e7 / 7),
        Affine(7.0, 3.0, 100.0, 2.0, -9.0, 200.0),
        Affine(1.0, 0, 0.0, 0, 1.0, 5.0),
    ],
)
def test_grids_are_exact(transform: Affine) -> None:
    data = values("uint8")
    box = GeoBox(83, 61, transform, "EPSG:4326")
    with opened(GeoTiffEncoder().encode(raster(data, geobox=box))) as file:
        assert file.transform == transform
        assert file.crs.to_epsg() == 4326


SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"
GEOS = "+proj=geos +h=35785831 +lon_0=0 +datum=WGS84 +units=m +sweep=y"


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:4326", "EPSG:3857", "EPSG:3031", "EPSG:2056", "EPSG:3035", "EPSG:2193", "EPSG:4258",
        "OGC:CRS84", "EPSG:4979", "ESRI:54009", "IAU_2015:49910", SINUSOIDAL, GEOS,
        "+proj=laea +lat_0=52 +lon_0=10 +ellps=GRS80 +units=us-ft",
    ],
)  # fmt: skip
def test_crs_is_read_back(crs: str) -> None:
    name = canonical_name(crs)
    box = GeoBox(83, 61, TRANSFORM, name)
    with opened(GeoTiffEncoder().encode(raster(values("uint8"), geobox=box))) as file:
        found = crs_object(file.crs.to_wkt())
        assert crs_object(name).equals(found, ignore_axis_order=True)


def test_a_crs_without_keys_is_refused_by_name() -> None:
    with pytest.raises(EncodingError, match="no keys"):
        crs_keys("EPSG:7415")  # RD New with heights


def test_three_bands_of_bytes_are_colours() -> None:
    with opened(GeoTiffEncoder().encode(raster(values("uint8", 3)))) as file:
        assert file.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@pytest.mark.parametrize("dtype", ["bool", "longdouble", "datetime64[s]"])
def test_other_types_are_refused(dtype: str) -> None:
    data = np.zeros((1, 4, 4), dtype)
    box = GeoBox(4, 4, TRANSFORM, "EPSG:32633")
    with pytest.raises(EncodingError, match="type"):
        GeoTiffEncoder().encode(raster(data, geobox=box))


@pytest.mark.parametrize("nodata", [-1, 256, 0.5, math.nan, math.inf])
def test_nodata_must_be_a_value_of_the_type(nodata: float) -> None:
    with pytest.raises(EncodingError, match="nodata"):
        GeoTiffEncoder().encode(raster(values("uint8"), nodata=nodata))


def test_big_endian_values_are_turned() -> None:
    data = values("uint16").astype(">u2")
    with opened(GeoTiffEncoder().encode(raster(data))) as file:
        np.testing.assert_array_equal(file.read(), data)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    bands=st.integers(1, 4),
    rows=st.integers(1, 80),
    tile=st.sampled_from([None, 16, 48]),
    compression=st.sampled_from(["none", "deflate", "zstd"]),
    masked=st.booleans(),
)
def test_any_shape(
    height: int,
    width: int,
    bands: int,
    rows: int,
    tile: int | None,
    compression: Any,
    masked: bool,
) -> None:
    data = values("int16", bands, height, width)
    valid = np.ones((height, width), bool)
    if masked:
        valid[::2, ::3] = False
    told = raster(data, np.broadcast_to(valid, data.shape))
    body = GeoTiffEncoder(Options(compression, tile, rows=rows)).encode(told)
    with opened(body) as file:
        found = file.read()
        np.testing.assert_array_equal(found[:, valid], data[:, valid])
        np.testing.assert_array_equal(file.dataset_mask() == 255, valid)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("tile", [None, 16])
def test_a_stream_is_the_file_piece_by_piece(alpha: bool, tile: int | None) -> None:
    data = values("uint16", 2)
    valid = np.broadcast_to(np.random.default_rng(1).random((61, 83)) < 0.5, data.shape)
    options = Options(rows=10, alpha=alpha, tile=tile)
    whole = GeoTiffEncoder(options).encode(raster(data, valid))
    blank = raster(np.broadcast_to(np.uint16(0), data.shape), np.broadcast_to(False, data.shape))
    plan = stream(blank, options, masked=True)
    chunks = (
        (data[:, top : top + plan.rows], valid[:, top : top + plan.rows])
        for top in range(0, 61, plan.rows)
    )
    sent = plan.header + b"".join(plan.strips(chunks))
    assert sent == whole
    assert len(sent) == plan.size


def test_a_stream_refuses_other_pixels_than_told() -> None:
    data = values("uint16")
    plan = stream(raster(data), Options(rows=10))
    ones = np.ones((1, 10, 83), bool)
    with pytest.raises(EncodingError, match="another shape or type"):
        list(plan.strips([(data[:, :10].astype(np.int16), ones)]))
    with pytest.raises(EncodingError, match="fewer rows"):
        list(plan.strips([(data[:, :10], ones)]))
    with pytest.raises(EncodingError, match="uncompressed"):
        stream(raster(data), Options("zstd"))


def test_past_four_gigabytes_offsets_are_long() -> None:
    """A plan of 5 GB: the header alone, checked by GDAL over a file that is mostly a hole."""
    box = GeoBox(50000, 50000, TRANSFORM, "EPSG:32633")
    nothing = np.broadcast_to(np.uint16(0), (1, 50000, 50000))
    told = raster(nothing, np.broadcast_to(True, nothing.shape), geobox=box)
    plan = stream(told, Options(rows=500))
    assert plan.header[:4] == b"II+\0"
    assert plan.size == len(plan.header) + 5_000_000_000


def test_a_file_past_four_gigabytes_is_read(tmp_path: Any) -> None:
    box = GeoBox(50000, 50000, TRANSFORM, "EPSG:32633")
    nothing = np.broadcast_to(np.uint16(0), (1, 50000, 50000))
    told = raster(nothing, np.broadcast_to(True, nothing.shape), geobox=box)
    plan = stream(told, Options(rows=500))
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.write(plan.header)
        file.truncate(plan.size)
        file.seek(plan.size - 2)
        file.write(b"\x07\x01")
    with rasterio.open(path) as source:
        window = rasterio.windows.Window(49990, 49998, 10, 2)
        assert source.read(1, window=window)[-1, -1] == 0x0107
        assert source.crs.to_epsg() == 32633


def test_the_header_is_one_of_tiff() -> None:
    form = tiff.Form(3, 2, 1, np.dtype(np.uint8), 3, 2)
    body = tiff.header(form, tiff.Described(), form.plain_sizes()) + bytes(range(6))
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), opened(body) as file:
        np.testing.assert_array_equal(file.read(1), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_cog(dtype: str) -> None:
    data = values(dtype, 2, 700, 900)
    valid = np.ones(data.shape, bool)
    valid[:, 100:120] = False
    told = raster(data, valid, nodata=5, scale=(0.5, 0.25), offset=(1.0, 2.0))
    with opened(CogEncoder(block=256).encode(told)) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1)
        assert file.block_shapes == [(256, 256)] * 2
        np.testing.assert_array_equal(file.read()[valid], data[valid])
        assert file.transform == TRANSFORM
        assert (file.crs.to_epsg(), file.nodata) == (32633, 5)
        assert (file.scales, file.offsets) == (told.scale, told.offset)
        assert file.descriptions == ("B1", "B2")


def test_cog_keeps_a_mask() -> None:
    data = values("uint8", 1, 300, 300)
    valid = np.ones(data.shape, bool)
    valid[:, :, :50] = False
    with opened(CogEncoder("none").encode(raster(data, valid))) as file:
        np.testing.assert_array_equal(file.dataset_mask() == 255, valid[0])
        np.testing.assert_array_equal(file.read()[valid], data[valid])
