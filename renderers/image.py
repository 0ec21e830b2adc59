"""What drawing gives back: pictures for the eye, rasters of values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.geobox import GeoBox

UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture.

    Attributes:
        pixels: uint8, shape (height, width, 4) as RGBA with straight alpha, or (height, width) as
            palette indexes.
        palette: uint8, shape (n <= 256, 4) RGBA for indexed pictures, else None.
        opaque: Whether every pixel is opaque, where whoever drew it knows; None asks the encoder
            to look.
    """

    pixels: UInt8Array
    palette: UInt8Array | None = None
    opaque: bool | None = None

    @property
    def width(self) -> int:
        """Pixels per row."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    def rgba(self) -> UInt8Array:
        """Return the picture as RGBA, shape (height, width, 4)."""
        if self.palette is None:
            return self.pixels
        # Whole colours as one number: ten times as fast as indexing rows of four.
        colours = np.ascontiguousarray(self.palette).view(np.uint32)[:, 0]
        return colours[self.pixels].view(np.uint8).reshape(*self.pixels.shape, 4)


@dataclass(frozen=True, slots=True)
class Raster:
    """Values on a grid.

    Attributes:
        data: Shape (bands, height, width), any numeric dtype.
        valid: bool, shape (bands, height, width); False where there is no data.
        names: One per band.
        geobox: The grid.
        nodata: Value that stands for "no data" in `data`, or None.
        scale: Physical value = data * scale + offset, one per band.
        offset: See `scale`.
    """

    data: NDArray[np.generic]
    valid: NDArray[np.bool_]
    names: tuple[str, ...]
    geobox: GeoBox
    nodata: float | None
    scale: tuple[float, ...]
    offset: tuple[float, ...]
