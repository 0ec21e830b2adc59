"""Exception reports of OWS Common 1.1 (OGC 06-121r3, clause 8)."""

from collections.abc import Mapping

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.web.answers import Reporter, problem_headers
from tileserver.web.xml import XSI, Writer, serialise

OWS = "http://www.opengis.net/ows/1.1"
_SCHEMA = f"{OWS} http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd"


class VersionNegotiationFailedError(errors.InvalidParameterError):
    """None of the versions that the client takes is offered."""


class InvalidUpdateSequenceError(errors.InvalidParameterError):
    """The client's update sequence is newer than ours."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (VersionNegotiationFailedError, "VersionNegotiationFailed"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.TileOutOfRangeError, "TileOutOfRange"),
    (errors.OperationNotSupportedError, "OperationNotSupported"),
    (errors.UnknownCollectionError, "InvalidParameterValue"),
    (errors.UnknownStyleError, "InvalidParameterValue"),
    (errors.UnknownGridError, "InvalidParameterValue"),
    (errors.InvalidCrsError, "InvalidParameterValue"),
    (errors.InvalidFormatError, "InvalidParameterValue"),
    (errors.InvalidTimeError, "InvalidParameterValue"),
    (errors.InvalidDimensionError, "InvalidParameterValue"),
    (errors.MissingDimensionError, "MissingParameterValue"),
    (errors.InvalidParameterError, "InvalidParameterValue"),
)


def ows_code(error: Exception) -> str:
    """Return the exception code of a domain error (06-121r3, table 25; 07-057r7, table 24)."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), "NoApplicableCode")


def reporter(locators: Mapping[type[Exception], str]) -> Reporter:
    """Return what writes errors as ows:ExceptionReports.

    Args:
        locators: What the service calls the parameter that an error is about, by the error's
            type; for all others the error says it.
    """

    def report(request: Request, error: Exception, problem: Problem) -> Response:
        locator = next((n for kind, n in locators.items() if isinstance(error, kind)), "")
        return _written(error, problem, locator or problem.parameter)

    return report


#: For requests of which the service is not known.
report = reporter({})


def _written(error: Exception, problem: Problem, locator: str) -> Response:
    """Write one report: HTTP 400 for what the client got wrong, 501 for operations not offered."""
    code = ows_code(error)
    status = problem.status
    if code == "OperationNotSupported":
        status = 501
    elif status == 404:
        status = 400
    writer = Writer({None: OWS, "xsi": XSI})
    root = writer.root("ExceptionReport", {"version": "1.0.0", f"{{{XSI}}}schemaLocation": _SCHEMA})
    attributes = {"exceptionCode": code}
    if locator:
        attributes["locator"] = locator
    exception = writer.add(root, "Exception", attributes=attributes)
    writer.add(exception, "ExceptionText", problem.detail)
    return Response(
        serialise(root),
        status_code=status,
        media_type="text/xml; charset=utf-8",
        headers=problem_headers(error, problem),
    )
