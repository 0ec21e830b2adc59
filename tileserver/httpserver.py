"""The HTTP server: uvicorn with httptools, bounded request heads and header names in their case.

Why this server, with figures: ``docs/adr/0001-http-server.md``.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""Bytes of URL and headers of one request; WMS GET requests with a long SLD_BODY reach 30 kB."""

HEAD_SECONDS = 15.0
"""A client has this long to send a whole request head."""

LINGER_SECONDS = 1.0
MAX_CONNECTIONS = 4096
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 20

#: A new worker process imports and loads kernels for some seconds, minutes on its very first start,
#: before it answers the supervisor; uvicorn's 5 s would kill it again and again.
WORKER_SECONDS = 180


class HeaderName(bytes):
    """A response header name that goes out as it is written.

    uvicorn's httptools protocol lower-cases names with ``name.lower()``; a name that answers with
    itself keeps its case (OGC CITE compares ``Warning`` with its capital). Put it into the raw
    ASGI headers below Starlette, whose own ``Headers`` lower-case too. Not for Content-Length,
    Transfer-Encoding and Connection, which the server must recognise.
    """

    __slots__ = ()

    def lower(self) -> "HeaderName":
        """Return the name unchanged."""
        return self


class BadHeadError(Exception):
    """A request head that is refused before the application sees it.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with what httptools leaves open.

    Measured: it takes a 4 MB header, waits for ever for the second half of a head, and passes
    HTTP/1.1 requests with no or two Host headers on. Here a head above ``MAX_HEAD_BYTES`` is
    answered 431 (RFC 6585 section 5) or, where the URL is that long, 414; an unfinished head
    after ``HEAD_SECONDS`` 408 (RFC 9110 section 15.5.9); and a Host count other than one 400
    (RFC 9112 section 3.2).
    """

    # Class attributes, because uvicorn calls the constructor; tests lower them in a subclass.
    max_head_bytes = MAX_HEAD_BYTES
    head_seconds = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = b""  # uvicorn sets it with the first byte of a request
        self._head_open = True
        self._head_bytes = 0
        self._begun = False
        self._refused = False
        self._refusal = 400
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request head."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.head_seconds, self._head_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then bound what is still unfinished.

        The clock is touched only when a head came in pieces, so a request that arrives whole on a
        kept connection pays nothing for it.
        """
        if self._refused:
            return
        if self._head_open:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if not self._head_open:
            self._stop_clock()
        elif self._head_bytes > self.max_head_bytes:
            self._refuse(self._too_large())
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._head_timed_out)

    def on_message_begin(self) -> None:
        """A new head starts; what came before it in the same block does not count."""
        super().on_message_begin()
        self._begun = True
        self._head_open = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Check the head, then let uvicorn start the application.

        Raises:
            BadHeadError: The head is too large or has not exactly one Host. httptools wraps it in
                its own parser error, which uvicorn answers through ``send_400_response``.
        """
        self._head_open = False
        size, hosts = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
        if size > self.max_head_bytes:
            self._refusal = self._too_large()
        elif hosts != 1 and (hosts > 1 or self.parser.get_http_version() == "1.1"):
            self._refusal = 400
        else:
            super().on_headers_complete()
            return
        raise BadHeadError(self._refusal)

    def send_400_response(self, msg: str) -> None:
        """Answer an unreadable request with the status that fits, and end the connection.

        What the client still sends is read and dropped for ``LINGER_SECONDS``: closing at once
        would reset the connection and destroy the answer (RFC 9112 section 9.6).
        """
        status, self._refusal = self._refusal, 400
        body = msg.encode("ascii")
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: "
            + str(len(body)).encode("ascii")
            + b"\r\n\r\n"
            + body
        )
        self._refused = True
        self._stop_clock()
        self.pipeline.clear()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # a pipelined answer can no longer be told apart
            self.cycle.message_event.set()
        if not self.transport.can_write_eof():  # TLS
            self.transport.close()
            return
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _too_large(self) -> int:
        return 414 if len(self.url) > self.max_head_bytes else 431

    def _refuse(self, status: int) -> None:
        self._refusal = status
        self.send_400_response("Invalid HTTP request received.")

    def _head_timed_out(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._refuse(408)
        else:
            self.transport.close()  # not one byte came: nothing to answer

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def server_config(
    app: Any,
    host: str,
    port: int,
    *,
    access_log: bool = False,
    trusted_proxies: Sequence[str] = (),
    **options: Any,
) -> Config:
    """Settings of the HTTP server, for ``uvicorn.Server(config).run()``.

    Args:
        app: The ASGI application; for ``workers`` above 1 an import string with ``factory=True``.
        host: Address to listen on.
        port: TCP port; 0 takes a free one.
        access_log: One line per request; a ready tile then costs two to three times the CPU
            time.
        trusted_proxies: Addresses or networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto``
            are believed; by default nobody's.
        options: Anything else that ``uvicorn.Config`` takes, such as ``workers`` or TLS files.

    Returns:
        A configuration that has no ``Server`` header, takes no WebSockets, keeps idle connections
        for 15 s and gives running requests 20 s at shutdown.
    """
    settings: dict[str, Any] = {
        "http": BoundedHttpProtocol,
        "ws": "none",
        "server_header": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": list(trusted_proxies),
        "limit_concurrency": MAX_CONNECTIONS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "timeout_worker_healthcheck": WORKER_SECONDS,
        "access_log": access_log,
    }
    return Config(app, host=host, port=port, **(settings | options))
