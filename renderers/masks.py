"""Which pixels of a scene count, by a band of classes or flags: clouds are seen through."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from renderers.canvas import Canvas
from renderers.geobox import GeoBox
from renderers.kernels import gather, output
from renderers.kernels.colour import TRANSPARENT
from renderers.painter import Painter, Painters
from renderers.rule import MAX_CLASS, ClassMask
from renderers.sources import Drawable, Tables
from styles.program import select

_CLEAR = 0
_NO_LEVELS = np.zeros(1, np.float32)


class Screen:
    """Hides those pixels of scenes that a mask does not let through."""

    def __init__(self, mask: ClassMask, box: GeoBox, painters: Painters) -> None:
        """Begin.

        Args:
            mask: Which pixels count.
            box: The target grid.
            painters: Keeps tables.
        """
        self._painter = mask_painter(mask)
        self._box = box
        self._painters = painters

    def hidden(self, scene: Drawable) -> NDArray[np.bool_]:
        """Return which pixels of a scene do not count, shape (pixels,).

        Those where its mask has no value are among them.
        """
        canvas = Canvas(self._box, self._painter, self._painters)
        if scene.mask is not None:
            canvas.draw(_as_stored(scene.mask.tables(self._box)), smooth=False)
        return np.not_equal(canvas.indexes, _CLEAR)


def _as_stored(tables: Tables) -> Tables:
    """Return tables whose bands give stored values: classes and flags have no scale."""
    physics = tables.physics.copy()
    physics[:, [gather.SCALE, gather.OFFSET]] = 1.0, 0.0
    return replace(tables, physics=physics)


@lru_cache(maxsize=64)
def mask_painter(mask: ClassMask) -> Painter:
    """Return what gives pixels that count the index 0, and all others `TRANSPARENT`."""
    values = np.arange(MAX_CLASS + 1)
    flags = sum(1 << bit for bit in set(mask.bits))
    out = np.isin(values, mask.classes) | ((values & flags) != 0)
    table = np.where(out, TRANSPARENT, _CLEAR).astype(np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    program = select((mask.band,))
    return Painter(
        program, output.CLASSES, _NO_LEVELS, _NO_LEVELS, table, palette, ((0,),), repr(mask)
    )
