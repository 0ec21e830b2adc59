"""Exception reports of WCS 2.0 (OGC 09-110r4, 8.3.3; 09-148r1, 6.5): OWS Common 2.0."""

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.protocols.wcs.errors import CodedError, InvalidEncodingError
from tileserver.protocols.wcs.windows import OutsideError
from tileserver.web.ows import COMMON_2_0, InvalidUpdateSequenceError, exception_report
from tileserver.web.ows import VersionNegotiationFailedError as NoVersionError

_CODES: tuple[tuple[type[Exception], str, int], ...] = (
    (NoVersionError, "VersionNegotiationFailed", 400),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence", 400),
    (InvalidEncodingError, "InvalidEncodingSyntax", 400),
    (errors.UnknownCollectionError, "NoSuchCoverage", 404),
    (OutsideError, "InvalidSubsetting", 404),
    (errors.InvalidTimeError, "InvalidSubsetting", 404),
    (errors.NoDataError, "NoSuchCoverage", 404),
    (errors.MissingParameterError, "MissingParameterValue", 400),
    (errors.OperationNotSupportedError, "OperationNotSupported", 501),
    (errors.RequestError, "InvalidParameterValue", 400),
)


def report(_: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as a report of OWS Common 2.0."""
    return exception_report(COMMON_2_0, error, problem, _told(error, problem))


def _told(error: Exception, problem: Problem) -> tuple[int, str]:
    if isinstance(error, CodedError):
        return error.status, error.code
    if problem.status < 500:
        for kind, code, status in _CODES:
            if isinstance(error, kind):
                return status, code
    return problem.status, "NoApplicableCode"
