"""Bands to pictures by the way that requests take: tables, canvas, kernel."""

import numpy as np
from affine import Affine

from renderers.canvas import Canvas
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.painter import Painter, Painters, style_painter
from renderers.sources import target_tables
from styles.model import Style


def canvas_of(painter: Painter, bands: np.ndarray, valid: np.ndarray) -> Canvas:
    """Draw bands, (inputs, height, width), where `valid`, (height, width), is not zero."""
    box = GeoBox(valid.shape[-1], valid.shape[0], Affine.scale(1.0, -1.0), "EPSG:32632")
    mask = np.ascontiguousarray(valid).view(np.uint8)
    canvas = Canvas(box, painter, Painters())
    canvas.draw(target_tables(np.ascontiguousarray(bands), mask, box), False)
    return canvas


def paint(style: Style, bands: np.ndarray, valid: np.ndarray) -> Image | None:
    """Draw bands in a style; None where no pixel was drawn."""
    return canvas_of(style_painter(style), bands, valid).image()
