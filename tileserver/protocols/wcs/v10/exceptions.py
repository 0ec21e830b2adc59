"""Service exceptions of WCS 1.0.0 (OGC 03-065r6, A.6)."""

from fastapi import Request, Response

from tileserver import errors
from tileserver.errors import Problem
from tileserver.web.answers import problem_headers
from tileserver.web.ows import InvalidUpdateSequenceError
from tileserver.web.xml import XSI, Writer, serialise

MEDIA_TYPE = "application/vnd.ogc.se_xml"
_OGC = "http://www.opengis.net/ogc"
_SCHEMA = f"{_OGC} http://schemas.opengis.net/wcs/1.0.0/OGC-exception.xsd"


class CurrentUpdateSequenceError(errors.InvalidParameterError):
    """The client has the current document already."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (CurrentUpdateSequenceError, "CurrentUpdateSequence"),
    (InvalidUpdateSequenceError, "InvalidUpdateSequence"),
    (errors.InvalidFormatError, "InvalidFormat"),
    (errors.UnknownCollectionError, "CoverageNotDefined"),
    (errors.MissingParameterError, "MissingParameterValue"),
    (errors.RequestError, "InvalidParameterValue"),
)


def report(_: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as a ServiceExceptionReport."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "")
    told = {"code": code if problem.status < 500 else "", "locator": problem.parameter}
    writer = Writer({None: _OGC, "xsi": XSI})
    root = writer.root(
        "ServiceExceptionReport", {"version": "1.2.0", f"{{{XSI}}}schemaLocation": _SCHEMA}
    )
    attributes = {name: value for name, value in told.items() if value}
    writer.add(root, "ServiceException", problem.detail, attributes)
    return Response(
        serialise(root),
        status_code=400 if problem.status == 404 else problem.status,
        media_type=MEDIA_TYPE,
        headers=problem_headers(error, problem),
    )
