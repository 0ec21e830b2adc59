"""Routes of the tiles that applications embed."""

from fastapi import APIRouter, Response

from tileserver.protocols.xyz import tilejson, tiles
from tileserver.web.answers import add_get, reported
from tileserver.web.direct import DirectRoute
from tileserver.web.jsonform import RESPONSES, report


def router() -> APIRouter:
    """Return `/tiles/...`; errors are JSON."""
    routes = APIRouter(tags=["Tiles"], route_class=reported(report), responses=RESPONSES)
    add_get(
        routes,
        tilejson.PATH,
        tilejson.get_tilejson,
        name="tilejson",
        response_model=tilejson.TileJson,
        openapi_extra=tilejson.OPENAPI,
    )
    add_get(
        routes,
        tiles.PATH,
        tiles.get_tile,
        name="tile",
        response_class=Response,
        openapi_extra=tiles.OPENAPI,
    )
    return routes


def direct_route() -> DirectRoute[tiles.Tile]:
    """Return the tiles' route past FastAPI."""
    return DirectRoute("tiles", tiles.PATH, tiles.decode_address, tiles.answer, report)
