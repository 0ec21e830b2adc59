"""Which part of each pixel of a grid lies inside a polygon."""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from renderers.geobox import GeoBox
from renderers.kernels.shares import accumulate

#: What sums of areas lose in float64; less of a pixel than this is none of it.
_SLACK: Final = 1e-9


def pixel_shares(shape: BaseGeometry, geobox: GeoBox) -> NDArray[np.float64]:
    """Return the part of each pixel that lies inside a shape.

    Args:
        shape: A valid Polygon or MultiPolygon, x and y in the CRS of the grid.
        geobox: The grid.

    Returns:
        float64, shape (height, width), 0 to 1. Their sum is the area of the shape within the grid,
        in pixels.
    """
    points, offsets = _rings(shapely.orient_polygons(shape))
    columns, rows = geobox.to_pixel(points[:, 0], points[:, 1])
    vertices = np.ascontiguousarray(np.stack([columns, rows], axis=1))
    steps = np.zeros((geobox.height, geobox.width + 1))
    accumulate(vertices, offsets, steps)
    # Rings that run anticlockwise in x and y have areas of one sign, holes of the other.
    inside = np.abs(np.cumsum(steps, axis=1)[:, :-1])
    inside[inside < _SLACK] = 0.0
    return np.minimum(inside, 1.0)


def _rings(shape: BaseGeometry) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices of all rings, and where each begins."""
    rings = shapely.get_rings(shapely.get_parts(shape))
    counts = [shapely.get_num_coordinates(ring) for ring in rings]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return shapely.get_coordinates(rings), offsets
