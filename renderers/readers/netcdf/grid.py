"""Where the pixels of a variable lie: regular coordinate variables and grid mappings.

Source: CF conventions 1.11, chapters 4 (coordinate types), 5.6 (grid mappings) and appendix F.
Coordinates are those of pixel centres. What is not regular has no georeference here: swaths have
their longitudes and latitudes in arrays of two dimensions, which the catalogue knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from renderers.crs import WGS84, canonical_name
from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.readers.netcdf.variables import Variable, find, read_coordinates, read_variable

#: Part of a step by which a coordinate may lie beside its place: float32 longitudes of 100 m pixels
#: are rounded to a tenth of one.
TOLERANCE: Final = 0.1
_EAST = frozenset({"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"})
_NORTH = frozenset(
    {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"}
)
_METRES: Final = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0}


@dataclass(frozen=True, slots=True)
class Place:
    """Georeference of a variable."""

    crs: str
    transform: Affine


def place_of(file: h5py.File, variable: Variable, size: int) -> Place | None:
    """Return where a variable lies, None where its last two dimensions are no coordinates.

    Args:
        file: The file.
        variable: Of two dimensions or more.
        size: Bytes of the file.

    Raises:
        SourceUnsupportedError: It lies on a grid, but on one that is not read here.
    """
    if len(variable.shape) < 2:
        return None
    axes = [_axis(file, name) for name in variable.dimensions[-2:]]
    down, across = axes
    if down is None or across is None:
        return None
    kinds = _kind(down[0]), _kind(across[0])
    if kinds in {("lon", "lat"), ("x", "y")}:
        raise SourceUnsupportedError("grids with longitude before latitude are not read")
    if kinds not in {("lat", "lon"), ("y", "x")}:
        return None
    crs = _crs(file, variable, geographic=kinds[0] == "lat")
    factors = [_factor(axis, crs, kinds[0] == "lat") for axis, _ in (across, down)]
    x0, dx = _steps(across[1], size, variable.shape[-1], "columns")
    y0, dy = _steps(down[1], size, variable.shape[-2], "rows")
    fx, fy = factors
    return Place(
        canonical_name(crs.to_wkt()),
        Affine(dx * fx, 0.0, (x0 - dx / 2) * fx, 0.0, dy * fy, (y0 - dy / 2) * fy),
    )


def _axis(file: h5py.File, name: str) -> tuple[Variable, h5py.Dataset] | None:
    if not name:
        return None
    try:
        dataset = find(file, name)
    except SourceMissingError:
        return None
    variable = read_variable(name, dataset)
    return (variable, dataset) if len(variable.shape) == 1 else None


def _kind(axis: Variable) -> str:
    """Return what a coordinate variable measures: lon, lat, x, y or "" for anything else."""
    units = axis.text("units").replace(" ", "_").lower()
    standard = axis.text("standard_name")
    if units in _EAST or standard == "longitude":
        return "lon"
    if units in _NORTH or standard == "latitude":
        return "lat"
    return {"projection_x_coordinate": "x", "projection_y_coordinate": "y"}.get(standard, "")


def _steps(dataset: h5py.Dataset, size: int, count: int, what: str) -> tuple[float, float]:
    """Return the first coordinate and the step of a regular axis.

    Raises:
        SourceUnsupportedError: It is not regular.
    """
    values = read_coordinates(dataset, size)
    if len(values) != count or count < 2 or not np.isfinite(values).all():
        raise SourceUnsupportedError(f"the {what} of the NetCDF grid have no coordinates")
    first, step = _fitted(values)
    off = np.abs(values - (first + step * np.arange(count)))
    if step == 0.0 or float(off.max()) > TOLERANCE * abs(step):
        raise SourceUnsupportedError(f"the {what} of the NetCDF grid are not evenly spaced")
    return first, step


def _fitted(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[-1] - values[0]) / (len(values) - 1)


def _crs(file: h5py.File, variable: Variable, *, geographic: bool) -> CRS:
    """Return the CRS of a variable: its grid mapping's, else WGS 84 for degrees.

    Raises:
        SourceUnsupportedError: There is none, or one that PROJ does not know.
    """
    # the form `crs: x y` names the coordinates that it belongs to
    name = variable.text("grid_mapping").split(":")[0].strip()
    attributes = _mapping(file, variable.path, name) if name else {}
    if not attributes:
        if geographic:
            return CRS.from_user_input(WGS84)
        raise SourceUnsupportedError("the NetCDF grid is projected and names no projection")
    try:
        crs = _from_mapping(attributes)
    except (CRSError, KeyError, ValueError, TypeError) as error:
        raise SourceUnsupportedError(
            "the projection of the NetCDF grid is not known", detail=str(error)
        ) from error
    if crs.is_geographic != geographic:
        raise SourceUnsupportedError("the NetCDF grid and its projection contradict one another")
    return crs


def _mapping(file: h5py.File, path: str, name: str) -> Mapping[str, Any]:
    """Return the attributes of a grid mapping, looked for from the variable's group upwards."""
    groups = path.split("/")[:-1]
    for depth in range(len(groups), -1, -1):
        try:
            found = find(file, "/".join([*groups[:depth], name]))
        except SourceMissingError:
            continue
        return read_variable(name, found).attributes
    return {}


def _from_mapping(attributes: Mapping[str, Any]) -> CRS:
    for name in ("crs_wkt", "spatial_ref"):
        text = attributes.get(name)
        if isinstance(text, str) and text:
            return CRS.from_wkt(text)
    one = {
        k: v[0] if isinstance(v, tuple) and len(v) == 1 else v
        for k, v in attributes.items()
        if k != "GeoTransform"
    }
    if one.get("grid_mapping_name") == "latitude_longitude" and "semi_major_axis" not in one:
        return CRS.from_user_input(WGS84)
    return CRS.from_cf({k: list(v) if isinstance(v, tuple) else v for k, v in one.items()})


def _factor(axis: Variable, crs: CRS, geographic: bool) -> float:
    """Return CRS units per unit of a coordinate variable.

    Raises:
        SourceUnsupportedError: The unit is not known.
    """
    if geographic:
        return 1.0
    unit = axis.text("units").strip().lower()
    if unit in ("rad", "radian", "radians"):  # geostationary: angles seen from the satellite
        height = crs.to_cf().get("perspective_point_height")
        if height:
            return float(height)
    if unit not in _METRES:
        raise SourceUnsupportedError(f"coordinates in {unit or 'no unit'} are not read")
    return _METRES[unit] / float(crs.axis_info[0].unit_conversion_factor)
