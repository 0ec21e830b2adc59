"""Makes the digital numbers of one acquisition from land, sky and sensor noise."""

from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileserver.demo.landcover import LandModel, TexturePlane, UnitPlane
from tileserver.demo.noise import FloatPlane, Window
from tileserver.demo.sky import Sky
from tileserver.demo.spectra import (
    BANDS,
    REFLECTANCE,
    SHADOW,
    UNITS,
    WATER_UNITS,
    unit_spectra,
    unit_texture,
)

QUANTIFICATION = 10_000  # digital numbers per unit of reflectance
OFFSET = -1_000  # added to a digital number before dividing, from baseline 04.00 on
LARGEST = 2**15 - 1  # what 15 bits hold
NATIVE_RESOLUTION = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 10),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B01", "B09"), 60),
}
STRIP_ROWS = 240  # a multiple of 6, so that 20 m and 60 m pixels never straddle two strips
# One pixel takes this share of its light from itself, the rest from its neighbours: the blur of
# the optics, which turns the edges of fields into mixed pixels.
BLUR = (0.14, 0.72, 0.14)
# Standard deviation of noise: a floor, and a part that grows with the signal. Set so that a
# lossless 10 m band takes 7.5 to 8.7 bits per pixel where all of it was seen (a full B02 measured
# 117 MB; the bands of a genuine product have 118 to 123 MB).
NOISE_FLOOR = 0.0016  # reflectance
NOISE_GROWTH = 0.0038  # reflectance per square root of reflectance
TRUE_COLOUR_WHITE = 0.2  # reflectance shown as 255 in an L2A true-colour image

# Scene classes of the SCL band (L2A product specification, Scene_Classification_List).
SCL_NODATA, SCL_SHADOW, SCL_VEGETATION, SCL_BARE, SCL_WATER = 0, 3, 4, 5, 6
SCL_CLOUD_MEDIUM, SCL_CLOUD_HIGH, SCL_CIRRUS = 8, 9, 10
VEGETATION_NDVI = 0.42

BytePlane = NDArray[np.uint8]
NumberPlane = NDArray[np.uint16]


@dataclass(frozen=True)
class Ground:
    """The land of a whole scene at 10 m, made once for all dates.

    Attributes:
        unit: Ground units, uint16, shape (size, size).
        texture: Relative brightness in 1/127, int8, same shape.
    """

    unit: UnitPlane
    texture: TexturePlane

    @classmethod
    def make(cls, model: LandModel, size: int, pool: Executor) -> "Ground":
        """Draw the land strip by strip on the pool's threads."""
        unit = np.empty((size, size), np.uint16)
        texture = np.empty((size, size), np.int8)

        def draw(rows: slice) -> None:
            unit[rows], texture[rows] = model.strip(Window.rows(size, rows.start, rows.stop))

        list(pool.map(draw, strips(size)))
        return cls(unit, texture)


def strips(size: int) -> list[slice]:
    """Cut `size` rows into strips of STRIP_ROWS."""
    return [slice(r, min(r + STRIP_ROWS, size)) for r in range(0, size, STRIP_ROWS)]


class _Air(NamedTuple):
    """The sky of a whole scene in bytes (share times 255), shape (size, size)."""

    cloud: BytePlane
    shadow: BytePlane
    cirrus: BytePlane
    lit: BytePlane  # times 200
    seen: NDArray[np.bool_]

    def part(self, rows: slice) -> "_Air":
        """Return the same over some rows."""
        return _Air(
            self.cloud[rows], self.shadow[rows], self.cirrus[rows], self.lit[rows], self.seen[rows]
        )


@dataclass(frozen=True)
class Acquisition:
    """One date of a scene: gives every band's digital numbers.

    Attributes:
        ground: The land.
        sky: Clouds of the date.
        day: Day of the year, 1 to 366.
        seed: Seed of the land.
        noise_seed: Seed of the date's sensor noise.
        pool: Threads that draw strips.
    """

    ground: Ground
    sky: Sky
    day: int
    seed: int
    noise_seed: int
    pool: Executor
    _air: _Air = field(init=False, repr=False)
    _spectra: FloatPlane = field(init=False, repr=False)
    _gain: FloatPlane = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spectra", unit_spectra(self.day, self.seed))
        object.__setattr__(self, "_gain", unit_texture() / np.float32(127))
        object.__setattr__(self, "_air", self._draw_air())

    @property
    def size(self) -> int:
        """Pixels per side at 10 m."""
        return int(self.ground.unit.shape[0])

    def _draw_air(self) -> _Air:
        shape = (self.size, self.size)
        cloud, shadow, cirrus, lit = (np.empty(shape, np.uint8) for _ in range(4))
        air = _Air(cloud, shadow, cirrus, lit, np.empty(shape, np.bool_))

        def draw(rows: slice) -> None:
            strip = self.sky.strip(Window.rows(self.size, rows.start, rows.stop))
            cloud[rows] = np.rint(strip.cloud * 255)
            shadow[rows] = np.rint(strip.shadow * 255)
            cirrus[rows] = np.rint(strip.cirrus * 255)
            lit[rows] = np.rint(strip.lit * 200)
            air.seen[rows] = strip.seen

        list(self.pool.map(draw, strips(self.size)))
        return air

    def _reflectance(self, band: int, rows: slice) -> FloatPlane:
        """Reflectance at 10 m without noise, with the optics' blur, shape (rows, size)."""
        top, bottom = max(rows.start - 1, 0), min(rows.stop + 1, self.size)
        part = slice(top, bottom)
        unit, air = self.ground.unit[part], self._air.part(part)
        light = np.take(self._gain[:, band], unit) * self.ground.texture[part]
        light += 1
        light *= np.take(self._spectra[:, band], unit)
        if air.shadow.any():
            light *= 1 - np.float32(SHADOW[band] / 255) * air.shadow
        if air.cirrus.any():
            share = air.cirrus * np.float32(1 / 255)
            light += share * (np.float32(REFLECTANCE["cirrus"][band]) - light)
        if air.cloud.any():
            share = air.cloud * np.float32(1 / 255)
            white = air.lit * np.float32(REFLECTANCE["cloud"][band] / 200)
            light += share * (white - light)
        light = _blurred(light)
        return light[rows.start - top : light.shape[0] - (bottom - rows.stop)]

    def numbers(self, name: str) -> NumberPlane:
        """Digital numbers of a band at its native resolution; 0 where nothing was seen.

        Returns:
            uint16, shape (size, size) at 10 m, half or a sixth of that at 20 m and 60 m.
        """
        step = NATIVE_RESOLUTION[name] // 10
        band = BANDS.index(name)
        out = np.empty((self.size // step, self.size // step), np.uint16)
        for index, rows in enumerate(strips(self.size)):
            light = block_mean(self._reflectance(band, rows), step)
            rng = np.random.Generator(np.random.SFC64([self.noise_seed, band, index]))
            noise = rng.standard_normal(light.shape, np.float32)
            noise *= NOISE_FLOOR + NOISE_GROWTH * np.sqrt(light)
            number = np.rint((light + noise) * QUANTIFICATION - OFFSET)
            number = np.clip(number, 1, LARGEST)
            number *= _all_of(self._air.seen[rows], step)
            out[rows.start // step : rows.stop // step] = number
        return out

    def scene_classes(self) -> BytePlane:
        """SCL at 20 m, uint8, shape (size / 2, size / 2)."""
        red, infrared = (self._spectra[:, BANDS.index(b)] for b in ("B04", "B08"))
        ndvi = (infrared - red) / np.maximum(infrared + red, np.float32(1e-6))
        of_unit = np.where(ndvi > VEGETATION_NDVI, SCL_VEGETATION, SCL_BARE).astype(np.uint8)
        of_unit[np.isin(np.arange(UNITS), WATER_UNITS)] = SCL_WATER
        out = np.empty((self.size // 2, self.size // 2), np.uint8)
        for rows in strips(self.size):
            air = self._air.part(rows)
            cloud, shadow, cirrus = (
                block_mean(p.astype(np.float32), 2) / 255
                for p in (air.cloud, air.shadow, air.cirrus)
            )
            scl = of_unit[self.ground.unit[rows][::2, ::2]]
            scl[shadow > 0.4] = SCL_SHADOW
            scl[cirrus > 0.07] = SCL_CIRRUS
            scl[cloud > 0.25] = SCL_CLOUD_MEDIUM
            scl[cloud > 0.65] = SCL_CLOUD_HIGH
            scl[~_all_of(air.seen, 2)] = SCL_NODATA
            out[rows.start // 2 : rows.stop // 2] = scl
        return out

    def cloudy_land(self, scl: BytePlane) -> float:
        """Percent of the land with data that an SCL image (at 20 m) shows under clouds."""
        land = ~np.isin(np.arange(UNITS), WATER_UNITS)
        clouds, ground = 0, 0
        for rows in strips(self.size):
            here = scl[rows.start // 2 : rows.stop // 2]
            dry = land[self.ground.unit[rows][::2, ::2]] & (here != SCL_NODATA)
            ground += int(np.count_nonzero(dry))
            clouds += int(np.count_nonzero(dry & (here >= SCL_CLOUD_MEDIUM)))
        return 100.0 * clouds / max(ground, 1)

    def cloud_probability(self) -> BytePlane:
        """Cloud probability in percent at 20 m, uint8, shape (size / 2, size / 2)."""
        out = np.empty((self.size // 2, self.size // 2), np.uint8)
        for rows in strips(self.size):
            thick = self._air.cloud[rows].astype(np.float32) / 255
            thin = self._air.cirrus[rows].astype(np.float32) / 255
            share = block_mean(np.minimum(1.15 * thick + 0.6 * thin, 1), 2)
            share *= _all_of(self._air.seen[rows], 2)
            out[rows.start // 2 : rows.stop // 2] = np.rint(100 * share)
        return out


def true_colour(numbers: NumberPlane) -> BytePlane:
    """One channel of the TCI: reflectance 0 to 0.2 as 1 to 255, nodata as 0."""
    scale = np.float32(255 / (TRUE_COLOUR_WHITE * QUANTIFICATION))
    out = np.empty(numbers.shape, np.uint8)
    for rows in strips(numbers.shape[0]):
        level = (numbers[rows].astype(np.float32) + OFFSET) * scale
        out[rows] = np.where(numbers[rows] == 0, 0, np.clip(np.rint(level), 1, 255))
    return out


def block_mean(plane: FloatPlane, step: int) -> FloatPlane:
    """Mean of `step` x `step` blocks; the shape must be a multiple of `step`."""
    if step == 1:
        return plane
    rows, columns = plane.shape
    # Rows first: two contiguous reductions are several times faster than one over four axes.
    folded = plane.reshape(rows // step, step, columns).sum(axis=1)
    summed = folded.reshape(rows // step, columns // step, step).sum(axis=2)
    return np.asarray(summed / np.float32(step * step), dtype=np.float32)


def _all_of(seen: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    rows, columns = seen.shape
    return np.asarray(
        seen.reshape(rows // step, step, columns // step, step).all(axis=(1, 3)), np.bool_
    )


def _blurred(light: FloatPlane) -> FloatPlane:
    """Blur by BLUR along rows and columns; the outermost pixels repeat beyond the edge."""
    side, centre = np.float32(BLUR[0]), np.float32(BLUR[1])
    for axis in (0, 1):
        source = light if axis == 0 else light.T
        out = centre * source
        out[1:] += side * source[:-1]
        out[:-1] += side * source[1:]
        out[0] += side * source[0]
        out[-1] += side * source[-1]
        light = out if axis == 0 else out.T
    return light
