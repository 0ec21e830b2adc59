"""Rules of resampling: pure code, before any I/O.

Which kernel draws what a style asks for, how far it looks, and which level a classified band is
read from.
"""

import math
from collections.abc import Sequence

import numpy as np

from renderers.geobox import FloatArray
from renderers.levels import LEVEL_TOLERANCE, choose_level
from renderers.readers.base import Level
from renderers.warp import CoordinateGrid
from styles.model import Resampling

#: Source pixels of the level per target pixel, along the axis where they are more, from which on
#: bilinear and cubic leave too much of the source out, or look at too much of it. With overviews at
#: each power of two pictures stay below that.
SHRINK_LIMIT = 2.0 * LEVEL_TOLERANCE

#: Part by which footprints within a picture may exceed its median one.
_UNEVEN = 1.5

#: Pixels of the level per target pixel from which on it is the same how many there are: files are
#: less than a hundredth as wide, and cover too little of a footprint to be seen. Kernels reckon
#: with the square of it.
_FARTHEST = 2.0**28

#: Full-resolution pixels per target pixel up to which classes are taken from full resolution where
#: coarser levels hold mixtures: 256 target pixels then need 2048 x 2048 source pixels.
CLASS_SHRINK = 8.0


def shrinkage(grid: CoordinateGrid, level: Level) -> float:
    """Return how many pixels of a level one target pixel spans, along the axis where it spans more.

    The median over the positions that lie in the file, or of all where none does. NaN where no
    position is finite.

    Args:
        grid: Where the target's pixels lie in the file.
        level: The level that is read.
    """
    inside = (
        (grid.columns >= 0.0)
        & (grid.columns <= level.width * level.scale_x)
        & (grid.rows >= 0.0)
        & (grid.rows <= level.height * level.scale_y)
    )
    sides = []
    for values, scale in ((grid.columns, level.scale_x), (grid.rows, level.scale_y)):
        across, down = (_change(values, axis) / grid.step for axis in (1, 0))
        side = np.hypot(across, down) / scale
        known = np.isfinite(side)
        near = side[known & inside] if (known & inside).any() else side[known]
        if near.size:
            sides.append(float(np.median(near)))
    return max(sides) if sides else float("nan")


def _change(values: FloatArray, axis: int) -> FloatArray:
    """Return the change to the next point along an axis, 0 where the grid is one point wide."""
    if values.shape[axis] < 2:
        return np.where(np.isfinite(values), 0.0, np.nan)
    steps = np.diff(values, axis=axis)
    return np.concatenate([steps, steps.take([-1], axis=axis)], axis=axis)


def method_for(resampling: Resampling, shrink: float) -> Resampling:
    """Return what draws a style's resampling at a shrinkage.

    Bilinear and cubic become the average over footprints where they would leave out more than every
    other source pixel: zoomed out beyond the coarsest overview, between overviews far apart, or
    where pixels are much longer than wide. Mode is nearest where nothing shrinks. Nearest stays
    what it is, as somebody asked for source pixels.

    Args:
        resampling: What the style says.
        shrink: Pixels of the level per target pixel (`shrinkage`); NaN counts as 1.
    """
    if resampling in ("bilinear", "cubic") and shrink > SHRINK_LIMIT:
        return "average"
    if resampling == "mode" and not shrink > 1.0:
        return "nearest"
    return resampling


def reach(method: Resampling, shrink: float) -> int:
    """Return how many pixels of the level a method looks away from a position, at most.

    The window must hold that many around the positions; kernels of `renderers.kernels.resample` get
    the same number and look no farther, so that neighbouring tiles see the same pixels.

    Args:
        method: What draws (`method_for`).
        shrink: Pixels of the level per target pixel; NaN counts as 1.
    """
    side = min(max(shrink, 1.0), _FARTHEST) * _UNEVEN if math.isfinite(shrink) else _UNEVEN
    half = {"nearest": 0.0, "bilinear": 1.0, "cubic": 2.0 * side, "average": side, "mode": side}
    return math.ceil(half[method]) + 1


def class_level(levels: Sequence[Level], ratio: float, *, mixed: bool) -> tuple[int, Resampling]:
    """Return the level and the method that draw a classified band.

    Values of coarser wavelet levels are means of class codes, which are other classes: between
    vegetation (4) and water (6) stands bare soil (5). Such files are read at full resolution, with
    the greatest part of each footprint deciding, while no more than `CLASS_SHRINK` pixels lie
    along a target pixel. Beyond that it would be too much to read: then the level by the usual
    rule, and its nearest pixels. Other files keep the usual rule, as overviews of classes are made
    of classes.

    Args:
        levels: Of the file, finest first.
        ratio: Full-resolution source pixels per target pixel (`CoordinateGrid.ratio`).
        mixed: `RasterInfo.mixed`.
    """
    usual = choose_level(levels, ratio)
    if not mixed or usual == 0:
        return usual, "mode"
    if ratio <= CLASS_SHRINK * LEVEL_TOLERANCE:
        return 0, "mode"
    return usual, "nearest"
