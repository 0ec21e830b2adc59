"""Exception reports of OWS Common 1.1 (OGC 06-121r3, clause 8)."""

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.web.answers import problem_headers
from tileserver.web.xml import XSI, Writer, serialise

OWS = "http://www.opengis.net/ows/1.1"
_SCHEMA = f"{OWS} http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd"

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.TileOutOfRangeError, "TileOutOfRange"),
    (errors.OperationNotSupportedError, "OperationNotSupported"),
    (errors.UnknownCollectionError, "InvalidParameterValue"),
    (errors.UnknownStyleError, "InvalidParameterValue"),
    (errors.UnknownGridError, "InvalidParameterValue"),
    (errors.InvalidCrsError, "InvalidParameterValue"),
    (errors.InvalidFormatError, "InvalidParameterValue"),
    (errors.InvalidTimeError, "InvalidParameterValue"),
    (errors.InvalidParameterError, "InvalidParameterValue"),
)


class VersionNegotiationFailedError(errors.InvalidParameterError):
    """None of the versions that the client takes is offered."""


class InvalidUpdateSequenceError(errors.InvalidParameterError):
    """The client's update sequence is newer than ours."""


_OWS_CODES: tuple[tuple[type[Exception], str], ...] = (
    (VersionNegotiationFailedError, "VersionNegotiationFailed"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    *_CODES,
)


def ows_code(error: Exception) -> str:
    """Return the exception code of a domain error (06-121r3, table 25; 07-057r7, table 24)."""
    return next((code for kind, code in _OWS_CODES if isinstance(error, kind)), "NoApplicableCode")


def report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as an ows:ExceptionReport; what the client got wrong is HTTP 400, or 501."""
    code = ows_code(error)
    status = problem.status
    if code == "OperationNotSupported":
        status = 501
    elif status == 404:
        status = 400
    writer = Writer({None: OWS, "xsi": XSI})
    root = writer.root("ExceptionReport", {"version": "1.0.0", f"{{{XSI}}}schemaLocation": _SCHEMA})
    attributes = {"exceptionCode": code}
    if problem.parameter:
        attributes["locator"] = problem.parameter
    exception = writer.add(root, "Exception", attributes=attributes)
    writer.add(exception, "ExceptionText", problem.detail)
    return Response(
        serialise(root),
        status_code=status,
        media_type="text/xml; charset=utf-8",
        headers=problem_headers(error, problem),
    )
