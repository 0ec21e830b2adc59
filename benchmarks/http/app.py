"""The bare ASGI application that every server under test runs.

Paths: anything answers a 20 kB body with a ``Warning`` header; ``/cased`` the same with a header
name that refuses to be lower-cased; ``/slow`` the same after one second (graceful shutdown).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from tileserver.httpserver import HeaderName

Scope = dict[str, Any]
Message = dict[str, Any]

BODY_BYTES = 20_000
SLOW_SECONDS = 1.0
BODY = random.Random(20).randbytes(BODY_BYTES)


def _headers(warning: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"image/png"),
        (b"content-length", str(BODY_BYTES).encode()),
        (b"cache-control", b"public, max-age=3600"),
        (b"etag", b'"0123456789abcdef"'),
        (warning, b'199 - "measured"'),
    ]


PLAIN_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": _headers(b"Warning"),
}
CASED_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": _headers(HeaderName(b"Warning")),
}
BODY_MESSAGE = {"type": "http.response.body", "body": BODY}


async def app(
    scope: Scope,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer any HTTP request with 20 kB; complete the lifespan protocol."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/slow":
        await asyncio.sleep(SLOW_SECONDS)
    await send(CASED_START if scope["path"] == "/cased" else PLAIN_START)
    await send(BODY_MESSAGE)
