"""Domain errors of a request, and the one table that gives each its HTTP status and code.

Errors know no protocol: the protocol that was asked writes them in its own form, with `describe`.
"""

from typing import NamedTuple

from renderers import errors as render
from renderers.encoders.base import EncodingError
from styles.errors import StyleError


class RequestError(Exception):
    """Base of everything a client can be told it asked wrongly.

    Attributes:
        parameter: Name of the offending parameter, "" where none is to blame. OWS exception
            reports write it as the locator.
    """

    def __init__(self, message: str, *, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class MissingParameterError(RequestError):
    """A mandatory parameter is absent."""


class InvalidParameterError(RequestError):
    """A parameter's value cannot be understood or is out of its range."""


class UnknownCollectionError(RequestError):
    """No collection (layer, coverage) of that name."""


class UnknownItemError(UnknownCollectionError):
    """No item of that name in the collection."""


class NoDataError(RequestError):
    """There is nothing to answer with: the collection is empty, or lies elsewhere."""


class UnknownStyleError(RequestError):
    """No style of that name for that collection."""


class UnknownGridError(RequestError):
    """No tile matrix set, or no tile matrix in it, of that name."""


class InvalidCrsError(RequestError):
    """A coordinate reference system that is not offered."""


class InvalidFormatError(RequestError):
    """An output format that is not offered."""


class InvalidTimeError(RequestError):
    """A time value outside the grammar or the extent."""


class MissingDimensionError(RequestError):
    """A dimension without a default was not asked."""


class InvalidDimensionError(RequestError):
    """A value of a dimension outside its form or extent."""


class TileOutOfRangeError(RequestError):
    """Row or column outside the tile matrix (its limits)."""


class OperationNotSupportedError(RequestError):
    """A request name, version or feature that is not offered."""


class TooLargeError(RequestError):
    """More pixels, layers, points or bytes than the limits allow; the message names the limit."""


class NotAuthorisedError(RequestError):
    """The feature is switched off, or the address is none that may be read."""


class UnauthenticatedError(RequestError):
    """The admin token is missing or wrong."""


class ConflictError(RequestError):
    """What is there already does not go with what is asked."""


class UnknownResourceError(RequestError):
    """No item or job of that name."""


class OverloadedError(RequestError):
    """The queue is full; try again after `retry_after` seconds."""

    retry_after = 1


class TimedOutError(RequestError):
    """The request's time budget ran out."""


class Problem(NamedTuple):
    """How an error is told.

    Attributes:
        status: HTTP status.
        code: Stable CamelCase word for programs.
        detail: Text for people; never a path, a store's address or a traceback.
        parameter: Offending parameter, or "".
    """

    status: int
    code: str
    detail: str
    parameter: str


_TABLE: tuple[tuple[type[Exception], int, str], ...] = (
    (MissingParameterError, 400, "MissingParameter"),
    (InvalidParameterError, 400, "InvalidParameter"),
    (UnknownItemError, 404, "UnknownItem"),
    (UnknownCollectionError, 404, "UnknownCollection"),
    (NoDataError, 404, "NoData"),
    (UnknownStyleError, 404, "UnknownStyle"),
    (UnknownGridError, 404, "UnknownGrid"),
    (InvalidCrsError, 400, "InvalidCrs"),
    (InvalidFormatError, 400, "InvalidFormat"),
    (InvalidTimeError, 400, "InvalidTime"),
    (MissingDimensionError, 400, "MissingDimension"),
    (InvalidDimensionError, 400, "InvalidDimension"),
    (TileOutOfRangeError, 404, "TileOutOfRange"),
    (OperationNotSupportedError, 400, "OperationNotSupported"),
    (TooLargeError, 400, "TooLarge"),
    (NotAuthorisedError, 403, "NotAuthorised"),
    (UnauthenticatedError, 401, "Unauthenticated"),
    (UnknownResourceError, 404, "NotFound"),
    (ConflictError, 409, "Conflict"),
    (OverloadedError, 503, "Overloaded"),
    (TimedOutError, 504, "TimedOut"),
    (StyleError, 400, "InvalidStyle"),
    (EncodingError, 400, "InvalidFormat"),
    (render.BudgetExceededError, 400, "TooLarge"),
    (render.SourceMissingError, 502, "SourceMissing"),
    (render.SourceForbiddenError, 502, "SourceForbidden"),
    (render.SourceUnavailableError, 503, "SourceUnavailable"),
    (render.SourceChangedError, 503, "SourceChanged"),
    (render.SourceCorruptError, 502, "SourceCorrupt"),
    (render.SourceUnsupportedError, 502, "SourceUnsupported"),
)

#: Every error that `describe` tells by its own words.
DOMAIN_ERRORS: tuple[type[Exception], ...] = (RequestError, StyleError, render.RenderError)


def describe(error: Exception) -> Problem:
    """Return how an error is told; anything unknown becomes a bare internal error."""
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            return Problem(status, code, str(error), getattr(error, "parameter", ""))
    return Problem(500, "InternalError", "the server failed; the fault is in its log", "")
