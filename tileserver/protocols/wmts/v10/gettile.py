"""GetTile of WMTS 1.0.0 (OGC 07-057r7, 7.2): from parameters to a picture's request."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tileserver import errors
from tileserver.catalogue.base import Collection
from tileserver.dimensions import Asked, of_collection
from tileserver.formulas import parse_style
from tileserver.grids import Grid, Matrix, grid
from tileserver.layers import LayerInfo
from tileserver.mosaics import MosaicChoice, parse_mosaic
from tileserver.protocols.wmts.v10 import FORMATS, VERSION
from tileserver.request import LayerRequest, PictureRequest
from tileserver.timeaxis import UNSAID, TimeRequest, parse_time
from tileserver.timeaxis_choice import TimeChoice
from tileserver.web.answers import Asker, picture_reply
from tileserver.web.kvp import Kvp
from tileserver.web.layers import drawable_bbox
from tileserver.web.reply import Reply

_STANDARD = frozenset(
    {
        *("service", "request", "version", "layer", "style", "format", "tilematrixset"),
        *("tilematrix", "tilerow", "tilecol", "time", "i", "j", "infoformat", "mosaic", "v"),
    }
)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class GetTile:
    """The parameters of GetTile, decoded.

    Attributes:
        layer: With its style.
        media_type: One of `FORMATS`.
        grid: The tile matrix set.
        matrix: One of its levels.
        row: From the top.
        column: From the left.
        time: Nothing where the client did not say.
        mosaic: Which scene shows where several lie, our own parameter; None takes the layer's rule.
        extra: All other parameters, names in small letters: some may be dimensions of the layer.
    """

    layer: LayerRequest
    media_type: str
    grid: Grid
    matrix: Matrix
    row: int
    column: int
    time: TimeRequest = UNSAID
    mosaic: MosaicChoice | None = None
    extra: Asked = ()

    @classmethod
    def decode(cls, kvp: Kvp) -> "GetTile":
        """Read the parameters of table 29, `mosaic`, and those of a formula, which replaces Style.

        Raises:
            RequestError: In all its ways; `parameter` names it as the standard does.
        """
        if kvp.required("Version", str) != VERSION:
            message = f"the version is not {VERSION}"
            raise errors.InvalidParameterError(message, parameter="Version")
        layer = kvp.required("Layer", str)
        style = kvp.text("Style")
        if "Style" not in kvp:
            raise errors.MissingParameterError("the parameter Style is missing", parameter="Style")
        media_type = kvp.required("Format", _format)
        tiles = kvp.required("TileMatrixSet", grid)
        return cls(
            LayerRequest(layer, parse_style(kvp.all) or style),
            media_type,
            tiles,
            kvp.required("TileMatrix", tiles.matrix),
            kvp.required("TileRow", _index),
            kvp.required("TileCol", _index),
            kvp.optional("Time", lambda text: parse_time(text, parameter="Time"), UNSAID),
            kvp.optional("mosaic", parse_mosaic, None),
            _extra((name, kvp.text(name)) for name in kvp),
        )

    @classmethod
    def from_path(cls, path: Mapping[str, str], query: Mapping[str, str]) -> "GetTile":
        """Read the parts of a REST address, and what its query has of `mosaic` and dimensions.

        Raises:
            RequestError: In all its ways; `parameter` names it as the standard does.
        """
        media_types = {extension: kind for kind, extension in FORMATS.items()}
        if path["extension"] not in media_types:
            raise errors.InvalidFormatError("no such format", parameter="Format")
        tiles = grid(path["tms"])
        return cls(
            LayerRequest(path["layer"], path["style"]),
            media_types[path["extension"]],
            tiles,
            tiles.matrix(path["matrix"]),
            _checked("TileRow", path["row"]),
            _checked("TileCol", path["column"]),
            parse_time(path.get("time", ""), parameter="Time"),
            parse_mosaic(query.get("mosaic", "")),
            _extra(query.items()),
        )

    def check(self, info: LayerInfo, times: TimeChoice) -> None:
        """Compare with what the layer offers.

        Args:
            info: The layer.
            times: Which of its times answer.

        Raises:
            TileOutOfRangeError: Outside the layer's TileMatrixSetLimits.
            InvalidTimeError: Before the first or after the last acquisition.
        """
        self.grid.geobox(self.matrix, self.column, self.row, names=("TileCol", "TileRow"))
        limits = {m.matrix: m for m in self.grid.limits(drawable_bbox(info.collection.bbox))}
        limit = limits.get(self.matrix.id)
        # A grid whose own area the layer misses is not advertised, and has no limits to check.
        if limit is not None:
            for name, value, low, high in (
                ("TileRow", self.row, limit.min_row, limit.max_row),
                ("TileCol", self.column, limit.min_column, limit.max_column),
            ):
                if not low <= value <= high:
                    message = f"{name} is outside {low} to {high}, the layer's limits"
                    raise errors.TileOutOfRangeError(message, parameter=name)
        if times.outside(info.collection):
            raise errors.InvalidTimeError("Time is outside the layer's extent", parameter="Time")

    def dimensions(self, collection: Collection) -> Asked:
        """Return what was asked of the collection's own dimensions."""
        names = {dimension.name for dimension in of_collection(collection)}
        return tuple((name, text) for name, text in self.extra if name in names)

    def picture(self, collection: Collection) -> PictureRequest:
        """Return what the pipeline is asked."""
        return PictureRequest(
            (self.layer,),
            self.grid.geobox(self.matrix, self.column, self.row),
            self.time,
            self.media_type,
            transparent=self.media_type != "image/jpeg",
            mosaic=self.mosaic,
            dimensions=self.dimensions(collection),
        )


async def tile_reply(asker: Asker, asked: GetTile, token: str) -> Reply:
    """Answer a tile, however it was asked.

    Raises:
        RequestError: In all its ways.
    """
    pipeline = asker.services.pipeline
    info = await pipeline.layer(asked.layer.collection)
    ruled = asked.mosaic is not None
    asked.check(info, await pipeline.times(asked.layer.collection, asked.time, ruled=ruled))
    return await picture_reply(asker, asked.picture(info.collection), token)


def _extra(pairs: Iterable[tuple[str, str]]) -> Asked:
    told = {name.lower(): text for name, text in pairs if text}
    return tuple((name, text) for name, text in sorted(told.items()) if name not in _STANDARD)


def _index(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("expected a whole number")
    return int(text)


def _checked(name: str, text: str) -> int:
    try:
        return _index(text)
    except ValueError as error:
        raise errors.InvalidParameterError(f"{name}: {error}", parameter=name) from error


def _format(text: str) -> str:
    kind = text.lower()
    if kind not in FORMATS:
        message = f"no format {text[:40]!r}; there are {', '.join(FORMATS)}"
        raise errors.InvalidFormatError(message, parameter="Format")
    return kind
