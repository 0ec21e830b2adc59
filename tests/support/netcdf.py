"""Small NetCDF-4 files for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dimension(file: h5py.Group, name: str, values: Array, **attributes: Any) -> h5py.Dataset:
    """Add a coordinate variable."""
    made = file.create_dataset(name, data=values)
    made.make_scale(name)
    made.attrs.update(attributes)
    return made


def variable(
    file: h5py.Group, name: str, data: Array, dims: tuple[str, ...],
    attributes: Mapping[str, Any] | None = None, **storage: Any,
) -> h5py.Dataset:  # fmt: skip
    """Add a variable over dimensions that are there; `storage` goes to h5py."""
    made = file.create_dataset(name, data=data, **storage)
    for axis, dim in enumerate(dims):
        if dim:
            made.dims[axis].attach_scale(file[dim])
    made.attrs.update(attributes or {})
    return made


def axes(file: h5py.Group, lat: Array, lon: Array) -> None:
    """Add axes of latitudes and longitudes."""
    dimension(file, "lat", lat, units="degrees_north", standard_name="latitude")
    dimension(file, "lon", lon, units="degrees_east", standard_name="longitude")


def write_grid(path: Path, data: Array, *, up: bool = False, **storage: Any) -> Path:
    """Write a variable `v` (..., lat, lon) of 0.25 degree pixels from 10 E, 50 N on."""
    height, width = data.shape[-2:]
    lat = 50 - 0.125 - 0.25 * np.arange(height)
    attributes = storage.pop("attributes", {})
    with h5py.File(path, "w") as file:
        axes(file, lat[::-1] if up else lat, 10 + 0.125 + 0.25 * np.arange(width))
        leading = tuple(f"d{n}" for n in range(data.ndim - 2))
        for name, side in zip(leading, data.shape, strict=False):
            dimension(file, name, np.arange(side))
        variable(file, "v", data, (*leading, "lat", "lon"), attributes, **storage)
    return path
