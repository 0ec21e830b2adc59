"""Coarser levels than a file has: averages that leave out what is no data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.readers.base import Block, RasterInfo


class Reduction(Enum):
    """How pixels become one: their mean, or one of them where values are classes."""

    AVERAGE = "average"
    NEAREST = "nearest"


def reduction_of(info: RasterInfo) -> Reduction:
    """Return how a file's pixels are reduced, as far as the file tells.

    Nothing in a file says that its values are classes except a colour table. One band of 8 bits or
    less is as often a classification as a picture, and a mean of classes is a wrong class, so such
    files are thinned out, which is what reading them without a pyramid amounts to.
    """
    dtype = np.dtype(info.dtype)
    small = dtype.kind in "iub" and dtype.itemsize == 1
    if info.colour_table is not None or (info.count == 1 and small):
        return Reduction.NEAREST
    return Reduction.AVERAGE


@dataclass(frozen=True, slots=True)
class _Groups:
    """Sums over groups of pixels, exact for integers, so that groups of groups are too.

    Attributes:
        sums: float64 (bands, rows, columns), of valid values.
        counts: float64 (bands or 1, rows, columns), valid values.
        masked: float64 (1, rows, columns), pixels that the mask calls valid, or None.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]
    masked: NDArray[np.float64] | None

    def coarser(self, factor: int) -> "_Groups":
        """Return the groups of `factor` x `factor` groups."""
        masked = None if self.masked is None else _sums(self.masked, factor)
        return _Groups(_sums(self.sums, factor), _sums(self.counts, factor), masked)


def beside_nodata(data: NDArray[Any], nodata: float) -> NDArray[np.bool_]:
    """Return bool (rows, columns): pixels that touch a nodata pixel of any band, or are one."""
    bad = np.pad((data == nodata).any(axis=0), 1)
    rows = bad[:-2] | bad[1:-1] | bad[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def reduced(
    block: Block,
    factors: Sequence[int],
    nodata: float | None,
    how: Reduction,
    left_out: NDArray[np.bool_] | None = None,
) -> list[Block]:
    """Return pixels and mask of coarser levels.

    Groups begin at the first row and column; those at the far edges may be smaller. A band's mean
    is taken over its valid values; where there are none it is the nodata value (or 0). A pixel of
    the mask is valid where any of its group is. A mean that comes out as the nodata value by
    rounding gives way by one.

    Args:
        block: Pixels, with a mask or without.
        factors: Pixels of a group along a side; each is a multiple of the one before.
        nodata: Value that means "no data" (may be NaN), or None.
        how: Mean or nearest.
        left_out: bool (rows, columns), pixels that do not count though they have values.
    """
    if how is Reduction.NEAREST:
        return [_thinned(block, factor) for factor in factors]
    masked = None if block.mask is None else (block.mask != 0)[None]
    valid = _valid(block, nodata, left_out)
    known = block.data if valid is None else np.where(valid, block.data, block.data.dtype.type(0))
    counted = np.ones((1, *block.data.shape[1:]), np.bool_) if valid is None else valid
    out = []
    before = 1
    groups: _Groups | None = None
    for factor in factors:
        if groups is None:
            sums = None if masked is None else _sums(masked, factor)
            groups = _Groups(_sums(known, factor), _sums(counted, factor), sums)
        else:
            groups = groups.coarser(factor // before)
        before = factor
        out.append(_means(groups, block.data.dtype, nodata))
    return out


def _valid(
    block: Block, nodata: float | None, left_out: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Return bool (bands, rows, columns): what counts; None where all does."""
    data = block.data
    valid = np.ones(data.shape, np.bool_)
    if data.dtype.kind == "f":
        valid &= ~np.isnan(data)
    if nodata is not None and not np.isnan(nodata):
        valid &= data != nodata
    if block.mask is not None:
        valid &= block.mask != 0
    if left_out is not None:
        valid &= ~left_out
    return None if valid.all() else valid


def _sums(data: NDArray[Any], factor: int) -> NDArray[np.float64]:
    """Return float64 (bands, rows / factor, columns / factor), rounded up: sums of groups."""
    down = np.add.reduceat(data, np.arange(0, data.shape[1], factor), axis=1, dtype=np.float64)
    return np.asarray(np.add.reduceat(down, np.arange(0, data.shape[2], factor), axis=2))


def _means(groups: _Groups, dtype: np.dtype[Any], nodata: float | None) -> Block:
    counts = np.broadcast_to(groups.counts, groups.sums.shape)
    empty = counts == 0
    means = np.divide(groups.sums, counts, out=np.zeros_like(groups.sums), where=~empty)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        means = np.rint(means)
        if nodata is not None:
            means[(means == nodata) & ~empty] += -1 if nodata >= limits.max else 1
        means = np.clip(means, limits.min, limits.max)
    means[empty] = nodata if nodata is not None else 0
    mask = None
    if groups.masked is not None:
        mask = np.where(groups.masked[0] != 0, np.uint8(255), np.uint8(0))
    return Block(means.astype(dtype), mask)


def _thinned(block: Block, factor: int) -> Block:
    """Return the middle pixel of every group, the last one where a group is too small."""
    rows, columns = (
        np.minimum(np.arange(0, size, factor) + factor // 2, size - 1)
        for size in block.data.shape[1:]
    )
    data = np.ascontiguousarray(block.data[:, rows[:, None], columns])
    if block.mask is None:
        return Block(data)
    return Block(data, np.ascontiguousarray(block.mask[rows[:, None], columns]))
