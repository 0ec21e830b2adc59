"""Areas that are asked about: GeoJSON and boxes, and the pixels that they cover. Pure."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from renderers.crs import WGS84, is_geographic, metres_per_unit, transform_points
from renderers.geobox import Bounds, GeoBox
from renderers.shares import pixel_shares
from tileserver import area as areas
from tileserver.catalogue.base import Area
from tileserver.coverages import aligned
from tileserver.errors import InvalidParameterError, TooLargeError

#: Most vertices of an area.
MAX_VERTICES: Final = 10_000
#: Most vertices of an area whose lines cross one another: where 500 cross at random, what they
#: enclose takes 1.6 s to find, and of worse ones 15 s.
MAX_CROSSING: Final = 100
#: Widest area, in degrees, that is computed in the projection of its images; UTM zones are half as
#: wide. Others are computed in longitude and latitude.
_WIDEST: Final = 12.0
#: Degrees between points of an edge: straight lines in GeoJSON are straight in longitude and
#: latitude (RFC 7946, 3.1.1), and in a projection bent, over this length by half a millimetre.
_STEP: Final = 0.002
#: Most such points of an area.
_POINTS: Final = 50_000
_MERCATOR: Final = "EPSG:3857"
_FARTHEST: Final = 540.0
_GEOD: Final = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Zone:
    """An area.

    Attributes:
        shape: Valid Polygon or MultiPolygon in longitude and latitude; longitudes run on beyond 180
            where it crosses that meridian.
    """

    shape: BaseGeometry

    @property
    def bounds(self) -> Bounds:
        """West, south, east and north; east up to 540."""
        west, south, east, north = self.shape.bounds
        return west, south, east, north

    @property
    def area(self) -> Area:
        """The boxes around it, for the catalogue."""
        return areas.boxes(*self.bounds)

    @property
    def square_metres(self) -> float:
        """Area on the ellipsoid of WGS 84 (Karney 2013, doi:10.1007/s00190-012-0578-z)."""
        shape = shapely.orient_polygons(shapely.segmentize(self.shape, _segment(self.shape)))
        return abs(float(_GEOD.geometry_area_perimeter(shape)[0]))

    def touches(self, outlines: Sequence[BaseGeometry]) -> NDArray[np.bool_]:
        """Tell which outlines, with longitudes up to 540, have a point in common: bool, shape (n,).

        The area is prepared once for all of them: of 10 000 vertices and 5000 outlines that counts.
        """
        found = np.zeros(len(outlines), np.bool_)
        for turn in (-360.0, 0.0, 360.0):
            moved = _moved(self.shape, turn)
            shapely.prepare(moved)
            found |= shapely.intersects(moved, np.asarray(outlines, dtype=object))
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Pixels that an area covers.

    Attributes:
        geobox: Their grid.
        shares: float64, shape (height, width): which part of each lies inside.
        sizes: float64, shape (height, 1): the area of a row's pixels beside that of the others.
    """

    geobox: GeoBox
    shares: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """What each pixel counts: float64, shape (height, width)."""
        return self.shares * self.sizes


def box_zone(bounds: Bounds) -> Zone:
    """Return a box; west above east crosses 180 degrees, and a turn or more is all of it.

    Raises:
        InvalidParameterError: It is empty.
    """
    west, south, east, north = bounds
    if west > east:
        east += 360.0
    if east - west >= 360.0:
        west, east = -180.0, 180.0
    return _zone([shapely.box(west, south, east, north)], "bbox")


def parse_zone(body: bytes) -> Zone:
    """Read a GeoJSON Polygon or MultiPolygon (RFC 7946), or a Feature with one.

    Raises:
        InvalidParameterError: It is none, or encloses nothing.
        TooLargeError: More than `MAX_VERTICES` vertices.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError("the body is not JSON", parameter="body") from error
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = document.get("geometry")
    match document:
        case {"type": "Polygon", "coordinates": list(rings)}:
            polygons = [rings]
        case {"type": "MultiPolygon", "coordinates": [_, *_] as several}:
            polygons = several
        case _:
            message = "the body is a GeoJSON Polygon, MultiPolygon, or a Feature with one"
            raise InvalidParameterError(message, parameter="body")
    vertices = sum(len(r) for p in polygons if isinstance(p, list) for r in p if _is_list(r))
    if vertices > MAX_VERTICES:
        raise TooLargeError(f"at most {MAX_VERTICES} vertices in an area", parameter="body")
    return _zone([_polygon(rings) for rings in polygons], "body")


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _polygon(rings: Any) -> BaseGeometry:
    if not isinstance(rings, list) or not rings:
        raise InvalidParameterError("a polygon is a list of rings", parameter="body")
    shell, *holes = (_ring(ring) for ring in rings)
    return shapely.Polygon(shell, holes)


def _ring(ring: Any) -> list[tuple[float, float]]:
    if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
        message = "a ring has four positions or more, the last as the first"
        raise InvalidParameterError(message, parameter="body")
    return [_position(position) for position in ring]


def _position(position: Any) -> tuple[float, float]:
    match position:
        case [int() | float() as x, int() | float() as y, *_] if not (
            isinstance(x, bool) or isinstance(y, bool)
        ):
            # The comparison leaves NaN out as well.
            if abs(x) <= _FARTHEST and abs(y) <= 90:
                return float(x), float(y)
    message = "a position is longitude and latitude in degrees"
    raise InvalidParameterError(message, parameter="body")


def _zone(polygons: Sequence[BaseGeometry], parameter: str) -> Zone:
    """Join polygons, those cut at 180 degrees across it."""
    parts = [_turned(p) for p in polygons]
    if any(part.bounds[2] - part.bounds[0] > 360.0 for part in parts):
        raise InvalidParameterError("an area is wider than the Earth", parameter=parameter)
    parts = _together(parts)
    if sum(map(shapely.get_num_coordinates, parts)) > MAX_CROSSING and not _simple(parts):
        message = f"an area that crosses itself has at most {MAX_CROSSING} vertices"
        raise InvalidParameterError(message, parameter=parameter)
    joined = shapely.union_all([_valid(part) for part in parts])
    shape = shapely.MultiPolygon(
        [part for part in shapely.get_parts(joined) if part.geom_type == "Polygon"]
    )
    if shape.area <= 0.0:
        raise InvalidParameterError("the area encloses nothing", parameter=parameter)
    return Zone(shape)


def _simple(parts: Sequence[BaseGeometry]) -> bool:
    """Tell whether lines cross nowhere: parts may share an edge at 180 degrees, where they are cut.

    Costs no more than sorting the vertices, and ends at the first crossing.
    """
    west = [part for part in parts if part.bounds[2] <= 180.0]
    east = [part for part in parts if part.bounds[0] >= 180.0]
    sides = [west, east] if len(west) + len(east) == len(parts) else [parts]
    return all(shapely.MultiPolygon(list(side)).is_valid for side in sides)


def _valid(shape: BaseGeometry) -> BaseGeometry:
    """Return what a drawn line encloses, also where it crosses itself."""
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _turned(shape: BaseGeometry, west: float = -180.0) -> BaseGeometry:
    """Return a shape whose western end lies less than a turn east of a meridian."""
    turn = 360.0 * math.floor((shape.bounds[0] - west) / 360.0)
    return _moved(shape, -turn) if turn else shape


def _moved(shape: BaseGeometry, degrees: float) -> BaseGeometry:
    """Return a shape so many degrees to the east."""
    step = np.array([degrees, 0.0])
    return shapely.transform(shape, lambda points: points + step)


def _together(parts: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Bring parts to where all of them lie in the narrowest range of longitudes."""
    ordered = sorted(parts, key=lambda part: float(part.bounds[0]))
    widest, start, reached = -math.inf, ordered[0].bounds[0], ordered[0].bounds[2]
    for part in ordered[1:]:
        west, east = part.bounds[0], part.bounds[2]
        if west - reached > widest:
            widest, start = west - reached, west
        reached = max(reached, east)
    # The gap before the first part, round the back of the Earth.
    if ordered[0].bounds[0] + 360.0 - reached >= widest:
        return list(ordered)
    return [_turned(part, start) for part in ordered]


def cells(zone: Zone, native: GeoBox, most: int, metres: float | None = None) -> Cells:
    """Return the pixels that an area covers.

    They are those of the images, or whole ones of them joined to larger ones. An area that no
    projection holds well is computed in longitude and latitude, where rows count by their area.

    Args:
        zone: The area.
        native: The grid of the images, north up, of any extent.
        most: Most pixels of the grid around the area: as many of the images' as that takes are one.
        metres: Side of a pixel; None leaves that to `most`.

    Raises:
        TooLargeError: There are more pixels of that side.
    """
    model = _model(zone, native)
    shape = _placed(zone.shape, model.crs)
    if shape is None:
        model, shape = _geographic(model), zone.shape
    t = model.transform
    across, down = t.a, -t.e
    if metres is not None:
        across = down = metres / metres_per_unit(model.crs)
        if _count(shape.bounds, across, down) > most:
            raise TooLargeError(
                f"more than {most} pixels of {metres:g} m in the area", parameter="resolution"
            )
    elif (count := _count(shape.bounds, across, down)) > most:
        factor = math.ceil(math.sqrt(count / most))
        while _count(shape.bounds, across * factor, down * factor) > most:
            factor += 1
        across, down = across * factor, down * factor
    anchor = GeoBox(1, 1, Affine(across, 0.0, t.c, 0.0, -down, t.f), model.crs)
    geobox = aligned(anchor, shape.bounds)
    return Cells(geobox, pixel_shares(shape, geobox), _row_sizes(geobox))


def _count(bounds: Bounds, across: float, down: float) -> float:
    """Return how many pixels a box has at most, wherever their lines lie."""
    west, south, east, north = bounds
    return (math.ceil((east - west) / across) + 1.0) * (math.ceil((north - south) / down) + 1.0)


def _model(zone: Zone, native: GeoBox) -> GeoBox:
    west, south, east, north = zone.bounds
    if is_geographic(native.crs):
        return native
    across = east > 180.0 or max(-south, north) > 85.0
    if (native.crs == _MERCATOR and across) or (native.crs != _MERCATOR and east - west > _WIDEST):
        return _geographic(native)
    return native


def _geographic(native: GeoBox) -> GeoBox:
    side = min(native.resolution) * metres_per_unit(native.crs) / metres_per_unit(WGS84)
    return GeoBox(1, 1, Affine(side, 0.0, -180.0, 0.0, -side, 90.0), WGS84)


def _placed(shape: BaseGeometry, crs: str) -> BaseGeometry | None:
    """Return a shape in a CRS, valid; None where that does not hold all of it."""
    if crs == WGS84:
        return shape
    dense = shapely.segmentize(shape, _segment(shape))
    points = shapely.get_coordinates(dense)
    x, y = transform_points(WGS84, crs, points[:, 0].copy(), points[:, 1].copy())
    if is_geographic(crs):
        x = x + 360.0 * np.round((points[:, 0] - x) / 360.0)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    placed = shapely.set_coordinates(dense.__class__(dense), np.stack([x, y], axis=1))
    if not placed.is_valid:
        placed = _valid(placed)
    return placed if placed.area > 0.0 else None


def _segment(shape: BaseGeometry) -> float:
    return max(_STEP, float(shape.length) / _POINTS)


def _row_sizes(geobox: GeoBox) -> NDArray[np.float64]:
    """Return the area of each row's pixels beside that of the middle row, shape (height, 1)."""
    t = geobox.transform
    edges = t.f + t.e * np.arange(geobox.height + 1)
    if is_geographic(geobox.crs):
        steps = np.abs(np.diff(np.sin(np.radians(np.clip(edges, -90.0, 90.0)))))
    elif geobox.crs == _MERCATOR:
        # The scale of the projection is the cosine of the latitude (EPSG guidance 7-2, 3.2.1).
        steps = np.cosh((edges[1:] + edges[:-1]) / (2.0 * 6378137.0)) ** -2.0
    else:
        steps = np.ones(geobox.height)
    sizes: NDArray[np.float64] = (steps / steps[geobox.height // 2]).reshape(-1, 1)
    return sizes
