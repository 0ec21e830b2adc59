"""GetFeatureInfo of WMTS 1.0.0 (OGC 07-057r7, 7.3): the values behind one pixel of a tile."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Request, Response

from tileserver import errors
from tileserver.protocols.wmts.v10.gettile import GetTile
from tileserver.request import ValuesRequest
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.featureinfo import features_at
from tileserver.web.gone import while_client_waits
from tileserver.web.infoformats import INFO_EXTENSIONS, INFO_FORMATS
from tileserver.web.kvp import Kvp, integer
from tileserver.web.ows import PointOutOfRangeError


@dataclass(frozen=True)
class GetFeatureInfo:
    """The parameters of GetFeatureInfo, decoded.

    Attributes:
        tile: That was asked about.
        column: Pixel of the tile, from the left.
        row: From the top.
        media_type: One of `INFO_FORMATS`.
    """

    tile: GetTile
    column: int
    row: int
    media_type: str

    @classmethod
    def decode(cls, kvp: Kvp) -> "GetFeatureInfo":
        """Read the parameters of table 33, which are those of the tile and of the point.

        Raises:
            RequestError: In all its ways; `parameter` names it as the standard does.
        """
        tile = GetTile.decode(kvp)
        return cls(
            tile,
            kvp.required("I", _inside(tile, "I")),
            kvp.required("J", _inside(tile, "J")),
            kvp.required("InfoFormat", _format),
        )

    @classmethod
    def from_path(cls, path: Mapping[str, str], query: Mapping[str, str]) -> "GetFeatureInfo":
        """Read the parts of a REST address: those of the tile, then `J` and `I`.

        Raises:
            RequestError: In all its ways; `parameter` names it as the standard does.
        """
        tile = GetTile.from_path({**path, "extension": "png"}, query)
        column, row = _inside(tile, "I")(path["i"]), _inside(tile, "J")(path["j"])
        return cls(tile, column, row, INFO_EXTENSIONS[path["extension"]])


async def answer_feature_info(request: Request, asked: GetFeatureInfo) -> Response:
    """Answer GetFeatureInfo; where there is no data the answer is an empty one.

    Raises:
        OperationNotSupportedError: The layer has no values.
        TimedOutError: They took longer than one picture may.
        RequestError: In all other ways.
    """
    context, tile = services(request), asked.tile
    info = await context.pipeline.layer(tile.layer.collection)
    if not info.collection.bands:
        message = f"the layer {info.collection.id} cannot be queried"
        raise errors.OperationNotSupportedError(message, parameter="GetFeatureInfo")
    ruled = tile.mosaic is not None
    times = await context.pipeline.times(info.collection.id, tile.time, ruled=ruled)
    tile.check(info, times)
    box = tile.grid.geobox(tile.matrix, tile.column, tile.row)
    x, y = box.transform @ (asked.column + 0.5, asked.row + 0.5)
    values = ValuesRequest(
        info.collection.id, (), ((x, y),), box.crs, tile.time, mosaic=tile.mosaic
    )
    try:
        async with while_client_waits(request), asyncio.timeout(context.settings.max_seconds):
            found = await features_at(values, tile.layer.style, times.told, context.pipeline)
    except TimeoutError as error:
        raise errors.TimedOutError("the request took longer than the server allows") from error
    charset = "; charset=utf-8" if asked.media_type.startswith("text/") else ""
    body = INFO_FORMATS[asked.media_type](found)
    return document(request, body, f"{asked.media_type}{charset}")


def _inside(tile: GetTile, name: str) -> Callable[[str], int]:
    """Return what reads I or J, a pixel of the tile."""

    def read(text: str) -> int:
        try:
            value = integer(text)
        except ValueError as error:
            raise errors.InvalidParameterError(f"{name}: {error}", parameter=name) from error
        if not 0 <= value < tile.matrix.tile_size:
            message = f"{name} is not in 0 to {tile.matrix.tile_size - 1}"
            raise PointOutOfRangeError(message, parameter=name)
        return value

    return read


def _format(text: str) -> str:
    kind = text.partition(";")[0].strip().lower()
    if kind not in INFO_FORMATS:
        message = f"no format {text[:40]!r}; there are {', '.join(INFO_FORMATS)}"
        raise errors.InvalidFormatError(message, parameter="InfoFormat")
    return kind
