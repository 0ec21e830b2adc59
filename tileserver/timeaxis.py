"""Time as clients write it: one meaning for every protocol. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime


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


ALWAYS = TimeSpan(None, None)


def iso(instant: datetime) -> str:
    """Write an instant as ISO 8601 with Z, milliseconds only where there are some."""
    text = instant.astimezone(UTC).isoformat(
        timespec="milliseconds" if instant.microsecond else "seconds"
    )
    return text.replace("+00:00", "Z")
