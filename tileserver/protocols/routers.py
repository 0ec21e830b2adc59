"""All protocols at once, for the application; the only place that knows them all."""

from typing import Any

from fastapi import APIRouter

from tileserver.protocols.admin.router import router as admin_router
from tileserver.protocols.api.router import router as api_router
from tileserver.protocols.ows.router import router as ows_router
from tileserver.protocols.styles.router import router as styles_router
from tileserver.protocols.wcs.service import WcsService
from tileserver.protocols.wcs.service import router as wcs_router
from tileserver.protocols.wms.service import WmsService
from tileserver.protocols.wms.service import router as wms_router
from tileserver.protocols.wmts.service import WmtsService
from tileserver.protocols.wmts.service import direct_routes as wmts_direct_routes
from tileserver.protocols.wmts.service import router as wmts_router
from tileserver.protocols.xyz.router import direct_route as xyz_direct_route
from tileserver.protocols.xyz.router import router as xyz_router
from tileserver.settings import Settings
from tileserver.web.direct import DirectRoute


def routers(settings: Settings | None = None) -> list[APIRouter]:
    """Return the routers of every protocol that the settings do not switch off.

    They find the pipeline and the settings at `request.app.state.services`.
    """
    adhoc: list[APIRouter] = []
    if settings is not None and settings.adhoc_urls:
        # TiTiler takes a second to import, which only servers that offer it shall pay.
        from tileserver.protocols.cog.router import routers as cog_routers  # noqa: PLC0415

        adhoc = cog_routers()
    wms, wmts, wcs = WmsService(), WmtsService(), WcsService()
    return [
        xyz_router(),
        api_router(),
        admin_router(),
        styles_router(),
        wms_router(wms),
        wmts_router(wmts),
        wcs_router(wcs),
        ows_router({"WMS": wms.answer, "WMTS": wmts.answer, "WCS": wcs.answer}),
        *adhoc,
    ]


def direct_routes() -> list[DirectRoute[Any]]:
    """Return the routes that pass FastAPI by; `routers` has the same ones."""
    return [xyz_direct_route(), *wmts_direct_routes()]
