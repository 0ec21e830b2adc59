"""What to read of one file: pure code, before any I/O.

Level rule: the coarsest level is read whose pixels are not larger than the target's (1 % tolerance;
the ratio of pixel sizes is the median over the target, of the axis where it is smaller). So an
overview is never enlarged while a finer level exists, and shrinking below a level is by less than
the step to the next one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from renderers.readers.base import BlockId, Level, RasterIndex
from renderers.warp import CoordinateGrid

#: Part by which a level's pixels may exceed the target's.
LEVEL_TOLERANCE = 1.01

#: Extra source pixels around the window, for the taps of bilinear resampling.
MARGIN = 2


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which blocks of which level of one file a target grid needs.

    Attributes:
        level: Number of the level.
        column: First column of the window, in pixels of the level.
        row: First row of the window.
        width: Columns of the window, clipped to the level.
        height: Rows of the window.
        blocks: The blocks that cover the window, for each plane.
        pixels: Pixels to decode for one plane: those of the blocks.
    """

    level: int
    column: int
    row: int
    width: int
    height: int
    blocks: tuple[BlockId, ...]
    pixels: int


def choose_level(levels: Sequence[Level], ratio: float) -> int:
    """Return the number of the level to read, by the level rule.

    Args:
        levels: Finest first.
        ratio: Full-resolution source pixels per target pixel.
    """
    best = 0
    for number, level in enumerate(levels):
        if max(level.scale_x, level.scale_y) <= ratio * LEVEL_TOLERANCE:
            best = number
    return best


def plan_read(index: RasterIndex, bands: Sequence[int], grid: CoordinateGrid) -> ReadPlan | None:
    """Return what to read, or None where the target does not touch the file.

    Args:
        index: The file's read index.
        bands: Band numbers, from 1.
        grid: Where the target's pixels lie in the file.
    """
    extent = grid.extent()
    if extent is None:
        return None
    number = choose_level(index.info.levels, grid.ratio)
    level = index.info.levels[number]
    first_column = max(math.floor(extent[0] / level.scale_x) - MARGIN, 0)
    first_row = max(math.floor(extent[1] / level.scale_y) - MARGIN, 0)
    last_column = min(math.floor(extent[2] / level.scale_x) + MARGIN, level.width - 1)
    last_row = min(math.floor(extent[3] / level.scale_y) + MARGIN, level.height - 1)
    if first_column > last_column or first_row > last_row:
        return None
    left, right = first_column // level.block_width, last_column // level.block_width
    top, bottom = first_row // level.block_height, last_row // level.block_height
    planes = sorted({index.plane_of(band)[0] for band in bands})
    blocks = tuple(
        BlockId(number, row, column, plane)
        for plane in planes
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    )
    decoded = (
        min((right + 1) * level.block_width, level.width) - left * level.block_width,
        min((bottom + 1) * level.block_height, level.height) - top * level.block_height,
    )
    return ReadPlan(
        number,
        first_column,
        first_row,
        last_column - first_column + 1,
        last_row - first_row + 1,
        blocks,
        decoded[0] * decoded[1],
    )
