"""What to read of one file and how to resample it: pure code, before any I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from renderers.errors import SourceUnsupportedError
from renderers.levels import choose_level
from renderers.readers.base import BlockId, PixelWindow, RasterIndex, RasterInfo
from renderers.resampling import class_level, method_for, reach, shrinkage
from renderers.warp import CoordinateGrid
from styles.model import Resampling


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which blocks of which level of one file a target grid needs.

    Attributes:
        level: Number of the level.
        column: First column of the window, in pixels of the level.
        row: First row of the window.
        width: Columns of the window, clipped to the level.
        height: Rows of the window.
        blocks: The blocks that cover the window, for each plane, row by row.
        across: Blocks per row.
        pixels: Pixels to decode for one plane: those of the blocks.
        method: What resamples.
        reach: Pixels of the level that the window holds around every position.
    """

    level: int
    column: int
    row: int
    width: int
    height: int
    blocks: tuple[BlockId, ...]
    across: int
    pixels: int
    method: Resampling
    reach: int

    @property
    def window(self) -> PixelWindow:
        """First row, first column, and one after the last of each, in pixels of the level."""
        return self.row, self.column, self.row + self.height, self.column + self.width


def plan_read(
    index: RasterIndex,
    bands: Sequence[int],
    grid: CoordinateGrid,
    resampling: Resampling = "nearest",
    coarser: int = 0,
) -> ReadPlan | None:
    """Return what to read, or None where the target does not touch the file.

    Files of one shape that lie alike share their plan, and a tile that is drawn again has it.

    Args:
        index: The file's read index.
        bands: Band numbers, from 1.
        grid: Where the target's pixels lie in the file.
        resampling: What the style asks for.
        coarser: Levels by which the read one is coarser than the level rule says, as far as there
            are such. Classes in files whose levels mix them stay where they are: a mean of two
            classes is a third.

    Raises:
        SourceUnsupportedError: The file has fewer bands, as it is not the one that was indexed.
    """
    info = index.info
    if max(bands) > info.count:
        raise SourceUnsupportedError("a file has fewer bands than the catalogue says")
    planes = tuple(sorted({index.plane_of(band)[0] for band in bands}))
    key = info.levels, info.mixed, planes, resampling, coarser
    if key not in grid.memo:
        grid.memo[key] = _plan(info, planes, grid, resampling, coarser)
    plan: ReadPlan | None = grid.memo[key]
    return plan


def _plan(
    info: RasterInfo,
    planes: Sequence[int],
    grid: CoordinateGrid,
    resampling: Resampling,
    coarser: int,
) -> ReadPlan | None:
    extent = grid.extent
    if extent is None:
        return None
    levels = info.levels
    if resampling == "mode":
        coarser = 0 if info.mixed else coarser
        number, resampling = class_level(levels, grid.ratio, mixed=info.mixed)
    else:
        number = choose_level(levels, grid.ratio)
    number = min(number + coarser, len(levels) - 1)
    level = levels[number]
    shrink = 1.0 if resampling == "nearest" else shrinkage(grid, level)
    method = method_for(resampling, shrink)
    margin = reach(method, shrink)
    first_column = max(math.floor(extent[0] / level.scale_x) - margin, 0)
    first_row = max(math.floor(extent[1] / level.scale_y) - margin, 0)
    last_column = min(math.floor(extent[2] / level.scale_x) + margin, level.width - 1)
    last_row = min(math.floor(extent[3] / level.scale_y) + margin, level.height - 1)
    if first_column > last_column or first_row > last_row:
        return None
    left, right = first_column // level.block_width, last_column // level.block_width
    top, bottom = first_row // level.block_height, last_row // level.block_height
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
        right - left + 1,
        decoded[0] * decoded[1],
        method,
        margin,
    )
