"""Shapes on Earth as pictures: their areas filled, or their outlines drawn.

Shapes come in longitude and latitude, of any number of vertices, with edges that are straight
there. They are cut to what the picture shows, divided into short pieces and brought onto its grid,
so that they are right in every CRS, across 180 degrees and around the poles.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from renderers.crs import WGS84, crs_object, transform_points
from renderers.geobox import Bounds, FloatArray, GeoBox
from renderers.image import Image, UInt8Array
from renderers.kernels import outlines as kernels
from renderers.turns import shifts

#: Width of lines in pixels of a screen.
LINE_WIDTH: Final = 1.5

#: Longest piece of an edge: this part of the picture's extent, and no more than a degree.
_PIECES, _LONGEST = 48, 1.0
#: Part of the extent by which is cut farther out, so that no cut shows.
_PAD: Final = 0.1
#: Projections that have no poles end before.
_LAST_PARALLEL: Final = 89.9
_MERIDIANS: Final = ("longitude of natural origin", "longitude of origin", "longitude of false")


@dataclass(frozen=True, eq=False, slots=True)
class Shapes:
    """What to draw.

    Attributes:
        shapes: Polygons or MultiPolygons, longitudes of -180 to 540. The first is on top.
        area: Longitude/latitude boxes, within -180 to 180, that hold all that the picture shows.
    """

    shapes: Sequence[BaseGeometry]
    area: tuple[Bounds, ...]


def filled(what: Shapes, box: GeoBox, colour: tuple[int, int, int, int]) -> Image | None:
    """Return a picture of where shapes lie, in one colour; None where none lies in it.

    Args:
        what: The shapes.
        box: The picture's grid.
        colour: RGBA.
    """
    inside = np.zeros((box.height, box.width), np.uint8)
    all_shapes = np.array(what.shapes, dtype=object)
    for window in _windows(what.area, box.crs):
        cut, _ = _cut(all_shapes, window)
        parts = shapely.get_parts(cut)
        parts = parts[shapely.get_type_id(parts) == _POLYGON]
        # Holes in the other sense than what is around them.
        parts = shapely.segmentize(shapely.orient_polygons(parts), _piece(window))
        rings, of_part = shapely.get_rings(parts, return_index=True)
        lonlat, of_ring = shapely.get_coordinates(rings, return_index=True)
        for points in _placed(lonlat, box):
            _fill(points, of_ring, of_part, inside)
    if not inside.any():
        return None
    return Image(inside, np.array([(0, 0, 0, 0), colour], np.uint8))


def stroked(
    what: Shapes, kinds: Sequence[int], palette: UInt8Array, width: float, box: GeoBox
) -> Image | None:
    """Return a picture of the outlines of shapes; None where none lies in it.

    Args:
        what: The shapes.
        kinds: Of each shape its place in the palette.
        palette: uint8, shape (n, 4), RGBA.
        width: Of the lines, in pixels.
        box: The picture's grid.
    """
    cover = np.zeros((box.height, box.width), np.float32)
    kind = np.zeros((box.height, box.width), np.uint8)
    # From the bottom up: what is drawn last is on top.
    bottom_up = np.array(what.shapes, dtype=object)[::-1]
    colours = np.asarray(kinds, np.uint8)[::-1]
    around = shapely.bounds(bottom_up)[:, [0, 2]] if len(bottom_up) else np.zeros((0, 2))
    around = (around == (-180.0, 180.0)).all(axis=1)
    edges = shapely.boundary(bottom_up)
    for window in _windows(what.area, box.crs):
        cut, of_shape = _cut(edges, window)
        parts, of_cut = shapely.get_parts(cut, return_index=True)
        lines = shapely.get_type_id(parts) == _LINE
        parts, of_cut = parts[lines], of_cut[lines]
        parts = shapely.segmentize(parts, _piece(window))
        lonlat, of_part = shapely.get_coordinates(parts, return_index=True)
        shape = of_shape[of_cut[of_part]] if len(of_part) else of_part
        drawn = (of_part[1:] == of_part[:-1]) & ~_on_rims(lonlat, around[shape[1:]])
        for points in _placed(lonlat, box):
            segments = np.hstack([points[:-1], points[1:]])
            good = drawn & _short(segments, box)
            of_colour = np.ascontiguousarray(colours[shape[1:][good]])
            pieces = np.ascontiguousarray(segments[good])
            kernels.stroke(pieces, of_colour, width / 2.0, cover, kind)
    if not cover.any():
        return None
    pixels = palette[kind]
    pixels[..., 3] = np.rint(pixels[..., 3] * cover)
    return Image(pixels)


#: Type ids of shapely.
_LINE, _POLYGON = 1, 3
#: Degrees that are nothing.
_EXACT: Final = 1e-9


def _windows(area: Sequence[Bounds], crs: str) -> Iterator[Bounds]:
    """Return the boxes to cut to: a little larger, never across a projection's own seam."""
    seam = _seam(crs)
    last = 90.0 if _has_poles(crs) else _LAST_PARALLEL
    for west, south, east, north in area:
        pad_x, pad_y = _PAD * (east - west) + 1e-6, _PAD * (north - south) + 1e-6
        low, high = max(south - pad_y, -last), min(north + pad_y, last)
        if low >= high:
            continue
        left, right = max(west - pad_x, -180.0), min(east + pad_x, 180.0)
        if left < seam < right:
            # Not up to it: the seam itself lies on one side of the map alone.
            yield left, low, seam - _EXACT, high
            left = seam + _EXACT
        yield left, low, right, high


@lru_cache(maxsize=512)
def _seam(crs: str) -> float:
    """Return the meridian at which maps in a CRS are cut open, -180 to 180."""
    operation = crs_object(crs).coordinate_operation
    for parameter in operation.params if operation is not None else ():
        if parameter.name.lower().startswith(_MERIDIANS):
            degrees = math.degrees(float(parameter.value) * parameter.unit_conversion_factor)
            return (degrees + 360.0) % 360.0 - 180.0
    return 180.0


@lru_cache(maxsize=512)
def _has_poles(crs: str) -> bool:
    """Tell whether both poles have finite coordinates."""
    x, y = transform_points(WGS84, crs, np.zeros(2), np.array([-90.0, 90.0]))
    # EPSG:3857 gives its poles a number, some 400 000 km away.
    return bool(np.isfinite(x).all() and np.isfinite(y).all() and np.abs(y).max() < 1e8)


def _piece(window: Bounds) -> float:
    west, south, east, north = window
    return min(max(east - west, north - south) / _PIECES, _LONGEST)


def _cut(shapes: NDArray[Any], window: Bounds) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return what of shapes lies in a window, with longitudes in it, and of which shape it is."""
    west, south, east, north = window
    found, numbers = [], []
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    for turn in (0.0, 360.0):
        near = (bounds[:, 0] <= east + turn) & (bounds[:, 2] >= west + turn)
        near &= (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
        which = np.flatnonzero(near)
        cut = shapely.clip_by_rect(shapes[which], west + turn, south, east + turn, north)
        there = ~shapely.is_empty(cut)
        cut, which = cut[there], which[there]
        if turn and len(cut):
            cut = shapely.transform(cut, lambda points: points - (360.0, 0.0))
        found.append(cut)
        numbers.append(which)
    return np.concatenate(found), np.concatenate(numbers)


def _placed(lonlat: FloatArray, box: GeoBox) -> Iterator[FloatArray]:
    """Return vertices in pixels of a grid, shape (vertices, 2), once for each turn it shows."""
    if not len(lonlat):
        return
    lon, lat = np.ascontiguousarray(lonlat.T)
    x, y = transform_points(WGS84, box.crs, lon, lat)
    for shift in shifts(box):
        yield np.column_stack(box.to_pixel(x + shift, y))


def _fill(
    points: FloatArray, of_ring: NDArray[np.int64], of_part: NDArray[np.int64], out: UInt8Array
) -> None:
    """Fill polygons, but those that do not lie on the map as a whole."""
    lost = np.unique(of_part[of_ring[~np.isfinite(points).all(axis=1)]])
    kept = ~np.isin(of_part[of_ring], lost)
    points, of_ring = np.ascontiguousarray(points[kept]), of_ring[kept]
    if not len(points):
        return
    starts = np.flatnonzero(np.diff(of_ring, prepend=-1))
    owners = of_part[of_ring[starts]]
    shapes = np.flatnonzero(np.diff(owners, prepend=-1))
    kernels.fill(
        points,
        np.append(starts, len(points)).astype(np.int64),
        np.append(shapes, len(starts)).astype(np.int64),
        out,
    )


def _on_rims(lonlat: FloatArray, around: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which edges are none on Earth: a pole, and 180 degrees where a shape goes all around."""
    lon, lat = np.abs(lonlat.T)
    at_pole = (lat[1:] > 90.0 - _EXACT) & (lat[:-1] > 90.0 - _EXACT)
    at_seam = (lon[1:] > 180.0 - _EXACT) & (lon[:-1] > 180.0 - _EXACT) & (lon[1:] - lon[:-1] == 0.0)
    return np.asarray(at_pole | (at_seam & around))


def _short(segments: FloatArray, box: GeoBox) -> NDArray[np.bool_]:
    """Tell which pieces lie on the map and do not jump from one side of it to the other."""
    with np.errstate(invalid="ignore"):
        step = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
        return np.asarray(step < 0.5 * math.hypot(box.width, box.height) + 2.0)
