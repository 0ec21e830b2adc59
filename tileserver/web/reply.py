"""Answers as plain values: what both the direct routes and those of FastAPI send."""

from collections.abc import Iterable
from typing import NamedTuple

from fastapi import Response

RawHeaders = list[tuple[bytes, bytes]]


class Reply(NamedTuple):
    """A whole answer.

    Attributes:
        status: HTTP status.
        headers: Names in small letters, and values, as they are sent.
        body: Empty where the status has none.
    """

    status: int
    headers: RawHeaders
    body: bytes = b""


def encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """Return headers as they are sent."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def reply_of(response: Response) -> Reply:
    """Return what a response of FastAPI sends, one with its body at hand."""
    return Reply(response.status_code, response.raw_headers, bytes(response.body))


class RawResponse(Response):
    """A reply as FastAPI wants it."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.raw_headers = reply.headers
        self.body = reply.body
        self.background = None
