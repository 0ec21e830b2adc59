"""The geolocation grid of a Sentinel-1 image: `annotation/s1*.xml`.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), 6.1.7. Images carry the same points as
ground control points; this is for those that lost them.
"""

from typing import Final
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.errors import SourceCorruptError
from renderers.gcp import MAX_POINTS, GcpModel

_KEYS: Final = ("pixel", "line", "longitude", "latitude")


def parse_grid(data: bytes, width: int, height: int) -> GcpModel:
    """Return how an image lies, by its geolocation grid.

    Points are taken as GDAL takes those of the image: numbers of pixels and lines are corners.

    Args:
        data: The annotation.
        width: Pixels per line of the image, which may be a reduced copy.
        height: Lines.

    Raises:
        SourceCorruptError: The annotation cannot be read.
        SourceUnsupportedError: Its points determine no grid.
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
        found = list(root.iter("geolocationGridPoint"))
        if len(found) > MAX_POINTS:
            raise ValueError("too many points")  # noqa: TRY301
        rows = [[float(point.findtext(key) or "") for key in _KEYS] for point in found]
        samples, lines = (
            float(next(root.iter(name)).text or "") for name in ("numberOfSamples", "numberOfLines")
        )
        columns, lines_at, longitude, latitude = np.array(rows, np.float64).reshape(-1, 4).T
        scale = width / samples, height / lines
        inside = (np.abs(longitude) <= 180.0).all() and (np.abs(latitude) <= 90.0).all()
        if not inside or not np.isfinite(scale).all():
            raise ValueError("points that lie nowhere")  # noqa: TRY301
    except (
        ParseError, DefusedXmlException, ValueError, TypeError, StopIteration, ZeroDivisionError
    ) as error:  # fmt: skip
        raise SourceCorruptError("the image's annotation cannot be read") from error
    points = columns * scale[0], lines_at * scale[1], longitude, latitude
    return GcpModel.fitted(width, height, "EPSG:4326", points)
