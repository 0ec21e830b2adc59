"""NetCDF-4 with the Climate and Forecast conventions (CF 1.11), through h5netcdf."""

import io
import math
import re
from pathlib import Path
from typing import Any, Final, Self

import h5netcdf
import numpy as np
from numpy.typing import NDArray

from renderers.crs import crs_object
from renderers.encoders.base import EncodingError
from renderers.encoders.raster.base import stored_nodata
from renderers.geobox import GeoBox
from renderers.image import Raster

_CONVENTIONS: Final = "CF-1.11"
#: What CF recommends for names of variables (2.3), which all programs read.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]+")


class NetcdfEncoder:
    """One variable per band over the coordinates y and x, and the CRS as a grid mapping.

    Pixels without data hold `_FillValue`: the raster's nodata, NaN for floating point, else a value
    of the type that no pixel has.
    """

    media_type: Final = "application/x-netcdf"
    extensions: Final = ("nc",)

    def __init__(self, *, compress: bool = True) -> None:
        """Choose how it is written.

        Args:
            compress: Deflate of level 1 over shuffled bytes.
        """
        self._filters: dict[str, Any] = (
            {"compression": "gzip", "compression_opts": 1, "shuffle": True} if compress else {}
        )

    def encode(self, raster: Raster) -> bytes:
        """Encode values; see `RasterEncoder.encode`.

        Raises:
            EncodingError: The grid is rotated, or the values are of a type that NetCDF lacks.
        """
        _check(raster)
        buffer = io.BytesIO()
        with h5netcdf.File(buffer, "w") as file:
            file.attrs["Conventions"] = _CONVENTIONS
            _write_grid(file, raster.geobox)
            for number, name in enumerate(_names(raster.names)):
                self._write_band(file, raster, number, name)
        return buffer.getvalue()

    def _write_band(self, file: h5netcdf.File, raster: Raster, number: int, name: str) -> None:
        data, valid = raster.data[number], raster.valid[number]
        data = data.astype(_dtype_of(data.dtype), copy=False)
        fill = stored_nodata(raster)
        missing = not bool(valid.all())
        if fill is None and missing:
            fill = _unused(data, valid)
        if fill is not None and missing:
            data = np.where(valid, data, np.asarray(fill, data.dtype))
        chunks = tuple(min(side, 512) for side in data.shape)
        variable = file.create_variable(
            name,
            ("y", "x"),
            data.dtype,
            data=data,
            chunks=chunks,
            fillvalue=None if fill is None else np.asarray(fill, data.dtype)[()],
            **self._filters,
        )
        _describe(variable, raster, number)


class Writer:
    """Writes a NetCDF file on disk from parts of a raster, as a context.

    What stands for missing pixels is told ahead: the raster's nodata, NaN for floating point, else
    the type's smallest value (signed) or largest one.
    """

    def __init__(self, path: Path, template: Raster) -> None:
        """Make the file.

        Args:
            path: What is made.
            template: Of its values only type and shape are looked at.

        Raises:
            EncodingError: As `NetcdfEncoder.encode`.
        """
        _check(template)
        self._template = template
        dtype = _dtype_of(template.data.dtype)
        known = stored_nodata(template)
        self._told = known is not None or dtype.kind == "f"
        self._fill = np.asarray(_free(dtype) if known is None else known, dtype)[()]
        self._names = _names(template.names)
        self._file = h5netcdf.File(path, "w")
        self._file.attrs["Conventions"] = _CONVENTIONS
        _write_grid(self._file, template.geobox)
        box = template.geobox
        chunks = min(box.height, 512), min(box.width, 512)
        for number, name in enumerate(self._names):
            variable = self._file.create_variable(
                name, ("y", "x"), dtype, chunks=chunks, fillvalue=self._fill,
                compression="gzip", compression_opts=1, shuffle=True,
            )  # fmt: skip
            _describe(variable, template, number)

    def write(self, top: int, part: Raster) -> None:
        """Write some rows.

        Args:
            top: Number of the first one.
            part: All bands and columns of them.

        Raises:
            EncodingError: A pixel has the value that stands for missing ones.
        """
        rows = slice(top, top + part.data.shape[1])
        for name, data, valid in zip(self._names, part.data, part.valid, strict=True):
            if not self._told and bool((data[valid] == self._fill).any()):
                raise EncodingError(
                    f"{self._fill} occurs, and stands for missing pixels: ask for GeoTIFF"
                )
            whole = bool(valid.all())
            self._file[name][rows, :] = data if whole else np.where(valid, data, self._fill)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()


def _free(dtype: np.dtype[Any]) -> float | int:
    if dtype.kind == "f":
        return math.nan
    limits = np.iinfo(dtype)
    return int(limits.min if dtype.kind == "i" else limits.max)


def _dtype_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in the file: NetCDF has no half floats."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _check(raster: Raster) -> None:
    transform = raster.geobox.transform
    if transform.b != 0.0 or transform.d != 0.0:
        raise EncodingError("NetCDF holds no rotated grids")
    if raster.data.dtype.kind not in "uif":
        raise EncodingError(f"NetCDF has no values of type {raster.data.dtype}")


def _describe(variable: h5netcdf.Variable, raster: Raster, number: int) -> None:
    variable.attrs["grid_mapping"] = "crs"
    if raster.names[number]:
        variable.attrs["long_name"] = raster.names[number]
    scale, offset = raster.scale[number], raster.offset[number]
    if (scale, offset) != (1.0, 0.0):
        variable.attrs["scale_factor"] = np.float64(scale)
        variable.attrs["add_offset"] = np.float64(offset)


def _write_grid(file: h5netcdf.File, geobox: GeoBox) -> None:
    """Write the coordinates of pixel centres and the CRS."""
    t = geobox.transform
    file.dimensions = {"y": geobox.height, "x": geobox.width}
    crs = crs_object(geobox.crs)
    axes = {a["axis"]: a for a in crs.cs_to_cf() if "axis" in a}
    x = t.c + (np.arange(geobox.width) + 0.5) * t.a
    y = t.f + (np.arange(geobox.height) + 0.5) * t.e
    for name, values in (("y", y), ("x", x)):
        variable = file.create_variable(name, (name,), np.float64, data=values)
        for key, value in axes.get(name.upper(), {"axis": name.upper()}).items():
            variable.attrs[key] = value
    mapping = file.create_variable("crs", (), np.int32, data=np.int32(0))
    for key, value in crs.to_cf().items():
        mapping.attrs[key] = value
    # GDAL takes the grid from here exactly, where coordinates of centres are rounded.
    corner = " ".join(f"{v:.17g}" for v in (t.c, t.a, t.b, t.f, t.d, t.e))
    mapping.attrs["GeoTransform"] = corner


def _names(names: tuple[str, ...]) -> list[str]:
    """Return names of variables: made of what CF allows, each another one."""
    taken = {"x", "y", "crs"}
    found = []
    for number, name in enumerate(names, 1):
        plain = _NOT_IN_NAMES.sub("_", name).strip("_") or f"band_{number}"
        if not plain[0].isalpha():
            plain = f"band_{plain}"
        if plain in taken:
            plain = f"{plain}_{number}"
        while plain in taken:
            plain += "_"
        taken.add(plain)
        found.append(plain)
    return found


def _unused(data: NDArray[Any], valid: NDArray[np.bool_]) -> float | int:
    """Return a value that marks missing pixels and that no other pixel has.

    Raises:
        EncodingError: Every value of the type occurs.
    """
    if data.dtype.kind == "f":
        return math.nan
    limits = np.iinfo(data.dtype)
    used = np.unique(data[valid])
    for candidate in (limits.min, limits.max, 0):
        if candidate not in used:
            return int(candidate)
    # Sorted values with a gap between two of them leave the one behind the first free.
    gaps = np.flatnonzero(np.diff(used.astype(np.float64)) > 1.0)
    if not gaps.size:
        raise EncodingError("every value of the type occurs: only a nodata value marks the rest")
    return int(used[gaps[0]]) + 1
