"""Errors in TiTiler's form: `{"detail": ...}`."""

from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from rio_tiler import errors as rio

from tileserver.errors import (
    InvalidParameterError,
    Problem,
    RequestError,
    TileOutOfRangeError,
    UnknownCollectionError,
)
from tileserver.web.answers import problem_headers

#: The client named the file itself: that nothing is there, or nothing we read, is its matter.
_STATUS = {"SourceMissing": 404, "SourceForbidden": 403, "SourceUnsupported": 400}

_KINDS: tuple[tuple[type[rio.RioTilerError], type[RequestError]], ...] = (
    (rio.TileOutsideBounds, TileOutOfRangeError),
    (rio.PointOutsideBounds, TileOutOfRangeError),
    (rio.InvalidAssetName, UnknownCollectionError),
    (rio.InvalidBandName, UnknownCollectionError),
    (rio.RioTilerError, InvalidParameterError),
)


def report(_: Request, error: Exception, problem: Problem) -> Response:
    """Write an error as TiTiler does."""
    status = _STATUS.get(problem.code, problem.status)
    return JSONResponse({"detail": problem.detail}, status, headers=problem_headers(error, problem))


def translated(error: Exception) -> Exception:
    """Return an error of rio-tiler as one of ours; any other as it is."""
    for kind, ours in _KINDS:
        if isinstance(error, kind):
            return ours(str(error))
    return error


def invalid(error: RequestValidationError | HTTPException) -> Response:
    """Answer what FastAPI, or a dependency of TiTiler's, refused, as it does without us."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, HTTPException):
        return JSONResponse({"detail": error.detail}, error.status_code, headers=headers)
    found: list[dict[str, Any]] = [
        {key: value for key, value in one.items() if key not in {"ctx", "url"}}
        for one in error.errors()
    ]
    return JSONResponse({"detail": jsonable_encoder(found)}, 422, headers=headers)
