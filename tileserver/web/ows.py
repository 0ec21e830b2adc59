"""Exception reports of OWS Common 1.1 and 2.0 (OGC 06-121r3 and 06-121r9, clause 8)."""

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.web.answers import Reporter, problem_headers
from tileserver.web.xml import XSI, Writer, serialise

OWS = "http://www.opengis.net/ows/1.1"
OWS_2 = "http://www.opengis.net/ows/2.0"


class ReportForm(NamedTuple):
    """How reports of one version of OWS Common are written.

    Attributes:
        namespace: Of all elements.
        schema: Address of the schema.
        version: Of the report.
    """

    namespace: str
    schema: str
    version: str


_SCHEMAS = "http://schemas.opengis.net/ows"
COMMON_1_1 = ReportForm(OWS, f"{_SCHEMAS}/1.1.0/owsExceptionReport.xsd", "1.0.0")
COMMON_2_0 = ReportForm(OWS_2, f"{_SCHEMAS}/2.0/owsExceptionReport.xsd", "2.0.0")


class VersionNegotiationFailedError(errors.InvalidParameterError):
    """None of the versions that the client takes is offered."""


class InvalidUpdateSequenceError(errors.InvalidParameterError):
    """The client's update sequence is newer than ours."""


class PointOutOfRangeError(errors.InvalidParameterError):
    """The pixel asked about lies outside of the tile."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (VersionNegotiationFailedError, "VersionNegotiationFailed"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    (PointOutOfRangeError, "PointIJOutOfRange"),
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.TileOutOfRangeError, "TileOutOfRange"),
    (errors.OperationNotSupportedError, "OperationNotSupported"),
    (errors.UnknownCollectionError, "InvalidParameterValue"),
    (errors.NoDataError, "InvalidParameterValue"),
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
    return exception_report(COMMON_1_1, error, problem._replace(parameter=locator), (status, code))


def exception_report(
    form: ReportForm, error: Exception, problem: Problem, told: tuple[int, str]
) -> Response:
    """Answer a report.

    Args:
        form: Of the version of OWS Common.
        error: What happened, for the headers.
        problem: Its text, and its parameter as the locator.
        told: HTTP status and exception code.
    """
    status, code = told
    writer = Writer({None: form.namespace, "xsi": XSI})
    schema = f"{form.namespace} {form.schema}"
    root = writer.root(
        "ExceptionReport", {"version": form.version, f"{{{XSI}}}schemaLocation": schema}
    )
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
