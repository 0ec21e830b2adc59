"""How a file's pixels lie on Earth, as far as warping needs to know."""

from typing import Protocol

from renderers.geobox import FloatArray


class SourceGrid(Protocol):
    """Maps coordinates of one CRS to pixels of a file.

    `GeoBox` is the affine one. Ground-control-point and geolocation-array grids implement the same
    three members; one affine is never forced on Sentinel-1, -3 or -5P.
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

    def to_pixel(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map x/y to (column, row) in pixel-corner coordinates; outside the grid is allowed."""
