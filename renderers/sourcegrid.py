"""How a file's pixels lie on Earth, as far as warping and the catalogue need to know."""

from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from renderers.crs import transform_points
from renderers.geobox import Bounds, FloatArray


class SourceGrid(Protocol):
    """Maps coordinates of one CRS to pixels of a file, and back.

    `GeoBox` is the affine one; the others are `GridModel`s: one affine is never forced on
    Sentinel-1, -3 or -5P. Grids are immutable, compare by value and hash fast, as they are keys of
    caches.
    """

    @property
    def width(self) -> int:
        """Pixels per row at full resolution."""

    @property
    def height(self) -> int:
        """Rows at full resolution."""

    @property
    def crs(self) -> str:
        """Canonical name of the CRS that `to_pixel` expects, x/y order."""

    @property
    def bounds(self) -> Bounds:
        """Envelope in the CRS; longitudes run on past 180 degrees where the file crosses it."""

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixel size along columns and rows, in units of the CRS, positive."""

    def to_pixel(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map x/y to (column, row) in pixel-corner coordinates.

        Outside the file too: NaN there is allowed, but where it comes near the file pictures cost
        more, as positions beside a NaN are not interpolated.
        """

    def to_crs(self, columns: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map pixel-corner coordinates inside the file to x/y; NaN where there is no position."""

    def zoomed(self, width: int, height: int) -> Self:
        """Return a grid of another size over the same place on Earth."""


@runtime_checkable
class GridModel(SourceGrid, Protocol):
    """A grid that no affine describes; it can be stored (see `renderers.gridmodels`).

    Attributes:
        kind: Names the form of `to_plain`.
    """

    kind: ClassVar[str]

    def to_plain(self) -> list[Any]:
        """Return plain values (as of msgpack) that make the same grid again."""

    @classmethod
    def from_plain(cls, values: list[Any]) -> Self:
        """Make the grid of `to_plain`, with all checks made again.

        Raises:
            ValueError: The values make no grid.
            TypeError: A value has another type.
            SourceUnsupportedError: They make one that cannot be used.
        """


def outline(grid: SourceGrid, crs: str, points: int = 21) -> tuple[FloatArray, FloatArray]:
    """Return x and y in a CRS of a walk around the outer edge of a grid, `points` per side.

    Points outside the target projection's domain are dropped.
    """
    along = np.linspace(0.0, 1.0, points)
    ones, zeros = np.ones_like(along), np.zeros_like(along)
    columns = np.concatenate([along, ones, along[::-1], zeros]) * grid.width
    rows = np.concatenate([zeros, along, ones, along[::-1]]) * grid.height
    return placed(grid, crs, columns, rows)


def placed(
    grid: SourceGrid, crs: str, columns: FloatArray, rows: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return x and y in a CRS of pixel-corner coordinates; points without a place are dropped."""
    x, y = transform_points(grid.crs, crs, *grid.to_crs(columns, rows))
    good = np.isfinite(x) & np.isfinite(y)
    return x[good], y[good]
