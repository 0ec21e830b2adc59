"""What can go wrong in WMS alone, and the codes of all errors.

Sources: OGC 01-068r3, table 6, for WMS 1.1.1; OGC 06-042, table E.1, for 1.3.0.
"""

from tileserver import errors
from tileserver.errors import Problem


class CurrentUpdateSequenceError(errors.InvalidParameterError):
    """The client's document is the newest."""


class InvalidUpdateSequenceError(errors.InvalidParameterError):
    """The client's document is newer than ours, which cannot be."""


class InvalidPointError(errors.InvalidParameterError):
    """The pixel asked about lies outside of the map."""


class LayerNotQueryableError(errors.InvalidParameterError):
    """The layer has no values to ask about."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (CurrentUpdateSequenceError, "CurrentUpdateSequence"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    (InvalidPointError, "InvalidPoint"),
    (LayerNotQueryableError, "LayerNotQueryable"),
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.InvalidParameterError, "InvalidParameterValue"),
    (errors.UnknownCollectionError, "LayerNotDefined"),
    (errors.UnknownStyleError, "StyleNotDefined"),
    (errors.InvalidFormatError, "InvalidFormat"),
    (errors.InvalidTimeError, "InvalidDimensionValue"),
    (errors.InvalidDimensionError, "InvalidDimensionValue"),
    (errors.MissingDimensionError, "MissingDimensionValue"),
    (errors.OperationNotSupportedError, "OperationNotSupported"),
    (errors.TooLargeError, "InvalidParameterValue"),
    (errors.NotAuthorisedError, "NotAuthorised"),
)

# The pipeline's errors know no protocol's names.
_LOCATORS: dict[type[Exception], str] = {
    errors.UnknownCollectionError: "LAYERS",
    errors.UnknownStyleError: "STYLES",
}


def exception_code(error: Exception, crs_parameter: str) -> str:
    """Return the code of a service exception, "" where the standard has none.

    Args:
        error: Any.
        crs_parameter: `CRS` or `SRS`, by which the versions also name the code.
    """
    if isinstance(error, errors.InvalidCrsError):
        return f"Invalid{crs_parameter}"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "")


def locator(error: Exception, problem: Problem) -> str:
    """Return the name of the offending parameter in the words of WMS, or ""."""
    if problem.parameter.isupper():
        return problem.parameter
    return _LOCATORS.get(type(error), problem.parameter)


def status(problem: Problem) -> int:
    """Return the HTTP status, which the standard leaves open.

    What the client got wrong is 400, also for unknown layers: OWSLib reads the report of a 400, and
    gives up on a 404 without reading it.
    """
    return 400 if problem.status == 404 else problem.status
