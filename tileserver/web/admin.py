"""Who may write: the check of the admin token, and the reading of a bounded body.

Every route that changes something, or does work that a stranger must not start, has `Admin` among
its dependencies. Without the setting `admin_token` all of them are off.
"""

import asyncio
import hmac
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tileserver.errors import (
    InvalidParameterError,
    NotAuthorisedError,
    TooLargeError,
    UnauthenticatedError,
)
from tileserver.web.context import services

#: Seconds within which a body must be there.
_BODY_SECONDS: Final = 30.0

# Its own error would not be in our form; as a dependency it tells OpenAPI of the token.
_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="admin token", description="The setting `admin_token`."
)


async def require_admin(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> None:
    """Let a request pass that carries the admin token (RFC 6750, section 2.1).

    The comparison takes as long for a wrong token as for the right one.

    Raises:
        NotAuthorisedError: The server has no token: writing is off.
        UnauthenticatedError: The request has none, or another one.
    """
    token = services(request).settings.admin_token
    if token is None or not token.get_secret_value():
        raise NotAuthorisedError("writing is off: this server has no admin_token")
    if given is None:
        raise UnauthenticatedError("this needs the header Authorization: Bearer and the token")
    known = token.get_secret_value().encode()
    if not hmac.compare_digest(given.credentials.encode("utf-8", "surrogateescape"), known):
        raise UnauthenticatedError("the token is not that of this server")


#: The dependency of routes: `dependencies=[Admin]`.
Admin = Depends(require_admin)


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of a request; what is longer is not read to its end.

    Raises:
        TooLargeError: It has more than `most` bytes.
        InvalidParameterError: It is empty, or does not come in time.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise TooLargeError(f"the body has more than {most} bytes")
                chunks.append(chunk)
    except TimeoutError as error:
        raise InvalidParameterError("the body did not come in time") from error
    if not size:
        raise InvalidParameterError("the body is empty")
    return b"".join(chunks)
