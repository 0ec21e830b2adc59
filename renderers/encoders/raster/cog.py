"""Cloud Optimized GeoTIFF (OGC 21-026), ordered and with overviews by GDAL's own driver."""

from typing import Final, Literal

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from renderers.encoders.base import EncodingError
from renderers.encoders.raster.geotiff import Compression, GeoTiffEncoder, Options
from renderers.image import Raster

Overviews = Literal["nearest", "average", "mode"]

_SCHEMES: Final = {"none": "NONE", "deflate": "DEFLATE", "zstd": "ZSTD"}


def cog_options(compression: Compression, resampling: Overviews, block: int) -> dict[str, str]:
    """Return the options of GDAL's driver; see `CogEncoder`.

    Raises:
        EncodingError: The driver takes no such blocks.
    """
    if block < 128 or block % 16:
        raise EncodingError("blocks of a COG are 128 pixels or more, in multiples of 16")
    options = {
        "COMPRESS": _SCHEMES[compression],
        "OVERVIEW_RESAMPLING": resampling.upper(),
        "BLOCKSIZE": str(block),
        "NUM_THREADS": "1",
        "BIGTIFF": "IF_SAFER",
    }
    return options if compression == "none" else {**options, "PREDICTOR": "YES"}


class CogEncoder:
    """Tiled and compressed, with overviews: for values that are kept and read in parts.

    Values and all that is known of them are those of `GeoTiffEncoder`, whose file GDAL reorders in
    memory.
    """

    media_type: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
    extensions: Final = ("cog",)

    def __init__(
        self,
        compression: Compression = "deflate",
        resampling: Overviews = "nearest",
        block: int = 512,
    ) -> None:
        """Choose how it is written.

        Args:
            compression: Of the blocks.
            resampling: How overviews are made; classes want `nearest` or `mode`.
            block: Side of the blocks, in pixels, a multiple of 16.
        """
        self._options = cog_options(compression, resampling, block)

    def encode(self, raster: Raster) -> bytes:
        """Encode values; see `RasterEncoder.encode`."""
        plain = GeoTiffEncoder(Options()).encode(raster)
        try:
            with (
                rasterio.Env(GDAL_PAM_ENABLED=False),
                MemoryFile(plain) as source,
                MemoryFile() as target,
            ):
                with source.open() as dataset:
                    copy(dataset, target.name, driver="COG", **self._options)
                return bytes(target.read())
        except RasterioError as error:
            raise EncodingError("these values cannot be written as a COG") from error
