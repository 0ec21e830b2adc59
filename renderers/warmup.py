"""Makes every kernel ready before the first request."""

import importlib
import logging
import pkgutil
import time

import numpy as np

from renderers import kernels
from renderers.encoders.registry import default_encoders
from renderers.paint import composite, flatten, paint
from styles.colormaps import names
from styles.registry import class_style, stretch_style

_log = logging.getLogger(__name__)


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
    valid = np.ones((4, 4), np.uint8)
    bands = np.zeros((3, 4, 4), np.float32)
    rgb = paint(stretch_style("rgb", ("r", "g", "b"), 0.0, 1.0), bands, valid)
    ramp = paint(stretch_style("ramp", "b", 0.0, 1.0), bands[:1], valid)
    classes = paint(class_style("classes", "b", [(0, "", (0, 0, 0, 255))]), bands[:1], valid)
    for image in (rgb, ramp, classes, flatten(composite(rgb, ramp), (255, 255, 255))):
        for encoder in default_encoders():
            encoder.encode(image)
    seconds = time.perf_counter() - start
    _log.info("kernels ready after %.1f s", seconds)
    return seconds
