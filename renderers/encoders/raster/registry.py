"""Which encoders of values there are."""

from collections.abc import Iterable, Iterator

from renderers.encoders.base import EncodingError
from renderers.encoders.raster.base import RasterEncoder
from renderers.encoders.raster.cog import CogEncoder
from renderers.encoders.raster.geotiff import GeoTiffEncoder
from renderers.encoders.raster.netcdf import NetcdfEncoder
from renderers.encoders.raster.npy import NpyEncoder


def _canonical(media_type: str) -> tuple[str, frozenset[str]]:
    """Return type and parameters, which may come in any order and case (RFC 9110, 8.3.1)."""
    kind, *parameters = (part.strip().lower().replace('"', "") for part in media_type.split(";"))
    return kind, frozenset(parameters)


class RasterEncoderRegistry:
    """Encoders of values by media type and by file extension. Immutable."""

    def __init__(self, encoders: Iterable[RasterEncoder] = ()) -> None:
        self._encoders = {_canonical(encoder.media_type): encoder for encoder in encoders}

    def __iter__(self) -> Iterator[RasterEncoder]:
        return iter(self._encoders.values())

    @property
    def media_types(self) -> tuple[str, ...]:
        """Every media type, the preferred one first."""
        return tuple(encoder.media_type for encoder in self)

    def get(self, media_type: str) -> RasterEncoder:
        """Return the encoder of a media type; `image/tiff` alone is a GeoTIFF.

        Raises:
            EncodingError: There is none.
        """
        wanted = _canonical(media_type)
        found = self._encoders.get(wanted)
        if found is None and not wanted[1]:
            found = next((e for (kind, _), e in self._encoders.items() if kind == wanted[0]), None)
        if found is None:
            raise EncodingError(f"values are not offered as {media_type!r}")
        return found

    def for_extension(self, extension: str) -> RasterEncoder:
        """Return the encoder of a file extension (`tif`, `nc`), in any case, without the dot.

        Raises:
            EncodingError: There is none.
        """
        for encoder in self:
            if extension.lower() in encoder.extensions:
                return encoder
        raise EncodingError(f"values are not offered as .{extension}")

    def with_encoder(self, *encoders: RasterEncoder) -> "RasterEncoderRegistry":
        """Return a registry with these too; one of a known media type takes its place."""
        return RasterEncoderRegistry([*self, *encoders])


def default_raster_encoders() -> RasterEncoderRegistry:
    """Return GeoTIFF, COG, NetCDF and NumPy."""
    return RasterEncoderRegistry([GeoTiffEncoder(), CogEncoder(), NetcdfEncoder(), NpyEncoder()])
