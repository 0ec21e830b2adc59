"""Coordinate reference systems from GeoKeys: EPSG codes, and WKT for user-defined ones.

User-defined systems are written as WKT 1 with the names and parameters of OGC 01-009, as GDAL does
with the same keys, and PROJ reads that. A key outside the tables below makes the file unsupported,
because leaving it out could move pixels.
"""

import math
import re
from typing import NamedTuple

from pyproj import CRS
from pyproj.crs import Ellipsoid  # type: ignore[attr-defined]
from pyproj.exceptions import CRSError

from renderers.errors import SourceUnsupportedError
from renderers.readers.tiff.geokeys import USER_DEFINED, GeoKey, GeoKeys

_PROJECTED, _GEOGRAPHIC = 1, 2
_DEGREE = 9102
_GREENWICH = 8901
#: EPSG unit codes of lengths: WKT name and metres.
_LENGTHS = {9001: ("metre", 1.0), 9002: ("foot", 0.3048), 9003: ("US survey foot", 1200 / 3937)}
#: Geographic CRS by datum code, for user-defined systems on WGS 84, NAD83, ETRS89 and NAD27.
_DATUM_CRS = {6326: 4326, 6269: 4269, 6258: 4258, 6267: 4267}
_ESRI_PREFIX = "ESRI PE String = "

#: Keys that may stand beside an EPSG code; the ones with numbers are compared with it.
_BESIDE_CODE = frozenset(
    {
        GeoKey.MODEL_TYPE, GeoKey.RASTER_TYPE, GeoKey.CITATION, GeoKey.GEODETIC_CRS,
        GeoKey.GEODETIC_CITATION, GeoKey.DATUM, GeoKey.PRIME_MERIDIAN, GeoKey.ANGULAR_UNITS,
        GeoKey.ANGULAR_UNIT_SIZE, GeoKey.ELLIPSOID, GeoKey.SEMI_MAJOR, GeoKey.SEMI_MINOR,
        GeoKey.INVERSE_FLATTENING, GeoKey.PRIME_MERIDIAN_LONGITUDE, GeoKey.TO_WGS84,
        GeoKey.PROJECTED_CRS, GeoKey.PROJECTED_CITATION, GeoKey.PROJECTION, GeoKey.PROJECTED_UNITS,
        GeoKey.LINEAR_UNITS,
    }
)  # fmt: skip
_VERTICAL = frozenset(range(4096, 4100))
_DATUM_KEYS = _BESIDE_CODE - {GeoKey.TO_WGS84, GeoKey.LINEAR_UNITS}


class _Method(NamedTuple):
    """WKT 1 name of a projection method and its (parameter, key) pairs in order."""

    name: str
    parameters: tuple[tuple[str, GeoKey], ...]


_EASTING_NORTHING = (
    ("false_easting", GeoKey.FALSE_EASTING),
    ("false_northing", GeoKey.FALSE_NORTHING),
)
#: Coordinate transformation codes (GeoTIFF 1.0, 6.3.3.3) that are built exactly.
_METHODS = {
    1: _Method(
        "Transverse_Mercator",
        (
            ("latitude_of_origin", GeoKey.NATURAL_ORIGIN_LATITUDE),
            ("central_meridian", GeoKey.NATURAL_ORIGIN_LONGITUDE),
            ("scale_factor", GeoKey.SCALE_AT_ORIGIN),
            *_EASTING_NORTHING,
        ),
    ),
    8: _Method(
        "Lambert_Conformal_Conic_2SP",
        (
            ("latitude_of_origin", GeoKey.FALSE_ORIGIN_LATITUDE),
            ("central_meridian", GeoKey.FALSE_ORIGIN_LONGITUDE),
            ("standard_parallel_1", GeoKey.STANDARD_PARALLEL_1),
            ("standard_parallel_2", GeoKey.STANDARD_PARALLEL_2),
            ("false_easting", GeoKey.FALSE_ORIGIN_EASTING),
            ("false_northing", GeoKey.FALSE_ORIGIN_NORTHING),
        ),
    ),
    10: _Method(
        "Lambert_Azimuthal_Equal_Area",
        (
            ("latitude_of_center", GeoKey.CENTRE_LATITUDE),
            ("longitude_of_center", GeoKey.CENTRE_LONGITUDE),
            *_EASTING_NORTHING,
        ),
    ),
    11: _Method(
        "Albers_Conic_Equal_Area",
        (
            ("latitude_of_center", GeoKey.NATURAL_ORIGIN_LATITUDE),
            ("longitude_of_center", GeoKey.NATURAL_ORIGIN_LONGITUDE),
            ("standard_parallel_1", GeoKey.STANDARD_PARALLEL_1),
            ("standard_parallel_2", GeoKey.STANDARD_PARALLEL_2),
            *_EASTING_NORTHING,
        ),
    ),
    15: _Method(
        "Polar_Stereographic",
        (
            ("latitude_of_origin", GeoKey.NATURAL_ORIGIN_LATITUDE),
            ("central_meridian", GeoKey.STRAIGHT_POLE_LONGITUDE),
            ("scale_factor", GeoKey.SCALE_AT_ORIGIN),
            *_EASTING_NORTHING,
        ),
    ),
    17: _Method(
        "Equirectangular",
        (
            ("standard_parallel_1", GeoKey.STANDARD_PARALLEL_1),
            ("latitude_of_origin", GeoKey.CENTRE_LATITUDE),
            ("central_meridian", GeoKey.CENTRE_LONGITUDE),
            *_EASTING_NORTHING,
        ),
    ),
    24: _Method(
        "Sinusoidal", (("longitude_of_center", GeoKey.CENTRE_LONGITUDE), *_EASTING_NORTHING)
    ),
}


def crs_text(keys: GeoKeys) -> str | None:
    """Return the CRS as `EPSG:n` or WKT; None where the file has no keys.

    Raises:
        SourceUnsupportedError: The keys define no CRS that is built here exactly.
    """
    if not keys.names - {GeoKey.RASTER_TYPE}:
        return None
    model = keys.short(GeoKey.MODEL_TYPE)
    esri = keys.text(GeoKey.PROJECTED_CITATION)
    if model == USER_DEFINED and esri.startswith(_ESRI_PREFIX):
        return _from_esri(esri.removeprefix(_ESRI_PREFIX))
    code = keys.short(GeoKey.PROJECTED_CRS if model == _PROJECTED else GeoKey.GEODETIC_CRS)
    if model not in (_PROJECTED, _GEOGRAPHIC) or code is None:
        raise SourceUnsupportedError("the GeoKeys name no projected or geographic CRS")
    if code != USER_DEFINED:
        return _from_code(keys, code, projected=model == _PROJECTED)
    if model == _GEOGRAPHIC:
        _only(keys, _DATUM_KEYS)
        axes = ',AXIS["Latitude",NORTH],AXIS["Longitude",EAST]]'
        return _geographic_wkt(keys).removesuffix("]") + axes
    return _projected_wkt(keys)


def _only(keys: GeoKeys, allowed: frozenset[GeoKey]) -> None:
    unknown = keys.names - allowed - _VERTICAL
    if unknown:
        raise SourceUnsupportedError(f"GeoKey {min(unknown)} is not understood here")


def _from_esri(text: str) -> str:
    try:
        return CRS.from_wkt(text).to_wkt()
    except CRSError as error:
        raise SourceUnsupportedError("the ESRI projection string is not understood") from error


def _close(left: float | None, right: float) -> bool:
    return left is None or math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)


def _from_code(keys: GeoKeys, code: int, *, projected: bool) -> str:
    """Return `EPSG:code`, after comparing all numbers beside it with the registry's."""
    _only(keys, _BESIDE_CODE)
    try:
        crs = CRS.from_epsg(code)
    except CRSError as error:
        raise SourceUnsupportedError("the GeoKeys name an unknown EPSG code") from error
    if crs.is_projected is not projected or crs.is_geographic is projected:
        raise SourceUnsupportedError("the GeoKeys name an EPSG code of another kind")
    ellipsoid, meridian = crs.ellipsoid, crs.prime_meridian
    if ellipsoid is None or meridian is None:
        raise SourceUnsupportedError("the EPSG code has no ellipsoid")
    agreed = [
        _close(keys.double(GeoKey.SEMI_MAJOR), ellipsoid.semi_major_metre),
        _close(keys.double(GeoKey.SEMI_MINOR), ellipsoid.semi_minor_metre),
        _close(keys.double(GeoKey.INVERSE_FLATTENING), ellipsoid.inverse_flattening),
        _close(keys.double(GeoKey.PRIME_MERIDIAN_LONGITUDE), meridian.longitude),
        keys.short(GeoKey.ANGULAR_UNITS) in (None, _DEGREE),
        _linear_agrees(keys, crs) if projected else True,
        _base_agrees(keys, crs) if projected else True,
    ]
    if not all(agreed):
        raise SourceUnsupportedError("GeoKeys disagree with the EPSG code beside them")
    return f"EPSG:{code}"


def _linear_agrees(keys: GeoKeys, crs: CRS) -> bool:
    unit = keys.short(GeoKey.PROJECTED_UNITS)
    metres = float(crs.axis_info[0].unit_conversion_factor)
    return unit is None or (unit in _LENGTHS and _close(_LENGTHS[unit][1], metres))


def _base_agrees(keys: GeoKeys, crs: CRS) -> bool:
    base = keys.short(GeoKey.GEODETIC_CRS)
    geodetic = crs.geodetic_crs
    return (
        base in (None, USER_DEFINED)
        or geodetic is None
        or geodetic.to_authority() == ("EPSG", str(base))
    )


def _citation_names(keys: GeoKeys) -> dict[str, str]:
    """Split `GCS Name = a|Datum = b|...`, the form in which GDAL keeps names."""
    text = keys.text(GeoKey.GEODETIC_CITATION)
    pairs = (part.split(" = ", 1) for part in text.split("|") if " = " in part)
    return {pair[0]: pair[1] for pair in pairs}


def _quote(text: str) -> str:
    return '"' + re.sub(r'["\x00-\x1f]', "_", text)[:200] + '"'


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise SourceUnsupportedError("a GeoKey holds a number that is not finite")
    return repr(value)


def _axes(keys: GeoKeys) -> tuple[float, float, str]:
    """Return semi-major axis, inverse flattening and name of a user-defined ellipsoid."""
    code = keys.short(GeoKey.ELLIPSOID)
    major = keys.double(GeoKey.SEMI_MAJOR)
    if major is not None:
        inverse = keys.double(GeoKey.INVERSE_FLATTENING)
        minor = keys.double(GeoKey.SEMI_MINOR)
        if inverse is None and minor is not None and 0 < minor <= major:
            inverse = 0.0 if minor == major else major / (major - minor)
        if inverse is not None and major > 0:
            return major, inverse, _citation_names(keys).get("Ellipsoid", "unknown")
    if code is None or code == USER_DEFINED:
        raise SourceUnsupportedError("the GeoKeys define no ellipsoid")
    try:
        known = Ellipsoid.from_epsg(code)
    except CRSError as error:
        raise SourceUnsupportedError("the GeoKeys name an unknown ellipsoid") from error
    return known.semi_major_metre, known.inverse_flattening, known.name


def _geographic_wkt(keys: GeoKeys) -> str:
    """Return WKT 1 of the (base) geographic CRS, without axes."""
    code = keys.short(GeoKey.GEODETIC_CRS)
    if keys.short(GeoKey.ANGULAR_UNITS) not in (None, _DEGREE):
        raise SourceUnsupportedError("geographic coordinates are not in degrees")
    if code is not None and code != USER_DEFINED:
        return _coded_base(keys, code)
    if keys.short(GeoKey.PRIME_MERIDIAN) not in (None, _GREENWICH, USER_DEFINED) or not _close(
        keys.double(GeoKey.PRIME_MERIDIAN_LONGITUDE), 0.0
    ):
        raise SourceUnsupportedError("a prime meridian other than Greenwich")
    datum = keys.short(GeoKey.DATUM)
    if datum is not None and datum != USER_DEFINED:
        if datum not in _DATUM_CRS:
            raise SourceUnsupportedError("a user-defined geographic CRS on a coded datum")
        return _coded_base(keys, _DATUM_CRS[datum])
    major, inverse, ellipsoid_name = _axes(keys)
    names = _citation_names(keys)
    spheroid = f"SPHEROID[{_quote(ellipsoid_name)},{_number(major)},{_number(inverse)}]"
    return (
        f"GEOGCS[{_quote(names.get('GCS Name', 'unknown'))},"
        f"DATUM[{_quote(names.get('Datum', 'unknown'))},{spheroid}],"
        f"PRIMEM[{_quote(names.get('Primem', 'Greenwich'))},0],"
        'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]]]'
    )


def _coded_base(keys: GeoKeys, code: int) -> str:
    """Return WKT 1 of a coded geographic CRS, after comparing the numbers beside its code."""
    try:
        crs = CRS.from_epsg(code)
    except CRSError as error:
        raise SourceUnsupportedError("the GeoKeys name an unknown EPSG code") from error
    ellipsoid = crs.ellipsoid
    if not crs.is_geographic or ellipsoid is None:
        raise SourceUnsupportedError("the GeoKeys name an EPSG code of another kind")
    if not (
        _close(keys.double(GeoKey.SEMI_MAJOR), ellipsoid.semi_major_metre)
        and _close(keys.double(GeoKey.INVERSE_FLATTENING), ellipsoid.inverse_flattening)
    ):
        raise SourceUnsupportedError("GeoKeys disagree with the EPSG code beside them")
    return str(crs.to_wkt("WKT1_GDAL", output_axis_rule=False))


def _projected_wkt(keys: GeoKeys) -> str:
    unit = _LENGTHS.get(keys.short(GeoKey.PROJECTED_UNITS) or 0)
    if unit is None:
        raise SourceUnsupportedError("a length unit that is not understood")
    base = _geographic_wkt(keys)
    name, parameters = _conversion(keys)
    listed = "".join(f'PARAMETER["{key}",{_number(value)}],' for key, value in parameters)
    title = keys.text(GeoKey.CITATION).split("|")[0] or "unnamed"
    return (
        f'PROJCS[{_quote(title)},{base},PROJECTION["{name}"],{listed}'
        f'UNIT["{unit[0]}",{_number(unit[1])}]{_axis_clause(name, parameters)}]'
    )


def _conversion(keys: GeoKeys) -> tuple[str, list[tuple[str, float]]]:
    """Return WKT name and parameters of the user-defined projection."""
    zone = keys.short(GeoKey.PROJECTION)
    if zone is not None and zone != USER_DEFINED:
        _only(keys, _DATUM_KEYS)
        return _METHODS[1].name, _utm(zone)
    method = _METHODS.get(keys.short(GeoKey.METHOD) or 0)
    if method is None:
        raise SourceUnsupportedError("a projection method that is not built here")
    _only(keys, _DATUM_KEYS | {GeoKey.METHOD} | {key for _, key in method.parameters})
    parameters = []
    for name, key in method.parameters:
        value = keys.double(key)
        if value is None:
            raise SourceUnsupportedError(f"GeoKey {int(key)} of the projection is missing")
        parameters.append((name, value))
    if method is _METHODS[15]:
        parameters = _polar(parameters)
    return method.name, parameters


def _utm(zone: int) -> list[tuple[str, float]]:
    """Return the parameters of an EPSG conversion code 160zz (north) or 161zz (south)."""
    hemisphere, number = divmod(zone - 16000, 100)
    if hemisphere not in (0, 1) or not 1 <= number <= 60:
        raise SourceUnsupportedError("a projection code that is not a UTM zone")
    return [
        ("latitude_of_origin", 0.0),
        ("central_meridian", number * 6.0 - 183.0),
        ("scale_factor", 0.9996),
        ("false_easting", 500000.0),
        ("false_northing", 10000000.0 * hemisphere),
    ]


def _polar(parameters: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Tell variants A (pole and scale) and B (standard parallel) of polar stereographic apart."""
    values = dict(parameters)
    if abs(values["latitude_of_origin"]) == 90.0:
        return parameters
    if values["scale_factor"] != 1.0:
        raise SourceUnsupportedError("polar stereographic with both parallel and scale")
    return [p for p in parameters if p[0] != "scale_factor"]


def _axis_clause(name: str, parameters: list[tuple[str, float]]) -> str:
    """Return the axes: both point away from the pole in polar systems, as EPSG:3031 and 3413."""
    if name != _METHODS[15].name:
        return ',AXIS["Easting",EAST],AXIS["Northing",NORTH]'
    way = "NORTH" if dict(parameters)["latitude_of_origin"] < 0 else "SOUTH"
    return f',AXIS["Easting",{way}],AXIS["Northing",{way}]'
