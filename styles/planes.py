"""Bands that are computed from others, not pixel by pixel alone: kinds, numbers, bounds.

Two families: passes look at a pixel's neighbours, reductions at all dates of a pixel.

| written | gives |
|---|---|
| `hillshade(x, azimuth=315, altitude=45, exaggeration=1)` | light on a relief, 0 (shadow) to 1 |
| `slope(x)` | degrees from the horizontal |
| `aspect(x)` | degrees clockwise from the top of the map, where the slope faces; none where flat |
| `focal_mean(x, n)` | mean of the values among n x n pixels, n odd |
| `time_min(x)` and `max`, `mean`, `median`, `first`, `last`, `count` | over all dates |

Slopes are those of Horn (Hill shading and the reflectance map, Proc. IEEE 69, 1981): each of the
eight neighbours counts, at its distance on the ground whatever the scale of the map.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from styles.errors import StyleError

#: Pixels that all passes of a formula together may look away from a pixel.
MAX_REACH: Final = 32
#: Computed bands of one formula.
MAX_PLANES: Final = 8
#: Widest window of a mean.
MAX_WINDOW: Final = 31


class Number(NamedTuple):
    """A number that a pass takes: what stands for it where it is not written, and its bounds."""

    name: str
    default: float | None
    least: float
    most: float


#: The numbers of each pass, after the value.
PASSES: Final[dict[str, tuple[Number, ...]]] = {
    "hillshade": (
        Number("azimuth", 315.0, -360.0, 720.0),
        Number("altitude", 45.0, 0.0, 90.0),
        Number("exaggeration", 1.0, 0.001, 1000.0),
    ),
    "slope": (),
    "aspect": (),
    "focal_mean": (Number("the width of the window", None, 3, MAX_WINDOW),),
}
OVER_TIME: Final = frozenset(
    f"time_{what}" for what in ("min", "max", "mean", "median", "first", "last", "count")
)


def numbers_of(kind: str, given: Sequence[float]) -> tuple[float, ...]:
    """Return all numbers of a pass, checked.

    Args:
        kind: Of `PASSES` or `OVER_TIME`, which take none.
        given: What was written, from the left.

    Raises:
        StyleError: Too many or too few, or one is out of its bounds.
    """
    known = PASSES.get(kind, ())
    if len(given) > len(known):
        raise StyleError(f"{kind} takes a value and at most {len(known)} numbers")
    numbers = []
    for k, number in enumerate(known):
        value = given[k] if k < len(given) else number.default
        if value is None:
            raise StyleError(f"{kind} needs {number.name}")
        if not number.least <= value <= number.most:
            raise StyleError(f"{number.name} is {number.least:g} to {number.most:g}")
        numbers.append(float(value))
    if kind == "focal_mean" and numbers[0] % 2 != 1:
        raise StyleError("the width of the window is odd")
    return tuple(numbers)


def reach_of(kind: str, numbers: Sequence[float]) -> int:
    """Return how many pixels a computed band looks away from a pixel."""
    if kind == "focal_mean":
        return int(numbers[0]) // 2
    return 1 if kind in PASSES else 0
