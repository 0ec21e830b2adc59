"""Pixels of a level's window out of the blocks of a file, and coarser levels of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.pyramids.levels import Candidate
from renderers.pyramids.reduce import Reduction, beside_nodata, reduced, reduction_of
from renderers.pyramids.sidecar import BLOCK
from renderers.readers.base import Block, BlockId, Level, PixelWindow, RasterInfo


def covering(level: Level, number: int, plane: int, window: PixelWindow) -> list[BlockId]:
    """Return the blocks of a level that a window of it touches, row by row."""
    top, left, bottom, right = window
    return [
        BlockId(number, row, column, plane)
        for row in range(top // level.block_height, (bottom - 1) // level.block_height + 1)
        for column in range(left // level.block_width, (right - 1) // level.block_width + 1)
    ]


def assembled(level: Level, window: PixelWindow, blocks: Mapping[BlockId, Block]) -> Block:
    """Put the blocks that cover a window together.

    Args:
        level: Of the file.
        window: In pixels of the level.
        blocks: All that `covering` names.
    """
    top, left, bottom, right = window
    shape = bottom - top, right - left
    first = next(iter(blocks.values()))
    data = np.empty((first.data.shape[0], *shape), first.data.dtype)
    masked = any(block.mask is not None for block in blocks.values())
    mask = np.full(shape, 255, np.uint8) if masked else None
    for place, block in blocks.items():
        row, column = place.row * level.block_height, place.column * level.block_width
        y0, x0 = max(row, top), max(column, left)
        y1 = min(row + block.data.shape[1], bottom)
        x1 = min(column + block.data.shape[2], right)
        ours = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        theirs = slice(y0 - row, y1 - row), slice(x0 - column, x1 - column)
        data[(slice(None), *ours)] = block.data[(slice(None), *theirs)]
        if mask is not None and block.mask is not None:
            mask[ours] = block.mask[theirs]
    return Block(data, mask)


def source_window(
    info: RasterInfo, candidate: Candidate, window: PixelWindow
) -> tuple[PixelWindow, PixelWindow]:
    """Return what of its base level a window of a kept level is made of.

    Args:
        info: Of the file.
        candidate: The kept level.
        window: In its pixels.

    Returns:
        The pixels it is made of, and the same with a margin of one pixel where that is needed to
        see which of them touch nodata; both in pixels of the base level.
    """
    level, factor = info.levels[candidate.base], candidate.factor
    top, left, bottom, right = (edge * factor for edge in window)
    inner = top, left, min(bottom, level.height), min(right, level.width)
    margin = 1 if factor > 1 and info.mixed else 0
    outer = (
        max(inner[0] - margin, 0),
        max(inner[1] - margin, 0),
        min(inner[2] + margin, level.height),
        min(inner[3] + margin, level.width),
    )
    return inner, outer


def made_of(
    info: RasterInfo,
    nodata: float | None,
    source: Block,
    inner: tuple[int, int, int, int],
    factors: Sequence[int],
) -> list[Block]:
    """Return pixels of kept levels.

    Args:
        info: Of the file.
        nodata: Value that means "no data", or None.
        source: Pixels of the base level.
        inner: Window of `source` that is to be reduced; the rest is margin.
        factors: Of the kept levels, finest first; 1 gives the pixels as they are.
    """
    inside = slice(inner[0], inner[2]), slice(inner[1], inner[3])
    mask = None if source.mask is None else np.ascontiguousarray(source.mask[inside])
    block = Block(np.ascontiguousarray(source.data[(slice(None), *inside)]), mask)
    out = [block] if factors[0] == 1 else []
    coarser = factors[len(out) :]
    if coarser:
        how = reduction_of(info)
        left_out = None
        if how is Reduction.AVERAGE and info.mixed and nodata is not None:
            # Beside nodata, wavelet levels hold a mixture with it.
            left_out = beside_nodata(source.data, nodata)[inside]
        out += reduced(block, coarser, nodata, how, left_out)
    return out


def split(block: Block) -> list[Block]:
    """Cut a whole level into kept blocks, row by row."""
    height, width = block.data.shape[1:]
    out = []
    for row in range(0, height, BLOCK):
        for column in range(0, width, BLOCK):
            inside = slice(row, row + BLOCK), slice(column, column + BLOCK)
            data: NDArray[Any] = np.ascontiguousarray(block.data[(slice(None), *inside)])
            mask = None if block.mask is None else np.ascontiguousarray(block.mask[inside])
            out.append(Block(data, mask))
    return out
