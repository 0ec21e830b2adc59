"""Which version and operation of WCS is asked, and the routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from tileserver.errors import (
    InvalidParameterError,
    MissingParameterError,
    OperationNotSupportedError,
    Problem,
    RequestError,
)
from tileserver.protocols.wcs import v10, v11, v20
from tileserver.protocols.wcs.parameters import parameters
from tileserver.protocols.wcs.spool import Spool
from tileserver.protocols.wcs.v10 import capabilities as capabilities_10
from tileserver.protocols.wcs.v10 import describe as describe_10
from tileserver.protocols.wcs.v10 import exceptions as exceptions_10
from tileserver.protocols.wcs.v10 import getcoverage as getcoverage_10
from tileserver.protocols.wcs.v11 import capabilities as capabilities_11
from tileserver.protocols.wcs.v11 import describe as describe_11
from tileserver.protocols.wcs.v11 import getcoverage as getcoverage_11
from tileserver.protocols.wcs.v20 import capabilities as capabilities_20
from tileserver.protocols.wcs.v20 import describe as describe_20
from tileserver.protocols.wcs.v20 import eo as eo_20
from tileserver.protocols.wcs.v20 import exceptions as exceptions_20
from tileserver.protocols.wcs.v20 import getcoverage as getcoverage_20
from tileserver.settings import Settings
from tileserver.web import ows
from tileserver.web.answers import Reporter, add_get, guarded
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.layers import UpdateSequence
from tileserver.web.ows import VersionNegotiationFailedError


@dataclass(slots=True)
class Kit:
    """What operations need beside the request.

    Attributes:
        sequence: Numbers the states of the coverages.
        spool: Room for coverages that are sent when they are whole.
    """

    sequence: UpdateSequence
    spool: Spool


Operation = Callable[[Request, Kvp, Kit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Edition:
    """A version with its operations.

    Attributes:
        version: Its number.
        also: Numbers that mean the same.
        operations: By name in capitals.
        report: Writes its errors.
    """

    version: str
    also: tuple[str, ...]
    operations: dict[str, Operation]
    report: Reporter


async def _describe_20(request: Request, kvp: Kvp, _: Kit) -> Response:
    return await describe_20.describe(request, kvp)


async def _coverage_20(request: Request, kvp: Kvp, kit: Kit) -> Response:
    return await getcoverage_20.get_coverage(request, kvp, kit.spool)


async def _describe_set_20(request: Request, kvp: Kvp, _: Kit) -> Response:
    return await eo_20.describe_set(request, kvp)


async def _capabilities_20(request: Request, kvp: Kvp, kit: Kit) -> Response:
    return await capabilities_20.get_capabilities(request, kvp, kit.sequence)


async def _capabilities_10(request: Request, kvp: Kvp, kit: Kit) -> Response:
    return await capabilities_10.get_capabilities(request, kvp, kit.sequence)


async def _describe_10(request: Request, kvp: Kvp, _: Kit) -> Response:
    return await describe_10.describe(request, kvp)


async def _coverage_10(request: Request, kvp: Kvp, kit: Kit) -> Response:
    return await getcoverage_10.get_coverage(request, kvp, kit.spool)


def _edition_11(version: v11.Version) -> Edition:
    async def capabilities(request: Request, kvp: Kvp, kit: Kit) -> Response:
        return await capabilities_11.get_capabilities(request, kvp, kit.sequence, version)

    async def describe(request: Request, kvp: Kvp, _: Kit) -> Response:
        return await describe_11.describe(request, kvp, version)

    async def coverage(request: Request, kvp: Kvp, kit: Kit) -> Response:
        return await getcoverage_11.get_coverage(request, kvp, kit.spool, version)

    operations: dict[str, Operation] = {
        "GETCAPABILITIES": capabilities,
        "DESCRIBECOVERAGE": describe,
        "GETCOVERAGE": coverage,
    }
    return Edition(version.number, (), operations, ows.report)


#: The newest first.
EDITIONS: Final = (
    Edition(
        v20.VERSION,
        ("2.0.0", "2.0"),
        {
            "GETCAPABILITIES": _capabilities_20,
            "DESCRIBECOVERAGE": _describe_20,
            "GETCOVERAGE": _coverage_20,
            "DESCRIBEEOCOVERAGESET": _describe_set_20,
        },
        exceptions_20.report,
    ),
    *(_edition_11(version) for version in v11.VERSIONS),
    Edition(
        v10.VERSION,
        (),
        {
            "GETCAPABILITIES": _capabilities_10,
            "DESCRIBECOVERAGE": _describe_10,
            "GETCOVERAGE": _coverage_10,
        },
        exceptions_10.report,
    ),
)


class WcsService:
    """Answers WCS requests; one per application."""

    def __init__(self) -> None:
        self._sequence = UpdateSequence()
        self._spool: Spool | None = None
        #: Answers one request, errors included.
        self.answer = guarded(self._report, self._answer)

    async def _answer(self, request: Request) -> Response:
        kvp = await parameters(request)
        request.state.wcs_version = kvp.text("version")
        service = kvp.text("service")
        if not service:
            raise MissingParameterError("the parameter service is missing", parameter="service")
        if service.upper() != "WCS":
            raise InvalidParameterError(f"this is not a {service[:20]}", parameter="service")
        name = kvp.required("request", str)
        edition = chosen(kvp, name.upper())
        request.state.wcs_version = edition.version
        operation = edition.operations.get(name.upper())
        if operation is None:
            message = f"the operation {name[:40]!r} is not supported"
            raise OperationNotSupportedError(message, parameter="request")
        return await operation(request, kvp, self._kit(services(request).settings))

    def _kit(self, settings: Settings) -> Kit:
        if self._spool is None:
            self._spool = Spool(settings.cache_dir / "coverages", settings.coverage_spool_bytes)
        return Kit(self._sequence, self._spool)

    @staticmethod
    def _report(request: Request, error: Exception, problem: Problem) -> Response:
        """Write an error in the form of the version that was asked."""
        asked = getattr(request.state, "wcs_version", "")
        if not asked:
            try:
                asked = Kvp(request.scope["query_string"]).text("version")
            except RequestError:  # a query that is refused unread
                asked = ""
        return (named(asked) or EDITIONS[0]).report(request, error, problem)


def chosen(kvp: Kvp, operation: str) -> Edition:
    """Return the version of a request.

    GetCapabilities negotiates: the first of AcceptVersions that is offered (OGC 06-121r3, 7.3.2),
    or, as of 1.0.0, the highest that is not above VERSION (OGC 03-065r6, 6.2.4).

    Raises:
        VersionNegotiationFailedError: None of AcceptVersions is offered.
        MissingParameterError: Another operation without a version.
        InvalidParameterError: Another operation in a version that is not offered.
    """
    if operation == "GETCAPABILITIES":
        if kvp.text("acceptVersions"):
            return _accepted(names(kvp.text("acceptVersions")))
        return _negotiated(kvp.text("version"))
    version = kvp.required("version", str)
    found = named(version)
    if found is None:
        message = f"version {version[:20]!r} is not offered"
        raise InvalidParameterError(message, parameter="version")
    return found


def named(version: str) -> Edition | None:
    """Return the edition of a version's number."""
    return next((e for e in EDITIONS if version == e.version or version in e.also), None)


def _accepted(versions: tuple[str, ...]) -> Edition:
    for version in versions:
        found = named(version)
        if found is not None:
            return found
    offered = ", ".join(edition.version for edition in EDITIONS)
    raise VersionNegotiationFailedError(f"the versions {offered} are offered")


def _negotiated(version: str) -> Edition:
    found = named(version)
    if found is not None or not version:
        return found or EDITIONS[0]
    below = [edition for edition in EDITIONS if _key(edition.version) <= _key(version)]
    return below[0] if below else EDITIONS[-1]


def _key(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:3]
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in parts)


def router(service: WcsService) -> APIRouter:
    """Return `/wcs`, whose errors are exception reports of the version that is asked."""
    routes = APIRouter(tags=["OGC services"])

    async def get_wcs(request: Request) -> Response:
        """Answer WCS 2.0.1, 1.1 and 1.0.0: GetCapabilities, DescribeCoverage, GetCoverage."""
        return await service.answer(request)

    add_get(routes, "/wcs", get_wcs, response_class=Response)
    routes.add_api_route(
        "/wcs", get_wcs, methods=["POST"], response_class=Response, name="post_wcs"
    )
    return routes
