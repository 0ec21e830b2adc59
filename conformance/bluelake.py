"""The features of the CITE map data, by their published coordinates.

Source: the test data of the WMS 1.3.0 and 1.1.1 compliance suites (MapInfo files of
https://github.com/opengeospatial/ets-wms13), after OGC 99-049, annex B: the vicinity of a fictional
Blue Lake, longitude and latitude in units of 0.0001 degrees, and three polygons in whole degrees.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Ring = Sequence[tuple[float, float]]


class Layer(NamedTuple):
    """What one layer shows.

    Attributes:
        colour: `#rrggbb` of its features.
        polygons: Each an outer ring and holes.
        lines: Each a list of points.
        points: Each by itself.
    """

    colour: str
    polygons: Sequence[Sequence[Ring]] = ()
    lines: Sequence[Ring] = ()
    points: Ring = ()


#: Side of a unit of `BLUE_LAKE` in degrees.
UNIT = 0.0001

_ISLAND = ((17, -11), (17, -6), (25, -6), (25, -11), (17, -11))

BLUE_LAKE: Mapping[str, Layer] = {
    "Forests": Layer(
        "#208020",
        [[((-14, -24), (-14, 2), (2, 7), (14, 10), (28, 14), (42, 18), (42, -24), (-14, -24))]],
    ),
    "Ponds": Layer(
        "#60a0e0",
        [
            [((-20, 18), (-18, 20), (-18, 16), (-20, 18))],
            [((-14, 18), (-16, 20), (-16, 16), (-14, 18))],
        ],
    ),
    "NamedPlaces": Layer(
        "#e0c080", [[((20, 24), (42, 24), (42, 6), (14, 6), (14, 10), (20, 24))], [_ISLAND]]
    ),
    "Streams": Layer(
        "#2060e0",
        lines=[
            ((-4, 24), (2, 17), (-1, 12), (2, 7), (10, -6)),
            ((34, -24), (36, -20), (31, -15)),
        ],
    ),
    "RoadSegments": Layer(
        "#604020",
        lines=[
            ((-42, -6), (-32, -3), (-26, -1), (-14, 2), (2, 7)),
            ((2, 7), (14, 10), (28, 14)),
            ((28, 14), (30, 24)),
            ((2, 7), (14, 10), (28, 14), (42, 18)),
            ((-14, -24), (-14, 2)),
        ],
    ),
    "DividedRoutes": Layer("#c02020", lines=[((-32, -24), (-32, 24)), ((-26, -24), (-26, 24))]),
    "Bridges": Layer("#808080", points=[(2, 7)]),
    "Buildings": Layer(
        "#a04080",
        [
            [((8, 5), (8, 7), (12, 7), (12, 5), (8, 5))],
            [((20, 8), (20, 10), (24, 10), (24, 8), (20, 8))],
        ],
    ),
    "BuildingCenters": Layer("#400040", points=[(10, 6), (22, 9)]),
    "MapNeatline": Layer(
        "#202020", lines=[((-42, -24), (-42, 24), (42, 24), (42, -24), (-42, -24))]
    ),
}

#: The lake where the water stands at an elevation in metres, the highest one first.
LAKES: Mapping[int, Sequence[Ring]] = {
    500: [((6, -18), (10, -6), (24, -1), (31, -15), (6, -18)), _ISLAND],
    490: [((10, -16), (12, -6), (16, -5), (16, -12), (24, -12), (24, -14), (10, -16))],
    480: [((11, -15), (13, -7), (15, -7), (15, -13), (11, -15))],
}

#: Where automobiles are, by seconds after 2000-01-01T00:00:00Z.
AUTOS: Mapping[int, Ring] = {
    0: [(-14, 2)],
    5: [(-22, 0)],
    10: [(-29, -2)],
    15: [(-32, -4)],
    20: [(-32, -8), (-32, 22)],
    25: [(-32, -14), (-32, 12)],
    30: [(-32, -22), (-32, 2)],
    35: [(-32, -8)],
    40: [(-32, -18), (-26, -20)],
    45: [(-26, -12)],
    50: [(-26, -4)],
    55: [(-26, 4), (29, 19)],
    60: [(-26, 12), (28, 14)],
}

#: In whole degrees.
BASIC_POLYGONS = Layer(
    "#c060c0",
    [
        [((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 0))],
        [((-2, 6), (1, 6), (1, 3), (-2, 3), (-2, 6))],
        [((-1, 5), (2, 5), (2, 2), (-1, 2), (-1, 5))],
    ],
)
