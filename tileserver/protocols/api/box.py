"""Boxes as the page's JSON takes them."""

from renderers.geobox import Bounds
from tileserver import area as areas
from tileserver.catalogue.base import Area
from tileserver.errors import InvalidParameterError

# A map may be panned round the world some times, not for ever.
_WIDEST = 36_000.0


def parse_area(text: str) -> Area:
    """Read `west,south,east,north` in degrees.

    A map that was panned round the world sends longitudes beyond 180, which are brought back;
    west above east crosses 180 degrees.

    Raises:
        InvalidParameterError: Not four numbers, or latitudes out of order or range.
    """
    west, south, east, north = parse_numbers(text)
    if west > east:
        east += 360.0
    return areas.boxes(west, south, east, north)


def parse_numbers(text: str) -> Bounds:
    """Read the four numbers of a box as they are written; see `parse_area`.

    Raises:
        InvalidParameterError: As there.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidParameterError(
            "bbox is west,south,east,north in degrees", parameter="bbox"
        ) from error
    values = (west, south, east, north)
    if not all(abs(v) <= _WIDEST for v in values) or not -90 <= south <= north <= 90:
        raise InvalidParameterError("bbox is outside of the Earth", parameter="bbox")
    return values
