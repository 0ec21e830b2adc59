"""What an answer lacks, as its header says it."""

from collections.abc import Iterable, Sequence
from typing import Final

from renderers.job import Left

#: The header; see docs/reference/http.md.
INCOMPLETE: Final = "X-Tileserver-Incomplete"
#: What stands in it while levels are being made that the picture needs.
_PENDING: Final = "pending"


def is_provisional(headers: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a picture of these headers will be better soon."""
    return any(name == INCOMPLETE and _PENDING in value for name, value in headers)


def incomplete(
    left: Sequence[Left], footprints_drawn: int, scenes: int, candidates: Sequence[int]
) -> str:
    """Return the value of the header `INCOMPLETE`, "" where nothing is lacking.

    Args:
        left: What layers lack.
        footprints_drawn: How many scenes are shown as their footprints.
        scenes: Most scenes that are looked into for one layer.
        candidates: Of each layer how many scenes were chosen among, where there are more; else 0.
    """
    told = {
        "candidates": max(candidates, default=0),
        "scenes": scenes if any(lack.cut for lack in left) else 0,
        "level": round(max((lack.enlarged for lack in left if lack.enlarged > 1.0), default=0.0)),
        "footprints": footprints_drawn,
        _PENDING: sum(lack.pending for lack in left),
    }
    return ", ".join(f"{name}={value}" for name, value in told.items() if value)
