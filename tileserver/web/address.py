"""Under which address clients see the server: documents must name it, and not an inner one."""

import re

from fastapi import Request

from tileserver.settings import Settings

# A Host header is the client's own word: only what can be a host and port goes into documents.
_HOST = re.compile(r"[A-Za-z0-9._\-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~\-]+)*")
_FORWARDING = ("Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix")
_FORWARDED = re.compile(r'(?:^|[;,\s])(host|proto)="?([^";,\s]+)"?', re.IGNORECASE)


def public_url(request: Request, settings: Settings) -> str:
    """Return scheme, host and path prefix that clients use, without a slash at the end.

    The setting wins; then, where proxies are trusted, `Forwarded` (RFC 7239) and `X-Forwarded-*`
    of the proxy nearest to the client; then the request itself.
    """
    if settings.public_url:
        return settings.public_url.rstrip("/")
    scheme, host = request.url.scheme, request.headers.get("host", "")
    prefix = str(request.scope.get("root_path", "")).rstrip("/")
    if settings.trust_forwarded:
        told = _forwarded(request)
        scheme = told.get("proto", scheme)
        host = told.get("host", host)
        prefix = told.get("prefix", "").rstrip("/") + prefix
    if scheme not in {"http", "https"}:
        scheme = "http"
    if not _HOST.fullmatch(host):
        host = _server(request)
    return f"{scheme}://{host}{prefix if _PREFIX.fullmatch(prefix) else ''}"


def address_headers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the request headers that `public_url` may depend on."""
    return ("Host", *_FORWARDING) if settings.trust_forwarded else ("Host",)


def endpoint(request: Request, settings: Settings) -> str:
    """Return the address of the requested path as clients use it, without query."""
    # An ASGI path holds the root path that the public address ends with.
    path = str(request.scope["path"]).removeprefix(str(request.scope.get("root_path", "")))
    return f"{public_url(request, settings)}{path}"


def _forwarded(request: Request) -> dict[str, str]:
    told = {
        name: request.headers[f"x-forwarded-{name}"].split(",")[0].strip()
        for name in ("proto", "host", "prefix")
        if f"x-forwarded-{name}" in request.headers
    }
    # The first element is the one that the client's own proxy wrote.
    first = request.headers.get("forwarded", "").split(",")[0]
    told.update({k.lower(): v for k, v in _FORWARDED.findall(first)})
    told["proto"] = told.get("proto", request.url.scheme).lower()
    return told


def _server(request: Request) -> str:
    address = request.scope.get("server")
    if not address:
        return "localhost"
    host, port = address
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, 80, 443} else f"{host}:{port}"
