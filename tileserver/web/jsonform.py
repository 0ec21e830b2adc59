"""Errors of the JSON protocols: `{"code", "detail"}` with the status of the domain error."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tileserver.errors import Problem
from tileserver.web.answers import problem_headers


class ProblemBody(BaseModel):
    """Why a request was refused."""

    code: str
    detail: str


#: The same of routes that need the admin token.
ADMIN_RESPONSES: dict[int | str, dict[str, object]] = {
    400: {"model": ProblemBody, "description": "The body or a parameter is wrong or too large"},
    401: {"model": ProblemBody, "description": "No admin token, or a wrong one"},
    403: {"model": ProblemBody, "description": "Writing is off: the server has no admin token"},
    404: {"model": ProblemBody, "description": "Unknown collection, item, style or job"},
    503: {"model": ProblemBody, "description": "Too many jobs are waiting; try again later"},
}

#: For `responses=` of routes, so that OpenAPI knows the form.
RESPONSES: dict[int | str, dict[str, object]] = {
    400: {"model": ProblemBody, "description": "A parameter is missing or wrong"},
    404: {"model": ProblemBody, "description": "Unknown collection, style, grid or tile"},
    503: {"model": ProblemBody, "description": "Too busy; try again after Retry-After seconds"},
}


def report(request: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as JSON."""
    return JSONResponse(
        ProblemBody(code=problem.code, detail=problem.detail).model_dump(),
        status_code=problem.status,
        headers=problem_headers(error, problem),
    )
