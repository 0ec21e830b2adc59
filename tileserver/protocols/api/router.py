"""Routes of the page's JSON."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from tileserver import area as areas
from tileserver.catalogue.base import DateSummary
from tileserver.layers import LayerInfo
from tileserver.mosaics import SETTING
from tileserver.protocols.api import footprints, statistics, values
from tileserver.protocols.api.box import parse_area, parse_numbers
from tileserver.protocols.api.models import (
    BandBody,
    CollectionBody,
    CollectionsBody,
    DateBody,
    DatesBody,
    PointsBody,
    SeriesBody,
    StatisticsBody,
    StyleBody,
    TimeBody,
)
from tileserver.timeaxis import iso, parse_time
from tileserver.web.address import public_url
from tileserver.web.answers import add_get, document, reported
from tileserver.web.context import services
from tileserver.web.gone import while_client_waits
from tileserver.web.jsonform import RESPONSES, report
from tileserver.zones import box_zone
from tileserver.zonework import Clouds
from tileserver.zonework import clouds as look

_ONE = "/collections/{collection}"


def router() -> APIRouter:
    """Return `/api/...`; errors are JSON."""
    routes = APIRouter(
        prefix="/api", tags=["Page"], route_class=reported(report), responses=RESPONSES
    )
    add_get(routes, "/collections", get_collections, response_model=CollectionsBody)
    add_get(routes, _ONE, get_collection, response_model=CollectionBody)
    add_get(routes, f"{_ONE}/dates", get_dates, response_model=DatesBody)
    add_get(
        routes,
        f"{_ONE}/footprints",
        footprints.get_footprints,
        response_class=Response,
        responses={200: {"content": {footprints.MEDIA_TYPE: {}}}},
    )
    add_get(routes, f"{_ONE}/values", values.get_values, response_model=PointsBody)
    _add_area(routes, f"{_ONE}/statistics", statistics.get_statistics, StatisticsBody)
    _add_area(routes, f"{_ONE}/timeseries", statistics.get_timeseries, SeriesBody)
    return routes


def _add_area(
    routes: APIRouter, path: str, handler: Callable[..., Any], model: type[BaseModel]
) -> None:
    """Add what is asked of a box by GET, and of any area by POST."""
    add_get(routes, path, handler, response_model=model)
    routes.add_api_route(
        path,
        handler,
        methods=["POST"],
        response_model=model,
        openapi_extra=statistics.POSTED,
        operation_id=f"post_{path.rpartition('/')[2]}",
    )


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
    clouds: Annotated[
        Literal["items", "area"], Query(description="area looks for clouds within the box itself")
    ] = "items",
) -> Response:
    """List the days with images that touch a box (without one: of the whole collection)."""
    context = services(request)
    pipeline = context.pipeline
    info = (await pipeline.layer(collection)).collection
    area = parse_area(bbox) if bbox else areas.from_bbox(info.bbox)
    days = await pipeline.dates(collection, area, parse_time(time))
    seen: dict[date, Clouds] = {}
    if clouds == "area":
        zone = box_zone(parse_numbers(bbox) if bbox else info.bbox)
        async with while_client_waits(request):
            seen = await look(pipeline, info, zone, days, context.settings.max_seconds)
    return _json(request, DatesBody(dates=[_date(day, seen.get(day.day)) for day in days]))


def _date(day: DateSummary, seen: Clouds | None) -> DateBody:
    body = DateBody(date=day.day.isoformat(), cloud_cover=day.cloud_cover, items=day.items)
    if seen is None:
        return body
    return body.model_copy(
        update={"clouds": "area", "area_cloud_cover": seen.cover, "seen": seen.seen}
    )


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
