"""Axes of coverages: what they are called, their order, and which one a client means."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from renderers.crs import crs_object
from tileserver.crs import OgcCrs

Role = Literal["x", "y", "time"]

#: The label under which time is asked for; it is that of the EO profile (OGC 10-140r1, 8.3).
TIME = "phenomenonTime"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
#: What clients call axes, whatever the CRS calls them, in small letters.
_CUSTOMARY: dict[str, Role] = {
    **dict.fromkeys(("x", "e", "long", "lon", "longitude", "easting"), "x"),
    **dict.fromkeys(("y", "n", "lat", "latitude", "northing"), "y"),
    **dict.fromkeys(("phenomenontime", "time", "ansi", "t"), "time"),
}
_UNITS = {"metre": "m", "degree": "deg", "US survey foot": "[ft_us]", "foot": "[ft_i]"}


@dataclass(frozen=True, slots=True)
class Axes:
    """The two axes of a CRS.

    Attributes:
        x: Label of the eastward one.
        y: Label of the northward one.
        uom: Their unit, by UCUM.
        northing_first: Whether documents write y before x.
    """

    x: str
    y: str
    uom: str
    northing_first: bool

    @property
    def labels(self) -> tuple[str, str]:
        """Both labels in the order of the definition."""
        return self.ordered(self.x, self.y)

    def ordered(self, x: str, y: str) -> tuple[str, str]:
        """Return two things of x and y in the order of the definition."""
        return (y, x) if self.northing_first else (x, y)

    def position(self, x: float, y: float) -> str:
        """Return a position as GML writes it: numbers that read back as the same ones."""
        return " ".join(self.ordered(repr(x), repr(y)))


@lru_cache(maxsize=1024)
def axes_of(crs: OgcCrs) -> Axes:
    """Return the axes of a CRS: `Lat Long` where it is geographic, else PROJ's abbreviations."""
    found = crs_object(crs.canonical)
    if found.is_geographic:
        return Axes("Long", "Lat", "deg", crs.northing_first)
    first, second = found.axis_info
    unit = _UNITS.get(first.unit_name, re.sub(r"[^A-Za-z0-9_]+", "_", first.unit_name) or "1")
    labels = first.abbrev, second.abbrev
    if labels[0] == labels[1] or not all(_NAME.fullmatch(label) for label in labels):
        labels = ("N", "E") if crs.northing_first else ("E", "N")
    y, x = labels if crs.northing_first else labels[::-1]
    return Axes(x, y, unit, crs.northing_first)


def role_of(label: str, *systems: Axes) -> Role | None:
    """Return which axis a label means, None where it is nobody's.

    Args:
        label: As a client wrote it.
        systems: Axes that count first, letter for letter; then what clients customarily write.
    """
    for axes in systems:
        if label == axes.x:
            return "x"
        if label == axes.y:
            return "y"
    return _CUSTOMARY.get(label.lower())
