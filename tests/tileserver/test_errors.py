"""Every domain error has a status and words of its own; anything else is a bare internal error."""

import inspect

import pytest

from renderers import errors as render
from styles.errors import StyleError
from tileserver import errors
from tileserver.errors import DOMAIN_ERRORS, Problem, RequestError, describe

BASES = {RequestError, render.RenderError, render.SourceError, StyleError}


def kinds(module):
    found = (value for _, value in inspect.getmembers(module, inspect.isclass))
    return [v for v in found if issubclass(v, Exception) and v not in BASES]


@pytest.mark.parametrize("kind", [*kinds(errors), *kinds(render)], ids=lambda k: k.__name__)
def test_every_kind_has_its_own_entry(kind):
    problem = describe(kind("what happened"))
    assert 400 <= problem.status < 600
    assert problem.status != 500
    assert problem.code.isidentifier()
    assert problem.detail == "what happened"
    assert issubclass(kind, DOMAIN_ERRORS)


def test_the_client_is_blamed_only_for_what_it_did():
    for kind in kinds(render):
        if issubclass(kind, render.SourceError):
            assert describe(kind("x")).status >= 502
    assert describe(render.SourceUnavailableError("x")).status == 503
    assert describe(errors.OverloadedError("x")).status == 503


def test_the_offending_parameter_is_named():
    problem = describe(errors.InvalidParameterError("wrong", parameter="BBOX"))
    assert problem == Problem(400, "InvalidParameter", "wrong", "BBOX")


def test_an_unknown_error_says_nothing_of_itself():
    problem = describe(ValueError("/secret/path and s3://bucket"))
    assert (problem.status, problem.code) == (500, "InternalError")
    assert "secret" not in problem.detail
    assert "s3" not in problem.detail


def test_details_for_the_log_are_not_told():
    problem = describe(render.SourceMissingError("a file is missing", detail="s3:bucket:key"))
    assert "bucket" not in str(problem)
