"""What every encoder of values gives."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from renderers.encoders.base import EncodingError
from renderers.image import Raster

BoolArray = NDArray[np.bool_]


class RasterEncoder(Protocol):
    """Turns values on a grid into bytes of one format. Stateless."""

    @property
    def media_type(self) -> str:
        """For example `image/tiff; application=geotiff`."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Of file names and URLs, without the dot, the usual one first."""

    def encode(self, raster: Raster) -> bytes:
        """Encode values with all that is known of them.

        Raises:
            EncodingError: The format cannot hold them, or not exactly.
        """


def stored_nodata(raster: Raster) -> float | int | None:
    """Return the value that stands for "no data", as one of the raster's type.

    Raises:
        EncodingError: The type has no such value.
    """
    nodata = raster.nodata
    dtype: np.dtype[Any] = raster.data.dtype
    if nodata is None:
        return None
    if dtype.kind in "fc":
        return float(nodata)
    if dtype.kind == "b":
        raise EncodingError("a raster of true and false has no value for missing pixels")
    limits = np.iinfo(dtype)
    if not (np.isfinite(nodata) and nodata == int(nodata)):
        raise EncodingError(f"nodata {nodata} is no value of type {dtype}")
    if not limits.min <= int(nodata) <= limits.max:
        raise EncodingError(f"nodata {nodata} is no value of type {dtype}")
    return int(nodata)


def common_mask(valid: BoolArray) -> BoolArray:
    """Return the one mask of all bands, shape (height, width).

    Args:
        valid: bool, shape (bands, height, width).

    Raises:
        EncodingError: Pixels are missing in some bands only.
    """
    # The engine's masks are one plane seen as many: nothing to compare then.
    if valid.strides[0] != 0 and any((plane != valid[0]).any() for plane in valid[1:]):
        raise EncodingError("bands miss different pixels: only a nodata value can say so")
    mask: BoolArray = valid[0]
    return mask
