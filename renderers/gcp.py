"""Files that are georeferenced by ground control points, as Sentinel-1 GRD is.

The points are joined by thin-plate splines (Duchon 1977; Bookstein 1989): one from the CRS to
pixels and one back, both right at every point. It is the spline that GDAL fits to the same points,
so files lie where other software shows them; what is between the points is not corrected for
terrain.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from renderers.crs import crs_object, is_geographic, transform_points
from renderers.errors import SourceUnsupportedError
from renderers.geobox import Bounds, FloatArray
from renderers.kernels.spline import thin_plate

#: Points of one file. Solving costs their number to the third power (1000: 0.1 s), each position
#: their number.
MAX_POINTS = 1000
#: Degrees of latitude beyond which longitudes turn too fast for a spline in degrees.
_POLAR = 75.0
#: Universal polar stereographic, north and south.
_NORTH, _SOUTH = "EPSG:5041", "EPSG:5042"
#: Greatest distance, in parts of the values' extent, of a spline from its own points: two points
#: in one place make a larger one. Points that leave a line by less lie on it.
_EXACT = 1e-6
#: Positions farther from the points than this part of their extent lie outside the file.
_MARGIN = 0.25

Points = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""Columns, rows, x and y of ground control points."""


@dataclass(frozen=True, slots=True)
class _Spline:
    """A thin-plate spline from places to pairs of values.

    Attributes:
        shift: Subtracted from places.
        scale: Divides them then.
        nodes: Shape (n, 2), places so reduced.
        weights: Shape (n + 3, 2): of the nodes, then constant and slopes.
    """

    shift: FloatArray
    scale: float
    nodes: FloatArray
    weights: FloatArray

    @classmethod
    def through(cls, places: FloatArray, values: FloatArray) -> "_Spline":
        """Fit a spline.

        Args:
            places: Shape (n, 2).
            values: Shape (n, 2).

        Raises:
            SourceUnsupportedError: The places determine none.
        """
        shift = (places.min(axis=0) + places.max(axis=0)) / 2.0
        scale = float(np.ptp(places, axis=0).max()) or 1.0
        nodes = np.ascontiguousarray((places - shift) / scale)
        squares = ((nodes[:, None] - nodes[None]) ** 2).sum(axis=2)
        bends = squares * np.log(np.where(squares > 0.0, squares, 1.0))
        plane = np.column_stack([np.ones(len(nodes)), nodes])
        strengths = np.linalg.svd(plane, compute_uv=False)
        if strengths[-1] <= _EXACT * strengths[0]:
            raise SourceUnsupportedError("ground control points that lie on one line")
        system = np.block([[bends, plane], [plane.T, np.zeros((3, 3))]])
        try:
            weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))]))
        except np.linalg.LinAlgError as error:
            raise SourceUnsupportedError("ground control points in one place") from error
        spline = cls(shift, scale, nodes, np.ascontiguousarray(weights))
        found = np.column_stack(spline(places[:, 0], places[:, 1]))
        if not (np.abs(found - values) <= _EXACT * np.ptp(values, axis=0).max()).all():
            raise SourceUnsupportedError("ground control points that contradict one another")
        return spline

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return both values at some places, of the shape of `x`; NaN where a place is not."""
        shape = np.shape(x)
        u = ((np.asarray(x, np.float64) - self.shift[0]) / self.scale).ravel()
        v = ((np.asarray(y, np.float64) - self.shift[1]) / self.scale).ravel()
        out = np.empty((2, len(u)))
        thin_plate(u, v, self.nodes, self.weights, out)
        return out[0].reshape(shape), out[1].reshape(shape)


@dataclass(frozen=True, slots=True)
class GcpModel:
    """The grid of a file with ground control points; see `fitted`.

    Attributes:
        width: Pixels per row.
        height: Rows.
        crs: Canonical name of the CRS of x and y.
        points: float64, little-endian: columns, rows, x and y of all points, one after the other.
    """

    kind: ClassVar[str] = "gcp"

    width: int
    height: int
    crs: str
    points: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError("a grid has at least one pixel")
        if not self.points or len(self.points) % 32:
            raise ValueError("the points are a broken list")

    @classmethod
    def fitted(cls, width: int, height: int, crs: str, points: Points) -> "GcpModel":
        """Make the grid of some points.

        Near the poles, points in degrees are joined in a polar projection.

        Args:
            width: Pixels per row.
            height: Rows.
            crs: Canonical name of the CRS of x and y.
            points: In pixel-corner coordinates and in the CRS, x/y order.

        Raises:
            SourceUnsupportedError: Fewer than three points, too many, or they determine no spline.
        """
        columns, rows, x, y = (np.asarray(v, np.float64) for v in points)
        if len(x) < 3:
            raise SourceUnsupportedError("fewer than three ground control points")
        if len(x) > MAX_POINTS:
            raise SourceUnsupportedError(f"more than {MAX_POINTS} ground control points")
        if is_geographic(crs):
            x = _turned(x)
            crs, x, y = _placed(crs, x, y)
        values = np.concatenate([columns, rows, x, y])
        if not np.isfinite(values).all():
            raise SourceUnsupportedError("ground control points that are not numbers")
        model = cls(width, height, crs, values.astype("<f8").tobytes())
        _splines(model)
        return model

    @property
    def bounds(self) -> Bounds:
        """Envelope of the points."""
        _, _, x, y = self._values()
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixel size in the middle, along columns and rows; degrees as those of latitude."""
        columns = np.array([-0.5, 0.5, 0.0, 0.0]) + self.width / 2.0
        rows = np.array([0.0, 0.0, -0.5, 0.5]) + self.height / 2.0
        x, y = self.to_crs(columns, rows)
        if is_geographic(self.crs):
            x = x * np.cos(np.radians(y.mean()))
        return float(np.hypot(x[1] - x[0], y[1] - y[0])), float(np.hypot(x[3] - x[2], y[3] - y[2]))

    def to_pixel(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map x/y to (column, row) in pixel-corner coordinates.

        Far from the points the spline is no more than a guess: one that falls into the file there
        is taken back (NaN).
        """
        column, row = _splines(self)[0](x, y)
        west, south, east, north = self.bounds
        wide, high = _MARGIN * (east - west), _MARGIN * (north - south)
        far = (x < west - wide) | (x > east + wide) | (y < south - high) | (y > north + high)
        ghost = far & (column > 0) & (column < self.width) & (row > 0) & (row < self.height)
        return np.where(ghost, np.nan, column), np.where(ghost, np.nan, row)

    def to_crs(self, columns: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map pixel-corner coordinates to x/y."""
        return _splines(self)[1](columns, rows)

    def zoomed(self, width: int, height: int) -> "GcpModel":
        """Return the grid with another number of pixels over the same place."""
        columns, rows, x, y = self._values()
        wider, higher = width / self.width, height / self.height
        values = np.concatenate([columns * wider, rows * higher, x, y])
        return GcpModel(width, height, self.crs, values.astype("<f8").tobytes())

    def to_plain(self) -> list[Any]:
        """Return plain values that make the same grid again."""
        return [self.width, self.height, self.crs, self.points]

    @classmethod
    def from_plain(cls, values: list[Any]) -> "GcpModel":
        """Make the grid of `to_plain`.

        Raises:
            ValueError: The values make no grid.
            TypeError: A value has another type.
            SourceUnsupportedError: The CRS is not known.
        """
        if [type(v) for v in values] != [int, int, str, bytes]:
            raise TypeError("not a grid of ground control points")
        model = cls(*values)
        crs_object(model.crs)
        if not 3 <= len(model.points) // 32 <= MAX_POINTS:
            raise ValueError("too few or too many ground control points")
        if not np.isfinite(np.concatenate(model._values())).all():
            raise ValueError("ground control points that are not numbers")
        return model

    def _values(self) -> Points:
        columns, rows, x, y = np.frombuffer(self.points, "<f8").reshape(4, -1)
        return columns, rows, x, y


@lru_cache(maxsize=1024)
def _splines(model: GcpModel) -> tuple[_Spline, _Spline]:
    """Return the splines of a grid, from x/y to pixels and back.

    Raises:
        SourceUnsupportedError: The points determine none.
    """
    columns, rows, x, y = model._values()
    pixels, places = np.column_stack([columns, rows]), np.column_stack([x, y])
    return _Spline.through(places, pixels), _Spline.through(pixels, places)


def _turned(longitude: FloatArray) -> FloatArray:
    """Move longitudes by whole turns to within half a turn of the first one."""
    moved: FloatArray = longitude - 360.0 * np.round((longitude - longitude[0]) / 360.0)
    return moved


def _placed(crs: str, x: FloatArray, y: FloatArray) -> tuple[str, FloatArray, FloatArray]:
    """Return points in degrees in the CRS in which they are joined."""
    if np.abs(y).max() <= _POLAR:
        return crs, x, y
    polar = _NORTH if y.mean() > 0.0 else _SOUTH
    return polar, *transform_points(crs, polar, x, y)
