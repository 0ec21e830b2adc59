"""Errors that WCS has words of its own for."""

from tileserver.errors import InvalidParameterError


class CodedError(InvalidParameterError):
    """A request is wrong in a way that a standard has a code for.

    Attributes:
        code: As the standard spells it.
        status: HTTP status that goes with it.
    """

    def __init__(self, message: str, code: str, *, parameter: str = "", status: int = 404) -> None:
        super().__init__(message, parameter=parameter)
        self.code = code
        self.status = status


class InvalidEncodingError(InvalidParameterError):
    """The body of a POST request is no document of the standard."""
