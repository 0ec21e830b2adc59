"""How large pixels are on the ground, whatever the scale of their map."""

import numpy as np
from numpy.typing import NDArray

from renderers.crs import (
    WGS84,
    crs_object,
    is_geographic,
    metres_per_unit,
    transform_points,
)
from renderers.geobox import GeoBox

Float = NDArray[np.float64]

# WGS 84: equatorial radius in metres, and the square of the first eccentricity (NGA.STND.0036).
_RADIUS = 6378137.0
_ECCENTRICITY = 6.69437999014e-3
#: Pixels between the points where sizes are computed on maps whose scale changes along rows, and
#: the metres up to which pixels are small enough for that: sizes are 1e-5 off at most.
_STEP = 16
_SMALL = 2000.0
#: Projections on which a row of pixels lies on one parallel, as EPSG names them.
_CYLINDRICAL = ("Mercator (", "Popular Visualisation Pseudo", "Equidistant Cylindrical")


def pixel_metres(box: GeoBox) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return metres from each pixel to the next one along its row, and along its column.

    On maps whose rows are parallels (degrees, Mercator) each row is computed; on others every
    pixel, or every 16th of every 16th row and linearly in between where pixels are small.

    Args:
        box: The grid.

    Returns:
        Two arrays of float32, shape (height, width); NaN where the map has no ground.
    """
    if _rows_are_parallels(box):
        columns = np.array([box.width / 2], np.float64)
        rows = _middles(box.height)
    else:
        small = max(box.resolution) * metres_per_unit(box.crs) <= _SMALL
        columns, rows = (_places(n, _STEP if small else 1) for n in (box.width, box.height))
    grid_columns, grid_rows = np.meshgrid(columns, rows)
    sizes = (_step(box, grid_columns, grid_rows, *d) for d in ((0.5, 0.0), (0.0, 0.5)))
    across, down = (_spread(size, columns, rows, box) for size in sizes)
    return across, down


def _rows_are_parallels(box: GeoBox) -> bool:
    if box.transform.b or box.transform.d:
        return False
    if is_geographic(box.crs):
        return True
    operation = crs_object(box.crs).coordinate_operation
    return operation is not None and operation.method_name.startswith(_CYLINDRICAL)


def _middles(count: int) -> Float:
    return np.arange(0.5, count, dtype=np.float64)


def _places(count: int, step: int) -> Float:
    """Return middles of every so many pixels, the last at or beyond the end."""
    return np.arange(0.0, count + step - 1, step) + 0.5


def _step(box: GeoBox, columns: Float, rows: Float, right: float, down: float) -> Float:
    """Return the metres between two points, half a pixel before and after each place."""
    ends = [box.to_crs(columns + s * right, rows + s * down) for s in (-1.0, 1.0)]
    (lon0, lat0), (lon1, lat1) = (
        transform_points(box.crs, WGS84, x.ravel(), y.ravel()) for x, y in ends
    )
    with np.errstate(invalid="ignore"):
        turn = np.radians((lon1 - lon0 + 180.0) % 360.0 - 180.0)
        rise = np.radians(lat1 - lat0)
        middle = np.radians((lat0 + lat1) / 2.0)
        flat = 1.0 - _ECCENTRICITY * np.sin(middle) ** 2
        # Radii of curvature of the meridian and across it (Snyder, Map Projections, 1987, 4-18).
        meridian = _RADIUS * (1.0 - _ECCENTRICITY) / flat**1.5
        across = _RADIUS / np.sqrt(flat)
        metres = np.hypot(across * np.cos(middle) * turn, meridian * rise)
    return np.where(np.isfinite(metres), metres, np.nan).reshape(columns.shape)


def _spread(sizes: Float, columns: Float, rows: Float, box: GeoBox) -> NDArray[np.float32]:
    """Interpolate sizes at places to all pixels."""
    if len(columns) == 1:
        wide = np.broadcast_to(sizes, (len(rows), box.width))
    else:
        wide = _between(sizes, columns, _middles(box.width))
    if len(rows) > 1:
        wide = _between(wide.T, rows, _middles(box.height)).T
    return np.ascontiguousarray(wide, np.float32)


def _between(lines: Float, places: Float, wanted: Float) -> Float:
    """Interpolate along the last axis."""
    before = np.clip(np.searchsorted(places, wanted, "right") - 1, 0, len(places) - 2)
    part = (wanted - places[before]) / (places[before + 1] - places[before])
    return lines[..., before] * (1.0 - part) + lines[..., before + 1] * part
