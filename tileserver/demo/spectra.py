"""What the generated land looks like: reflectances, crop calendars and texture as tables.

All numbers here are plausible values for northern Germany, chosen for the look of the demo; they
are no measurements. Reflectances are bottom-of-atmosphere, 0 to 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileserver.demo.noise import FloatPlane, hash01

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
"""Bands of an L2A product; B10 sees no ground and is left out of L2A."""

# Reflectance per band in the order of BANDS.
REFLECTANCE: Mapping[str, tuple[float, ...]] = {
    "crop": (0.025, 0.029, 0.062, 0.029, 0.092, 0.36, 0.46, 0.48, 0.50, 0.49, 0.21, 0.095),
    "grass": (0.028, 0.035, 0.073, 0.043, 0.110, 0.30, 0.37, 0.385, 0.40, 0.40, 0.24, 0.13),
    "ripe": (0.070, 0.084, 0.132, 0.172, 0.210, 0.26, 0.285, 0.31, 0.325, 0.33, 0.40, 0.28),
    "blossom": (0.046, 0.052, 0.165, 0.148, 0.200, 0.38, 0.45, 0.47, 0.48, 0.48, 0.23, 0.11),
    "soil": (0.042, 0.052, 0.074, 0.098, 0.116, 0.131, 0.145, 0.16, 0.17, 0.18, 0.25, 0.21),
    "broadleaf": (0.016, 0.020, 0.042, 0.021, 0.072, 0.27, 0.35, 0.37, 0.385, 0.38, 0.165, 0.07),
    "bare_wood": (0.033, 0.040, 0.053, 0.060, 0.083, 0.115, 0.135, 0.155, 0.175, 0.18, 0.20, 0.12),
    "autumn": (0.025, 0.031, 0.062, 0.072, 0.115, 0.22, 0.27, 0.29, 0.30, 0.30, 0.19, 0.09),
    "conifer": (0.014, 0.017, 0.028, 0.017, 0.042, 0.13, 0.165, 0.175, 0.19, 0.19, 0.085, 0.04),
    "sea": (0.034, 0.034, 0.028, 0.012, 0.010, 0.008, 0.008, 0.006, 0.006, 0.005, 0.003, 0.002),
    "shoal": (0.058, 0.074, 0.090, 0.046, 0.030, 0.016, 0.013, 0.011, 0.009, 0.008, 0.004, 0.003),
    "lake": (0.022, 0.023, 0.031, 0.016, 0.016, 0.012, 0.011, 0.009, 0.008, 0.007, 0.004, 0.003),
    "river": (0.032, 0.036, 0.048, 0.034, 0.028, 0.018, 0.015, 0.013, 0.011, 0.010, 0.006, 0.004),
    "sand": (0.120, 0.150, 0.195, 0.225, 0.25, 0.32, 0.335, 0.35, 0.36, 0.37, 0.42, 0.38),
    "asphalt": (0.085, 0.095, 0.112, 0.122, 0.13, 0.14, 0.15, 0.16, 0.165, 0.17, 0.19, 0.17),
    "tile_roof": (0.058, 0.067, 0.084, 0.128, 0.16, 0.20, 0.215, 0.23, 0.24, 0.24, 0.28, 0.25),
    "slate_roof": (0.095, 0.105, 0.118, 0.124, 0.13, 0.14, 0.145, 0.15, 0.155, 0.16, 0.18, 0.17),
    "metal_roof": (0.25, 0.28, 0.30, 0.305, 0.31, 0.315, 0.32, 0.32, 0.32, 0.31, 0.29, 0.26),
    "concrete": (0.145, 0.165, 0.190, 0.203, 0.21, 0.22, 0.225, 0.235, 0.24, 0.24, 0.27, 0.24),
    "garden": (0.032, 0.039, 0.066, 0.050, 0.095, 0.21, 0.26, 0.28, 0.29, 0.29, 0.20, 0.12),
    "cloud": (0.76, 0.77, 0.76, 0.77, 0.78, 0.79, 0.79, 0.80, 0.79, 0.70, 0.55, 0.42),
    "cirrus": (0.55, 0.54, 0.53, 0.53, 0.53, 0.53, 0.53, 0.53, 0.52, 0.48, 0.34, 0.24),
}

SHADOW: tuple[float, ...] = (
    *(0.50, 0.54, 0.60, 0.64, 0.66, 0.68),
    *(0.69, 0.70, 0.71, 0.72, 0.78, 0.80),
)
"""Share of the light that a full cloud shadow takes, per band: the blue sky lights the rest."""

Calendar = tuple[tuple[int, float], ...]
"""(day of year, share of the ground 0 to 1) nodes, linear between, ends joined over New Year."""


class Crop(NamedTuple):
    """How a field of one crop goes through the year.

    Attributes:
        share: Share of the fields, 0 to 1; all crops sum to 1.
        green: Ground covered by green leaves.
        ripe: Ground covered by straw, ripe ears or stubble.
        blossom: Ground covered by flowers; the three never sum above 1.
        leaves: Name of the reflectance of the green part.
    """

    share: float
    green: Calendar
    ripe: Calendar = ((1, 0.0),)
    blossom: Calendar = ((1, 0.0),)
    leaves: str = "crop"


CROPS: Mapping[str, Crop] = {
    "wheat": Crop(
        0.27,
        ((1, 0.28), (60, 0.35), (105, 0.78), (135, 0.95), (170, 0.88), (196, 0.25), (206, 0.0),
         (275, 0.0), (320, 0.2)),
        ((165, 0.0), (196, 0.7), (206, 0.92), (222, 0.85), (236, 0.6), (258, 0.1), (270, 0.0)),
    ),
    "barley": Crop(
        0.11,
        ((1, 0.35), (60, 0.42), (105, 0.85), (135, 0.93), (155, 0.6), (178, 0.05), (190, 0.0),
         (255, 0.0), (300, 0.3)),
        ((145, 0.0), (160, 0.35), (180, 0.93), (205, 0.75), (225, 0.3), (238, 0.0)),
    ),
    "rapeseed": Crop(
        0.15,
        ((1, 0.38), (75, 0.5), (104, 0.85), (118, 0.45), (135, 0.25), (152, 0.8), (175, 0.7),
         (200, 0.05), (225, 0.12), (250, 0.3), (300, 0.5)),
        ((170, 0.0), (195, 0.6), (205, 0.8), (230, 0.5), (245, 0.1), (255, 0.0)),
        ((104, 0.0), (115, 0.35), (124, 0.60), (138, 0.64), (150, 0.12), (156, 0.0)),
    ),
    "maize": Crop(
        0.17,
        ((1, 0.06), (95, 0.1), (112, 0.0), (145, 0.02), (168, 0.35), (190, 0.85), (235, 0.92),
         (258, 0.6), (275, 0.05), (300, 0.04)),
        ((240, 0.0), (258, 0.3), (275, 0.45), (300, 0.3), (330, 0.1), (365, 0.0)),
    ),
    "beet": Crop(
        0.09,
        ((1, 0.02), (125, 0.0), (150, 0.25), (172, 0.8), (190, 0.95), (262, 0.92), (290, 0.5),
         (305, 0.0)),
    ),
    "pasture": Crop(
        0.21,
        ((1, 0.58), (70, 0.62), (105, 0.88), (140, 0.95), (200, 0.78), (225, 0.72), (260, 0.85),
         (320, 0.66)),
        ((150, 0.0), (160, 0.08), (190, 0.15), (220, 0.2), (250, 0.05), (260, 0.0)),
        leaves="grass",
    ),
}  # fmt: skip

# Leaves on broadleaved trees and their autumn colour, share 0 to 1.
LEAF: Calendar = ((1, 0.0), (100, 0.04), (118, 0.45), (134, 1.0), (268, 0.95), (288, 0.5),
                  (318, 0.0))  # fmt: skip
AUTUMN: Calendar = ((262, 0.0), (280, 0.35), (295, 0.75), (318, 0.1), (325, 0.0))

FIELD_VARIANTS = 2048
STAND_VARIANTS = 16
DEPTH_STEPS = 32
ROOF_VARIANTS = 16

# Ground units: first index and number of each kind. Unit 0 is never drawn.
_KINDS: tuple[tuple[str, int], ...] = (
    ("void", 1),
    ("sea", DEPTH_STEPS),
    ("lake", 1),
    ("river", 1),
    ("sand", 1),
    ("asphalt", 1),
    ("track", 1),
    ("concrete", 1),
    ("garden", STAND_VARIANTS),
    ("meadow", STAND_VARIANTS),
    ("broadleaf", STAND_VARIANTS),
    ("conifer", STAND_VARIANTS),
    ("tile_roof", ROOF_VARIANTS),
    ("slate_roof", ROOF_VARIANTS),
    ("metal_roof", ROOF_VARIANTS),
    ("field", FIELD_VARIANTS),
)


def _number_units() -> dict[str, int]:
    starts, at = {}, 0
    for name, count in _KINDS:
        starts[name] = at
        at += count
    return starts


UNIT: Mapping[str, int] = _number_units()
"""First unit number of every kind of ground; variants follow it."""
UNIT_COUNTS: Mapping[str, int] = dict(_KINDS)
UNITS = sum(count for _, count in _KINDS)
WATER_UNITS = range(UNIT["sea"], UNIT["river"] + UNIT_COUNTS["river"])


def calendar(nodes: Calendar, day: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Interpolate a calendar at days of the year (may lie outside 1 to 365; the year wraps)."""
    days = np.array([n[0] for n in nodes], np.float64)
    values = np.array([n[1] for n in nodes], np.float64)
    return np.interp(np.asarray(day, np.float64), days, values, period=365.0)


def _spectrum(name: str) -> NDArray[np.float64]:
    return np.array(REFLECTANCE[name], np.float64)


def _fields(day: float, seed: int) -> NDArray[np.float64]:
    """Spectra of all field variants on a day, shape (FIELD_VARIANTS, bands)."""
    number = np.arange(FIELD_VARIANTS)
    shares = np.cumsum([c.share for c in CROPS.values()])
    kind = np.minimum(np.searchsorted(shares, hash01(seed, number, 1)), len(CROPS) - 1)
    own_day = day + 12.0 * (hash01(seed, number, 2).astype(np.float64) - 0.5)
    vigour = 0.86 + 0.18 * hash01(seed, number, 3).astype(np.float64)
    soil_tone = 0.74 + 0.5 * hash01(seed, number, 4).astype(np.float64)
    out = np.zeros((FIELD_VARIANTS, len(BANDS)))
    for index, crop in enumerate(CROPS.values()):
        here = kind == index
        green = calendar(crop.green, own_day[here]) * vigour[here]
        ripe = calendar(crop.ripe, own_day[here])
        blossom = calendar(crop.blossom, own_day[here])
        bare = np.clip(1.0 - green - ripe - blossom, 0.0, 1.0) * soil_tone[here]
        parts = ((green, crop.leaves), (ripe, "ripe"), (blossom, "blossom"), (bare, "soil"))
        out[here] = sum((s[:, None] * _spectrum(n) for s, n in parts), np.zeros(()))
    return out


def _variants(base: NDArray[np.float64], count: int, spread: float, seed: int) -> FloatPlane:
    """`count` copies of a spectrum whose brightness differs by up to ±`spread`."""
    tone = 1.0 + spread * (2.0 * hash01(seed, np.arange(count)) - 1.0)
    return (tone[:, None] * base[None, :]).astype(np.float32)


def unit_spectra(day: float, seed: int) -> FloatPlane:
    """Reflectance of every ground unit on a day of the year, shape (UNITS, bands), float32."""
    leaf, autumn = float(calendar(LEAF, day)), float(calendar(AUTUMN, day))
    green = max(0.0, leaf - autumn)
    broadleaf = (
        green * _spectrum("broadleaf")
        + autumn * _spectrum("autumn")
        + max(0.0, 1.0 - green - autumn) * _spectrum("bare_wood")
    )
    grass_cover = float(calendar(CROPS["pasture"].green, day))
    meadow = grass_cover * _spectrum("grass") + (1.0 - grass_cover) * _spectrum("soil")
    garden = 0.55 * _spectrum("garden") + 0.45 * (0.6 * meadow + 0.4 * broadleaf)
    out = np.zeros((UNITS, len(BANDS)), np.float32)
    depth = np.linspace(0.0, 1.0, DEPTH_STEPS)[:, None] ** 0.6
    out[UNIT["sea"] : UNIT["sea"] + DEPTH_STEPS] = (1.0 - depth) * _spectrum(
        "shoal"
    ) + depth * _spectrum("sea")
    for name in ("lake", "river", "sand", "asphalt", "concrete"):
        out[UNIT[name]] = _spectrum(name)
    out[UNIT["track"]] = 0.45 * _spectrum("asphalt") + 0.55 * meadow
    varied = (
        ("garden", garden, 0.22),
        ("meadow", meadow, 0.12),
        ("broadleaf", broadleaf, 0.15),
        ("conifer", _spectrum("conifer"), 0.2),
        ("tile_roof", _spectrum("tile_roof"), 0.25),
        ("slate_roof", _spectrum("slate_roof"), 0.3),
        ("metal_roof", _spectrum("metal_roof"), 0.3),
    )
    for name, base, spread in varied:
        count = UNIT_COUNTS[name]
        out[UNIT[name] : UNIT[name] + count] = _variants(base, count, spread, seed + count)
    out[UNIT["field"] :] = _fields(day, seed)
    return out


# Relative change of reflectance at full texture (visible, near and short-wave infrared).
_TEXTURE: Mapping[str, tuple[float, float]] = {
    "sea": (0.05, 0.05),
    "lake": (0.05, 0.05),
    "river": (0.08, 0.08),
    "sand": (0.25, 0.25),
    "asphalt": (0.15, 0.15),
    "track": (0.2, 0.2),
    "concrete": (0.3, 0.3),
    "garden": (0.35, 0.30),
    "meadow": (0.25, -0.16),
    "broadleaf": (0.42, 0.42),
    "conifer": (0.45, 0.45),
    "tile_roof": (0.3, 0.3),
    "slate_roof": (0.3, 0.3),
    "metal_roof": (0.3, 0.3),
    "field": (0.30, -0.15),
}
_VISIBLE_BANDS = 5


def unit_texture() -> FloatPlane:
    """Relative amplitude of the texture of every unit and band, shape (UNITS, bands), float32.

    Its sign turns between visible and infrared where thin growth shows the ground.
    """
    out = np.zeros((UNITS, len(BANDS)), np.float32)
    for name, (visible, infrared) in _TEXTURE.items():
        rows = slice(UNIT[name], UNIT[name] + UNIT_COUNTS[name])
        out[rows, :_VISIBLE_BANDS] = visible
        out[rows, _VISIBLE_BANDS:] = infrared
    return out
