"""Service exceptions of WMS 1.3.0 (OGC 06-042, 6.11 and table E.1)."""

from fastapi import Request, Response

from tileserver.errors import Problem
from tileserver.protocols.wms.errors import exception_code, locator, status
from tileserver.protocols.wms.v13 import VERSION
from tileserver.web.answers import problem_headers
from tileserver.web.xml import XSI, Writer, serialise

OGC = "http://www.opengis.net/ogc"
_SCHEMA = f"{OGC} http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd"


def report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as a ServiceExceptionReport."""
    writer = Writer({None: OGC, "xsi": XSI})
    root = writer.root(
        "ServiceExceptionReport", {"version": VERSION.number, f"{{{XSI}}}schemaLocation": _SCHEMA}
    )
    told = {
        "code": exception_code(error, VERSION.crs),
        "locator": locator(error, problem),
    }
    attributes = {name: value for name, value in told.items() if value}
    writer.add(root, "ServiceException", problem.detail, attributes)
    return Response(
        serialise(root),
        status_code=status(problem),
        media_type="text/xml; charset=utf-8",
        headers=problem_headers(error, problem),
    )
