"""Coordinate reference systems as OGC clients spell them, and their axis order. PROJ decides.

Inside the server coordinates are always x/y (east, north). Standards from 2005 on write boxes in
the order of the CRS definition instead (OGC 06-042, 6.7.4; OGC 07-057r7, 6.1): `OgcCrs` turns one
into the other, from the definition in PROJ's EPSG registry and never from a list of codes.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from renderers.crs import transform_points
from renderers.geobox import Bounds
from tileserver.errors import InvalidCrsError

#: What capabilities advertise for every layer unless the settings say otherwise: longitude and
#: latitude in both orders, web Mercator, Europe's equal-area grid, both polar regions.
DEFAULT_CRS = ("EPSG:4326", "CRS:84", "EPSG:3857", "EPSG:3035", "EPSG:3413", "EPSG:3031")

# Spellings that must not reach PROJ as they are: it would also take WKT, PROJ strings, file names
# and names to search for. Only a code of at most six digits comes through.
_EPSG = re.compile(
    r"(?:EPSG:{1,2}"
    r"|urn:(?:x-)?ogc:def:crs:EPSG:[0-9.]{0,8}:"
    r"|https?://www\.opengis\.net/def/crs/EPSG/[0-9.]{1,8}/"
    r"|https?://www\.opengis\.net/gml/srs/epsg\.xml#)"
    r"(?P<code>[0-9]{4,6})",
    re.IGNORECASE,
)
_CRS84 = re.compile(
    r"CRS:84|OGC:CRS84|urn:(?:x-)?ogc:def:crs:OGC:[0-9.]{0,8}:CRS84"
    r"|https?://www\.opengis\.net/def/crs/OGC/[0-9.]{1,8}/CRS84",
    re.IGNORECASE,
)
# Google's unofficial code from before EPSG gave web Mercator one.
_ALIASES = {900913: 3857}
_LONGEST_NAME = 80

_REAL = r"[+-]?\d{1,6}(?:\.\d{0,12})?"
# A projection around a place of the client's choice: identifier, metres per unit (in 1.1.1 the EPSG
# code of the metre), longitude and latitude (OGC 06-042, B.6 to B.10; 01-068r3, annex E).
_AUTO = re.compile(
    rf"AUTO(?:2:(?P<kind>4200[1-4]),(?P<factor>{_REAL})|:(?P<old>4200[1-4]),9001)"
    rf",(?P<lon>{_REAL}),(?P<lat>{_REAL})",
    re.ASCII | re.IGNORECASE,
)
#: Metres per unit that anybody has a use for.
_LEAST_UNIT, _MOST_UNIT = 1e-3, 1e6


@dataclass(frozen=True, slots=True)
class OgcCrs:
    """A CRS at the edge of the server.

    Attributes:
        name: As capabilities write it: `EPSG:n` or `CRS:84`.
        canonical: Name for `GeoBox`; x/y order. `CRS:84` has the canonical name `EPSG:4326`.
        northing_first: Whether the definition puts north (or latitude) before east.
        area: Longitude/latitude envelope in which the CRS is meant to be used; west exceeds east
            where it crosses 180 degrees.
    """

    name: str
    canonical: str
    northing_first: bool
    area: Bounds

    @property
    def urn(self) -> str:
        """The URN that OWS documents write (OGC 07-092r3)."""
        if self.name == "CRS:84":
            return "urn:ogc:def:crs:OGC:1.3:CRS84"
        if self.name.startswith("AUTO2:"):
            kind, *rest = self.name.removeprefix("AUTO2:").split(",")
            return ":".join([f"urn:ogc:def:crs:OGC:1.3:AUTO{kind}", *rest])
        return f"urn:ogc:def:crs:EPSG::{self.name.partition(':')[2]}"

    @property
    def uri(self) -> str:
        """The URI that OGC API documents write."""
        if self.name == "CRS:84":
            return "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        return f"http://www.opengis.net/def/crs/EPSG/0/{self.name.partition(':')[2]}"

    def to_xy(self, box: Bounds) -> Bounds:
        """Turn a box in the definition's axis order into (min x, min y, max x, max y)."""
        return (box[1], box[0], box[3], box[2]) if self.northing_first else box

    def from_xy(self, box: Bounds) -> Bounds:
        """Turn (min x, min y, max x, max y) into the definition's axis order."""
        return self.to_xy(box)


def parse_crs(text: str, *, parameter: str = "CRS") -> OgcCrs:
    """Read a CRS as a client wrote it.

    Understood are `EPSG:n`, `urn:ogc:def:crs:EPSG::n`, the http(s) URIs of both, `CRS:84` with its
    URN and URI, `EPSG:900913` for `EPSG:3857`, and `AUTO2:42001,factor,lon,lat` to `42004` (in WMS
    1.1.1 `AUTO:42001,9001,lon,lat`). Every EPSG code whose axes point east and north
    (or, around a pole, both along a meridian) is served, advertised or not.

    Raises:
        InvalidCrsError: Anything else: other authorities, WKT, codes that EPSG does not have,
            vertical, geocentric and compound systems, axes that point west or south.
    """
    name = text.strip()
    if len(name) <= _LONGEST_NAME:
        if _CRS84.fullmatch(name):
            return OgcCrs("CRS:84", "EPSG:4326", False, (-180.0, -90.0, 180.0, 90.0))
        match = _EPSG.fullmatch(name)
        if match:
            found = _from_code(_ALIASES.get(int(match["code"]), int(match["code"])))
            if found:
                return found
        automatic = _AUTO.fullmatch(name)
        if automatic:
            found = _automatic(automatic)
            if found:
                return found
    raise InvalidCrsError(
        f"the coordinate reference system {name[:_LONGEST_NAME]!r} is not offered",
        parameter=parameter,
    )


def _automatic(match: re.Match[str]) -> OgcCrs | None:
    """Return a projection around a place; None where there is no such place or unit."""
    kind = match["kind"] or match["old"]
    factor = float(match["factor"] or 1.0)
    lon, lat = float(match["lon"]), float(match["lat"])
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0 and _LEAST_UNIT <= factor <= _MOST_UNIT):
        return None
    if kind == "42004" and abs(lat) > 89.0:  # a parallel of no length
        return None
    north = 0 if lat >= 0.0 else 10_000_000
    # Zone 60 ends at 180 degrees itself.
    meridian = min(math.floor((lon + 180.0) / 6.0) + 1, 60) * 6.0 - 183.0
    projection = {
        "42001": f"+proj=tmerc +lon_0={meridian!r} +k=0.9996 +x_0=500000 +y_0={north}",
        "42002": f"+proj=tmerc +lon_0={lon!r} +k=0.9996 +x_0=500000 +y_0={north}",
        "42003": f"+proj=ortho +lon_0={lon!r} +lat_0={lat!r}",
        "42004": f"+proj=eqc +lon_0={lon!r} +lat_ts={lat!r}",
    }[kind]
    unit = "" if factor == 1.0 else f" +to_meter={factor!r}"
    world = (-180.0, -90.0, 180.0, 90.0)
    name = f"AUTO2:{kind},{factor:g},{lon!r},{lat!r}"
    return OgcCrs(name, f"{projection} +datum=WGS84{unit} +no_defs +type=crs", False, world)


@lru_cache(maxsize=1024)
def _from_code(code: int) -> OgcCrs | None:
    try:
        crs = CRS.from_epsg(code)
    except CRSError:
        return None
    northing_first = _northing_first(crs)
    if northing_first is None:
        return None
    area = crs.area_of_use
    bounds = area.bounds if area else (-180.0, -90.0, 180.0, 90.0)
    return OgcCrs(f"EPSG:{code}", f"EPSG:{code}", northing_first, bounds)


def _northing_first(crs: CRS) -> bool | None:
    """Tell whether the second axis is the eastward one; None where the axes cannot be x and y.

    Around a pole both axes point the same way, along two meridians, and only their names tell.
    """
    if not (crs.is_geographic or crs.is_projected) or crs.is_compound or len(crs.axis_info) != 2:
        return None
    first, second = crs.axis_info
    directions = (first.direction, second.direction)
    if directions == ("east", "north"):
        return False
    if directions == ("north", "east"):
        return True
    if directions in {("south", "south"), ("north", "north")}:
        return first.name.lower().startswith("northing")
    return None


def normal_bbox(bbox: Bounds) -> Bounds:
    """Return a longitude/latitude box with west below east, all round where it crosses 180."""
    west, south, east, north = bbox
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


@lru_cache(maxsize=4096)
def envelope(bbox: Bounds, crs: OgcCrs) -> Bounds | None:
    """Return the x/y box in `crs` around a longitude/latitude box, or None where it has none.

    The box is first cut to the area in which the CRS is meant to be used, since projections run
    to infinity outside of it. Geographic WGS 84 gives the box itself, float for float.

    Args:
        bbox: (west, south, east, north) in degrees, WGS 84, west <= east.
        crs: Target.
    """
    if crs.canonical == "EPSG:4326":
        return bbox
    points = [
        grid
        for area in _split(crs.area)
        if (cut := _intersection(bbox, area)) is not None
        for grid in [_grid(cut)]
    ]
    if not points:
        return None
    lon = np.concatenate([p[0] for p in points])
    lat = np.concatenate([p[1] for p in points])
    x, y = transform_points("EPSG:4326", crs.canonical, lon, lat)
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return None
    box = (float(x[good].min()), float(y[good].min()), float(x[good].max()), float(y[good].max()))
    return box if all(math.isfinite(v) for v in box) else None


def _split(area: Bounds) -> tuple[Bounds, ...]:
    west, south, east, north = area
    if west <= east:
        return (area,)
    return ((west, south, 180.0, north), (-180.0, south, east, north))


def _intersection(one: Bounds, other: Bounds) -> Bounds | None:
    box = (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )
    return box if box[0] <= box[2] and box[1] <= box[3] else None


def _grid(box: Bounds) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    """Return longitudes and latitudes of 33 x 33 points: edges bulge, and a pole lies inside."""
    lon, lat = np.meshgrid(np.linspace(box[0], box[2], 33), np.linspace(box[1], box[3], 33))
    return lon.ravel(), lat.ravel()
