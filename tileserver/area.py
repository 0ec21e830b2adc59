"""Which part of the Earth a pixel grid covers, as longitude/latitude boxes."""

import math
from functools import lru_cache

import numpy as np

from renderers.crs import WGS84, is_geographic, transform_points
from renderers.geobox import Bounds, FloatArray, GeoBox
from renderers.sourcegrid import outline
from tileserver.catalogue.base import Area

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))
NOWHERE = Area(())

#: Radius of the sphere of EPSG:3857, metres.
_MERCATOR_RADIUS = 6378137.0

#: Points along each side of a grid; and the part of a box that is added around it, for what bulges
#: out between them.
_POINTS = 41
_PAD = 0.02


def boxes(west: float, south: float, east: float, north: float) -> Area:
    """Return the area between two meridians and two parallels.

    Args:
        west: Degrees, any turn (190 is -170).
        south: Degrees.
        east: Degrees, not less than `west`; more than 360 apart means all around.
        north: Degrees.
    """
    south, north = max(south, -90.0), min(north, 90.0)
    if south > north:
        return NOWHERE
    if east - west >= 360.0:
        return Area(((-180.0, south, 180.0, north),))
    turn = 360.0 * math.floor((west + 180.0) / 360.0)
    west, east = west - turn, east - turn
    if east <= 180.0:
        return Area(((west, south, east, north),))
    return Area(((west, south, 180.0, north), (-180.0, south, east - 360.0, north)))


def from_bbox(bbox: Bounds) -> Area:
    """Return the area of a longitude/latitude box; west > east crosses 180 degrees."""
    west, south, east, north = bbox
    return boxes(west, south, east + 360.0 if west > east else east, north)


def of_geobox(geobox: GeoBox) -> Area:
    """Return an area that holds every point of the grid (it may be a little larger)."""
    if geobox.crs == "EPSG:3857":
        west, south, east, north = (v / _MERCATOR_RADIUS for v in _bounds(geobox))
        # The Gudermannian by tanh: by sinh it overflows past y = 4.5e9 m, which clients may send.
        parallels = [math.degrees(2.0 * math.atan(math.tanh(y / 2.0))) for y in (south, north)]
        return boxes(math.degrees(west), parallels[0], math.degrees(east), parallels[1])
    if is_geographic(geobox.crs):
        return boxes(*_bounds(geobox))
    return _of_projected(geobox)


def _bounds(geobox: GeoBox) -> Bounds:
    """Return the envelope of a grid; of a north-up one, as tiles are, without matrices."""
    t = geobox.transform
    if t.b or t.d or t.a < 0 or t.e > 0:
        return geobox.bounds
    return t.c, t.f + t.e * geobox.height, t.c + t.a * geobox.width, t.f


@lru_cache(maxsize=8192)
def _of_projected(geobox: GeoBox) -> Area:
    lon, lat = outline(geobox, WGS84, _POINTS)
    if lon.size == 0:
        return WORLD
    pole = _pole_inside(geobox)
    if pole:
        edge = float(lat.min() if pole > 0 else lat.max())
        pad = _PAD * (90.0 - abs(edge))
        return (
            boxes(-180.0, edge - pad, 180.0, 90.0)
            if pole > 0
            else boxes(-180.0, -90.0, 180.0, edge + pad)
        )
    west, east = _arc(lon)
    south, north = float(lat.min()), float(lat.max())
    pad_x, pad_y = _PAD * (east - west), _PAD * (north - south)
    return boxes(west - pad_x, south - pad_y, east + pad_x, north + pad_y)


def _pole_inside(geobox: GeoBox) -> int:
    """Return 1 or -1 when the north or south pole lies in the grid, else 0."""
    for sign in (1, -1):
        x, y = transform_points(WGS84, geobox.crs, np.array([0.0]), np.array([90.0 * sign]))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            continue
        # A projection may send the pole anywhere; only one that comes back as a pole counts.
        _, back = transform_points(geobox.crs, WGS84, x, y)
        if not np.isfinite(back[0]) or abs(back[0] - 90.0 * sign) > 1e-6:
            continue
        column, row = geobox.to_pixel(x, y)
        if 0 <= column[0] <= geobox.width and 0 <= row[0] <= geobox.height:
            return sign
    return 0


def _arc(lon: FloatArray) -> tuple[float, float]:
    """Return the shortest arc that holds all longitudes, as (west, east >= west)."""
    ordered = np.unique(np.mod(lon, 360.0))
    if ordered.size == 1:
        return float(ordered[0]), float(ordered[0])
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(gaps.argmax())
    west = float(ordered[(widest + 1) % ordered.size])
    return west, west + 360.0 - float(gaps[widest])
