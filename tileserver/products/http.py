"""JSON and metadata over HTTP, within the stores' allow-list of hosts."""

from typing import Any

import httpx
import orjson

from renderers.errors import (
    SourceCorruptError,
    SourceForbiddenError,
    SourceMissingError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.stores import StoreRegistry


class HttpFetcher:
    """GETs documents; no redirects, so that no other host is reached than the one checked."""

    def __init__(self, stores: StoreRegistry) -> None:
        self._stores = stores

    async def head(self, url: str, length: int) -> bytes:
        """Return at most the first `length` bytes.

        Raises:
            SourceError: One of its kinds, by what the host answered.
        """
        return await self._get(url, length, {"Range": f"bytes=0-{length - 1}"}, cut=True)

    async def get(self, url: str, limit: int) -> bytes:
        """Return the whole document.

        Raises:
            SourceUnsupportedError: It is larger than `limit` bytes.
            SourceError: Other kinds, by what the host answered.
        """
        return await self._get(url, limit, {}, cut=False)

    async def json(self, url: str, limit: int) -> dict[str, Any]:
        """Return a JSON object.

        Raises:
            SourceCorruptError: It is no JSON object.
            SourceError: Other kinds, see `get`.
        """
        return parse_object(await self.get(url, limit))

    async def _get(self, url: str, limit: int, headers: dict[str, str], *, cut: bool) -> bytes:
        self._stores.resolve(url)  # refuses hosts that are not allowed
        policy = self._stores.policy
        timeout = httpx.Timeout(policy.timeout, connect=policy.connect_timeout)
        accept = {"Accept": "application/geo+json, application/json, */*;q=0.5"}
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
                client.stream("GET", url, headers=accept | headers) as response,
            ):
                _check(response.status_code, url)
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) >= limit and cut:
                        break
                    if len(body) > limit:
                        raise SourceUnsupportedError("the document is too large", detail=url)
        except httpx.HTTPError as error:
            detail = f"{url}: {type(error).__name__}"
            raise SourceUnavailableError("the host did not answer", detail=detail) from error
        return bytes(body[:limit])


def _check(status: int, url: str) -> None:
    if status in (200, 206):
        return
    if status in (401, 403):
        raise SourceForbiddenError("the host refused access", detail=url)
    if status in (404, 410):
        raise SourceMissingError("there is no such document", detail=url)
    if 300 <= status < 400:
        raise SourceUnsupportedError("the address redirects; name its target", detail=url)
    raise SourceUnavailableError(f"the host answered {status}", detail=url)


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        SourceCorruptError: It is none.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise SourceCorruptError("the document is not JSON") from error
    if not isinstance(document, dict):
        raise SourceCorruptError("the document is not a JSON object")
    return document
