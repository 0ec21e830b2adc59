"""The generated land: sea and coast, a river, lakes, towns, woods, fields, hedges and roads.

A `LandModel` answers what lies at any place, as a ground unit (see `spectra.UNIT`) and a texture
value. Large shapes shrink with small scenes, so that a scene of any size shows every kind of
ground; fields, streets and hedges keep their true size.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileserver.demo.noise import (
    FloatPlane,
    Window,
    fbm,
    hash01,
    hash32,
    line_noise,
    smoothstep,
    value_noise,
)
from tileserver.demo.spectra import DEPTH_STEPS, FIELD_VARIANTS, ROOF_VARIANTS, STAND_VARIANTS, UNIT

UnitPlane = NDArray[np.uint16]
TexturePlane = NDArray[np.int8]

FULL_SHAPES_EXTENT = 21_960.0  # m; smaller scenes shrink the large shapes in proportion
COAST_AT = 0.86  # share of the extent along the coast's normal
COAST_NORMAL = (0.94, 0.34)  # unit vector towards the sea: east, south
COAST_PERIOD = 66_000.0  # m, land and sea alternate over a full tile
COAST_RAGGED = 1_700.0  # m, one standard deviation
BEACH_WIDTH = 38.0  # m
SHELF_WIDTH = 1_500.0  # m, from the shore to deep water
RIVER_AT = 0.60  # share of the extent from the north
RIVER_HALF_WIDTH = 45.0  # m
LAKE_LEVEL = -1.6  # standard deviations of the lake field
WOOD_LEVEL = 0.92  # standard deviations of the wood field
TOWN_SPACING = 6_200.0  # m
TOWN_RADIUS = (300.0, 850.0)  # m
MAIN_TOWN_AT = (0.40, 0.34)  # shares of the extent: east, south
MAIN_TOWN_RADIUS = 1_900.0  # m
ESTATE_SPACING = 1_700.0  # m, blocks of fields with one orientation
FIELD_WIDTH = (150.0, 340.0)  # m
FIELD_LENGTH = (280.0, 800.0)  # m
HEDGE_HALF_WIDTH = 6.0  # m
ROAD_HALF_WIDTH = 8.0  # m
HIGHWAY_HALF_WIDTH = 15.0  # m
TRAMLINE_SPACING = (27.0, 39.0)  # m


class Land(NamedTuple):
    """A strip of ground.

    Attributes:
        unit: Ground unit, uint16, shape (rows, columns).
        texture: Relative brightness in 1/127, int8, same shape.
    """

    unit: UnitPlane
    texture: TexturePlane


class _Estates(NamedTuple):
    key: NDArray[np.uint32]  # hash of the nearest estate
    border: FloatPlane  # m to the nearest border between estates
    east: FloatPlane  # m from the estate's centre
    south: FloatPlane


class _Fields(NamedTuple):
    key: NDArray[np.uint32]
    border: FloatPlane  # m to the field's nearest edge
    across: FloatPlane  # m across the rows


@dataclass(frozen=True)
class LandModel:
    """Ground as a function of place.

    Attributes:
        extent: Side of the scene in metres.
        seed: Any integer; the same seed always gives the same land.
    """

    extent: float
    seed: int

    @cached_property
    def shrink(self) -> float:
        """Size of the large shapes against their true size, 0 to 1."""
        return min(1.0, self.extent / FULL_SHAPES_EXTENT)

    @cached_property
    def _macro_extent(self) -> float:
        return min(self.extent, FULL_SHAPES_EXTENT)

    def strip(self, window: Window) -> Land:
        """Return unit and texture of every pixel of a window."""
        land = self.land_height(window)
        estates = _estates(window, self.seed)
        fields = _fields(estates, self.seed)
        unit = (UNIT["field"] + fields.key % np.uint32(FIELD_VARIANTS)).astype(np.uint16)
        texture = self._field_texture(window, fields)
        self._hedges_and_roads(unit, texture, estates, fields)
        wood = self._woods(window, unit, texture, fields)
        density = self._towns(window)
        self._draw_towns(window, unit, texture, density)
        self._highway(window, unit, texture, wood)
        self._water(window, unit, texture, land)
        return Land(unit, np.clip(np.rint(texture * 127), -127, 127).astype(np.int8))

    def land_height(self, window: Window) -> FloatPlane:
        """About the distance to the shore in metres, positive on land, shape (rows, columns)."""
        east, south = COAST_NORMAL
        along = window.x[None, :] * east + window.y[:, None] * south
        period = COAST_PERIOD * self.shrink / (2 * np.pi)
        start = COAST_AT * self._macro_extent
        base = period * np.sin((start - along) / period)
        ragged = fbm(window, 7_800.0 * self.shrink, self.seed + 11, 8, 0.48)
        return (base + COAST_RAGGED * self.shrink * ragged).astype(np.float32)

    def _field_texture(self, window: Window, fields: _Fields) -> FloatPlane:
        """Patches of better and worse growth, and tramlines in about half of the fields."""
        patches = 0.34 * fbm(window, 420.0, self.seed + 31, 5, 0.6)
        low, high = TRAMLINE_SPACING
        spacing = low + (high - low) * hash01(self.seed + 32, fields.key)
        strength = 0.30 * smoothstep(hash01(self.seed + 33, fields.key), 0.45, 0.9)
        return patches + strength * np.cos(2 * np.pi * fields.across / spacing)

    def _hedges_and_roads(
        self, unit: UnitPlane, texture: FloatPlane, estates: _Estates, fields: _Fields
    ) -> None:
        hedged = hash01(self.seed + 41, fields.key) < 0.55
        edge = fields.border < HEDGE_HALF_WIDTH
        _paint(unit, edge & ~hedged, UNIT["track"])
        _paint(unit, edge & hedged, UNIT["broadleaf"] + 3)
        road = estates.border < ROAD_HALF_WIDTH
        _paint(unit, road, UNIT["asphalt"])
        texture[road | edge] *= 0.5

    def _woods(
        self, window: Window, unit: UnitPlane, texture: FloatPlane, fields: _Fields
    ) -> NDArray[np.bool_]:
        """Woods follow field edges in part: a field's hash shifts the threshold."""
        level = fbm(window, 5_200.0 * self.shrink, self.seed + 51, 6, 0.5)
        level += 0.55 * (hash01(self.seed + 52, fields.key) - 0.5)
        wood = level > WOOD_LEVEL
        stand = value_noise(window, 900.0, self.seed + 53) + 0.7 * hash01(
            self.seed + 54, fields.key
        )
        tone = _quantise(0.5 + 0.22 * value_noise(window, 320.0, self.seed + 55), STAND_VARIANTS)
        _paint(unit, wood & (stand > 0.75), UNIT["conifer"] + tone)
        _paint(unit, wood & (stand <= 0.75), UNIT["broadleaf"] + tone)
        canopy = 0.30 * fbm(window, 75.0, self.seed + 56, 3, 0.75)
        texture[wood] = canopy[wood]
        return wood

    @cached_property
    def town_sites(self) -> list[tuple[float, float, float]]:
        """Towns as (metres east, metres south, radius in metres)."""
        main = (
            MAIN_TOWN_AT[0] * self._macro_extent,
            MAIN_TOWN_AT[1] * self._macro_extent,
            MAIN_TOWN_RADIUS * self.shrink,
        )
        spacing = TOWN_SPACING * self.shrink
        cells = int(np.ceil(self.extent / spacing))
        sites = [main]
        for row in range(-1, cells + 1):
            for column in range(-1, cells + 1):
                jitter_x, jitter_y, size, kept = (
                    float(hash01(self.seed + 60 + k, column, row)) for k in range(4)
                )
                site = ((column + jitter_x) * spacing, (row + jitter_y) * spacing)
                far = np.hypot(site[0] - main[0], site[1] - main[1]) > 1.7 * main[2]
                if kept < 0.8 and far:
                    radius = TOWN_RADIUS[0] + (TOWN_RADIUS[1] - TOWN_RADIUS[0]) * size**2
                    sites.append((*site, radius * self.shrink))
        return sites

    def _towns(self, window: Window) -> FloatPlane:
        """How built-up the ground is: 1 in a town's centre, below 0 outside."""
        density = np.full((window.y.size, window.x.size), -9.0, np.float32)
        for east, south, radius in self.town_sites:
            reach = 1.8 * radius
            rows = np.flatnonzero(np.abs(window.y - south) < reach)
            columns = np.flatnonzero(np.abs(window.x - east) < reach)
            if rows.size == 0 or columns.size == 0:
                continue
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            dx = (window.x[box[1]] - east) / radius
            dy = (window.y[box[0]] - south) / radius
            near = 1.0 - np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2)
            density[box] = np.maximum(density[box], near.astype(np.float32))
        ragged = fbm(window, 1_100.0 * max(self.shrink, 0.3), self.seed + 71, 4, 0.6)
        return density + np.where(density > -1, 0.2 * ragged, 0).astype(np.float32)

    def _draw_towns(
        self, window: Window, unit: UnitPlane, texture: FloatPlane, density: FloatPlane
    ) -> None:
        town = density > 0
        if not town.any():
            return
        rows, columns = np.nonzero(town)
        x, y, dense = window.x[columns], window.y[rows], density[rows, columns]
        streets = _streets(x, y, self.seed)
        parcel = hash32(self.seed + 81, streets.parcel_x, streets.parcel_y)
        industry = hash01(self.seed + 82, streets.district_x, streets.district_y) < 0.3
        industry &= dense < 0.42  # at the edge of town
        chosen = _town_ground(parcel, dense, industry, self.seed)
        park = value_noise(window, 700.0, self.seed + 84)[rows, columns] > 1.35
        chosen[streets.street] = UNIT["asphalt"]
        chosen[park] = UNIT["meadow"] + (parcel[park] % np.uint32(STAND_VARIANTS))
        grove = park & (value_noise(window, 160.0, self.seed + 88)[rows, columns] > 0.0)
        chosen[grove] = UNIT["broadleaf"] + (parcel[grove] % np.uint32(4))
        unit[rows, columns] = chosen
        speckle = hash01(self.seed + 83, (x // 10).astype(np.int64), (y // 10).astype(np.int64))
        texture[rows, columns] = 0.8 * (speckle - 0.5)

    def _highway(
        self, window: Window, unit: UnitPlane, texture: FloatPlane, wood: NDArray[np.bool_]
    ) -> None:
        """A motorway from north to south, which a strip of trees lines outside the woods."""
        where = 0.24 * self._macro_extent + 900.0 * self.shrink * line_noise(
            window.y, 9_000.0 * self.shrink, self.seed + 91, 2
        )
        away = np.abs(window.x[None, :] - where[:, None])
        verge = (away < 2.6 * HIGHWAY_HALF_WIDTH) & ~wood
        _paint(unit, verge, UNIT["broadleaf"] + 5)
        road = away < HIGHWAY_HALF_WIDTH
        _paint(unit, road, UNIT["concrete"])
        texture[verge | road] *= 0.3

    def river_south(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres south at which the (first) river crosses `x` metres east."""
        bends = line_noise(x, 6_500.0 * self.shrink, self.seed + 95, 4)
        return RIVER_AT * self._macro_extent + 1_250.0 * self.shrink * bends

    def _river_away(self, window: Window) -> FloatPlane:
        """Metres to the nearest river; rivers repeat every full extent to the south."""
        course = self.river_south(window.x)
        slope = np.gradient(course, window.x)
        period = FULL_SHAPES_EXTENT * self.shrink
        south = window.y[:, None] - course[None, :]
        south -= period * np.rint(south / period)
        return (np.abs(south) / np.sqrt(1.0 + slope[None, :] ** 2)).astype(np.float32)

    def _water(
        self, window: Window, unit: UnitPlane, texture: FloatPlane, land: FloatPlane
    ) -> None:
        ripple = 0.25 * fbm(window, 260.0, self.seed + 97, 4, 0.7)
        away = self._river_away(window)
        half = max(RIVER_HALF_WIDTH * max(self.shrink, 0.35), 12.0)
        bank = (away < 3.2 * half + 40 * ripple) & (away >= half)
        tone = _quantise(0.5 + ripple, STAND_VARIANTS)
        _paint(unit, bank & (unit >= UNIT["field"]), UNIT["meadow"] + tone)
        _paint(unit, away < half, UNIT["river"])
        lakes = fbm(window, 4_300.0 * self.shrink, self.seed + 98, 5, 0.42)
        inland = land > 700.0 * self.shrink
        _paint(unit, inland & (lakes < LAKE_LEVEL + 0.06), UNIT["meadow"] + tone)
        lake = inland & (lakes < LAKE_LEVEL)
        _paint(unit, lake, UNIT["lake"])
        beach = (land >= 0) & (land < BEACH_WIDTH * max(self.shrink, 0.4)) & (away > half)
        _paint(unit, beach, UNIT["sand"])
        sea = land < 0
        # A little noise on the depth hides the steps between depth units.
        depth = -land / np.float32(SHELF_WIDTH * self.shrink) + 0.14 * ripple
        bars = 0.10 * fbm(window, 1_900.0 * self.shrink, self.seed + 99, 4)
        _paint(unit, sea, UNIT["sea"] + _quantise(depth + bars, DEPTH_STEPS))
        wet = sea | lake | (away < half)
        texture[wet] = ripple[wet]


def _paint(unit: UnitPlane, where: NDArray[np.bool_], value: int | UnitPlane) -> None:
    np.copyto(unit, np.asarray(value, np.uint16), where=where)


def _quantise(share: FloatPlane, steps: int) -> UnitPlane:
    return np.clip(share * steps, 0, steps - 1).astype(np.uint16)


def _estates(window: Window, seed: int) -> _Estates:
    """Nearest and second nearest of jittered centres; borders bend by a smooth displacement."""
    x = window.x[None, :] + 120.0 * fbm(window, 800.0, seed + 21, 3)
    y = window.y[:, None] + 120.0 * fbm(window, 800.0, seed + 22, 3)
    x, y = (x / ESTATE_SPACING).astype(np.float32), (y / ESTATE_SPACING).astype(np.float32)
    cell_x, cell_y = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    first = np.full(x.shape, 9.0, np.float32)
    second = np.full(x.shape, 9.0, np.float32)
    key = np.zeros(x.shape, np.uint32)
    east, south = np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    for step in range(9):
        column, row = cell_x + (step % 3 - 1), cell_y + (step // 3 - 1)
        number = hash32(seed + 23, column, row)
        dx = x - column - (number & np.uint32(0xFFFF)) * np.float32(2.0**-16)
        dy = y - row - (number >> np.uint32(16)) * np.float32(2.0**-16)
        away = np.sqrt(dx * dx + dy * dy)
        nearer = away < first
        second = np.where(nearer, first, np.minimum(second, away))
        np.copyto(first, away, where=nearer)
        np.copyto(key, number, where=nearer)
        np.copyto(east, dx, where=nearer)
        np.copyto(south, dy, where=nearer)
    metres = np.float32(ESTATE_SPACING)
    border = np.asarray((second - first) * metres / 2, np.float32)
    return _Estates(key, border, east * metres, south * metres)


def _fields(estates: _Estates, seed: int) -> _Fields:
    """Cut every estate into strips, and every strip into fields at its own offsets."""
    angle = np.pi * hash01(seed + 24, estates.key)
    cos, sin = np.cos(angle), np.sin(angle)
    along = estates.east * cos + estates.south * sin
    across = estates.south * cos - estates.east * sin
    low, high = FIELD_WIDTH
    width = low + (high - low) * hash01(seed + 25, estates.key)
    lane = np.floor(across / width)
    in_lane = across - lane * width
    lane_key = hash32(seed + 26, estates.key, lane.astype(np.int32))
    low, high = FIELD_LENGTH
    length = low + (high - low) * hash01(seed + 27, lane_key)
    shifted = along + length * hash01(seed + 28, lane_key)
    block = np.floor(shifted / length)
    in_block = shifted - block * length
    key = hash32(seed + 29, lane_key, block.astype(np.int32))
    sides = np.minimum(in_lane, width - in_lane)
    ends = np.minimum(in_block, length - in_block)
    border = np.minimum(np.minimum(sides, ends), estates.border)
    return _Fields(key, border.astype(np.float32), across.astype(np.float32))


class _Streets(NamedTuple):
    street: NDArray[np.bool_]
    parcel_x: NDArray[np.int32]
    parcel_y: NDArray[np.int32]
    district_x: NDArray[np.int32]
    district_y: NDArray[np.int32]


def _streets(x: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> _Streets:
    """Districts of 900 m, each with its own street direction, blocks of about 150 m by 95 m."""
    district_x = np.floor(x / 900.0 + 0.2 * np.sin(y / 400.0)).astype(np.int32)
    district_y = np.floor(y / 900.0 + 0.2 * np.sin(x / 370.0)).astype(np.int32)
    angle = np.pi / 2 * hash01(seed + 85, district_x, district_y)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    street = (np.mod(along, 150.0) < 11.0) | (np.mod(across, 95.0) < 11.0)
    parcel_x = np.floor(along / 32.0).astype(np.int32)
    parcel_y = np.floor(across / 27.0).astype(np.int32)
    return _Streets(street, parcel_x, parcel_y, district_x, district_y)


def _town_ground(
    parcel: NDArray[np.uint32], dense: FloatPlane, industry: NDArray[np.bool_], seed: int
) -> UnitPlane:
    """Roofs where a draw falls below the density, gardens elsewhere; halls in industry."""
    draw = hash01(seed + 86, parcel)
    tone = (parcel >> np.uint32(8)) % np.uint32(ROOF_VARIANTS)
    out = UNIT["garden"] + parcel % np.uint32(STAND_VARIANTS)
    built = draw < 0.34 + 0.45 * dense
    material = hash01(seed + 87, parcel)
    out = np.where(built, UNIT["tile_roof"] + tone, out)
    out = np.where(built & (material > 0.66), UNIT["slate_roof"] + tone, out)
    out = np.where(built & (material > 0.965), UNIT["metal_roof"] + tone, out)
    out = np.where(built & (material < 0.06 + 0.1 * dense), UNIT["concrete"], out)
    hall = np.where(material > 0.8, UNIT["metal_roof"] + tone, UNIT["concrete"])
    hall = np.where(material < 0.5, UNIT["slate_roof"] + tone, hall)
    return np.where(industry & (draw < 0.6), hall, out).astype(np.uint16)
