"""Bodies of POST requests: read within bounds, once."""

from fastapi import Request

from tileserver.errors import TooLargeError

#: Largest body of an operation; requests with all that the standards allow are a few kilobytes.
MAX_BODY_BYTES = 256 * 1024


async def posted(request: Request) -> bytes:
    """Return the body of a request; that of other methods than POST is empty.

    Raises:
        TooLargeError: It is larger than `MAX_BODY_BYTES`; the rest is not read.
    """
    if request.method != "POST":
        return b""
    known = getattr(request.state, "posted", None)
    if isinstance(known, bytes):
        return known
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"the body of a request is at most {MAX_BODY_BYTES} bytes")
    request.state.posted = bytes(body)
    return bytes(body)


def is_xml(body: bytes) -> bool:
    """Tell whether a body is a document and not key-value pairs, whatever its type says."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
