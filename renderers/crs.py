"""Coordinate reference systems by canonical name; coordinates here are always x/y (east/north)."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from renderers.errors import SourceUnsupportedError

#: Name of geographic longitude/latitude on WGS 84, the catalogue's own CRS.
WGS84 = "EPSG:4326"


@lru_cache(maxsize=512)
def crs_object(name: str) -> CRS:
    """Return the pyproj object of a canonical CRS name (`EPSG:n`, `AUTH:code` or WKT).

    Raises:
        SourceUnsupportedError: PROJ does not know the name.
    """
    try:
        return CRS.from_user_input(name)
    except CRSError as error:
        raise SourceUnsupportedError("unknown coordinate reference system") from error


@lru_cache(maxsize=512)
def canonical_name(text: str) -> str:
    """Return `EPSG:n` (or another authority's code) where PROJ finds an exact match, else WKT2."""
    crs = crs_object(text)
    authority = crs.to_authority(min_confidence=100)
    return f"{authority[0]}:{authority[1]}" if authority else crs.to_wkt()


@lru_cache(maxsize=1024)
def transformer(source: str, target: str) -> Transformer:
    """Return a cached transformer between two canonical names, x/y order on both sides.

    pyproj keeps one PROJ context per thread behind the object, so sharing it is safe.
    """
    return Transformer.from_crs(crs_object(source), crs_object(target), always_xy=True)


def transform_points(
    source: str, target: str, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transform arrays of x and y; points outside the projection's domain become infinite."""
    if source == target:
        return x, y
    out: Any = transformer(source, target).transform(x, y, errcheck=False)
    return np.asarray(out[0], np.float64), np.asarray(out[1], np.float64)


@lru_cache(maxsize=512)
def is_geographic(name: str) -> bool:
    """Tell whether the CRS has degrees of longitude and latitude as axes."""
    return bool(crs_object(name).is_geographic)


@lru_cache(maxsize=512)
def metres_per_unit(name: str) -> float:
    """Return metres per horizontal unit; degrees count 111319.49 m (OGC 07-057r7, 6.1)."""
    crs = crs_object(name)
    factor = float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0
    return 6378137.0 * factor if crs.is_geographic else factor
