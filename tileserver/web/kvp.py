"""Key-value parameters of OGC services: names in any case and order (OGC 06-121r3, 11.5)."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import parse_qsl

from tileserver.errors import InvalidParameterError, MissingParameterError

T = TypeVar("T")

#: More parameters than any client sends; what is beyond is refused unread.
MAX_PARAMETERS = 200
MAX_QUERY_BYTES = 65_536


class Kvp:
    """The parameters of one request.

    Of a repeated parameter the first non-empty value counts, `all` returns every one. Unknown
    parameters are ignored, as the standards ask.
    """

    def __init__(self, query: bytes, most: int = MAX_QUERY_BYTES) -> None:
        """Decode the query part of a URL.

        Args:
            query: Raw, still percent-encoded; bytes that are not UTF-8 become U+FFFD.
            most: Longest that is read.

        Raises:
            InvalidParameterError: Too long, or too many parameters.
        """
        if len(query) > most:
            raise InvalidParameterError("the query is too long")
        try:
            pairs = parse_qsl(
                query.decode("utf-8", "replace"),
                keep_blank_values=True,
                max_num_fields=MAX_PARAMETERS,
            )
        except ValueError as error:
            raise InvalidParameterError("the query has too many parameters") from error
        self._values: dict[str, list[str]] = {}
        self._fill(pairs)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Kvp":
        """Return parameters that were sent in another form, such as an XML document."""
        made = cls(b"")
        made._fill(pairs)
        return made

    def _fill(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, value in pairs:
            self._values.setdefault(name.strip().upper(), []).append(value.strip())

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def with_value(self, name: str, value: str) -> "Kvp":
        """Return parameters of which one has another value."""
        other = Kvp(b"")
        other._values = {**self._values, name.upper(): [value]}
        return other

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter, in order."""
        return self._values.get(name.upper(), [])

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter's value, or `default` where it is absent or empty."""
        return next((v for v in self.all(name) if v), default)

    def required(self, name: str, decode: Callable[[str], T]) -> T:
        """Return a mandatory parameter, decoded.

        Args:
            name: As the standard spells it; errors name it so.
            decode: Raises ValueError or a domain error for values it does not take.

        Raises:
            MissingParameterError: Absent or empty.
            InvalidParameterError: `decode` raised ValueError.
        """
        value = self.text(name)
        if not value:
            raise MissingParameterError(f"the parameter {name} is missing", parameter=name)
        return _decoded(name, value, decode)

    def optional(self, name: str, decode: Callable[[str], T], default: T) -> T:
        """Return a parameter, decoded, or `default` where it is absent or empty.

        Raises:
            InvalidParameterError: `decode` raised ValueError.
        """
        value = self.text(name)
        return _decoded(name, value, decode) if value else default


def _decoded(name: str, value: str, decode: Callable[[str], T]) -> T:
    try:
        return decode(value)
    except ValueError as error:
        message = f"{name}={value[:80]!r}: {error}"
        raise InvalidParameterError(message, parameter=name) from error


def boolean(text: str) -> bool:
    """Read TRUE or FALSE in any case (CITE sends `fAlSe`).

    Raises:
        ValueError: Anything else.
    """
    match text.upper():
        case "TRUE":
            return True
        case "FALSE":
            return False
    raise ValueError("expected TRUE or FALSE")


def integer(text: str) -> int:
    """Read a whole number of at most 9 digits, possibly with a plus or minus sign.

    Raises:
        ValueError: Anything else; unlike `int`, also for underscores and other scripts' digits.
    """
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise ValueError("expected a whole number")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; empty items stay."""
    return tuple(part.strip() for part in text.split(","))
