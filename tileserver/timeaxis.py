"""Time as clients write it: one meaning for every protocol. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import islice
from typing import Final, Literal, NamedTuple

from tileserver.errors import InvalidTimeError
from tileserver.timeaxis_duration import Duration


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """A half-open interval of time, [start, end), UTC.

    Attributes:
        start: First instant, or None for open.
        end: First instant no longer inside, or None for open.
    """

    start: datetime | None
    end: datetime | None

    def contains(self, instant: datetime) -> bool:
        """Tell whether an instant lies inside."""
        return (self.start is None or self.start <= instant) and (
            self.end is None or instant < self.end
        )

    def touches(self, first: datetime, last: datetime) -> bool:
        """Tell whether any instant of the closed interval [first, last] lies inside."""
        return (self.start is None or self.start <= last) and (self.end is None or first < self.end)


ALWAYS: Final = TimeSpan(None, None)


@dataclass(frozen=True, slots=True)
class TimeRequest:
    """What a client's `time` means, before it is known which collection is asked.

    Two texts that mean the same are equal requests, but for `day`.

    Attributes:
        spans: Ascending, with gaps between them; () where nothing was said, or with `recent`.
        day: The one day that was asked for, as such: a collection with a tolerance may answer with
            the days nearest to it. None for everything else.
        recent: Up to the newest acquisition, this far back.
        exact: The spans at the precision they were written with, where that is finer than a day,
            for collections whose axis has such steps. () where they are the same.
    """

    spans: tuple[TimeSpan, ...] = ()
    day: date | None = None
    recent: Duration | None = None
    exact: tuple[TimeSpan, ...] = ()


#: Nothing was said: what the collection's default strategy chooses.
UNSAID: Final = TimeRequest()
#: Everything, the newest on top.
CURRENT: Final = TimeRequest((ALWAYS,))

#: Most values of one request, written as a list or as a period.
MOST_VALUES: Final = 400

_LONGEST_TEXT: Final = 8000
_SHOWN: Final = 100
_DAY: Final = timedelta(days=1)
_UNSAID: Final = frozenset({"", "default"})
_NEWEST: Final = frozenset({"current", "latest", "present", "now"})
_OPEN: Final = frozenset({"", ".."})
_INSTANT = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    # A plus sign that was not escaped in a URL arrives as a blank.
    r"(?P<zone>Z|[+\- ]\d\d(?::?\d\d)?)?|Z)?)?)?",
    re.ASCII | re.IGNORECASE,
)

_Unit = Literal["year", "month", "day"]


class _Instant(NamedTuple):
    """An instant of any precision: the first one it means, the first one after, its unit."""

    start: datetime
    end: datetime | None
    unit: _Unit


def parse_time(text: str, *, parameter: str = "time") -> TimeRequest:
    """Read a `time` value.

    | written | means |
    |---|---|
    | `2024`, `2024-06`, `2024-06-12` | that UTC year, month, day |
    | `2024-06-12T10:30:00Z`, also with fractions or `+02:00` | the UTC day that holds the instant |
    | `a/b` | from the begin of `a` to the end of `b`, each at its own precision |
    | `../b`, `a/..`, `a/current` | open on one side |
    | `a/P10D`, `P10D/b` | that long from the begin of `a`, or up to the end of `b` |
    | `P30D/current` | that long up to the newest acquisition |
    | `a/b/P1M` | `a`, and every step after it up to `b`; each a day, month or year as `a` is |
    | `x,y,z` | all of them together; each an instant, an interval or a period |
    | `current`, `latest` | everything, the newest on top |
    | nothing, `default` | what the collection's default is |

    An instant stands for its day because acquisitions are listed by day, and clients make up
    times of day (QGIS sends 15:05:00 for a date). Without a zone, times are UTC.

    Args:
        text: As written by the client, percent-decoding done.
        parameter: Name under which the client sent it, for errors.

    Raises:
        InvalidTimeError: Outside this grammar, end before start, or more than `MOST_VALUES`.
    """
    value = text.strip()
    if len(value) > _LONGEST_TEXT:
        raise InvalidTimeError("the time is too long", parameter=parameter)
    try:
        return _parse(value)
    except (ValueError, OverflowError) as error:
        message = f"cannot read the time {value[:_SHOWN]!r}: {error}"
        raise InvalidTimeError(message, parameter=parameter) from error


def _parse(value: str) -> TimeRequest:
    if value.lower() in _UNSAID:
        return UNSAID
    # A comma may also be a decimal sign (ISO 8601), but not in a list.
    parts = [value] if _INSTANT.fullmatch(value) else [part.strip() for part in value.split(",")]
    if len(parts) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    recent = _recent(value)
    if recent is not None:
        return TimeRequest(recent=recent)
    # No more are made than are counted: a list of 400 periods would be 160,000.
    spans = _spans(parts, exact=False)
    whole, exact = union(spans), union(_spans(parts, exact=True))
    return TimeRequest(whole, _the_day(spans[0], value), exact=() if exact == whole else exact)


def _spans(parts: Iterable[str], *, exact: bool) -> list[TimeSpan]:
    spans = list(islice((s for part in parts for s in _part(part, exact=exact)), MOST_VALUES + 1))
    if len(spans) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    return spans


def _recent(value: str) -> Duration | None:
    first, slash, last = value.partition("/")
    if not (_is_duration(first) and slash and last.lower() in _NEWEST | _OPEN):
        return None
    return Duration.parse(first)


def _the_day(span: TimeSpan, value: str) -> date | None:
    """Return the day that a text names by itself, not as an interval."""
    match = _INSTANT.fullmatch(value)
    return span.start.date() if match and match["day"] and span.start is not None else None


def union(spans: Iterable[TimeSpan]) -> tuple[TimeSpan, ...]:
    """Return the spans that hold the same instants, ascending, with gaps between them."""
    joined: list[TimeSpan] = []
    for span in sorted(spans, key=lambda s: (s.start is not None, s.start or datetime.min)):
        last = joined[-1] if joined else None
        if last is None or (last.end is not None and span.start and span.start > last.end):
            joined.append(span)
        elif last.end is not None and (span.end is None or span.end > last.end):
            joined[-1] = TimeSpan(last.start, span.end)
    return tuple(joined)


def _part(text: str, *, exact: bool) -> Iterator[TimeSpan]:
    """Yield the spans of one item of a list; an instant stands for its day, or for itself."""
    match text.split("/"):
        case [one] if one.lower() in _NEWEST:
            yield ALWAYS
        case [one]:
            instant = _instant(one)
            yield TimeSpan(instant.start, instant.end) if exact else _whole(instant)
        case [first, last]:
            yield _interval(first, last)
        case [first, last, step]:
            yield from _period(first, last, Duration.parse(step), exact=exact)
        case _:
            raise ValueError("an interval has two ends, a period also a duration")


def _interval(first: str, last: str) -> TimeSpan:
    if _is_duration(first):
        if _is_open(last):
            raise ValueError("a duration up to the newest acquisition stands alone")
        end = _instant(last).end
        if end is None:
            raise ValueError("a duration needs an end within the calendar")
        return TimeSpan(Duration.parse(first).after(end, -1), end)
    start = None if first in _OPEN else _instant(first).start
    if _is_duration(last):
        if start is None:
            raise ValueError("a duration needs a start")
        return TimeSpan(start, Duration.parse(last).after(start))
    span = TimeSpan(start, None if _is_open(last) else _instant(last).end)
    if start and span.end and span.end <= start:
        raise ValueError("the interval ends before it starts")
    return span


def _is_open(text: str) -> bool:
    return text in _OPEN or text.lower() in _NEWEST


def _is_duration(text: str) -> bool:
    return text[:1] in {"P", "p"} and text.lower() not in _NEWEST


def _period(first: str, last: str, step: Duration, *, exact: bool) -> Iterator[TimeSpan]:
    """Yield the values of a period; what has no gaps is one span, however long."""
    start = _instant(first)
    if _is_open(last):
        if not _fills(step, start.unit):
            raise ValueError("a period with gaps needs both ends")
        yield TimeSpan(_whole(start).start, None)
        return
    end = _instant(last).end or datetime.max.replace(tzinfo=UTC)
    if end <= start.start:
        raise ValueError("the period ends before it starts")
    steps = step.steps(start.start, end)
    if exact and start.end is not None and start.end - start.start < _DAY:
        long = start.end - start.start
        for number in range(min(steps, MOST_VALUES) + 1):
            instant = step.after(start.start, number)
            yield TimeSpan(instant, instant + long)
        return
    if _fills(step, start.unit):
        yield TimeSpan(_whole(start).start, _unit(step.after(start.start, steps), start.unit).end)
        return
    if steps >= MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    for number in range(steps + 1):
        yield _unit(step.after(start.start, number), start.unit)


#: What leaves no day, month or year out: at most one of it, and at most its shortest length.
_FILLING: dict[_Unit, tuple[int, timedelta]] = {
    "day": (0, _DAY),
    "month": (1, timedelta(days=28)),
    "year": (12, timedelta(days=365)),
}


def _fills(step: Duration, unit: _Unit) -> bool:
    months, rest = _FILLING[unit]
    if step.months:
        return step.months <= months and not step.rest
    return step.rest <= rest


def _whole(instant: _Instant) -> TimeSpan:
    """Return the day, month or year that an instant stands for."""
    return _unit(instant.start, instant.unit)


def _unit(instant: datetime, unit: _Unit) -> TimeSpan:
    """Return the UTC day, month or year that holds an instant."""
    year, month, day = instant.year, instant.month, instant.day
    if unit == "day":
        start = datetime.combine(date(year, month, day), time(), UTC)
        return TimeSpan(start, _after(start, _DAY))
    if unit == "month":
        following = _first_of(year + 1, 1) if month == 12 else _first_of(year, month + 1)
        return TimeSpan(datetime(year, month, 1, tzinfo=UTC), following)
    return TimeSpan(datetime(year, 1, 1, tzinfo=UTC), _first_of(year + 1, 1))


def _after(instant: datetime, step: timedelta) -> datetime | None:
    """Return the instant one step later, open at the end of the calendar."""
    try:
        return instant + step
    except OverflowError:
        return None


def _instant(text: str) -> _Instant:
    match = _INSTANT.fullmatch(text)
    if not match:
        raise ValueError("expected ISO 8601, such as 2024-06-12 or 2024-06-01/2024-06-30")
    part = match.groupdict()
    year, month, day = (int(part[k] or 1) for k in ("year", "month", "day"))
    if part["day"] is None:
        unit: _Unit = "year" if part["month"] is None else "month"
        start = datetime(year, month, day, tzinfo=UTC)
        return _Instant(start, _unit(start, unit).end, unit)
    hour, minute, second = (int(part[k] or 0) for k in ("hour", "minute", "second"))
    micro = int((part["fraction"] or "").ljust(6, "0")[:6])
    local = datetime(year, month, day, hour, minute, second, micro, _zone(part["zone"]))
    start = local.astimezone(UTC)
    return _Instant(start, _after(start, _step(part)), "day")


def _step(part: dict[str, str | None]) -> timedelta:
    """Return the length of the last unit that was written."""
    fraction = part["fraction"]
    if fraction:
        return timedelta(microseconds=10 ** (6 - min(len(fraction), 6)))
    if part["second"]:
        return timedelta(seconds=1)
    if part["minute"]:
        return timedelta(minutes=1)
    return timedelta(hours=1) if part["hour"] else _DAY


def _first_of(year: int, month: int) -> datetime | None:
    return datetime(year, month, 1, tzinfo=UTC) if year <= date.max.year else None


def _zone(text: str | None) -> timezone:
    if not text or text in {"Z", "z"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].replace(":", "") or 0)
    if minutes > 59:
        raise ValueError("a time zone has fewer than 60 minutes")
    shift = timedelta(hours=hours, minutes=minutes)
    return timezone(-shift if text[0] == "-" else shift)


def iso(instant: datetime) -> str:
    """Write an instant as ISO 8601 with Z, milliseconds only where there are some."""
    text = instant.astimezone(UTC).isoformat(
        timespec="milliseconds" if instant.microsecond else "seconds"
    )
    return text.replace("+00:00", "Z")
