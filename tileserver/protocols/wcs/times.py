"""Which times of a coverage a request means."""

from datetime import UTC, datetime

from tileserver.coverages import CoverageSummary
from tileserver.errors import InvalidTimeError
from tileserver.timeaxis import UNSAID, TimeRequest
from tileserver.timeaxis_choice import choose


def chosen_time(summary: CoverageSummary, time: TimeRequest) -> TimeRequest:
    """Return the times of the request for values; those of an item are its own.

    Raises:
        InvalidTimeError: The coverage has nothing then.
    """
    if time == UNSAID:
        return time
    item = summary.item
    if item is not None:
        if item.datetime is None or any(span.contains(item.datetime) for span in time.spans):
            return UNSAID
        raise InvalidTimeError("the coverage is of another time", parameter="time")
    choice = choose(time, summary.collection, datetime.now(UTC).date())
    if choice.outside(summary.collection):
        raise InvalidTimeError("the coverage has nothing at that time", parameter="time")
    return time
