"""Pictures that know where they lie: GeoTIFF."""

from typing import Final, Protocol, runtime_checkable

import numpy as np

from renderers.encoders.base import EncodingError, check_size, is_opaque
from renderers.encoders.raster.geotiff import GeoTiffEncoder, Options
from renderers.geobox import GeoBox
from renderers.image import Image, Raster

_NAMES: Final = ("red", "green", "blue")


@runtime_checkable
class PlacedEncoder(Protocol):
    """An encoder that also writes the picture's grid."""

    def encode_placed(self, image: Image, geobox: GeoBox) -> bytes:
        """Encode a picture on its grid.

        Raises:
            EncodingError: The picture or the grid does not suit the format.
        """


class GeoTiffPicture:
    """Red, green and blue as bands; a fourth tells where the picture shows anything."""

    media_type: Final = "image/geotiff"
    extensions: Final = ("geotiff",)
    supports_alpha: Final = True
    max_size: Final = 65535

    def encode(self, image: Image, quality: int | None = None) -> bytes:
        """Refuse: a GeoTIFF is of a place.

        Raises:
            EncodingError: Always.
        """
        raise EncodingError("a GeoTIFF is written with a grid")

    def encode_placed(self, image: Image, geobox: GeoBox) -> bytes:
        """Encode a picture on its grid; see `PlacedEncoder`."""
        check_size(image, self)
        rgba = image.rgba()
        shown = rgba[..., 3] > 0
        raster = Raster(
            np.ascontiguousarray(np.moveaxis(rgba[..., :3], 2, 0)),
            np.broadcast_to(shown, (3, *shown.shape)),
            _NAMES,
            geobox,
            None,
            (1.0,) * 3,
            (0.0,) * 3,
        )
        options = Options(compression="deflate", alpha=not is_opaque(image))
        return GeoTiffEncoder(options).encode(raster)
