"""Maps on which the Earth is repeated: where its copies lie."""

import math
from typing import Final

from renderers.crs import is_geographic
from renderers.geobox import GeoBox

#: How often a picture may go around the Earth.
_MOST_TURNS: Final = 16
#: Circumference of the sphere of EPSG:3857, metres.
_MERCATOR_TURN: Final = 2.0 * math.pi * 6378137.0


def shifts(box: GeoBox) -> list[float]:
    """Return how far the copies of the Earth lie that a grid shows, in units of its CRS."""
    turn = 360.0 if is_geographic(box.crs) else _MERCATOR_TURN if box.crs == "EPSG:3857" else 0.0
    if not turn:
        return [0.0]
    first, last = (math.floor(x / turn + 0.5) for x in (box.bounds[0], box.bounds[2]))
    return [turn * k for k in range(first, min(last, first + _MOST_TURNS) + 1)]
