"""GetFeatureInfo (OGC 01-068r3, 7.3; OGC 06-042, 7.4): the values behind one pixel of a map.

They are read at the centre of the pixel, in full resolution; no map is drawn for them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request, Response

from styles.model import Style
from tileserver import errors
from tileserver.catalogue.base import Collection
from tileserver.pipeline import Pipeline
from tileserver.protocols.wms.errors import InvalidPointError, LayerNotQueryableError
from tileserver.protocols.wms.getmap import MapView
from tileserver.protocols.wms.times import LayerTimes, check_time, warnings_of
from tileserver.protocols.wms.version import Version
from tileserver.request import ValuesRequest
from tileserver.settings import Settings
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.featureinfo import features_at
from tileserver.web.gone import while_client_waits
from tileserver.web.infoformats import INFO_FORMATS, Feature
from tileserver.web.kvp import Kvp, integer, names

#: Most scenes of a layer that one request reads, whatever FEATURE_COUNT says. Every band of a scene
#: is a block to decode: 16 bands of JPEG 2000 took 4 s cold and 0.1 s from the block cache, on two
#: busy cores.
MOST_SCENES = 10


@dataclass(frozen=True)
class GetFeatureInfo:
    """The parameters of GetFeatureInfo, decoded.

    Attributes:
        view: The map that was asked about.
        layers: Collection ids to query.
        x: Centre of the pixel, in the map's CRS.
        y: Centre of the pixel.
        media_type: One of `INFO_FORMATS`.
        count: Most scenes per layer.
        formula: The map's own, whose values are asked; None where the map has none.
    """

    view: MapView
    layers: tuple[str, ...]
    x: float
    y: float
    media_type: str
    count: int
    formula: Style | None = None

    @classmethod
    def decode(cls, kvp: Kvp, settings: Settings, version: Version) -> "GetFeatureInfo":
        """Read the parameters of table 9, with the map's as far as values depend on them.

        Raises:
            RequestError: In all its ways.
        """
        view = MapView.decode(kvp, settings, version)
        layers = _query_layers(kvp, view)
        column = _place(kvp, version.pixel[0], view.geobox.width)
        row = _place(kvp, version.pixel[1], view.geobox.height)
        x, y = view.geobox.transform @ (column + 0.5, row + 0.5)
        if version.info_format:
            media_type = kvp.optional("INFO_FORMAT", _format, version.info_format)
        else:
            media_type = kvp.required("INFO_FORMAT", _format)
        style = view.layers[0].style
        formula = style if isinstance(style, Style) else None
        return cls(view, layers, x, y, media_type, _count(kvp.text("FEATURE_COUNT")), formula)

    def values_of(self, collection: Collection) -> ValuesRequest:
        """Return what the pipeline is asked of one layer: by the rule of the map."""
        return ValuesRequest(
            collection.id,
            (),
            ((self.x, self.y),),
            self.view.crs.canonical,
            self.view.time,
            self.count,
            self.formula,
            self.view.mosaic,
        )


async def get_feature_info(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer GetFeatureInfo; where there is no data the answer is an empty one.

    Raises:
        TimedOutError: All values together took longer than one picture may.
        RequestError: See `GetFeatureInfo.decode` and `find_features`.
        RenderError: See `find_features`.
    """
    context = services(request)
    asked = GetFeatureInfo.decode(kvp, context.settings, version)
    shown = (layer.collection for layer in asked.view.layers)
    view = asked.view
    checked = await check_time(
        shown, view.time, context.pipeline, view.dimensions, ruled=view.mosaic is not None
    )
    times = {layer.collection.id: layer for layer in checked}
    queried = [times[name] for name in asked.layers]
    try:
        async with while_client_waits(request), asyncio.timeout(context.settings.max_seconds):
            features = await find_features(asked, queried, context.pipeline)
    except TimeoutError as error:
        raise errors.TimedOutError("the request took longer than the server allows") from error
    body = INFO_FORMATS[asked.media_type](features)
    charset = "; charset=utf-8" if asked.media_type.startswith("text/") else ""
    headers = warnings_of(queried, [_days(features, layer) for layer in queried])
    return document(request, body, f"{asked.media_type}{charset}", headers)


def _days(features: Sequence[Feature], layer: LayerTimes) -> list[str]:
    """Return the days of a layer's features, each once."""
    return list(
        dict.fromkeys(
            origin.datetime.date().isoformat()
            for feature in features
            if feature.layer == layer.collection.id
            for origin in feature.found.origins
            if origin.datetime
        )
    )


async def find_features(
    asked: GetFeatureInfo, layers: Sequence[LayerTimes], pipeline: Pipeline
) -> list[Feature]:
    """Return what the queried layers hold at the point, in the order of their mosaics.

    Args:
        asked: Where, and how much.
        layers: The queried ones.
        pipeline: Knows the values.

    Raises:
        RequestError: An unknown layer, one without values, or too much work.
        RenderError: A source file cannot be read.
    """
    for collection, *_ in layers:
        if not collection.bands:
            message = f"the layer {collection.id} has no values to ask about"
            raise LayerNotQueryableError(message, parameter="QUERY_LAYERS")
    features: list[Feature] = []
    styles = {layer.collection: layer.style for layer in reversed(asked.view.layers)}
    for collection, choice, _ in layers:
        values = asked.values_of(collection)
        features += await features_at(values, styles[collection.id], choice.told, pipeline)
    return features


def _query_layers(kvp: Kvp, view: MapView) -> tuple[str, ...]:
    queried = kvp.required("QUERY_LAYERS", names)
    shown = {layer.collection for layer in view.layers}
    for name in queried:
        if name not in shown:
            message = f"the layer {name[:80]!r} is not among LAYERS"
            raise errors.UnknownCollectionError(message, parameter="QUERY_LAYERS")
    # Once each: a map may show a layer twice, in two styles.
    return tuple(dict.fromkeys(queried))


def _place(kvp: Kvp, name: str, size: int) -> int:
    """Read a column or row.

    Raises:
        MissingParameterError: Absent.
        InvalidPointError: No whole number, or outside of the map.
    """
    text = kvp.required(name, str)
    try:
        value = integer(text)
    except ValueError as error:
        raise InvalidPointError(f"{name}: {error}", parameter=name) from error
    if not 0 <= value < size:
        raise InvalidPointError(f"{name} is not in 0 to {size - 1}", parameter=name)
    return value


def _format(text: str) -> str:
    kind = text.partition(";")[0].strip().lower()
    if kind not in INFO_FORMATS:
        message = f"no format {text[:40]!r}; there are {', '.join(INFO_FORMATS)}"
        raise errors.InvalidFormatError(message, parameter="INFO_FORMAT")
    return kind


def _count(text: str) -> int:
    """Read FEATURE_COUNT; what is no positive whole number means 1 (06-042, 7.4.3.7)."""
    try:
        value = integer(text)
    except ValueError:
        return 1
    return min(max(value, 1), MOST_SCENES)
