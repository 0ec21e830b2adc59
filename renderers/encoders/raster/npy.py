"""NumPy's own format (NEP 1), version 1.0: an array and nothing else."""

import io
from typing import Final

import numpy as np

from renderers.encoders.raster.geotiff import alpha_range
from renderers.image import Raster


class NpyEncoder:
    """Values as stored, shape (bands, height, width), without georeference.

    With `alpha` a last band follows that tells where any band has data, see `alpha_range`.
    """

    media_type: Final = "application/x-binary"
    extensions: Final = ("npy",)

    def __init__(self, *, alpha: bool = False) -> None:
        self._alpha = alpha

    def encode(self, raster: Raster) -> bytes:
        """Encode values; see `RasterEncoder.encode`."""
        data = raster.data
        if self._alpha:
            dtype = data.dtype
            low, high = alpha_range(dtype)
            alpha = np.full(data.shape[1:], high, dtype)
            alpha[~raster.valid.any(axis=0)] = low
            data = np.concatenate((data, alpha[None]))
        buffer = io.BytesIO()
        np.save(buffer, data, allow_pickle=False)
        return buffer.getvalue()
