"""Angles at the nodes of coarse grids, and between them.

A direction is two angles in degrees: zenith from the vertical, azimuth from north over east. An
azimuth alone cannot be averaged or interpolated, as 359 and 1 are neighbours; what is averaged is
the horizontal part of the unit vector, sin(zenith) * (sin(azimuth), cos(azimuth)). Near the nadir,
where an azimuth says little, it then weighs little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from renderers.geobox import FloatArray

#: How many nodes beyond those that any detector saw are filled from their neighbours: images end
#: between two nodes, and a corner of a cell without any node can be seen.
_REACH: Final = 2


@dataclass(frozen=True, slots=True)
class Directions:
    """Directions at the nodes of a grid.

    Attributes:
        zenith: Degrees, shape (rows, columns), NaN where there is none.
        azimuth: Degrees, the same shape and the same NaN.
    """

    zenith: FloatArray
    azimuth: FloatArray

    def __post_init__(self) -> None:
        shape = self.zenith.shape
        if len(shape) != 2 or min(shape) < 2 or self.azimuth.shape != shape:
            raise ValueError("angles of another shape than their grid")
        if not np.array_equal(np.isnan(self.zenith), np.isnan(self.azimuth)):
            raise ValueError("zenith and azimuth at different nodes")
        if np.isinf(self.zenith).any() or np.isinf(self.azimuth).any():
            raise ValueError("angles that are not finite")

    @property
    def vectors(self) -> tuple[FloatArray, FloatArray]:
        """The horizontal parts of the unit vectors, to the east and to the north."""
        across = np.sin(np.radians(self.zenith))
        return (
            across * np.sin(np.radians(self.azimuth)),
            across * np.cos(np.radians(self.azimuth)),
        )


def mean(directions: Sequence[Directions]) -> Directions:
    """Return the mean of several directions at each node, of those that are there.

    The zenith is the mean of the zeniths, as the metadata's own means are; the azimuth is that of
    the mean vector.
    """
    zenith = _mean(np.stack([d.zenith for d in directions]))
    vectors = [d.vectors for d in directions]
    return Directions(zenith, _azimuth(*(_mean(np.stack(v)) for v in zip(*vectors, strict=True))))


def filled(directions: Directions) -> Directions:
    """Give nodes beyond the outermost ones the mean of their neighbours."""
    for _ in range(_REACH):
        around = mean([_moved(directions, down, right) for down in _STEPS for right in _STEPS])
        empty = np.isnan(directions.zenith)
        directions = Directions(
            np.where(empty, around.zenith, directions.zenith),
            np.where(empty, around.azimuth, directions.azimuth),
        )
    return directions


_STEPS: Final = (-1, 0, 1)


def _moved(directions: Directions, down: int, right: int) -> Directions:
    def move(values: FloatArray) -> FloatArray:
        framed = np.pad(values, 1, constant_values=np.nan)
        rows, columns = values.shape
        return framed[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]

    return Directions(move(directions.zenith), move(directions.azimuth))


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean along the first axis of what is not NaN; NaN where there is nothing."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    out: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return out


def _azimuth(east: FloatArray, north: FloatArray) -> FloatArray:
    """Return azimuths in 0 to 360."""
    out: FloatArray = np.degrees(np.arctan2(east, north)) % 360.0
    return out


def zeniths(directions: Directions, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return zeniths between nodes, bilinearly.

    Args:
        directions: At the nodes.
        rows: Of the wanted rows, in nodes from the first one; those beyond are put on the edge.
        columns: The same of columns.

    Returns:
        Degrees, shape (rows, columns), NaN beside a node without one.
    """
    return _between(directions.zenith, rows, columns)


def azimuths(directions: Directions, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return azimuths between nodes, those of bilinearly interpolated vectors; see `zeniths`.

    They lie within 180 degrees of the azimuth of all vectors' sum, and so may be below 0 or beyond
    360: bilinear interpolation and averages of what is returned meet no jump from 360 to 0.
    """
    east, north = (_between(part, rows, columns) for part in directions.vectors)
    azimuth = np.degrees(np.arctan2(east, north))
    middle = np.degrees(np.arctan2(np.nansum(east), np.nansum(north))) % 360.0
    out: FloatArray = middle + (azimuth - middle + 180.0) % 360.0 - 180.0
    return out


def _between(values: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    # No product of matrices: on a busy machine BLAS waits 40 ms for threads that such small ones
    # do not need.
    return np.ascontiguousarray(_along(_along(values, rows).T, columns).T)


def _along(values: FloatArray, places: FloatArray) -> FloatArray:
    """Interpolate along the first axis; at a node its neighbours have no say."""
    last = len(values) - 1
    clipped = np.clip(places, 0.0, last)
    low = np.minimum(clipped.astype(np.int64), last - 1)
    share = (clipped - low)[:, None]
    first, second = values[low], values[low + 1]
    out: FloatArray = first * (1.0 - share) + second * share
    return np.where(share == 0.0, first, np.where(share == 1.0, second, out))
