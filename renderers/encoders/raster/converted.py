"""GeoTIFF files in any layout that GDAL writes: from a file of ours to another one on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rasterio
from rasterio.errors import RasterioError
from rasterio.shutil import copy

from renderers.encoders.base import EncodingError
from renderers.encoders.raster.cog import cog_options

#: What GDAL may keep of blocks while it copies; it is shared by all its datasets.
_CACHE_BYTES: Final = 64 * 1024 * 1024
_DIFFERENCED: Final = frozenset({"lzw", "deflate", "zstd"})


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How GDAL is to lay a GeoTIFF out.

    Attributes:
        compression: `none`, `packbits`, `lzw`, `jpeg`, `deflate` or `zstd`.
        quality: Of JPEG, 1 to 100; None leaves it to GDAL.
        predictor: 1, 2 or 3 as of TIFF; None takes the one that fits the type.
        pixels: Values of one pixel lie beside each other; None leaves them by band, but with JPEG,
            which packs colours together.
        tile: Width and height of tiles; (0, 0) for strips.
    """

    compression: str = "none"
    quality: int | None = None
    predictor: int | None = None
    pixels: bool | None = None
    tile: tuple[int, int] = (512, 512)

    def options(self, dtype: str, bands: int) -> dict[str, Any]:
        """Return GDAL's creation options.

        Args:
            dtype: NumPy name of the values.
            bands: How many there are.

        Raises:
            EncodingError: The compression or the predictor cannot hold such values.
        """
        options: dict[str, Any] = {"COMPRESS": self.compression.upper(), "BIGTIFF": "IF_SAFER"}
        pixels = self.compression == "jpeg" if self.pixels is None else self.pixels
        options["INTERLEAVE"] = "PIXEL" if pixels and bands > 1 else "BAND"
        width, height = self.tile
        if width:
            options |= {"TILED": "YES", "BLOCKXSIZE": width, "BLOCKYSIZE": height}
        if self.compression == "jpeg":
            if dtype != "uint8":
                raise EncodingError("JPEG holds values of 8 bits only")
            options["JPEG_QUALITY"] = self.quality or 75
        if self.compression in _DIFFERENCED:
            options["PREDICTOR"] = self._predictor(dtype)
        elif self.predictor not in (None, 1):
            raise EncodingError(f"{self.compression} has no predictor")
        return options

    def _predictor(self, dtype: str) -> int:
        fitting = 3 if dtype.startswith("float") else 2
        if self.predictor is None:
            return 1 if dtype == "float16" else fitting
        if self.predictor not in (1, fitting):
            raise EncodingError(f"this predictor is not for values of type {dtype}")
        return self.predictor


def converted(source: Path, target: Path, layout: TiffLayout | None) -> None:
    """Write a GeoTIFF anew.

    Args:
        source: As `renderers.encoders.raster.geotiff` writes it, uncompressed.
        target: What is made.
        layout: How; None makes a Cloud Optimized GeoTIFF.

    Raises:
        EncodingError: The values cannot be written so.
    """
    try:
        with (
            rasterio.Env(
                GDAL_PAM_ENABLED=False,
                GDAL_CACHEMAX=_CACHE_BYTES,
                GDAL_TIFF_INTERNAL_MASK=True,
                GDAL_NUM_THREADS=1,
            ),
            rasterio.open(source) as dataset,
        ):
            if layout is None:
                copy(dataset, str(target), driver="COG", **cog_options("deflate", "nearest", 512))
            else:
                options = layout.options(dataset.dtypes[0], dataset.count)
                copy(dataset, str(target), driver="GTiff", **options)
    except RasterioError as error:
        raise EncodingError("these values cannot be written so") from error
