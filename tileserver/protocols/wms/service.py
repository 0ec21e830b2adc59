"""Which version and operation of WMS is asked, and the route."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from tileserver.errors import InvalidParameterError, OperationNotSupportedError
from tileserver.protocols.wms.v13.capabilities import get_capabilities
from tileserver.protocols.wms.v13.exceptions import report
from tileserver.protocols.wms.v13.getmap import get_map
from tileserver.web.answers import add_get, guarded
from tileserver.web.kvp import Kvp
from tileserver.web.layers import UpdateSequence

Operation = Callable[[Request, Kvp], Awaitable[Response]]


class WmsService:
    """Answers WMS requests; one per application."""

    def __init__(self) -> None:
        self._sequence = UpdateSequence()
        # By the names of clients old and new, in capitals; `capabilities` and `map` are WMS 1.0's.
        self._operations: dict[str, Operation] = {
            "GETCAPABILITIES": self._capabilities,
            "CAPABILITIES": self._capabilities,
            "GETMAP": get_map,
            "MAP": get_map,
        }
        #: Answers one request, errors included.
        self.answer = guarded(report, self._answer)

    async def _answer(self, request: Request) -> Response:
        kvp = Kvp(request.scope["query_string"])
        service = kvp.text("SERVICE", "WMS")
        if service.upper() != "WMS":
            raise InvalidParameterError(f"this is not a {service[:20]}", parameter="SERVICE")
        name = kvp.required("REQUEST", str)
        operation = self._operations.get(name.upper())
        if operation is None:
            message = f"the operation {name[:40]!r} is not supported"
            raise OperationNotSupportedError(message, parameter="REQUEST")
        return await operation(request, kvp)

    async def _capabilities(self, request: Request, kvp: Kvp) -> Response:
        """Answer in the one version there is, which negotiation (6.2.4) gives for every other."""
        return await get_capabilities(request, kvp, self._sequence)


def router(service: WmsService) -> APIRouter:
    """Return `/wms`; errors are service exception reports."""
    routes = APIRouter(tags=["OGC services"])

    async def get_wms(request: Request) -> Response:
        """Answer WMS 1.3.0: GetCapabilities, GetMap."""
        return await service.answer(request)

    add_get(routes, "/wms", get_wms, response_class=Response)
    return routes
