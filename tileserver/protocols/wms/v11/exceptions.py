"""Service exceptions of WMS 1.1.1 (OGC 01-068r3, 6.7 and A.3)."""

from fastapi import Request, Response

from tileserver.errors import Problem
from tileserver.protocols.wms.errors import exception_code, status
from tileserver.protocols.wms.v11 import VERSION
from tileserver.protocols.wms.v11.document import DtdWriter, serialise
from tileserver.web.answers import problem_headers

MEDIA_TYPE = "application/vnd.ogc.se_xml"


def report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as a ServiceExceptionReport; this version has codes but no locators."""
    writer = DtdWriter()
    root = writer.root("ServiceExceptionReport", {"version": VERSION.number})
    code = exception_code(error, VERSION.crs)
    writer.add(root, "ServiceException", problem.detail, {"code": code} if code else None)
    return Response(
        serialise(request, root, "exception_1_1_1.dtd"),
        status_code=status(problem),
        media_type=MEDIA_TYPE,
        headers=problem_headers(error, problem),
    )
