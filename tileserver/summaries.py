"""Statistics of values of which each counts by a weight. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tileserver.errors import InvalidParameterError

Array = NDArray[np.float64]

MAX_BINS: Final = 256
MAX_PERCENTILES: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted beside the moments.

    Attributes:
        percentiles: 0 to 100.
        bins: Of the histogram.
        span: Of the histogram; None takes least and greatest value.

    Raises:
        InvalidParameterError: Outside of the bounds.
    """

    percentiles: tuple[float, ...] = (2.0, 98.0)
    bins: int = 10
    span: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.percentiles) > MAX_PERCENTILES or not all(
            0.0 <= p <= 100.0 for p in self.percentiles
        ):
            message = f"percentiles are 0 to 100, at most {MAX_PERCENTILES}"
            raise InvalidParameterError(message, parameter="p")
        if not 1 <= self.bins <= MAX_BINS:
            message = f"a histogram has 1 to {MAX_BINS} bins"
            raise InvalidParameterError(message, parameter="histogram_bins")
        if self.span is not None and not (
            self.span[0] < self.span[1] and math.isfinite(self.span[1] - self.span[0])
        ):
            message = "the range of a histogram is low,high"
            raise InvalidParameterError(message, parameter="histogram_range")


PLAIN: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of one band or output; those of values are None where there are none.

    Attributes:
        count: Pixels with a value, those at the edge by the part that lies inside.
        valid: Part of the area with a value, 0 to 1.
        least: Of all pixels that have a part in the area.
        greatest: Likewise.
        mean: By weight.
        std: Of the values themselves, not of a sample (divisor n).
        percentiles: Least value at or below which so many percent of the area with values lie.
        edges: Of the bins of the histogram, one more than bins.
        bins: Pixels in each; the last has its upper edge too.
    """

    count: float
    valid: float
    least: float | None = None
    greatest: float | None = None
    mean: float | None = None
    std: float | None = None
    percentiles: tuple[float | None, ...] = ()
    edges: tuple[float, ...] = ()
    bins: tuple[float, ...] = ()


def summarise(
    values: Array, valid: NDArray[np.bool_], shares: Array, weights: Array, wanted: Wanted
) -> Summary:
    """Return statistics.

    Args:
        values: float64, any shape; NaN and infinity are no values.
        valid: Of that shape, False where there is none.
        shares: Of that shape: what each pixel counts as one.
        weights: Of that shape: what each counts by its area; 0 where the share is.
        wanted: What is wanted beside the moments.
    """
    whole = float(weights.sum())
    there = valid & (weights > 0.0) & np.isfinite(values)
    found, own, parts = values[there], weights[there], shares[there]
    if not found.size:
        return Summary(0.0, 0.0, percentiles=(None,) * len(wanted.percentiles))
    total = float(own.sum())
    mean = float((found * own).sum() / total)
    std = math.sqrt(float((np.square(found - mean) * own).sum() / total))
    least, greatest = float(found.min()), float(found.max())
    edges = _edges(least, greatest, wanted)
    # One sorting serves both: of a million values it is what takes longest.
    order = np.argsort(found, kind="stable")
    found, own, parts = found[order], own[order], parts[order]
    return Summary(
        float(parts.sum()),
        total / whole,
        least,
        greatest,
        # Sums lose a little: of equal values the mean is that value.
        min(max(mean, least), greatest),
        std,
        percentiles(found, own, wanted.percentiles),
        tuple(edges.tolist()),
        histogram(found, parts, edges),
    )


def _edges(least: float, greatest: float, wanted: Wanted) -> Array:
    """Return the edges of a histogram; they rise, also where all values are one."""
    low, high = wanted.span or (least, greatest)
    room = 1e-9 * max(abs(low), abs(high), 1e-300) * wanted.bins
    if high - low < room:
        middle, half = 0.5 * (low + high), max(0.5, room)
        low, high = middle - half, middle + half
    return np.linspace(low, high, wanted.bins + 1)


def histogram(values: Array, parts: Array, edges: Array) -> tuple[float, ...]:
    """Return how much lies in each bin: from its lower edge up to, but not at, its upper one.

    Args:
        values: float64, shape (n,), ascending.
        parts: float64, shape (n,): what each counts.
        edges: float64, ascending; the last bin has its upper edge too.
    """
    reached = np.concatenate([[0.0], np.cumsum(parts)])
    places = np.searchsorted(values, edges, side="left")
    places[-1] = np.searchsorted(values, edges[-1], side="right")
    return tuple(np.diff(reached[places]).tolist())


def percentiles(values: Array, weights: Array, wanted: Sequence[float]) -> tuple[float, ...]:
    """Return the least values at or below which so many percent of the weight lie.

    The inverse of the distribution (Hyndman and Fan 1996, definition 1), which gives values that
    are there: of classes too.

    Args:
        values: float64, shape (n,), n > 0, ascending.
        weights: float64, shape (n,), above 0.
        wanted: Percent.
    """
    reached = np.cumsum(weights)
    # Not quite as much is enough: sums of parts lose a little.
    asked = np.asarray(wanted, np.float64) / 100.0 * reached[-1] * (1.0 - 1e-12)
    places = np.minimum(np.searchsorted(reached, asked), values.size - 1)
    return tuple(values[places].tolist())
