"""Which times of a collection answer a request: its default and its tolerance. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from renderers.rule import MosaicRule, Priority
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidTimeError
from tileserver.timeaxis import ALWAYS, CURRENT, UNSAID, TimeRequest, TimeSpan, parse_time
from tileserver.timeaxis_duration import Duration

#: Member of `Collection.extra` that holds `default`, `tolerance` and `step`, all texts.
SETTING: Final = "time"
#: Key of the length between two values of an axis that is finer than days.
STEP: Final = "step"

LATEST: Final = "latest"
EARLIEST: Final = "earliest"
_LEAST_CLOUDY: Final = "least-cloudy/"


@dataclass(frozen=True, slots=True)
class Strategy:
    """What answers where a client says nothing of time.

    Attributes:
        name: As it was set.
        asked: What it stands for.
        first: Which scene comes first; None leaves that to the mosaic's rule.
    """

    name: str
    asked: TimeRequest
    first: Priority | None = None


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """What a collection says of time.

    Attributes:
        default: Without a time in the request.
        tolerance: How far from a day that was asked for its answer may lie; None: not at all.
        step: Between two values of an axis that is finer than days; None for an axis of days.
    """

    default: Strategy
    tolerance: Duration | None = None
    step: Duration | None = None


@dataclass(frozen=True, slots=True)
class TimeChoice:
    """The times that answer a request to one collection.

    Attributes:
        spans: Ascending, with gaps between them.
        told: How they were chosen: `asked`, `nearest P5D`, `default latest`, `timeless`.
        first: Which scene comes first, where the times decide that; else None.
        near: The day that `nearest` means.
        snapped: The value of a stepped axis that stands for an instant beside it, or None.
    """

    spans: tuple[TimeSpan, ...]
    told: str = "asked"
    first: Priority | None = None
    near: date | None = None
    snapped: datetime | None = None

    def over(self, own: MosaicRule) -> MosaicRule:
        """Return a collection's own rule with what the times decide of it."""
        return own if self.first is None else replace(own, priority=self.first, near=self.near)

    @property
    def key(self) -> str:
        """The same for all requests with the same spans, however they were written."""
        return repr(self.spans)

    def outside(self, collection: Collection) -> bool:
        """Tell whether nothing can answer: all before the first or after the last acquisition.

        Never so for timeless collections, and for those of other servers, which grow without us.
        """
        if collection.time is None or collection.remote:
            return False
        first, last = collection.time
        return not any(span.touches(first, last) for span in self.spans)


def parse_strategy(text: str) -> Strategy:
    """Read a default strategy.

    | written | without a time in the request |
    |---|---|
    | `latest`, nothing | everything, by the collection's own rule: the newest on top |
    | `earliest` | everything, the oldest on top |
    | `least-cloudy/P30D` | the last 30 days up to the newest acquisition, least clouds on top |
    | any `time` | that one |

    Raises:
        InvalidTimeError: None of these.
    """
    name = text.strip() or LATEST
    if name == LATEST:
        return Strategy(name, CURRENT)
    if name == EARLIEST:
        return Strategy(name, CURRENT, "least-recent")
    if name.startswith(_LEAST_CLOUDY):
        recent = TimeRequest(recent=parse_duration(name.removeprefix(_LEAST_CLOUDY)))
        return Strategy(name, recent, "least-cloudy")
    asked = parse_time(name, parameter="default")
    if asked == UNSAID:
        raise InvalidTimeError("a default is no default", parameter="default")
    return Strategy(name, asked)


def parse_duration(text: str) -> Duration:
    """Read an ISO 8601 duration.

    Raises:
        InvalidTimeError: It is none.
    """
    try:
        return Duration.parse(text)
    except (ValueError, OverflowError) as error:
        raise InvalidTimeError(f"{text[:40]!r}: {error}") from error


def settings_of(collection: Collection) -> TimeSettings:
    """Return what a collection says of time.

    Raises:
        InvalidTimeError: It cannot be read.
    """
    own: Mapping[str, Any] = collection.extra.get(SETTING) or {}
    tolerance = str(own.get("tolerance") or "")
    step = str(own.get(STEP) or "")
    return TimeSettings(
        parse_strategy(str(own.get("default") or "")),
        parse_duration(tolerance) if tolerance else None,
        parse_duration(step) if step else None,
    )


def choose(
    asked: TimeRequest, collection: Collection, today: date, *, ruled: bool = False
) -> TimeChoice:
    """Return the times that answer a request.

    Args:
        asked: What the client wrote.
        collection: With its settings and its extent.
        today: UTC; stands for the newest acquisition of collections of other servers.
        ruled: The client says itself which scene comes first. Then the default does not, and a day
            is taken as it is: "the nearest first" and another order exclude one another.

    Raises:
        InvalidTimeError: The collection's settings cannot be read.
    """
    if collection.time is None and not collection.remote:
        return TimeChoice((ALWAYS,), "timeless")
    settings = settings_of(collection)
    if asked == UNSAID:
        default = settings.default
        spans = _spans(default.asked, collection, today)
        first = None if ruled else default.first
        return TimeChoice(spans, f"default {default.name}", first)
    if settings.step is not None:
        return _stepped(asked, settings.step, collection, today)
    if asked.day is not None and settings.tolerance is not None and not ruled:
        (span,) = asked.spans
        spans = (_widened(span, settings.tolerance),)
        return TimeChoice(spans, f"nearest {settings.tolerance}", "nearest", asked.day)
    return TimeChoice(_spans(asked, collection, today))


def _stepped(asked: TimeRequest, step: Duration, collection: Collection, today: date) -> TimeChoice:
    """Return what answers on an axis of instants: an instant beside it stands for its neighbour."""
    spans = asked.exact or _spans(asked, collection, today)
    if collection.time is None or len(spans) != 1:
        return TimeChoice(spans)
    (span,) = spans
    first, last = collection.time
    start, end = span.start, span.end
    if start is None or end is None or not first <= start <= last:
        return TimeChoice(spans)
    if end - start > timedelta(seconds=1):
        return TimeChoice(spans)
    below = first if start == first else step.after(first, step.steps(first, start))
    near = min((below, step.after(below)), key=lambda value: abs(value - start))
    if near == start:
        return TimeChoice(spans)
    return TimeChoice((TimeSpan(near, near + (end - start)),), "nearest", snapped=near)


def default_value(collection: Collection, today: date) -> str:
    """Return the value of the time axis that stands for the default: `current`, a day, an interval.

    Raises:
        InvalidTimeError: The collection's settings cannot be read.
    """
    default = settings_of(collection).default
    if default.name == LATEST:
        return "current"
    if default.name == EARLIEST and collection.time is not None:
        return collection.time[0].date().isoformat()
    if default.asked.recent is not None:
        (span,) = _spans(default.asked, collection, today)
        newest = _newest(collection, today)
        return f"{span.start.date()}/{newest}" if span.start else f"../{newest}"
    return default.name


def _spans(asked: TimeRequest, collection: Collection, today: date) -> tuple[TimeSpan, ...]:
    if asked.recent is None:
        return asked.spans
    end = datetime.combine(_newest(collection, today), time(), UTC) + timedelta(days=1)
    return (TimeSpan(_moved(end, asked.recent, -1), None),)


def _newest(collection: Collection, today: date) -> date:
    if collection.remote or collection.time is None:
        return today
    return collection.time[1].astimezone(UTC).date()


def _widened(span: TimeSpan, by: Duration) -> TimeSpan:
    return TimeSpan(span.start and _moved(span.start, by, -1), span.end and _moved(span.end, by, 1))


def _moved(instant: datetime, by: Duration, times: int) -> datetime | None:
    """Return an instant earlier or later; None, which is open, outside the calendar."""
    try:
        return by.after(instant, times)
    except OverflowError:
        return None
