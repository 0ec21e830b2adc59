"""Statistics of areas, and of each day there."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Query, Request, Response

from tileserver.errors import InvalidParameterError
from tileserver.protocols.api.asked import SeriesQuery, ZoneQuery
from tileserver.protocols.api.models import (
    BandStatistics,
    GridBody,
    HistogramBody,
    LinkBody,
    SeriesBody,
    SeriesDay,
    StatisticsBody,
)
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.gone import while_client_waits
from tileserver.zones import Cells
from tileserver.zonework import Band, Day, Question, Series, series, statistics

#: The body of POST, for OpenAPI: the handlers read it themselves, within bounds.
POSTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "GeoJSON Polygon, MultiPolygon, or a Feature with one",
        "content": {
            kind: {
                "schema": {"type": "object"},
                "example": {
                    "type": "Polygon",
                    "coordinates": [[[10.6, 54.0], [10.7, 54.0], [10.7, 54.1], [10.6, 54.0]]],
                },
            }
            for kind in ("application/geo+json", "application/json")
        },
    }
}
CSV = "text/csv"


async def get_statistics(
    request: Request, collection: str, query: Annotated[ZoneQuery, Query()]
) -> Response:
    """Return statistics of bands, or of a style's values, in an area."""
    context = services(request)
    asked = await query.question(request, collection)
    async with while_client_waits(request):
        answer = await statistics(context.pipeline, asked, context.settings.max_seconds)
    body = StatisticsBody(
        area_m2=asked.zone.square_metres,
        grid=_grid(answer.cells),
        days=list(answer.days),
        incomplete=answer.incomplete,
        statistics=_bands(answer.bands, asked),
    )
    return document(request, body.model_dump_json().encode(), "application/json", _kept(request))


async def get_timeseries(
    request: Request, collection: str, query: Annotated[SeriesQuery, Query()]
) -> Response:
    """Return the same for each day with images, oldest first, with the clouds over the area."""
    context = services(request)
    asked = await query.question(request, collection)
    after = _day(query.after) if query.after else None
    async with while_client_waits(request):
        found = await series(
            context.pipeline, asked, after, query.limit, context.settings.max_seconds
        )
    onward = _next(request, collection, found)
    headers = _kept(request)
    if query.format == "csv":
        if onward:
            headers["Link"] = f'<{onward[0].href}>; rel="next"'
        return document(request, written(found, asked), f"{CSV}; charset=utf-8", headers)
    body = SeriesBody(
        area_m2=asked.zone.square_metres,
        grid=_grid(found.cells) if found.cells else None,
        dates=[_series_day(day, asked) for day in found.days],
        links=onward,
    )
    return document(request, body.model_dump_json().encode(), "application/json", headers)


def written(found: Series, asked: Question) -> bytes:
    """Write a series as CSV (RFC 4180), a line for each day and band."""
    names = [f"p{p:g}" for p in asked.wanted.percentiles]
    out = io.StringIO()
    table = csv.writer(out)
    head = ["date", "name", "cloud_cover", "clouds", "seen", "count", "valid"]
    table.writerow([*head, "min", "max", "mean", "std", *names])
    for day in found.days:
        cover, clouds, seen = _cover(day)
        for name, _, s in day.bands:
            values = (s.least, s.greatest, s.mean, s.std, *s.percentiles)
            table.writerow([day.day, name, cover, clouds, seen, s.count, s.valid, *values])
    return out.getvalue().encode()


def _kept(request: Request) -> dict[str, str]:
    """Return the caching of an answer: those of POST are nobody's to keep (RFC 9110, 9.3.3)."""
    return {"Cache-Control": "no-store"} if request.method == "POST" else {}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidParameterError(
            "after is a day such as 2025-07-14", parameter="after"
        ) from error


def _next(request: Request, collection: str, found: Series) -> list[LinkBody]:
    if not found.more:
        return []
    query = [(k, v) for k, v in request.query_params.multi_items() if k != "after"]
    query.append(("after", found.days[-1].day.isoformat()))
    base = public_url(request, services(request).settings)
    href = f"{base}/api/collections/{quote(collection)}/timeseries?{urlencode(query)}"
    return [LinkBody(rel="next", href=href)]


def _grid(cells: Cells) -> GridBody:
    box = cells.geobox
    return GridBody(crs=box.crs, resolution=box.resolution, width=box.width, height=box.height)


def _series_day(day: Day, asked: Question) -> SeriesDay:
    cover, clouds, seen = _cover(day)
    return SeriesDay(
        date=day.day.isoformat(),
        cloud_cover=cover,
        clouds=clouds,
        seen=seen,
        items=list(day.images),
        incomplete=day.incomplete,
        statistics=_bands(day.bands, asked),
    )


def _cover(day: Day) -> tuple[float | None, str, float | None]:
    """Return the cloud cover of a day, what it is of, and which part of the area was seen."""
    if day.clouds is None:
        return day.cloud_cover, "items", None
    return day.clouds.cover, "area", day.clouds.seen


def _bands(bands: Iterable[Band], asked: Question) -> dict[str, BandStatistics]:
    return {band.name: _band(band, asked.wanted.percentiles) for band in bands}


def _band(band: Band, percents: Sequence[float]) -> BandStatistics:
    found = band.summary
    histogram = None
    if found.edges:
        histogram = HistogramBody(edges=list(found.edges), counts=list(found.bins))
    return BandStatistics(
        unit=band.unit,
        count=found.count,
        valid=found.valid,
        min=found.least,
        max=found.greatest,
        mean=found.mean,
        std=found.std,
        percentiles={f"{p:g}": v for p, v in zip(percents, found.percentiles, strict=True)},
        histogram=histogram,
    )
