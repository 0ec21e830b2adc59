"""Georeference fields of GeoTIFF (OGC 19-008r4): the CRS as keys, the grid as scale or matrix."""

import struct
from functools import lru_cache
from typing import Final

import rasterio
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from renderers.crs import crs_object
from renderers.encoders.base import EncodingError
from renderers.encoders.raster.tiff import DOUBLE, SHORT, Field, numbers
from renderers.geobox import GeoBox

#: GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams.
_KEY_TAGS: Final = (34735, 34736, 34737)

#: Codes that stand for themselves in a key (OGC 19-008r4, 7.5); above are private ones.
_CODES: Final = range(1024, 32767)

#: Bytes of one value of the field types that georeference uses: ASCII, SHORT, DOUBLE.
_SIZES: Final = {2: 1, 3: 2, 12: 8}


def georeference(geobox: GeoBox) -> tuple[Field, ...]:
    """Return the fields that place a grid on Earth.

    Raises:
        EncodingError: GeoTIFF has no keys for the CRS.
    """
    t = geobox.transform
    place: tuple[Field, ...]
    if t.b == 0.0 and t.d == 0.0 and t.a > 0.0 and t.e < 0.0:
        place = (
            numbers(33550, DOUBLE, t.a, -t.e, 0.0),
            numbers(33922, DOUBLE, 0.0, 0.0, 0.0, t.c, t.f, 0.0),
        )
    else:
        matrix = (t.a, t.b, 0.0, t.c, t.d, t.e, 0.0, t.f, *[0.0] * 7, 1.0)
        place = (numbers(34264, DOUBLE, *matrix),)
    return place + crs_keys(geobox.crs)


@lru_cache(maxsize=256)
def crs_keys(crs: str) -> tuple[Field, ...]:
    """Return the keys of a CRS by its canonical name.

    Raises:
        EncodingError: GeoTIFF has none for it.
    """
    authority, _, code = crs.partition(":")
    known = crs_object(crs)
    if (
        authority == "EPSG"
        and int(code) in _CODES
        and len(known.axis_info) == 2
        and (known.type_name in {"Projected CRS", "Geographic 2D CRS"})
    ):
        projected = known.is_projected
        # Version 1.1.0, three keys: model type, pixels are areas, the code.
        keys = [1, 1, 0, 3, 1024, 0, 1, 1 if projected else 2, 1025, 0, 1, 1]
        keys += [3072 if projected else 2048, 0, 1, int(code)]
        return (numbers(34735, SHORT, *keys),)
    return _written_by_gdal(crs)


def _written_by_gdal(crs: str) -> tuple[Field, ...]:
    """Let GDAL, which knows every projection's keys, write a file of one pixel and take its keys.

    Raises:
        EncodingError: What it wrote means another CRS, or it could not.
    """
    wanted = crs_object(crs)
    try:
        options = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        # A local path of GDAL's own memory; nothing beside it is written or looked for.
        with rasterio.Env(GDAL_PAM_ENABLED=False), MemoryFile() as file:
            with file.open(
                **options,
                crs=rasterio.CRS.from_wkt(wanted.to_wkt()),
                transform=rasterio.Affine(1, 0, 1, 0, -1, 1),
                ENDIANNESS="LITTLE",
            ):
                pass
            data = bytes(file.read())
            with file.open() as back:
                found = crs_object(back.crs.to_wkt()) if back.crs else None
    except (RasterioError, CRSError) as error:
        raise EncodingError("GeoTIFF has no keys for this CRS") from error
    if found is None or not wanted.equals(found, ignore_axis_order=True):
        raise EncodingError("GeoTIFF has no keys for this CRS")
    return tuple(_fields(data))


def _fields(data: bytes) -> list[Field]:
    """Return the key fields of a small classic little-endian TIFF."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    found = []
    for number in range(count):
        place = start + 2 + 12 * number
        tag, kind, values = struct.unpack_from("<HHI", data, place)
        if tag in _KEY_TAGS:
            length = _SIZES[kind] * values
            at = place + 8 if length <= 4 else struct.unpack_from("<I", data, place + 8)[0]
            found.append(Field(tag, kind, values, data[at : at + length]))
    return found
