"""Is the process alive, can it serve, and what are its figures."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tileserver.metrics import Metrics
from tileserver.services import Services


class Health(BaseModel):
    """State of the process."""

    status: str


def router() -> APIRouter:
    """Return `/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="Is the process alive")
    async def healthz() -> Health:
        """Answer at once, whatever else goes on."""
        return Health(status="ok")

    @routes.get("/readyz", summary="Can it serve", response_model=Health)
    async def readyz(request: Request) -> Response:
        """Answer 200 when the catalogue answers, else 503."""
        services: Services | None = getattr(request.app.state, "services", None)
        if services is None:
            return JSONResponse({"status": "starting"}, 503)
        await services.catalogue.collections()
        return JSONResponse({"status": "ready"})

    @routes.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Answer the figures in Prometheus's text format."""
        services: Services = request.app.state.services
        return Response(services.metrics.text(), media_type=Metrics.media_type)

    return routes
