"""Makes every kernel ready before the first request."""

import importlib
import logging
import pkgutil
import time

import numpy as np

from renderers import kernels
from renderers.canvas import Canvas
from renderers.encoders.placed import PlacedEncoder
from renderers.encoders.registry import default_encoders
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.paint import composite, flatten
from renderers.painter import Painter, Painters, values_painter
from renderers.sources import target_tables
from styles.colormaps import names
from styles.program import select
from styles.registry import class_style, stretch_style

_log = logging.getLogger(__name__)

#: As large as pictures must be to be drawn by tables; see `renderers.painter`.
_BOX = GeoBox.from_bounds((0.0, 0.0, 1.0, 1.0), 128, 128, "EPSG:4326")


def warm_up() -> float:
    """Load, or on the first start compile, all kernels, and run those that draw once.

    Kernels have explicit signatures, so importing their module makes them ready; running them once
    also pulls in what libraries load late.

    Returns:
        Seconds that it took.
    """
    start = time.perf_counter()
    for module in pkgutil.iter_modules(kernels.__path__, kernels.__name__ + "."):
        importlib.import_module(module.name)
    names()
    images = _drawn()
    images.append(flatten(composite(images[0], images[-1]), (255, 255, 255)))
    for image in images:
        for encoder in (e for e in default_encoders() if not isinstance(e, PlacedEncoder)):
            encoder.encode(image)
    seconds = time.perf_counter() - start
    _log.info("kernels ready after %.1f s", seconds)
    return seconds


def _drawn() -> list[Image]:
    """Draw values, then a picture by each rule of colour, in all ways; return the pictures."""
    painters = Painters()
    _canvases(values_painter(select(("b",))), painters)
    styles = (
        stretch_style("rgb", ("r", "g", "b"), 0.0, 1.0),
        stretch_style("ramp", "b", 0.0, 1.0),
        class_style("classes", "b", [(0, "", (0, 0, 0, 255))]),
    )
    canvases = [canvas for style in styles for canvas in _canvases(painters.of(style), painters)]
    return [image for canvas in canvases if (image := canvas.image()) is not None]


def _canvases(painter: Painter, painters: Painters) -> list[Canvas]:
    """Draw by tables where that is possible, by the program, and bilinearly."""
    out = []
    shape = len(painter.program.inputs), _BOX.height, _BOX.width
    for dtype, smooth in (("uint8", False), ("float32", False), ("float32", True)):
        canvas = Canvas(_BOX, painter, painters)
        canvas.draw(target_tables(np.zeros(shape, dtype), None, _BOX), smooth)
        out.append(canvas)
    return out
