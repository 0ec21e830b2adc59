"""Calibration tables of Sentinel-1: `annotation/calibration/calibration-*.xml`.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), 6.2; Radiometric Calibration of
Sentinel-1 Level-1 Products (ESA-EOPG-CSCOP-TN-0002): value = amplitude^2 / gain^2, gains
interpolated bilinearly between the vectors.
"""

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.errors import SourceCorruptError
from renderers.geobox import FloatArray
from renderers.readers.radar import GainTable

#: Vectors of one image, and values of one vector: products have some 30 and 700.
_MAX_VECTORS, _MAX_VALUES = 2000, 2000


class Calibration(NamedTuple):
    """Gains of an image: for sigma nought (on the ground) and gamma (across the line of sight)."""

    sigma: GainTable
    gamma: GainTable


class _Vector(NamedTuple):
    line: float
    pixels: FloatArray
    sigma: FloatArray
    gamma: FloatArray


def parse_calibration(data: bytes) -> Calibration:
    """Parse the tables of one image.

    Where vectors have their values at different pixels, all are brought to all of these, which
    changes nothing of what lies between.

    Raises:
        SourceCorruptError: They cannot be read, or make no table.
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
        vectors = sorted(_vectors(root), key=lambda v: v.line)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the calibration tables cannot be read") from error
    if not 2 <= len(vectors) <= _MAX_VECTORS:
        raise SourceCorruptError("calibration tables of too few or too many lines")
    pixels = np.unique(np.concatenate([v.pixels for v in vectors]))
    if len(pixels) > _MAX_VALUES:
        raise SourceCorruptError("calibration tables of too many pixels")
    lines = np.array([v.line for v in vectors])
    sigma = np.vstack([np.interp(pixels, v.pixels, v.sigma) for v in vectors])
    gamma = np.vstack([np.interp(pixels, v.pixels, v.gamma) for v in vectors])
    try:
        return Calibration(GainTable(lines, pixels, sigma), GainTable(lines, pixels, gamma))
    except ValueError as error:
        raise SourceCorruptError("the calibration tables contradict themselves") from error


def _vectors(root: Element) -> Iterator[_Vector]:
    for element in root.iter("calibrationVector"):
        pixels, sigma, gamma = (_numbers(element, n) for n in ("pixel", "sigmaNought", "gamma"))
        if not len(pixels) == len(sigma) == len(gamma) or not (np.diff(pixels) > 0).all():
            raise ValueError("lists of different lengths")
        if not 2 <= len(pixels) <= _MAX_VALUES:
            raise ValueError("too few or too many values")
        yield _Vector(float(element.findtext("line", "")), pixels, sigma, gamma)


def _numbers(element: Element, name: str) -> FloatArray:
    return np.array(element.findtext(name, "").split(), np.float64)
