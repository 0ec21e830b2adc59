"""Values of all bands at a point, and what a style makes of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from renderers.values import NAME as EXPRESSION
from styles.model import Style
from tileserver.catalogue.base import Collection
from tileserver.errors import TimedOutError
from tileserver.mosaics import parse_mosaic
from tileserver.pipeline import Pipeline
from tileserver.pointvalues import PointValue
from tileserver.protocols.api.asked import StyleQuery
from tileserver.protocols.api.models import BandValue, PointBody, PointsBody
from tileserver.request import ValuesRequest
from tileserver.timeaxis import iso, parse_time
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.featureinfo import shown_value
from tileserver.web.gone import while_client_waits


class PointQuery(StyleQuery):
    """A point."""

    lon: float = Field(ge=-540, le=540, description="Degrees.")
    lat: float = Field(ge=-90, le=90, description="Degrees.")
    limit: int = Field(1, ge=1, le=10, description="Most images, in the order of the mosaic.")


async def get_values(
    request: Request, collection: str, query: Annotated[PointQuery, Query()]
) -> Response:
    """Return the values of all bands at a point, of which images, and the style's value."""
    context = services(request)
    info = (await context.pipeline.layer(collection)).collection
    style = await _style(request, info, query.chosen_style())
    asked = ValuesRequest(
        collection,
        (),
        ((query.lon, query.lat),),
        time=parse_time(query.time),
        limit=query.limit,
        mosaic=parse_mosaic(query.mosaic),
    )
    try:
        async with while_client_waits(request), asyncio.timeout(context.settings.max_seconds):
            found = await context.pipeline.values(asked)
            points = [_point(value, info, style) for value in found]
            if style is not None:
                await _compose(context.pipeline, replace(asked, style=style), points)
    except TimeoutError as error:
        raise TimedOutError("the request took longer than the server allows") from error
    body = PointsBody(lon=query.lon, lat=query.lat, values=points)
    return document(request, body.model_dump_json().encode(), "application/json")


async def _compose(pipeline: Pipeline, asked: ValuesRequest, points: Sequence[PointBody]) -> None:
    """Write into a composite the style's value of its dates, not that of composed bands."""
    for point in points:
        if point.mosaic in ("first", "best") or "value" not in point.style:
            continue
        for found in await pipeline.values(asked):
            point.style["value"] = found.values[EXPRESSION]


async def _style(request: Request, collection: Collection, asked: str | Style) -> Style | None:
    if not asked and not collection.styles:
        return None
    return await services(request).pipeline.style(collection.id, asked)


def _point(found: PointValue, collection: Collection, style: Style | None) -> PointBody:
    return PointBody(
        items=[origin.scene for origin in found.origins],
        datetimes=[iso(o.datetime) if o.datetime else None for o in found.origins],
        mosaic=found.compose,
        bands=[
            BandValue(
                name=band.name,
                common_name=band.common_name,
                title=band.title,
                unit=band.unit,
                value=found.values[band.name],
            )
            for band in collection.bands
            if band.name in found.values
        ],
        style={} if style is None else shown_value(style, collection, found.values),
    )
