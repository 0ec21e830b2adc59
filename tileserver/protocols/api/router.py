"""Routes of the page's JSON."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from tileserver import area as areas
from tileserver.layers import LayerInfo
from tileserver.mosaics import SETTING
from tileserver.protocols.api import footprints
from tileserver.protocols.api.box import parse_area
from tileserver.protocols.api.models import (
    BandBody,
    CollectionBody,
    CollectionsBody,
    DateBody,
    DatesBody,
    StyleBody,
    TimeBody,
)
from tileserver.timeaxis import iso, parse_time
from tileserver.web.address import public_url
from tileserver.web.answers import add_get, document, reported
from tileserver.web.context import services
from tileserver.web.jsonform import RESPONSES, report


def router() -> APIRouter:
    """Return `/api/...`; errors are JSON."""
    routes = APIRouter(
        prefix="/api", tags=["Page"], route_class=reported(report), responses=RESPONSES
    )
    add_get(routes, "/collections", get_collections, response_model=CollectionsBody)
    add_get(routes, "/collections/{collection}", get_collection, response_model=CollectionBody)
    add_get(routes, "/collections/{collection}/dates", get_dates, response_model=DatesBody)
    add_get(
        routes,
        "/collections/{collection}/footprints",
        footprints.get_footprints,
        response_class=Response,
        responses={200: {"content": {footprints.MEDIA_TYPE: {}}}},
    )
    return routes


async def get_collections(request: Request) -> Response:
    """List every collection."""
    layers = await services(request).pipeline.layers()
    body = CollectionsBody(collections=[await _collection(request, layer) for layer in layers])
    return _json(request, body)


async def get_collection(request: Request, collection: str) -> Response:
    """Describe one collection."""
    layer = await services(request).pipeline.layer(collection)
    return _json(request, await _collection(request, layer))


async def get_dates(
    request: Request,
    collection: str,
    bbox: Annotated[str, Query(description="west,south,east,north in degrees")] = "",
    time: Annotated[str, Query(description="only within this time")] = "",
) -> Response:
    """List the days with images that touch a box (without one: of the whole collection)."""
    pipeline = services(request).pipeline
    info = (await pipeline.layer(collection)).collection
    area = parse_area(bbox) if bbox else areas.from_bbox(info.bbox)
    days = await pipeline.dates(collection, area, parse_time(time))
    body = DatesBody(
        dates=[
            DateBody(date=d.day.isoformat(), cloud_cover=d.cloud_cover, items=d.items) for d in days
        ]
    )
    return _json(request, body)


async def _collection(request: Request, layer: LayerInfo) -> CollectionBody:
    context, info = services(request), layer.collection
    version = await context.pipeline.version(info.id, "")
    base = public_url(request, context.settings)
    start, end = (iso(info.time[0]), iso(info.time[1])) if info.time else (None, None)
    tiles = f"{urlsplit(base).path}/tiles/{info.id}/{{style}}/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png"
    return CollectionBody(
        id=info.id,
        title=info.title,
        description=info.description,
        attribution=info.attribution,
        bbox=info.bbox,
        time=TimeBody(start=start, end=end),
        styles=[StyleBody(id=s.id, title=s.title, description=s.description) for s in layer.styles],
        default_style=layer.styles[0].id if layer.styles else "",
        bands=[BandBody(name=b.name, common_name=b.common_name, title=b.title) for b in info.bands],
        clear="mask" in info.extra.get(SETTING, {}),
        min_zoom=info.min_zoom,
        max_zoom=info.max_zoom,
        version=version,
        tile_url=f"{tiles}?v={version}",
        wms_url=f"{base}/wms?SERVICE=WMS&REQUEST=GetCapabilities",
        wmts_url=f"{base}/wmts/1.0.0/WMTSCapabilities.xml",
    )


def _json(request: Request, body: BaseModel) -> Response:
    return document(request, body.model_dump_json().encode(), "application/json")
