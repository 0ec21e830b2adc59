"""Is the process alive, can it serve, and what are its figures."""

import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tileserver.metrics import Metrics
from tileserver.services import Services
from tileserver.web.answers import add_get

log = logging.getLogger(__name__)


class Health(BaseModel):
    """State of the process."""

    status: str


def router() -> APIRouter:
    """Return `/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["operations"])

    async def healthz() -> Health:
        """Answer at once, whatever else goes on."""
        return Health(status="ok")

    async def readyz(request: Request) -> Response:
        """Answer 200 when the catalogue answers, else 503."""
        services: Services | None = getattr(request.app.state, "services", None)
        if services is None:
            return JSONResponse({"status": "starting"}, 503)
        try:
            await services.catalogue.collections()
        except Exception:  # whatever it is: this process cannot serve, and the log says why
            log.exception("the catalogue does not answer")
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ready"})

    # With HEAD, which probes of load balancers send.
    add_get(routes, "/healthz", healthz, summary="Is the process alive")
    add_get(routes, "/readyz", readyz, summary="Can it serve", response_model=Health)

    @routes.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Answer the figures in Prometheus's text format."""
        services: Services = request.app.state.services
        return Response(services.metrics.text(), media_type=Metrics.media_type)

    return routes
