"""The level rule: which resolution of a file a target is read from.

The coarsest level is read whose pixels are not larger than the target's (1 % tolerance; the ratio
of pixel sizes is the median over the target, of the axis where it is smaller). So an overview is
never enlarged while a finer level exists, and shrinking below a level is by less than the step to
the next one.
"""

from collections.abc import Sequence

from renderers.readers.base import Level

#: Part by which a level's pixels may exceed the target's.
LEVEL_TOLERANCE = 1.01


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
