"""Georeference of a GeoTIFF: affine or ground control points, and coordinate reference system.

Sources: OGC GeoTIFF 1.1 (19-008r4), annexes B and C; GeoTIFF 1.0. Only what the keys say exactly
is used: a key that is not understood, or that disagrees with an EPSG code, is refused by name, so
that GDAL takes the file. Vertical keys are left aside: a raster's CRS here is the horizontal one.
"""

import math
from typing import NamedTuple

import numpy as np
from affine import Affine

from renderers.crs import canonical_name
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.gcp import GcpModel, Points
from renderers.readers.tiff.geokeys import GeoKey, GeoKeys, read_keys
from renderers.readers.tiff.header import Directory, Tag
from renderers.readers.tiff.projections import crs_text

_PIXEL_IS_POINT = 2


class Georeference(NamedTuple):
    """Where an image lies; each is None where the file has none.

    Attributes:
        crs: Canonical CRS name.
        transform: Maps pixel corners.
        model: Of a file with ground control points.
    """

    crs: str | None
    transform: Affine | None
    model: GcpModel | None


def georeference(directory: Directory, width: int, height: int) -> Georeference:
    """Return where an image lies.

    Files whose coordinates mean pixel centres (PixelIsPoint) are moved by half a pixel, as GDAL
    does with affines and with ground control points.

    Args:
        directory: Of the image.
        width: Pixels per row.
        height: Rows.

    Raises:
        SourceCorruptError: The tags are malformed.
        SourceUnsupportedError: Rational polynomials, ground control points that make no grid, or a
            CRS that the keys do not define exactly.
    """
    keys = read_keys(directory)
    transform = _transform(directory)
    shift = 0.5 if keys.short(GeoKey.RASTER_TYPE) == _PIXEL_IS_POINT else 0.0
    if transform is not None:
        return Georeference(_crs(keys), transform @ Affine.translation(-shift, -shift), None)
    if directory.has(Tag.MODEL_TIEPOINT):
        crs = _crs(keys)
        if crs is None:
            raise SourceUnsupportedError("ground control points without a CRS")
        columns, rows, x, y = _control_points(directory.doubles(Tag.MODEL_TIEPOINT))
        points = columns + shift, rows + shift, x, y
        return Georeference(crs, None, GcpModel.fitted(width, height, crs, points))
    if directory.has(Tag.RPC_COEFFICIENTS):
        raise SourceUnsupportedError("georeferenced by rational polynomial coefficients")
    return Georeference(None, None, None)


def _control_points(values: list[float]) -> Points:
    """Return columns, rows, x and y of tie points, which are six numbers each; heights are left."""
    if len(values) % 6:
        raise SourceCorruptError("the tie points are a broken list")
    columns, rows, _, x, y, _ = np.array(values, np.float64).reshape(-1, 6).T
    return columns, rows, x, y


def _crs(keys: GeoKeys) -> str | None:
    text = crs_text(keys)
    return None if text is None else canonical_name(text)


def _transform(directory: Directory) -> Affine | None:
    """Read the affine as written, before any half-pixel shift."""
    scale = directory.doubles(Tag.MODEL_PIXEL_SCALE)
    matrix = directory.doubles(Tag.MODEL_TRANSFORMATION)
    if scale:
        transform = _from_scale(scale, directory.doubles(Tag.MODEL_TIEPOINT))
    elif matrix:
        if len(matrix) != 16:
            raise SourceCorruptError("ModelTransformation does not have 16 values")
        transform = Affine(matrix[0], matrix[1], matrix[3], matrix[4], matrix[5], matrix[7])
    else:
        return None
    if not all(math.isfinite(v) for v in transform[:6]):
        raise SourceCorruptError("the affine is not finite")
    if transform.is_degenerate:
        raise SourceUnsupportedError("the affine is degenerate")
    return transform


def _from_scale(scale: list[float], tie: list[float]) -> Affine:
    if len(scale) < 2 or len(tie) < 6:
        raise SourceUnsupportedError("a pixel scale without a tie point")
    if scale[1] <= 0:
        raise SourceUnsupportedError("a pixel scale that is not positive")
    column, row, _, x, y, _ = tie[:6]
    step_x, step_y = scale[0], scale[1]
    return Affine(step_x, 0.0, x - column * step_x, 0.0, -step_y, y + row * step_y)
