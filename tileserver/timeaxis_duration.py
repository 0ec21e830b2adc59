"""Durations of ISO 8601: `P1D`, `P1M`, `PT6H`. Pure."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,6})W)?"
    r"(?:(?P<days>\d{1,7})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,8})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_SHORTEST_MONTH = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time by the calendar: months, and what has a fixed length. Never zero.

    Attributes:
        months: Whole months; a year is twelve.
        rest: Weeks, days, hours, minutes and seconds.
    """

    months: int
    rest: timedelta

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read an ISO 8601 duration of whole numbers, `P1Y2M3W4DT5H6M7S` or any part of it.

        Raises:
            ValueError: It is none, or of no length.
        """
        match = _FORM.fullmatch(text.strip())
        if not match:
            raise ValueError("a duration is written as in ISO 8601, such as P5D, P1M or PT6H")
        part = {name: int(value or 0) for name, value in match.groupdict().items()}
        duration = cls(
            12 * part["years"] + part["months"],
            timedelta(**{k: part[k] for k in ("weeks", "days", "hours", "minutes", "seconds")}),
        )
        if duration == cls(0, timedelta()):
            raise ValueError("a duration of nothing")
        return duration

    def __str__(self) -> str:
        """Write it in ISO 8601; durations of one meaning are written alike."""
        years, months = divmod(self.months, 12)
        hours, left = divmod(self.rest.seconds, 3600)
        minutes, seconds = divmod(left, 60)
        date = _units((years, "Y"), (months, "M"), (self.rest.days, "D"))
        time = _units((hours, "H"), (minutes, "M"), (seconds, "S"))
        return f"P{date}T{time}" if time else f"P{date}"

    def after(self, instant: datetime, times: int = 1) -> datetime:
        """Return the instant so many durations later (earlier for a negative number).

        Months keep the day of the month, or take the last one of a shorter month.

        Raises:
            OverflowError: Outside the calendar.
        """
        return _months_after(instant, times * self.months) + times * self.rest

    def steps(self, start: datetime, end: datetime) -> int:
        """Return how many times it goes into [start, end): the largest n with after(n) < end.

        Args:
            start: First instant.
            end: After `start`.
        """
        low, high = 0, (end - start) // (self.months * _SHORTEST_MONTH + self.rest) + 1
        while low < high:  # after() grows with n, but months have no common length
            middle = (low + high + 1) // 2
            if self._before(start, middle, end):
                low = middle
            else:
                high = middle - 1
        return low

    def _before(self, start: datetime, times: int, end: datetime) -> bool:
        try:
            return self.after(start, times) < end
        except OverflowError:
            return False


def _units(*parts: tuple[int, str]) -> str:
    return "".join(f"{value}{letter}" for value, letter in parts if value)


def _months_after(instant: datetime, months: int) -> datetime:
    if not months:
        return instant
    local = instant.astimezone(UTC)
    year, month = divmod(12 * local.year + local.month - 1 + months, 12)
    if not datetime.min.year <= year <= datetime.max.year:
        raise OverflowError("the calendar has no such year")
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)
