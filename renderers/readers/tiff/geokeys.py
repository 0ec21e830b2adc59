"""The GeoKey directory of a GeoTIFF (OGC 19-008r4, 7.1 and annex B)."""

from dataclasses import dataclass
from enum import IntEnum

from renderers.errors import SourceCorruptError
from renderers.readers.tiff.header import Directory, Tag

#: Code of "see the other keys".
USER_DEFINED = 32767


class GeoKey(IntEnum):
    """Keys that are understood."""

    MODEL_TYPE = 1024
    RASTER_TYPE = 1025
    CITATION = 1026
    GEODETIC_CRS = 2048
    GEODETIC_CITATION = 2049
    DATUM = 2050
    PRIME_MERIDIAN = 2051
    LINEAR_UNITS = 2052
    ANGULAR_UNITS = 2054
    ANGULAR_UNIT_SIZE = 2055
    ELLIPSOID = 2056
    SEMI_MAJOR = 2057
    SEMI_MINOR = 2058
    INVERSE_FLATTENING = 2059
    PRIME_MERIDIAN_LONGITUDE = 2061
    TO_WGS84 = 2062
    PROJECTED_CRS = 3072
    PROJECTED_CITATION = 3073
    PROJECTION = 3074
    METHOD = 3075
    PROJECTED_UNITS = 3076
    STANDARD_PARALLEL_1 = 3078
    STANDARD_PARALLEL_2 = 3079
    NATURAL_ORIGIN_LONGITUDE = 3080
    NATURAL_ORIGIN_LATITUDE = 3081
    FALSE_EASTING = 3082
    FALSE_NORTHING = 3083
    FALSE_ORIGIN_LONGITUDE = 3084
    FALSE_ORIGIN_LATITUDE = 3085
    FALSE_ORIGIN_EASTING = 3086
    FALSE_ORIGIN_NORTHING = 3087
    CENTRE_LONGITUDE = 3088
    CENTRE_LATITUDE = 3089
    SCALE_AT_ORIGIN = 3092
    STRAIGHT_POLE_LONGITUDE = 3095


@dataclass(frozen=True, slots=True)
class GeoKeys:
    """Keys by number; values are shorts, lists of doubles, or text."""

    shorts: dict[int, int]
    doubles: dict[int, list[float]]
    texts: dict[int, str]

    def short(self, key: GeoKey) -> int | None:
        """Return the code of a key, or None where it is absent."""
        return self.shorts.get(key)

    def double(self, key: GeoKey) -> float | None:
        """Return the first number of a key, or None where it is absent."""
        values = self.doubles.get(key)
        return values[0] if values else None

    def text(self, key: GeoKey) -> str:
        """Return the text of a key; "" where it is absent."""
        return self.texts.get(key, "")

    @property
    def names(self) -> set[int]:
        """Numbers of all keys that are present."""
        return set(self.shorts) | set(self.doubles) | set(self.texts)


def read_keys(directory: Directory) -> GeoKeys:
    """Read the keys; none where the file has no GeoKeyDirectory.

    Raises:
        SourceCorruptError: The directory points outside its parameter tags.
    """
    keys = GeoKeys({}, {}, {})
    raw = directory.integers(Tag.GEO_KEY_DIRECTORY)
    if raw is None:
        return keys
    values = [int(v) for v in raw]
    if len(values) < 4 or len(values) < 4 + 4 * values[3]:
        raise SourceCorruptError("the GeoKey directory is too short")
    doubles = directory.doubles(Tag.GEO_DOUBLE_PARAMS)
    text = directory.data(Tag.GEO_ASCII_PARAMS).decode("utf-8", "replace")
    for i in range(4, 4 + 4 * values[3], 4):
        key, location, count, offset = values[i : i + 4]
        if key == 0:
            continue
        if location == 0:
            keys.shorts[key] = offset
        elif location == Tag.GEO_KEY_DIRECTORY and offset < len(values):
            keys.shorts[key] = values[offset]
        elif location == Tag.GEO_DOUBLE_PARAMS and 0 < count <= len(doubles) - offset:
            keys.doubles[key] = doubles[offset : offset + count]
        elif location == Tag.GEO_ASCII_PARAMS and count <= len(text) - offset:
            keys.texts[key] = text[offset : offset + count].rstrip("\0").removesuffix("|")
        else:
            raise SourceCorruptError("a GeoKey points outside its parameters")
    return keys
