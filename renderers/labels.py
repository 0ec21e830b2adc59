"""Labels of shapes on Earth: short lines of text in the middle of each that has room for them.

Where a label stands, and whether it is drawn, does not depend on the picture's edges: neighbouring
tiles draw the two parts of one label. So labels are also looked for as far outside of a picture as
`reach` says, and what keeps a label away is an earlier one that has room in its shape, drawn or
not: whether that one gives way to a third, farther off, is nothing that a tile could know.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from renderers.crs import WGS84, transform_points
from renderers.geobox import FloatArray, GeoBox
from renderers.image import Image, UInt8Array
from renderers.turns import shifts
from styles.legend import fonts

#: Pixels per em, distance of lines and width of the halo, in pixels of a screen.
_SIZE, _LINE, _HALO = 11.0, 13.0, 1.5
_INK: Final = np.array((24, 24, 32), np.float32)
_PAPER: Final = np.array((255, 255, 255), np.float32)
#: How much of what lies below is covered by the halo.
_OPACITY: Final = 0.85
#: Added before a place is rounded down. Middles of regular grids lie at halves and other binary
#: fractions of a pixel, where two tiles' last digits would decide; never at two thirds.
_SNAP: Final = 1.0 / 3.0


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """What to write.

    Attributes:
        shapes: Polygons or MultiPolygons, longitudes of -180 to 540, also those that lie as far
            outside of the picture as `reach` says. Where two labels collide the first is drawn.
        texts: Of each shape the lines of its label, of any number; none writes nothing.
        density: Pixels of the picture per pixel of a screen.
    """

    shapes: Sequence[BaseGeometry]
    texts: Sequence[tuple[str, ...]]
    density: float


class _Spot(NamedTuple):
    """Where a label may stand: the row and column of its first pixel, and of which shape it is."""

    top: int
    left: int
    number: int


def reach(texts: Sequence[tuple[str, ...]], density: float) -> int:
    """Return how far from a picture what decides about labels in it may lie.

    Args:
        texts: The largest labels there may be.
        density: Pixels of the picture per pixel of a screen.

    Returns:
        Pixels of the picture: no side of a label is longer.
    """
    return max(max(_extent(lines, density)) for lines in texts)


def labelled(labels: Labels, box: GeoBox) -> Image | None:
    """Return a picture of labels; None where there is none in it.

    Args:
        labels: What to write.
        box: The picture's grid.
    """
    out = np.zeros((box.height, box.width, 4), np.uint8)
    some = False
    for spot in _chosen(labels, box):
        some |= _put(stamp(labels.texts[spot.number], labels.density), spot, out)
    return Image(out) if some else None


@functools.lru_cache(2048)
def stamp(lines: tuple[str, ...], density: float) -> UInt8Array:
    """Return a label's pixels: RGBA with straight alpha, shape (rows, columns, 4), read-only."""
    rows, columns = _extent(lines, density)
    ink = np.zeros((rows, columns), np.float32)
    margin = _margin(density)
    size = _SIZE * density
    for number, line in enumerate(lines):
        baseline = margin + round((number * _LINE + _SIZE) * density)
        begin = (columns - fonts.width(line, size, "bold")) / 2.0
        for letter, column in fonts.letters(line, begin, size, "bold"):
            top, left = baseline - letter.top, column + letter.left
            high, wide = letter.alpha.shape
            part = ink[top : top + high, left : left + wide]
            part += (1.0 - part) * (letter.alpha / np.float32(255.0))
    halo = _widened(ink, _HALO * density) * np.float32(_OPACITY) * (1.0 - ink)
    alpha = ink + halo
    mixed = ink[..., None] * _INK + halo[..., None] * _PAPER
    out = np.zeros((rows, columns, 4), np.uint8)
    out[..., :3] = np.rint(mixed / np.maximum(alpha, 1e-6)[..., None])
    out[..., 3] = np.rint(alpha * 255.0)
    out.flags.writeable = False
    return out


def _margin(density: float) -> int:
    """Return the pixels around the letters of a label, for the halo."""
    return math.ceil((_HALO + 1.0) * density)


@functools.lru_cache(8192)
def _extent(lines: tuple[str, ...], density: float) -> tuple[int, int]:
    """Return the rows and columns of a label."""
    margin = _margin(density)
    wide = max(fonts.width(line, _SIZE * density, "bold") for line in lines)
    # Below the last line's baseline there is room for what hangs from it.
    high = round((len(lines) * _LINE) * density)
    return high + 2 * margin, math.ceil(wide) + 2 * margin


def _widened(ink: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return the greatest ink within a radius of each pixel, with a smooth edge."""
    most = math.ceil(radius)
    padded = np.pad(ink, most)
    out = np.zeros_like(ink)
    rows, columns = ink.shape
    for dy in range(-most, most + 1):
        for dx in range(-most, most + 1):
            share = np.float32(min(max(radius + 0.5 - math.hypot(dy, dx), 0.0), 1.0))
            if share:
                near = padded[most + dy : most + dy + rows, most + dx : most + dx + columns]
                np.maximum(out, near * share, out=out)
    return out


def _chosen(labels: Labels, box: GeoBox) -> Iterator[_Spot]:
    """Yield the labels that are drawn: those with room in their shapes, and before all others."""
    written = [k for k, lines in enumerate(labels.texts) if lines]
    if not written:
        return
    pad = reach([labels.texts[k] for k in written], labels.density)
    taken = np.zeros((box.height + 2 * pad, box.width + 2 * pad), np.bool_)
    for spot in _with_room(labels, np.array(written), box, pad):
        rows, columns = _extent(labels.texts[spot.number], labels.density)
        top, left = spot.top + pad, spot.left + pad
        place = taken[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
        free = not place.any()
        place[:] = True
        if free:
            yield spot


def _with_room(
    labels: Labels, written: NDArray[np.int64], box: GeoBox, pad: int
) -> Iterator[_Spot]:
    """Yield labels that fit into their shapes, no farther than `pad` from the picture, in order."""
    # Their middles lie half a label farther away.
    far = pad + (pad + 1) // 2
    shapes = np.array(labels.shapes, dtype=object)[written]
    lon, lat = _middles(shapes)
    x, y = transform_points(WGS84, box.crs, (lon + 180.0) % 360.0 - 180.0, lat)
    extents = np.array([_extent(labels.texts[k], labels.density) for k in written])
    found: list[tuple[int, int, int, int]] = []
    for turn, shift in enumerate(shifts(box.padded(far))):
        columns, rows = box.to_pixel(x + shift, y)
        with np.errstate(invalid="ignore"):
            near = (np.abs(columns - box.width / 2) < box.width / 2 + far) & (
                np.abs(rows - box.height / 2) < box.height / 2 + far
            )
        which = np.flatnonzero(near)
        top = np.floor(rows[which] + _SNAP).astype(np.int64) - extents[which, 0] // 2
        left = np.floor(columns[which] + _SNAP).astype(np.int64) - extents[which, 1] // 2
        edges = _edges(top, left, extents[which])
        fits = _inside(shapes[which], lon[which], edges, box, shift)
        found += zip(which[fits], [turn] * int(fits.sum()), top[fits], left[fits], strict=True)
    for which_one, _, row, column in sorted(found):
        yield _Spot(int(row), int(column), int(written[which_one]))


def _middles(shapes: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Return the shapes' centroids, or points within where those lie outside."""
    points = shapely.centroid(shapes)
    outside = ~shapely.contains(shapes, points)
    points[outside] = shapely.point_on_surface(shapes[outside])
    return shapely.get_x(points), shapely.get_y(points)


def _edges(
    top: NDArray[np.int64], left: NDArray[np.int64], extents: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Return columns and rows of the corners of rectangles and of their sides' middles."""
    across = np.array([0.0, 0.5, 1.0, 0.0, 1.0, 0.0, 0.5, 1.0])
    down = np.array([0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 1.0])
    return left[:, None] + extents[:, 1:] * across, top[:, None] + extents[:, :1] * down


def _inside(
    shapes: NDArray[np.object_],
    near: FloatArray,
    edges: tuple[FloatArray, FloatArray],
    box: GeoBox,
    shift: float,
) -> NDArray[np.bool_]:
    """Tell of each shape whether all points of a row of pixels' places lie in it.

    Args:
        shapes: Of the labels.
        near: Longitudes of the labels' middles, as the shapes have them.
        edges: Columns and rows, shape (labels, points).
        box: Their grid.
        shift: How far the copy of the Earth lies in which the labels are.
    """
    x, y = box.to_crs(*edges)
    lon, lat = transform_points(box.crs, WGS84, (x - shift).ravel(), y.ravel())
    known = (np.isfinite(lon) & np.isfinite(lat)).reshape(x.shape)
    lon = np.where(known, lon.reshape(x.shape), 0.0)
    lat = np.where(known, lat.reshape(x.shape), 0.0)
    lon = near[:, None] + (lon - near[:, None] + 180.0) % 360.0 - 180.0
    inside = shapely.contains_xy(shapes[:, None], lon, lat)
    return np.asarray((inside & known).all(axis=1))


def _put(label: UInt8Array, spot: _Spot, out: UInt8Array) -> bool:
    """Draw what of a label lies in the picture; tell whether there is any."""
    top, left = max(-spot.top, 0), max(-spot.left, 0)
    part = label[top : max(out.shape[0] - spot.top, 0), left : max(out.shape[1] - spot.left, 0)]
    if not part.size:
        return False
    row, column = spot.top + top, spot.left + left
    out[row : row + part.shape[0], column : column + part.shape[1]] = part
    return True
