"""One tile: decode its address, ask the pipeline, say how long it may be kept."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import Request, Response
from starlette.datastructures import QueryParams

from tileserver import formulas
from tileserver.errors import InvalidFormatError, InvalidParameterError
from tileserver.grids import grid
from tileserver.mosaics import parse_mosaic
from tileserver.request import AUTO, LayerRequest, PictureRequest
from tileserver.timeaxis import parse_time
from tileserver.web.answers import Asker, asker_of, picture_reply
from tileserver.web.reply import RawResponse, Reply

PATH = "/tiles/{collection}/{style}/{tms}/{z}/{x}/{y}"

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_LAST = re.compile(r"(?P<y>\d{1,9})(?P<double>@2x)?(?:\.(?P<extension>[a-z]{1,5}))?", re.ASCII)


class Format(NamedTuple):
    """A picture format: media type or `AUTO`, and whether pixels without data stay transparent."""

    media_type: str
    transparent: bool


FORMATS = {
    "png": Format("image/png", True),
    "jpg": Format("image/jpeg", False),
    "jpeg": Format("image/jpeg", False),
    "webp": Format("image/webp", True),
    "avif": Format("image/avif", True),
    "auto": Format(AUTO, True),
}


def picture_format(extension: str, parameter: str = "format") -> Format:
    """Return the format of a file extension.

    Raises:
        InvalidFormatError: Not one of ours.
    """
    if extension not in FORMATS:
        raise InvalidFormatError(
            f"no format {extension[:10]!r}; there are {', '.join(FORMATS)}", parameter=parameter
        )
    return FORMATS[extension]


def decode(path: Mapping[str, Any], query: QueryParams) -> PictureRequest:
    """Decode the address of a tile.

    Args:
        path: The path's parameters, where `y` is all of the last segment.
        query: `time`, `mosaic`, and those of `tileserver.formulas`.

    Raises:
        RequestError: In all its ways.
    """
    last = _LAST.fullmatch(path["y"])
    if not last:
        raise InvalidParameterError(
            "a tile's name is {y}, {y}.{format} or {y}@2x.{format}", parameter="y"
        )
    kind = picture_format(last["extension"] or "auto")
    for name in ("z", "x"):
        if not _NUMBER.fullmatch(path[name]):
            raise InvalidParameterError(f"{name} is not a whole number", parameter=name)
    tms = grid(path["tms"], parameter="tms")
    matrix = tms.matrix(str(int(path["z"])), parameter="z")
    geobox = tms.geobox(matrix, int(path["x"]), int(last["y"]))
    if last["double"]:
        geobox = geobox.zoomed(2 * geobox.width, 2 * geobox.height)
    style = formulas.parse_style(query.getlist) or path["style"]
    return PictureRequest(
        layers=(LayerRequest(path["collection"], style),),
        geobox=geobox,
        time=parse_time(query.get("time", "")),
        media_type=kind.media_type,
        transparent=kind.transparent,
        mosaic=parse_mosaic(query.get("mosaic", "")),
        density=2.0 if last["double"] else 1.0,
    )


class Tile(NamedTuple):
    """What the address of a tile means.

    Attributes:
        picture: What to draw.
        token: The version token in the query, "" without.
    """

    picture: PictureRequest
    token: str


def decode_address(path: Mapping[str, Any], query: QueryParams) -> Tile:
    """Decode the address of a tile with its query; see `decode`."""
    return Tile(decode(path, query), query.get("v", ""))


async def answer(asker: Asker, tile: Tile) -> Reply:
    """Answer one tile. Outside the data it is transparent (white as JPEG)."""
    return await picture_reply(asker, tile.picture, tile.token)


async def get_tile(request: Request) -> Response:
    """Answer one tile. Outside the data it is transparent (white as JPEG)."""
    tile = decode_address(request.path_params, request.query_params)
    return RawResponse(await answer(asker_of(request), tile))


def _parameter(name: str, where: str, text: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": text,
        "schema": {"type": "string", **schema},
    }


# Told to OpenAPI by hand and decoded by hand: FastAPI's own decoding of seven parameters costs
# 0.17 ms a request, as much as drawing and sending a ready tile.
OPENAPI = {
    "parameters": [
        _parameter("collection", "path", "Collection id."),
        _parameter("style", "path", "Style id."),
        _parameter("tms", "path", "Tile matrix set.", example="WebMercatorQuad"),
        _parameter("z", "path", "Tile matrix (zoom).", type="integer", minimum=0),
        _parameter("x", "path", "Column, from the left.", type="integer", minimum=0),
        _parameter(
            "y",
            "path",
            f"Row from the top, then `@2x` for 512 px, then the format: .{', .'.join(FORMATS)}. "
            "Without one, and with .auto, JPEG where the tile is opaque and PNG else.",
            example="1340@2x.png",
        ),
        _parameter("time", "query", "Date, month, year, instant or interval; newest without."),
        _parameter(
            "mosaic",
            "query",
            "Which image shows where several lie: most-recent, least-recent, least-cloudy or "
            "nearest:DATE; by:day or by:scene; clear for no clouds; mean, median, min, max, count "
            "or max:STYLE of all dates; dates:N. With commas between; without, the collection's "
            "own rule.",
        ),
        *(_parameter(name, "query", text) for name, text in formulas.PARAMETERS.items()),
        _parameter("v", "query", "Version token; with the current one the tile never expires."),
    ],
    "responses": {
        "200": {
            "description": "The tile",
            "content": {
                kind.media_type: {"schema": {"type": "string", "format": "binary"}}
                for kind in FORMATS.values()
                if kind.media_type != AUTO
            },
        },
        "304": {"description": "The client's copy (If-None-Match) is still good"},
    },
}
