"""Times that stand in files' names: `lai_%Y%m%d*.tif` reads `lai_20240612_v2.tif`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from renderers.errors import SourceUnsupportedError

#: Digits of each directive, as `strptime` has them: %j is the day of the year.
_DIGITS = {"Y": 4, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}
_TOKEN = re.compile(r"%(.?)|(\*)|([^%*]+)", re.DOTALL)
#: More `*` would make matching slow for names that nearly fit.
_MOST_STARS = 4


class Period(NamedTuple):
    """First and last instant, UTC; the same for a moment."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NameTime:
    """How a time is read from a file's name.

    Attributes:
        pattern: Matches the whole name, with a group per directive.
        keys: The directives, in order.
        days: Length of the period that begins at the time, None for a moment, or for the year or
            month where the name has no more.
    """

    pattern: re.Pattern[str]
    keys: tuple[str, ...]
    days: int | None = None

    @classmethod
    def parse(cls, text: str, days: int | None = None) -> Self:
        """Read a pattern: `%Y %m %d %j %H %M %S`, `*` for anything, all else as it is.

        Raises:
            ValueError: Another directive, one twice, or no year.
        """
        keys: list[str] = []
        written: list[str] = []
        for directive, star, plain in _TOKEN.findall(text):
            if plain or star:
                written.append(re.escape(plain) if plain else ".*?")
                continue
            if directive not in _DIGITS:
                known = ", ".join(f"%{k}" for k in _DIGITS)
                raise ValueError(f"there is no directive %{directive}; there are {known}")
            if directive in keys:
                raise ValueError(f"%{directive} is there twice")
            keys.append(directive)
            written.append(rf"([0-9]{{{_DIGITS[directive]}}})")
        _check_keys(keys)
        if text.count("*") > _MOST_STARS:
            raise ValueError(f"at most {_MOST_STARS} of *")
        return cls(re.compile("".join(written)), tuple(keys), days)

    def read(self, name: str) -> Period:
        """Return the time in a file's name.

        Raises:
            SourceUnsupportedError: The name has no such time.
        """
        found = self.pattern.fullmatch(name)
        if found is None:
            raise SourceUnsupportedError("the file's name does not match the pattern of its time")
        try:
            return self._period(dict(zip(self.keys, found.groups(), strict=True)))
        except (ValueError, OverflowError) as error:
            raise SourceUnsupportedError("there is no such date as in the file's name") from error

    def _period(self, texts: dict[str, str]) -> Period:
        form, digits = "".join(f"%{k} " for k in texts), "".join(f"{t} " for t in texts.values())
        start = datetime.strptime(digits, form).replace(tzinfo=UTC)
        if self.days is not None:
            return Period(start, start + timedelta(days=self.days, microseconds=-1))
        if texts.keys() == {"Y"}:
            return Period(start, _before(start.replace(year=start.year + 1)))
        if texts.keys() == {"Y", "m"}:
            following = (start.replace(day=28) + timedelta(days=4)).replace(day=1)
            return Period(start, _before(following))
        return Period(start, start)


def _before(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=1)


def _check_keys(keys: list[str]) -> None:
    has = frozenset(keys)
    if "Y" not in has:
        raise ValueError("the pattern needs a year, %Y")
    if ("d" in has) != ("m" in has) and "d" in has:
        raise ValueError("%d needs %m")
    if "j" in has and has & {"m", "d"}:
        raise ValueError("%j stands alone, without %m and %d")
    if has & {"H", "M", "S"} and not has & {"d", "j"}:
        raise ValueError("a time of day needs a day")
    if ("M" in has and "H" not in has) or ("S" in has and "M" not in has):
        raise ValueError("%M needs %H, and %S needs %M")
