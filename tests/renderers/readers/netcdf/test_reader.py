"""The NetCDF reader: pixels as h5py gives them, by ranges; what it refuses, and damaged files."""

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS
from support.memory import Bytes
from support.netcdf import axes, dimension, variable, write_grid

from renderers.errors import (
    SourceCorruptError,
    SourceError,
    SourceMissingError,
    SourceUnsupportedError,
)
from renderers.readers.base import BlockId
from renderers.readers.netcdf.index import NetcdfIndex
from renderers.readers.netcdf.reader import NetcdfReader, read_array
from renderers.readers.registry import default_registry
from renderers.stores import StoreRegistry, part_href

READER = NetcdfReader()
Array = NDArray[Any]


def source(path: Path, part: str = "") -> Any:
    made = Bytes(path.read_bytes())
    made.ref = replace(made.ref, part=part)
    return made


def index_of(path: Path, part: str = "") -> NetcdfIndex:
    return asyncio.run(READER.build_index(source(path, part)))


def pixels(path: Path, index: NetcdfIndex, band: int) -> Array:
    """All pixels of a band, block by block; also through the stored form of the index."""
    again = READER.load_index(index.to_bytes())
    assert repr(again.info) == repr(index.info)  # NaN is equal to NaN
    plane, position = again.plane_of(band)
    level = index.info.levels[0]
    out = np.zeros((level.height, level.width), index.info.dtype)

    async def read() -> None:
        for row in range(-(-level.height // level.block_height)):
            for column in range(-(-level.width // level.block_width)):
                block = BlockId(0, row, column, plane)
                (parts,) = await READER.fetch(source(path), again, [block])
                data = READER.decode(again, block, parts).data[position]
                top, left = row * level.block_height, column * level.block_width
                out[top : top + data.shape[0], left : left + data.shape[1]] = data

    asyncio.run(read())
    return out


STORAGE: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "deflate": {"chunks": (1, 8, 16), "compression": 4},
    "shuffle": {"chunks": (1, 8, 16), "compression": 1, "shuffle": True},
    "checksum": {"chunks": (1, 8, 16), "shuffle": True, "compression": 1, "fletcher32": True},
    "plain chunks": {"chunks": (1, 5, 7)},
    "deep chunks": {"chunks": (2, 8, 16), "compression": 1},
}


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("dtype", ["i1", ">u2", "i4", "<f4", ">f8", "f2", "u8"])
def test_all_slices_are_as_h5py_reads_them(tmp_path: Path, storage: str, dtype: str) -> None:
    data = np.random.default_rng(5).integers(0, 100, (3, 21, 37)).astype(dtype)
    path = write_grid(tmp_path / "a.nc", data, **STORAGE[storage])
    index = index_of(path)
    assert index.info.count == 3
    for band in range(1, 4):
        assert np.array_equal(pixels(path, index, band), data[band - 1].astype(index.info.dtype))
        one = index_of(path, f"v[{band - 1}]")
        assert one.info.count == 1
        assert len(one.to_bytes()) <= len(index.to_bytes())
        assert np.array_equal(pixels(path, one, 1), data[band - 1].astype(index.info.dtype))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(2, 12)] * 2),
    chunk=st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(1, 12)] * 2),
)
def test_any_chunks(tmp_path: Path, shape: tuple[int, ...], chunk: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    chunks = tuple(min(pair) for pair in zip(shape, chunk, strict=True))
    path = write_grid(tmp_path / "a.nc", data, chunks=chunks, compression=1)
    index = index_of(path)
    flat = data.reshape(-1, *shape[2:])
    for band in {1, len(flat) // 2 + 1, len(flat)}:
        assert np.array_equal(pixels(path, index, band), flat[band - 1])
    last = index_of(path, f"v[{shape[0] - 1},{shape[1] - 1}]")
    assert np.array_equal(pixels(path, last, 1), flat[-1])


@pytest.mark.parametrize("up", [False, True])
def test_where_pixels_lie(tmp_path: Path, up: bool) -> None:
    path = write_grid(tmp_path / "a.nc", np.zeros((8, 12), "f4"), up=up)
    info = index_of(path).info
    assert info.crs == "EPSG:4326"
    assert info.geobox is not None
    assert info.geobox.bounds == pytest.approx((10.0, 48.0, 13.0, 50.0))
    assert info.geobox.transform.e == pytest.approx(0.25 if up else -0.25)


def test_real_grid(shared: Path) -> None:
    path = shared / "data/netcdf/gridmet_tmmx_20190121.nc"
    index = index_of(path)
    info = index.info
    assert (info.width, info.height, info.crs) == (1386, 585, "EPSG:4326")
    assert (info.scales, info.offsets, info.nodata) == ((0.1,), (220.0,), 32767.0)
    assert info.geobox is not None
    assert info.geobox.bounds == pytest.approx((-124.7875, 25.0458, -67.0375, 49.4208), abs=1e-3)
    with h5py.File(path) as file:
        assert np.array_equal(pixels(path, index, 1), file["air_temperature"][:])


@pytest.mark.parametrize(
    "name", ["conc_chl", "quality_flags", "pixel_classif_flags", "rrs_8", "lat"]
)
def test_real_swath(shared: Path, name: str) -> None:
    path = shared / "data/sentinel3/O_L2_0001_SNS_2017104102450_v1.0.nc"
    index = index_of(path, name)
    with h5py.File(path) as file:
        want, lon, lat = file[name][:], file["lon"][:], file["lat"][:]
    got = pixels(path, index, 1)
    if name == "quality_flags":  # packed bits, in words
        got = np.stack([got, pixels(path, index, 2)], axis=-1).view("<u4")[..., 0]
    assert np.array_equal(got, want.view(got.dtype), equal_nan=got.dtype.kind == "f")
    if name != "lat":
        grid = index.info.grid
        assert grid is not None
        x, y = grid.to_crs(np.array([30.5, 99.5]), np.array([40.5, 99.5]))
        assert x == pytest.approx(lon[[40, 99], [30, 99]], abs=1e-4)
        assert y == pytest.approx(lat[[40, 99], [30, 99]], abs=1e-4)
    if name == "quality_flags":
        assert (index.info.dtype, index.info.count) == ("uint16", 2)


def test_no_data(tmp_path: Path) -> None:
    data = np.array([[1, 2, 3], [-9, 99, 7]], "i2")
    attributes = {"_FillValue": np.int16(-9), "missing_value": np.int16(2),
                  "valid_range": np.array([0, 50], "i2"), "scale_factor": 0.5}  # fmt: skip
    index = index_of(path := write_grid(tmp_path / "a.nc", data, attributes=attributes))
    assert index.info.nodata == -9
    assert pixels(path, index, 1).tolist() == [[1, -9, 3], [-9, -9, 7]]
    values = asyncio.run(read_array(source(path), index))
    assert np.array_equal(values, [[0.5, np.nan, 1.5], [np.nan, np.nan, 3.5]], equal_nan=True)


def test_a_valid_range_alone_makes_a_nodata_value(tmp_path: Path) -> None:
    data = np.array([[1, 2], [90, 7]], "u1")
    index = index_of(
        path := write_grid(tmp_path / "a.nc", data, attributes={"valid_max": np.uint8(50)})
    )
    assert index.info.nodata == 255
    assert pixels(path, index, 1).tolist() == [[1, 2], [255, 7]]


def test_chunks_that_are_not_there_hold_the_fill_value(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        axes(file, np.arange(8.0), np.arange(8.0))
        made = file.create_dataset("v", (8, 8), "i2", chunks=(4, 4), fillvalue=-7)
        for axis, name in enumerate(("lat", "lon")):
            made.dims[axis].attach_scale(file[name])
        made[:4, :4] = 5
    got = pixels(path, index_of(path), 1)
    assert (got[:4, :4] == 5).all()
    assert (got[4:] == -7).all()


def test_a_projected_grid(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        dimension(file, "y", 6000 - np.arange(4.0), units="km",
                  standard_name="projection_y_coordinate")  # fmt: skip
        dimension(file, "x", 300 + np.arange(5.0), units="km",
                  standard_name="projection_x_coordinate")  # fmt: skip
        crs = file.create_dataset("crs", data=0)
        crs.attrs.update(spatial_ref=CRS("EPSG:32633").to_wkt())
        variable(file, "v", np.zeros((4, 5), "f4"), ("y", "x"), {"grid_mapping": "crs"})
    info = index_of(path).info
    assert info.crs == "EPSG:32633"
    assert info.geobox is not None
    assert info.geobox.bounds == pytest.approx((299500, 5996500, 304500, 6000500))


def refused(path: Path, part: str = "") -> str:
    with pytest.raises(SourceUnsupportedError) as raised:
        index_of(path, part)
    return str(raised.value)


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    data, path = np.zeros((8, 9), "f4"), tmp_path / "a.nc"
    assert "LZF" in refused(write_grid(path, data, chunks=(4, 4), compression="lzf"))
    assert "scale-offset" in refused(
        write_grid(path, data.astype("i4"), chunks=(4, 4), scaleoffset=0)
    )
    (tmp_path / "b.nc").write_bytes(b"CDF\x01" + bytes(60))
    assert "NetCDF classic" in refused(tmp_path / "b.nc")
    with h5py.File(path, "w") as file:
        axes(file, np.array([1.0, 2.0, 4.0]), np.arange(3.0))
        variable(file, "v", np.zeros((3, 3), "f4"), ("lat", "lon"))
        variable(file, "turned", np.zeros((3, 3), "f4"), ("lon", "lat"))
        variable(file, "complex", np.zeros((3, 3), "c8"), ("", ""))
        file.create_dataset("bare", data=np.zeros((3, 3)))
        file.create_dataset("line", data=np.zeros(3))
        file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "v")
        virtual = h5py.VirtualLayout((3, 3), "f4")
        virtual[:] = h5py.VirtualSource("/etc/other.h5", "v", (3, 3))
        file.create_virtual_dataset("virtual", virtual)
        file.create_dataset("outside", (3, 3), "f4", external=[(str(tmp_path / "raw"), 0, 36)])
    assert "evenly spaced" in refused(path, "v")
    assert "longitude before latitude" in refused(path, "turned")
    assert "complex" in refused(path, "complex")
    assert "without rows" in refused(path, "line")
    assert "virtual" in refused(path, "virtual")
    assert "other files" in refused(path, "outside")
    for part in ("elsewhere", "nothing", "v/x", "bare[0]", "v[", ""):
        with pytest.raises((SourceMissingError, SourceUnsupportedError)):
            index_of(path, part)
    assert index_of(path, "bare").info.grid is None


def test_the_registry_reads_the_variable_of_an_address(
    tmp_path: Path, stores: StoreRegistry
) -> None:
    data = np.arange(72, dtype="i2").reshape(8, 9)
    path = write_grid(tmp_path / "a file.nc", data)
    ref = stores.resolve(part_href(str(path), "v"))
    assert ref.part == "v"
    assert ref.key != stores.resolve(str(path)).key
    reader, index = asyncio.run(default_registry(tmp_path / "spool").identify(stores.open(ref)))
    assert reader.id == "netcdf"
    assert index.info.descriptions == ("v",)


@pytest.mark.parametrize("large", [False, True])
def test_headers_take_few_rounds(tmp_path: Path, stores: StoreRegistry, large: bool) -> None:
    side = 2000 if large else 100
    data = np.random.default_rng(1).integers(0, 9999, (side, side)).astype("u2")
    path = write_grid(tmp_path / "a.nc", data, chunks=(100, 100), compression=1)
    before = stores.requests
    asyncio.run(READER.build_index(_pinned(stores, path)))
    assert stores.requests - before <= (8 if large else 2)


def _pinned(stores: StoreRegistry, path: Path) -> Any:
    return asyncio.run(stores.open(stores.resolve(str(path))).pinned())


def test_damaged_files_end_in_pixels_or_an_error(tmp_path: Path) -> None:
    data = np.random.default_rng(2).integers(0, 50, (2, 20, 30)).astype("i2")
    path = write_grid(tmp_path / "a.nc", data, chunks=(1, 8, 16), shuffle=True, compression=1)
    whole = path.read_bytes()
    seen = {"pixels": 0, "error": 0}
    for case in range(int(os.environ.get("FUZZ_CASES", "150"))):
        rng = random.Random(case)  # noqa: S311
        damaged = bytearray(whole)
        if case % 3 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            for _ in range(rng.choice((1, 2, 8))):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            pixels(path, index_of(path), 1)
            seen["pixels"] += 1
        except SourceError:
            seen["error"] += 1
    assert min(seen.values()) > 5


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 400), value=st.integers(0, 255))
def test_damaged_indexes_are_refused(tmp_path: Path, place: int, value: int) -> None:
    path = tmp_path / "a.nc"
    if not path.exists():
        write_grid(path, np.zeros((8, 9), "i2"), chunks=(4, 4))
    stored = bytearray(index_of(path).to_bytes())
    place %= len(stored)
    if stored[place] != value:
        stored[place] = value
        with pytest.raises(SourceCorruptError):
            READER.load_index(bytes(stored))
