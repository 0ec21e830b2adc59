"""Where the images of a collection lie, as GeoJSON (RFC 7946), page by page."""

import json
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import numpy as np
import shapely
from fastapi import Query, Request, Response

from tileserver import area as areas
from tileserver.catalogue.base import Footprint, Place
from tileserver.catalogue.footprint import wrap
from tileserver.catalogue.scenes import instant, microseconds
from tileserver.errors import InvalidParameterError
from tileserver.mosaics import parse_mosaic
from tileserver.protocols.api.box import parse_area
from tileserver.timeaxis import iso, parse_time
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services

MEDIA_TYPE = "application/geo+json"
#: Most images of one page.
MOST = 2000
#: Decimals of a degree: 0.1 m (RFC 7946, 11.2).
_DECIMALS = 6
#: Largest start of a cursor, in microseconds: the year 9999.
_LAST = 253_402_300_799_999_999


async def get_footprints(
    request: Request,
    collection: str,
    bbox: Annotated[str, Query(description="west,south,east,north in degrees")] = "",
    time: Annotated[str, Query(description="as for tiles")] = "",
    mosaic: Annotated[str, Query(description="as for tiles; its dates count")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST, description="most images of a page")] = 500,
    after: Annotated[str, Query(description="as the link to the next page has it")] = "",
) -> Response:
    """List where the images of an area, time and mosaic lie, newest first, as GeoJSON."""
    context = services(request)
    info = (await context.pipeline.layer(collection)).collection
    area = parse_area(bbox) if bbox else areas.from_bbox(info.bbox)
    found = await context.pipeline.footprints(
        collection,
        area,
        parse_time(time),
        limit,
        parse_place(after) if after else None,
        parse_mosaic(mosaic),
    )
    links: list[dict[str, str]] = []
    if len(found) > limit:
        asked = {
            "bbox": bbox,
            "time": time,
            "mosaic": mosaic,
            "limit": limit,
            "after": written(found[limit - 1]),
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        base = public_url(request, context.settings)
        href = f"{base}/api/collections/{quote(collection)}/footprints?{query}"
        links.append({"rel": "next", "type": MEDIA_TYPE, "href": href})
    return document(request, _body(found[:limit], links), MEDIA_TYPE)


def written(footprint: Footprint) -> str:
    """Return the cursor after which a listing goes on behind a footprint."""
    place = footprint.place
    start = "" if place.start is None else str(microseconds(place.start))
    return f"{start}~{place.id}"


def parse_place(text: str) -> Place:
    """Read a cursor.

    Raises:
        InvalidParameterError: None that was handed out.
    """
    start, mark, item = text.partition("~")
    if not mark or len(text) > 1000:
        raise InvalidParameterError("after is no cursor of ours", parameter="after")
    if not start:
        return Place(None, item)
    digits = start.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18) or int(start) > _LAST:
        raise InvalidParameterError("after is no cursor of ours", parameter="after")
    try:
        return Place(instant(int(start)), item)
    except OverflowError as error:
        raise InvalidParameterError("after is no cursor of ours", parameter="after") from error


def feature(footprint: Footprint) -> dict[str, Any]:
    """Return a footprint as a GeoJSON Feature: cut at 180 degrees, exterior rings anticlockwise."""
    scene = footprint.scene
    shape = shapely.orient_polygons(wrap(footprint.outline))
    shape = shapely.transform(shape, lambda points: np.round(points, _DECIMALS))
    return {
        "type": "Feature",
        "id": scene.id,
        "geometry": json.loads(shapely.to_geojson(shape)),
        "properties": {
            "collection": scene.collection,
            "datetime": None if scene.datetime is None else iso(scene.datetime),
            "cloud_cover": scene.cloud_cover,
        },
    }


def _body(found: Sequence[Footprint], links: list[dict[str, str]]) -> bytes:
    features = [feature(footprint) for footprint in found]
    return json.dumps(
        {
            "type": "FeatureCollection",
            "numberReturned": len(features),
            "links": links,
            "features": features,
        },
        separators=(",", ":"),
    ).encode()
