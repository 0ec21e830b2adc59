"""TileJSON 3.0.0: a tile address with its zooms, bounds and attribution."""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from tileserver import formulas
from tileserver.crs import normal_bbox
from tileserver.grids import grid
from tileserver.mosaics import parse_mosaic
from tileserver.protocols.xyz.tiles import picture_format
from tileserver.timeaxis import parse_time
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services

PATH = "/tiles/{collection}/{style}/tilejson.json"

OPENAPI = {
    "parameters": [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in formulas.PARAMETERS.items()
    ]
}


class TileJson(BaseModel):
    """A TileJSON 3.0.0 document."""

    tilejson: Literal["3.0.0"] = "3.0.0"
    name: str
    description: str
    attribution: str
    version: Literal["1.0.0"] = "1.0.0"
    scheme: Literal["xyz"] = "xyz"
    tiles: list[str]
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]
    center: tuple[float, float, int]


@dataclass(frozen=True)
class Shown:
    """What of the collection the tiles show."""

    time: Annotated[str, Query(description="As for tiles.")] = ""
    mosaic: Annotated[str, Query(description="As for tiles.")] = ""

    def query(self, formula: QueryParams) -> list[tuple[str, str]]:
        """Return what the tiles' addresses say of it.

        Args:
            formula: The parameters of a formula are among these.

        Raises:
            RequestError: What was asked cannot be read.
        """
        parse_time(self.time)
        parse_mosaic(self.mosaic)
        written = ((n, v) for n in formulas.PARAMETERS for v in formula.getlist(n))
        return [(name, value) for name, value in (*vars(self).items(), *written) if value]


async def get_tilejson(
    request: Request,
    collection: str,
    style: str,
    shown: Annotated[Shown, Depends()],
    tms: Annotated[str, Query(description="Tile matrix set.")] = "WebMercatorQuad",
    scale: Annotated[Literal["1", "2"], Query(description="2 for 512 px tiles.")] = "1",
    format: Annotated[str, Query(description="png, jpg, webp, avif or auto.")] = "png",
) -> Response:
    """Describe the tiles of one style, with a version token in their address."""
    context = services(request)
    info = (await context.pipeline.layer(collection)).collection
    asked = formulas.parse_style(request.query_params.getlist) or style
    await context.pipeline.version(collection, asked)  # raises for unknown styles and bands
    version = await context.pipeline.version(collection, "")
    picture_format(format)
    tiles = grid(tms, parameter="tms")
    base = public_url(request, context.settings)
    query = urlencode([*shown.query(request.query_params), ("v", version)])
    name = f"{quote(collection)}/{quote(style)}/{tms}"
    double = "@2x" if scale == "2" else ""
    west, south, east, north = bounds = normal_bbox(info.bbox)
    lowest = int(tiles.level_like(info.min_zoom).id)
    body = TileJson(
        name=info.title,
        description=info.description,
        attribution=info.attribution,
        tiles=[f"{base}/tiles/{name}/{{z}}/{{x}}/{{y}}{double}.{format}?{query}"],
        minzoom=lowest,
        maxzoom=int(tiles.level_like(info.max_zoom).id),
        bounds=bounds,
        center=((west + east) / 2, (south + north) / 2, lowest),
    )
    return document(request, body.model_dump_json().encode(), "application/json")
