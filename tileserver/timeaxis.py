"""Time as clients write it: one meaning for every protocol. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from tileserver.errors import InvalidTimeError


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


ALWAYS = TimeSpan(None, None)

#: Words for "whatever is newest on top of everything older".
NEWEST = frozenset({"", "current", "latest", "present", "now", "default"})

#: Past this many days a time axis is told as start/end/period: clients die of huge lists.
LONGEST_LIST = 400

_LONGEST_TEXT = 100
_OPEN = frozenset({"", ".."})
_INSTANT = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    # A plus sign that was not escaped in a URL arrives as a blank.
    r"(?P<zone>Z|[+\- ]\d\d(?::?\d\d)?)?|Z)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def parse_time(text: str, *, parameter: str = "time") -> TimeSpan:
    """Read a `time` value.

    | written | means |
    |---|---|
    | `2024`, `2024-06`, `2024-06-12` | that UTC year, month, day |
    | `2024-06-12T10:30:00Z`, also with fractions or `+02:00` | the UTC day that holds the instant |
    | `a/b` | from the begin of `a` to the end of `b`, each at its own precision |
    | `../b`, `a/..`, `a/current` | open on one side |
    | `current`, `latest`, empty | everything, the newest on top |

    An instant stands for its day because acquisitions are listed by day, and clients make up
    times of day (QGIS sends 15:05:00 for a date). Without a zone, times are UTC.

    Args:
        text: As written by the client, percent-decoding done.
        parameter: Name under which the client sent it, for errors.

    Raises:
        InvalidTimeError: Outside this grammar, end before start, or a list of several times.
    """
    value = text.strip()
    if len(value) > _LONGEST_TEXT:
        raise InvalidTimeError("the time is too long", parameter=parameter)
    try:
        return _parse(value)
    except (ValueError, OverflowError) as error:
        message = f"cannot read the time {value!r}: {error}"
        raise InvalidTimeError(message, parameter=parameter) from error


def _parse(value: str) -> TimeSpan:
    if value.lower() in NEWEST:
        return ALWAYS
    if "," in value and "/" not in value and not _INSTANT.fullmatch(value):
        raise ValueError("give one time or one interval; lists of times are not supported")
    match value.split("/"):
        case [one]:
            start, end = _instant(one)
            return TimeSpan(start, end) if end is None or end - start >= _DAY else _day(start)
        case [first, last]:
            return _interval(first, last)
        case _:
            raise ValueError("an interval has two ends; periods are not supported")


_DAY = timedelta(days=1)


def _interval(first: str, last: str) -> TimeSpan:
    start = None if first in _OPEN else _instant(first)[0]
    end = None if last in _OPEN or last.lower() in NEWEST else _instant(last)[1]
    if start and end and end <= start:
        raise ValueError("the interval ends before it starts")
    return TimeSpan(start, end)


def _day(instant: datetime) -> TimeSpan:
    start = datetime.combine(instant.date(), time(), UTC)
    return TimeSpan(start, _after(start, _DAY))


def _after(instant: datetime, step: timedelta) -> datetime | None:
    """Return the instant one step later, open at the end of the calendar."""
    try:
        return instant + step
    except OverflowError:
        return None


def _instant(text: str) -> tuple[datetime, datetime | None]:
    """Return the first instant that a text of any precision means, and the first one after."""
    match = _INSTANT.fullmatch(text)
    if not match:
        raise ValueError("expected ISO 8601, such as 2024-06-12 or 2024-06-01/2024-06-30")
    part = match.groupdict()
    year, month, day = (int(part[k] or 1) for k in ("year", "month", "day"))
    if part["month"] is None:
        return datetime(year, 1, 1, tzinfo=UTC), _first_of(year + 1, 1)
    if part["day"] is None:
        following = _first_of(year + 1, 1) if month == 12 else _first_of(year, month + 1)
        return datetime(year, month, 1, tzinfo=UTC), following
    fraction = part["fraction"]
    hour, minute, second = (int(part[k] or 0) for k in ("hour", "minute", "second"))
    micro = int((fraction or "").ljust(6, "0")[:6])
    local = datetime(year, month, day, hour, minute, second, micro, _zone(part["zone"]))
    start = local.astimezone(UTC)
    return start, _after(start, _step(part))


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


def axis_values(days: Sequence[date], longest: int = LONGEST_LIST) -> tuple[str, ...]:
    """Return how capabilities tell a time axis: every day, or one regular interval of days.

    Args:
        days: Ascending.
        longest: Most values of a list.

    Returns:
        `YYYY-MM-DD` each, or one `start/end/P1D`; () without days.
    """
    if len(days) > longest:
        return (f"{days[0].isoformat()}/{days[-1].isoformat()}/P1D",)
    return tuple(day.isoformat() for day in days)
