"""The update sequence of coverages (OGC 06-121r3, 7.2.4)."""

from collections.abc import Sequence

from tileserver.coverages import CoverageSummary
from tileserver.protocols.wcs.offered import name_of
from tileserver.web.kvp import Kvp
from tileserver.web.layers import UpdateSequence
from tileserver.web.ows import InvalidUpdateSequenceError


def number_of(sequence: UpdateSequence, coverages: Sequence[CoverageSummary]) -> int:
    """Return the number of this state of the coverages."""
    return sequence.of(
        (name_of(s), s.collection.title, s.collection.description, s.grid, s.time)
        for s in coverages
    )


def is_current(kvp: Kvp, number: int) -> bool:
    """Tell whether the client's UpdateSequence is ours.

    Raises:
        InvalidUpdateSequenceError: It is higher than ours, or no number.
    """
    theirs = kvp.text("updateSequence")
    if not theirs:
        return False
    if not (theirs.isascii() and theirs.isdigit()) or len(theirs) > 18 or int(theirs) > number:
        raise InvalidUpdateSequenceError(
            "the update sequence is higher than the current one", parameter="updateSequence"
        )
    return int(theirs) == number
