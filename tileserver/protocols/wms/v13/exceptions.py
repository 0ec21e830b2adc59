"""Service exceptions of WMS 1.3.0 (OGC 06-042, 6.11 and table E.1)."""

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.web.answers import problem_headers
from tileserver.web.xml import XSI, Writer, serialise

OGC = "http://www.opengis.net/ogc"
_SCHEMA = f"{OGC} http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd"


class CurrentUpdateSequenceError(errors.InvalidParameterError):
    """The client's document is the newest."""


class InvalidUpdateSequenceError(errors.InvalidParameterError):
    """The client's document is newer than ours, which cannot be."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (CurrentUpdateSequenceError, "CurrentUpdateSequence"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.InvalidParameterError, "InvalidParameterValue"),
    (errors.UnknownCollectionError, "LayerNotDefined"),
    (errors.UnknownStyleError, "StyleNotDefined"),
    (errors.InvalidCrsError, "InvalidCRS"),
    (errors.InvalidFormatError, "InvalidFormat"),
    (errors.InvalidTimeError, "InvalidDimensionValue"),
    (errors.OperationNotSupportedError, "OperationNotSupported"),
    (errors.TooLargeError, "InvalidParameterValue"),
    (errors.NotAuthorisedError, "NotAuthorised"),
)

# The pipeline's errors know no protocol's names.
_LOCATORS: dict[type[Exception], str] = {
    errors.UnknownCollectionError: "LAYERS",
    errors.UnknownStyleError: "STYLES",
}


def report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as a ServiceExceptionReport.

    The standard leaves the HTTP status open. What the client got wrong is 400, also for unknown
    layers: OWSLib reads the report of a 400, and gives up on a 404 without reading it.
    """
    writer = Writer({None: OGC, "xsi": XSI})
    root = writer.root(
        "ServiceExceptionReport", {"version": "1.3.0", f"{{{XSI}}}schemaLocation": _SCHEMA}
    )
    attributes = {
        name: value
        for name, value in (
            ("code", next((c for kind, c in _CODES if isinstance(error, kind)), "")),
            ("locator", _LOCATORS.get(type(error), problem.parameter)),
        )
        if value
    }
    writer.add(root, "ServiceException", problem.detail, attributes)
    return Response(
        serialise(root),
        status_code=400 if problem.status == 404 else problem.status,
        media_type="text/xml; charset=utf-8",
        headers=problem_headers(error, problem),
    )
