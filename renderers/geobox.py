"""The pixel grid: size, affine and CRS in one immutable value."""

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

Bounds = tuple[float, float, float, float]
"""Envelope as (min x, min y, max x, max y), x east and y north."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GeoBox:
    """A regular pixel grid on Earth.

    Attributes:
        width: Pixels per row.
        height: Rows.
        transform: Maps (column, row) of pixel *corners* to (x, y) of the CRS; the centre of the
            first pixel is at (0.5, 0.5).
        crs: Canonical name (see `renderers.crs.canonical_name`); x/y order always.
    """

    width: int
    height: int
    transform: Affine
    crs: str

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError("a GeoBox has at least one pixel")
        if self.transform.is_degenerate:
            raise ValueError("a GeoBox has pixels of non-zero size")

    @classmethod
    def from_bounds(cls, bounds: Bounds, width: int, height: int, crs: str) -> "GeoBox":
        """Make the north-up grid whose outer pixel edges are `bounds`."""
        west, south, east, north = bounds
        step_x, step_y = (east - west) / width, (south - north) / height
        return cls(width, height, Affine(step_x, 0.0, west, 0.0, step_y, north), crs)

    @property
    def bounds(self) -> Bounds:
        """Envelope of the four outer corners."""
        corners = [
            self.transform @ c
            for c in ((0, 0), (self.width, 0), (0, self.height), (self.width, self.height))
        ]
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixel size along the grid's columns and rows, in CRS units, positive."""
        t = self.transform
        return math.hypot(t.a, t.d), math.hypot(t.b, t.e)

    def scaled(self, scale_x: float, scale_y: float, width: int, height: int) -> "GeoBox":
        """Return a grid with the same origin whose pixels are `scale` times larger."""
        return GeoBox(width, height, self.transform @ Affine.scale(scale_x, scale_y), self.crs)

    def zoomed(self, width: int, height: int) -> "GeoBox":
        """Return a grid of another size over the same envelope."""
        return self.scaled(self.width / width, self.height / height, width, height)

    def padded(self, pixels: int) -> "GeoBox":
        """Return the grid with `pixels` more on every side."""
        transform = self.transform @ Affine.translation(-pixels, -pixels)
        return GeoBox(self.width + 2 * pixels, self.height + 2 * pixels, transform, self.crs)

    def crop(self, column: int, row: int, width: int, height: int) -> "GeoBox":
        """Return the sub-grid that starts at (column, row)."""
        return GeoBox(width, height, self.transform @ Affine.translation(column, row), self.crs)

    def to_pixel(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map x/y of this CRS to (column, row) in pixel-corner coordinates (centre is +0.5)."""
        inverse = ~self.transform
        return (
            inverse.a * x + inverse.b * y + inverse.c,
            inverse.d * x + inverse.e * y + inverse.f,
        )

    def to_crs(self, columns: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map pixel-corner coordinates to x/y of this CRS."""
        t = self.transform
        return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
