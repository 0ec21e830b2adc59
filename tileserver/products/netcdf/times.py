"""When the slices of a NetCDF variable were seen.

Source: CF conventions 1.11, 4.4 (time coordinate).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from renderers.errors import SourceUnsupportedError

_UNITS: Final = re.compile(
    r"(?P<unit>day|hour|minute|min|hr|h|second|sec|s|d)s? since (?P<start>.+)\Z", re.IGNORECASE
)
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def instant(value: float, units: str) -> datetime:
    """Return the time of a value, such as 43485 `days since 1900-01-01`, UTC.

    Raises:
        SourceUnsupportedError: The units or the time are not understood.
    """
    message = "the times of the NetCDF file are not understood"
    found = _UNITS.match(units.strip())
    if found is None:
        raise SourceUnsupportedError(message, detail=units)
    try:
        step = timedelta(seconds=value * _SECONDS[found["unit"][0].lower()])
        return _start(found["start"]) + step
    except (ValueError, OverflowError) as error:
        raise SourceUnsupportedError(message, detail=units) from error


def _start(text: str) -> datetime:
    """Return the instant from which is counted; a year may have one digit, as in 1-1-1."""
    text = text.strip().removesuffix("UTC").strip()
    day, _, clock = text.replace("T", " ").partition(" ")
    year, month, number = (int(part) for part in day.split("-"))
    made = datetime.fromisoformat(f"{year:04}-{month:02}-{number:02}")
    if clock:
        clock = re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", clock.strip().removesuffix("Z"))
        made = datetime.fromisoformat(f"{made:%Y-%m-%d}T{clock}")
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
