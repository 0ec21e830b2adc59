"""Footprints in longitude and latitude: across 180 degrees, around poles, in one or two boxes.

A footprint is a shapely Polygon or MultiPolygon with longitudes in [-180, 180]; one that crosses
180 degrees is cut there (RFC 7946, 3.1.9).
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from renderers.crs import WGS84, crs_object, transform_points
from renderers.errors import SourceUnsupportedError
from renderers.geobox import Bounds, FloatArray
from renderers.sourcegrid import SourceGrid, outline, placed

_POINTS = 65
#: Degrees (about 1 m) that leaving out a point of a dense outline may move it.
_TOLERANCE = 1e-5
_EARTH_RADIUS = 6378137.0


def ring_footprint(longitude: FloatArray, latitude: FloatArray) -> BaseGeometry:
    """Return the footprint of a closed walk whose steps are shorter than 180 degrees.

    Args:
        longitude: Degrees east, any number of turns around the Earth; first point repeated last.
        latitude: Degrees north; clipped to [-90, 90].

    Returns:
        The area inside, holding the pole when the walk goes once around the Earth.

    Raises:
        SourceUnsupportedError: The walk encloses no area.
    """
    lon = np.unwrap(np.asarray(longitude, np.float64), period=360.0)
    lat = np.clip(np.asarray(latitude, np.float64), -90.0, 90.0)
    if len(lon) >= 3 and abs(lon[-1] - lon[0]) > 180.0:
        pole = 90.0 if lat.mean() > 0 else -90.0
        lon = np.concatenate([lon, [lon[-1], lon[0]]])
        lat = np.concatenate([lat, [pole, pole]])
    if len(lon) < 3 or not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise SourceUnsupportedError("the footprint has too few points")
    return wrap(shapely.make_valid(Polygon(np.column_stack([lon, lat]))))


def wrap(geometry: BaseGeometry) -> BaseGeometry:
    """Bring any longitudes into [-180, 180], cutting at 180 degrees.

    Raises:
        SourceUnsupportedError: Nothing with an area is left.
    """
    west, _, east, _ = geometry.bounds if not geometry.is_empty else (0.0, 0.0, 0.0, 0.0)
    pieces: list[BaseGeometry] = []
    for turn in range(math.floor((west + 180) / 360), math.floor((east + 180) / 360) + 1):
        part = geometry.intersection(box(-180 + 360 * turn, -90, 180 + 360 * turn, 90))
        moved = affinity.translate(part, -360.0 * turn)
        pieces.extend(p for p in _polygons(moved) if p.area > 0)
    if not pieces:
        raise SourceUnsupportedError("the footprint encloses no area")
    if len(pieces) == 1:
        return pieces[0]
    joined = shapely.union_all(pieces)
    return joined if isinstance(joined, Polygon | MultiPolygon) else MultiPolygon(_polygons(joined))


def _polygons(geometry: BaseGeometry) -> list[Polygon]:
    parts: Iterable[BaseGeometry] = getattr(geometry, "geoms", (geometry,))
    return [p for part in parts for p in ([part] if isinstance(part, Polygon) else _nested(part))]


def _nested(part: BaseGeometry) -> list[Polygon]:
    return _polygons(part) if hasattr(part, "geoms") else []


def grid_footprint(grid: SourceGrid) -> BaseGeometry:
    """Return the footprint of a pixel grid, its edges densified to 64 steps a side.

    Where the grid's edge leaves the Earth (a full disc seen from a geostationary satellite), the
    hull of the points inside that are on it.

    Raises:
        SourceUnsupportedError: The grid does not lie on Earth.
    """
    radius = crs_object(grid.crs).ellipsoid
    if radius is None or abs(radius.semi_major_metre / _EARTH_RADIUS - 1.0) > 0.01:
        raise SourceUnsupportedError("the raster does not lie on Earth")
    lon, lat = outline(grid, WGS84, _POINTS)
    if len(lon) == 4 * _POINTS:
        return ring_footprint(lon, lat).simplify(_TOLERANCE)
    return _hull_of_inside(grid)


def _hull_of_inside(grid: SourceGrid) -> BaseGeometry:
    along = np.linspace(0.0, 1.0, _POINTS)
    cols, rows = (a.ravel() for a in np.meshgrid(along * grid.width, along * grid.height))
    lon, lat = placed(grid, WGS84, cols, rows)
    if len(lon) < 3:
        raise SourceUnsupportedError("the raster does not lie on Earth")
    centre = math.degrees(
        math.atan2(np.sin(np.radians(lon)).mean(), np.cos(np.radians(lon)).mean())
    )
    near = centre + (lon - centre + 180.0) % 360.0 - 180.0
    return wrap(shapely.convex_hull(shapely.multipoints(np.column_stack([near, lat]))))


def straight_in(geometry: BaseGeometry, crs: str, step: float) -> BaseGeometry:
    """Return a footprint whose edges are straight in a projected CRS instead of in degrees.

    Products give corners in longitude and latitude, but their edges follow their own grid; at 60
    degrees north the two differ by hundreds of metres in the middle of a Sentinel-2 tile's edge.

    Args:
        geometry: Footprint in longitude and latitude.
        crs: Canonical name of the CRS in which edges are straight.
        step: Longest piece of an edge, in units of that CRS.
    """
    pieces = []
    for polygon in _polygons(unwrapped(geometry)):
        lon, lat = (np.asarray(c, np.float64) for c in polygon.exterior.coords.xy)
        x, y = transform_points(WGS84, crs, lon, lat)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return geometry
        dense = shapely.segmentize(shapely.linestrings(np.column_stack([x, y])), step)
        x, y = (np.asarray(c, np.float64) for c in dense.coords.xy)
        pieces.append(ring_footprint(*transform_points(crs, WGS84, x, y)))
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def unwrapped(geometry: BaseGeometry) -> BaseGeometry:
    """Undo the cut at 180 degrees: pieces west of it move 360 degrees east and join the others."""
    parts = _polygons(geometry)
    east = [p for p in parts if p.bounds[2] >= 180.0]
    west = [p for p in parts if p.bounds[0] <= -180.0 and p.bounds[2] < 180.0]
    if len(parts) < 2 or not east or not west:
        return geometry
    rest = [p for p in parts if p not in west]
    return shapely.union_all([*rest, *(affinity.translate(p, 360.0) for p in west)])


def without_margin(footprints: Sequence[BaseGeometry], margin: float) -> list[BaseGeometry]:
    """Return outlines of footprints that were grown by a margin.

    Args:
        footprints: Longitudes in [-180, 180], cut there.
        margin: Degrees that were added all around.

    Returns:
        Polygons or MultiPolygons whose longitudes run on past 180 degrees where they cross it. What
        ends within the margin of a pole, and of 180 degrees where it goes all around, ends there.
    """
    grown = np.array([unwrapped(f) for f in footprints], dtype=object)
    shrunk = shapely.buffer(grown, -margin, join_style="mitre")
    # What is smaller than its margin is shown with it.
    shrunk = np.where(shapely.is_empty(shrunk), grown, shrunk)
    return [_to_rims(shape, 2.0 * margin) for shape in shrunk]


def _to_rims(shape: BaseGeometry, near: float) -> BaseGeometry:
    """Move vertices that lie near the rims of the map of the world onto them."""
    west, south, east, north = shape.bounds
    around = west < near - 180.0 and 180.0 - near < east < 180.0 + near
    if not around and max(-south, north) < 90.0 - near:
        return shape

    def moved(points: FloatArray) -> FloatArray:
        out = points.copy()
        for axis, rim in ((0, 180.0), (1, 90.0)) if around else ((1, 90.0),):
            at = np.abs(np.abs(out[:, axis]) - rim) < near
            out[at, axis] = np.copysign(rim, out[at, axis])
        return out

    return shapely.transform(shape, moved)


def geojson_footprint(geometry: object) -> BaseGeometry:
    """Return the footprint of a GeoJSON Polygon or MultiPolygon.

    A ring that jumps by more than 180 (and less than 360) degrees was written by someone who did
    not cut it at 180 degrees; it is cut here.

    Raises:
        SourceUnsupportedError: Not a polygon, or one that encloses no area.
    """
    try:
        shape = shapely.geometry.shape(geometry)
        shape = shapely.force_2d(shape)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise SourceUnsupportedError("the footprint is not a GeoJSON geometry") from error
    parts = _polygons(shape)
    if not parts:
        raise SourceUnsupportedError("the footprint is not a polygon")
    rings = [_uncut_ring(p) for p in parts]
    return rings[0] if len(rings) == 1 else wrap(shapely.union_all(rings))


def _uncut_ring(polygon: Polygon) -> BaseGeometry:
    lon, lat = (np.asarray(c, np.float64) for c in polygon.exterior.coords.xy)
    steps = np.abs(np.diff(lon))
    if ((steps > 180.0) & (steps < 360.0)).any():
        return ring_footprint(lon, lat)
    return wrap(shapely.make_valid(polygon))


def boxes_of(geometry: BaseGeometry) -> tuple[Bounds, ...]:
    """Return the one or two boxes that hold a footprint (two when it crosses 180 degrees)."""
    west, south, east, north = unwrapped(geometry).bounds
    if east <= 180.0:
        return ((west, south, east, north),)
    if east - west >= 360.0:
        return ((-180.0, south, 180.0, north),)
    return ((west, south, 180.0, north), (-180.0, south, east - 360.0, north))


def bbox_of(geometry: BaseGeometry) -> Bounds:
    """Return the envelope; west exceeds east when the footprint crosses 180 degrees."""
    return envelope(boxes_of(geometry))


def envelope(boxes: Sequence[Bounds]) -> Bounds:
    """Return the smallest envelope of boxes on the round Earth; west may exceed east."""
    if not boxes:
        raise ValueError("no boxes")
    south, north = min(b[1] for b in boxes), max(b[3] for b in boxes)
    spans: list[list[float]] = []
    for west, east in sorted(s for b in boxes for s in _spans(b)):
        if spans and west <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], east)
        else:
            spans.append([west, east])
    following = [*(s[0] for s in spans[1:]), spans[0][0] + 360.0]
    gaps = [start - span[1] for span, start in zip(spans, following, strict=True)]
    widest = max(range(len(gaps)), key=lambda i: (gaps[i], i))
    if gaps[widest] <= 0.0:
        return (-180.0, south, 180.0, north)
    west = spans[(widest + 1) % len(spans)][0]
    return (west, south, spans[widest][1], north)


def _spans(bounds: Bounds) -> list[tuple[float, float]]:
    west, _, east, _ = bounds
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def split(bounds: Bounds) -> tuple[Bounds, ...]:
    """Return an envelope as one box, or two where its west exceeds its east."""
    return tuple((west, bounds[1], east, bounds[3]) for west, east in _spans(bounds))
