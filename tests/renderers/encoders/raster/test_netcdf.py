"""NetCDF against xarray's rules (through h5netcdf) and what CF asks for."""

import io
import math
from typing import Any

import h5netcdf
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from renderers.encoders.base import EncodingError
from renderers.encoders.raster.netcdf import NetcdfEncoder
from renderers.geobox import GeoBox
from renderers.image import Raster

TRANSFORM = Affine(10.0, 0, 499980.0, 0, -10.0, 5000040.0)


def raster(data: Any, valid: Any = None, crs: str = "EPSG:32633", **changes: Any) -> Raster:
    bands, height, width = data.shape
    told: dict[str, Any] = {
        "names": tuple(f"B{n}" for n in range(1, bands + 1)),
        "geobox": GeoBox(width, height, TRANSFORM, crs),
        "nodata": None,
        "scale": (1.0,) * bands,
        "offset": (0.0,) * bands,
    } | changes
    return Raster(data, np.ones(data.shape, bool) if valid is None else valid, **told)


def opened(body: bytes) -> h5netcdf.File:
    return h5netcdf.File(io.BytesIO(body), "r")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int64", "float32", "float64"]
)
def test_values_and_grid(dtype: str, compress: bool) -> None:
    data = np.arange(2 * 5 * 7).reshape(2, 5, 7).astype(dtype)
    with opened(NetcdfEncoder(compress=compress).encode(raster(data))) as file:
        assert file.attrs["Conventions"] == "CF-1.11"
        for number, name in enumerate(("B1", "B2")):
            assert file[name].dtype == dtype
            assert file[name].dimensions == ("y", "x")
            np.testing.assert_array_equal(file[name][...], data[number])
            assert file[name].attrs["grid_mapping"] == "crs"
        np.testing.assert_array_equal(file["x"][...], 499985.0 + 10.0 * np.arange(7))
        np.testing.assert_array_equal(file["y"][...], 5000035.0 - 10.0 * np.arange(5))
        assert file["x"].attrs["standard_name"] == "projection_x_coordinate"
        assert file["y"].attrs["units"] == "metre"
        mapping = file["crs"].attrs
        assert mapping["grid_mapping_name"] == "transverse_mercator"
        assert CRS.from_wkt(mapping["crs_wkt"]).to_epsg() == 32633
        found = tuple(map(float, mapping["GeoTransform"].split()))
        assert found == TRANSFORM.to_gdal()


def test_geographic_coordinates_have_their_names() -> None:
    box = GeoBox(7, 5, Affine(0.1, 0, 5, 0, -0.1, 50), "EPSG:4326")
    with opened(NetcdfEncoder().encode(raster(np.zeros((1, 5, 7)), geobox=box))) as file:
        assert file["x"].attrs["standard_name"] == "longitude"
        assert file["y"].attrs["standard_name"] == "latitude"
        assert file["y"].attrs["units"] == "degrees_north"


def test_scale_offset_and_fill() -> None:
    data = np.full((1, 5, 7), 9, np.uint16)
    valid = np.ones(data.shape, bool)
    valid[0, 0] = False
    told = raster(data, valid, nodata=0, scale=(1e-4,), offset=(-0.1,), names=("Reflectance",))
    with opened(NetcdfEncoder().encode(told)) as file:
        variable = file["Reflectance"]
        assert variable.attrs["_FillValue"] == 0
        assert variable.attrs["scale_factor"] == 1e-4
        assert variable.attrs["add_offset"] == -0.1
        assert variable.attrs["long_name"] == "Reflectance"
        np.testing.assert_array_equal(variable[...], np.where(valid[0], 9, 0))


def test_missing_values_get_one_that_no_pixel_has() -> None:
    data = np.arange(256, dtype=np.uint8)[None, None].repeat(2, axis=1)
    valid = np.ones(data.shape, bool)
    valid[0, :, 77] = False
    box = GeoBox(256, 2, TRANSFORM, "EPSG:32633")
    with opened(NetcdfEncoder().encode(raster(data, valid, geobox=box))) as file:
        assert file["B1"].attrs["_FillValue"] == 77
    valid[0, 0, 77] = True
    with pytest.raises(EncodingError, match="every value"):
        NetcdfEncoder().encode(raster(data, valid, geobox=box))
    floats = np.zeros((1, 2, 2), np.float32)
    gone = np.zeros(floats.shape, bool)
    with opened(NetcdfEncoder().encode(raster(floats, gone))) as file:
        assert math.isnan(file["B1"].attrs["_FillValue"])
        assert np.isnan(file["B1"][...]).all()


def test_names_are_made_fit() -> None:
    names = ("8A", "B 04/red", "x", "", "B 04/red")
    with opened(NetcdfEncoder().encode(raster(np.zeros((5, 2, 2)), names=names))) as file:
        assert set(file.variables) == {
            "x", "y", "crs", "band_8A", "B_04_red", "x_3", "band_4", "B_04_red_5",
        }  # fmt: skip


def test_what_it_cannot_hold_is_refused() -> None:
    box = GeoBox(2, 2, Affine(1, 1, 0, 1, -1, 0), "EPSG:32633")
    with pytest.raises(EncodingError, match="rotated"):
        NetcdfEncoder().encode(raster(np.zeros((1, 2, 2)), geobox=box))
    with pytest.raises(EncodingError, match="complex64"):
        NetcdfEncoder().encode(raster(np.zeros((1, 2, 2), np.complex64)))
