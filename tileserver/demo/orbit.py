"""Passes of the satellites over the demo's tiles, and the names of products made from them."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from tileserver.demo.sky import SWATH_EDGE_AT, SWATH_TILT

BASELINE = "05.11"
ORBITS_PER_DAY = 14.3  # 143 orbits in 10 days
SWATH_HALF_WIDTH = 145_000.0  # m
SATELLITE_HEIGHT = 786_000.0  # m
EARTH_RADIUS = 6_371_000.0  # m
DETECTORS = 12
GRID_SIZE, GRID_STEP = 23, 5_000  # nodes and metres of the angle grids
_NADIR_EAST_OF_TILE = 20_000.0  # m, of the pass that sees all of the tile
# Days on which Sentinel-2B flies relative orbit 65, and Sentinel-2C five days off (its own count).
_S2B_DAY, _S2B_ORBIT = date(2025, 6, 9), 43_134
_S2C_DAY, _S2C_ORBIT = date(2025, 5, 15), 3_610


@dataclass(frozen=True, slots=True)
class TileSite:
    """A tile of the military grid as Sentinel-2 uses it.

    Attributes:
        name: Five letters and digits, without the leading T.
        epsg: CRS of the UTM zone.
        west: Easting of the upper left corner in metres.
        north: Northing of the upper left corner in metres.
    """

    name: str
    epsg: int
    west: int
    north: int

    @property
    def zone(self) -> str:
        """UTM zone, such as 32N."""
        return f"{self.epsg % 100}{'N' if self.epsg // 100 == 326 else 'S'}"

    def lon_lat(
        self, east: NDArray[np.float64], south: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude of places given in metres from the upper left corner."""
        to_degrees = Transformer.from_crs(self.epsg, 4326, always_xy=True)
        lon, lat = to_degrees.transform(self.west + east, self.north - south)
        return np.asarray(lon), np.asarray(lat)


TILES = {
    "32UPE": TileSite("32UPE", 32632, 600_000, 6_000_000),
    "33UUV": TileSite("33UUV", 32633, 300_000, 6_000_000),
}
"""Bay of Lübeck, and its neighbour beyond the border of the UTM zone."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a tile.

    Attributes:
        day: Date.
        mission: S2B or S2C.
        relative_orbit: 65 sees all of a tile, 108 only its west.
        absolute_orbit: Orbits since launch.
        start: Start of the datatake, UTC.
    """

    day: date
    mission: str = field(init=False)
    relative_orbit: int = field(init=False)
    absolute_orbit: int = field(init=False)
    start: datetime = field(init=False)

    def __post_init__(self) -> None:
        days = (self.day - _S2B_DAY).days
        even = (days // 5) % 2 == 0
        west = days % 5 == 3
        since = days if even else (self.day - _S2C_DAY).days
        first = _S2B_ORBIT if even else _S2C_ORBIT
        begin = time(10, 25, 59, 24_000) if west else time(10, 15, 59, 24_000)
        object.__setattr__(self, "mission", "S2B" if even else "S2C")
        object.__setattr__(self, "relative_orbit", 108 if west else 65)
        object.__setattr__(self, "absolute_orbit", first + round(since * ORBITS_PER_DAY))
        object.__setattr__(self, "start", datetime.combine(self.day, begin, UTC))

    @property
    def partial(self) -> bool:
        """Whether the edge of the swath crosses the scene."""
        return self.relative_orbit != 65

    @property
    def datastrip_start(self) -> datetime:
        """First line of the datastrip."""
        return self.start + timedelta(minutes=3, seconds=58)

    @property
    def sensing(self) -> datetime:
        """When the tile itself was seen."""
        return self.start + timedelta(minutes=5, seconds=7, milliseconds=411)

    def nadir_east(self, extent: float) -> float:
        """Metres east of the tile's corner of the ground track at the tile's north edge."""
        if not self.partial:
            return _NADIR_EAST_OF_TILE
        across = np.hypot(1.0, SWATH_TILT)
        return float(SWATH_EDGE_AT * extent - SWATH_HALF_WIDTH * across)

    def off_track(
        self, east: NDArray[np.float64], south: NDArray[np.float64], extent: float
    ) -> NDArray[np.float64]:
        """Metres from the ground track, positive to the east."""
        along_x = east - self.nadir_east(extent) + SWATH_TILT * south
        return np.asarray(along_x / np.hypot(1.0, SWATH_TILT))


@dataclass(frozen=True, slots=True)
class ProductName:
    """All the names a product's files and identifiers are made of."""

    overpass: Pass
    site: TileSite

    @property
    def generated(self) -> datetime:
        """When the product pretends to have been processed."""
        return datetime.combine(self.overpass.day, time(14, 0, 12), UTC)

    @property
    def centre(self) -> str:
        """Four letters of the processing centre."""
        return f"2{self.overpass.mission[2]}PS"

    @property
    def safe(self) -> str:
        """Name of the SAFE folder."""
        return (
            f"{self.overpass.mission}_MSIL2A_{stamp(self.overpass.start)}"
            f"_N{BASELINE.replace('.', '')}_R{self.overpass.relative_orbit:03d}"
            f"_T{self.site.name}_{stamp(self.generated)}.SAFE"
        )

    @property
    def granule(self) -> str:
        """Path of the granule below the SAFE folder."""
        return (
            f"GRANULE/L2A_T{self.site.name}_A{self.overpass.absolute_orbit:06d}"
            f"_{stamp(self.overpass.datastrip_start)}"
        )

    @property
    def datastrip(self) -> str:
        """Path of the datastrip below the SAFE folder."""
        begin = stamp(self.overpass.datastrip_start)
        return f"DATASTRIP/DS_{self.centre}_{stamp(self.generated)}_S{begin}"

    @property
    def datastrip_id(self) -> str:
        """Identifier of the datastrip."""
        return (
            f"{self.overpass.mission}_OPER_MSI_L2A_DS_{self.centre}_{stamp(self.generated)}"
            f"_S{stamp(self.overpass.datastrip_start)}_N{BASELINE}"
        )

    def tile_id(self, level: str) -> str:
        """Identifier of the granule at a level, L1C or L2A."""
        return (
            f"{self.overpass.mission}_OPER_MSI_{level}_TL_{self.centre}_{stamp(self.generated)}"
            f"_A{self.overpass.absolute_orbit:06d}_T{self.site.name}_N{BASELINE}"
        )

    @property
    def datatake_id(self) -> str:
        """Identifier of the datatake."""
        return (
            f"G{self.overpass.mission}_{stamp(self.overpass.start)}"
            f"_{self.overpass.absolute_orbit:06d}_N{BASELINE}"
        )

    def image(self, band: str, resolution: int) -> str:
        """Path of a band's file below the SAFE folder, without its suffix."""
        return (
            f"{self.granule}/IMG_DATA/R{resolution}m/"
            f"T{self.site.name}_{stamp(self.overpass.start)}_{band}_{resolution}m"
        )

    @property
    def preview(self) -> str:
        """Path of the preview image below the SAFE folder, without its suffix."""
        return f"{self.granule}/QI_DATA/T{self.site.name}_{stamp(self.overpass.start)}_PVI"


def stamp(moment: datetime) -> str:
    """Write a time as in product names: 20250609T101559."""
    return f"{moment:%Y%m%dT%H%M%S}"


def iso(moment: datetime) -> str:
    """Write a time as in the metadata: 2025-06-09T10:15:59.024Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
