"""GetMap (OGC 01-068r3, 7.2; OGC 06-042, 7.3): from parameters to a picture's request."""

import math
import re
from dataclasses import dataclass, replace
from typing import TypeVar

from fastapi import Request, Response

from renderers.geobox import Bounds, GeoBox
from tileserver import errors
from tileserver.crs import OgcCrs, parse_crs
from tileserver.descriptors import BODY, described_layers
from tileserver.dimensions import Asked
from tileserver.formulas import parse_style
from tileserver.mosaics import MosaicChoice, parse_mosaic
from tileserver.protocols.wms.times import check_time, picture_warnings
from tileserver.protocols.wms.version import Version
from tileserver.request import AUTO, LayerRequest, PictureRequest
from tileserver.settings import Settings
from tileserver.timeaxis import UNSAID, TimeRequest, parse_time
from tileserver.web.answers import picture_answer
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, boolean, integer, names

T = TypeVar("T")

#: Formats of GetMap that capabilities tell, the first is what most clients take.
FORMATS = (
    "image/png",
    "image/png; mode=8bit",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/geotiff",
)
#: Other names of formats. The last one is JPEG or PNG, as what is drawn needs: it is not told, as
#: the answer never has this media type.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/png8": "image/png; mode=8bit",
    "image/tiff": "image/geotiff",
    "image/vnd.jpeg-png": AUTO,
}

# In either version's words; clients mix them up.
_BLANK = frozenset({"BLANK", "APPLICATION/VND.OGC.SE_BLANK"})
_IN_IMAGE = frozenset({"INIMAGE", "APPLICATION/VND.OGC.SE_INIMAGE"})

_COLOUR = re.compile(r"(?:0x|#)?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)
_WHITE = (255, 255, 255)

# Where no projection's coordinates reach; beyond it floats lose the pixels.
_FARTHEST = 1e12
# Metres or degrees of a side below which products with other coordinates overflow.
_SHORTEST = 1e-12


@dataclass(frozen=True)
class Canvas:
    """Size and look of a picture, without what is on it: all that a blank one needs.

    Attributes:
        width: Pixels per row.
        height: Rows.
        media_type: One of `FORMATS`.
        transparent: Keep pixels without data transparent.
        background: RGB behind them otherwise.
    """

    width: int
    height: int
    media_type: str
    transparent: bool
    background: tuple[int, int, int]

    @classmethod
    def decode(cls, kvp: Kvp, settings: Settings) -> "Canvas":
        """Read WIDTH, HEIGHT, FORMAT, TRANSPARENT and BGCOLOR.

        Raises:
            RequestError: Missing, unreadable, or larger than the settings allow.
        """
        return cls(
            _size(kvp, "WIDTH", settings.max_width),
            _size(kvp, "HEIGHT", settings.max_height),
            kvp.required("FORMAT", _format),
            kvp.optional("TRANSPARENT", boolean, False),
            kvp.optional("BGCOLOR", _colour, _WHITE),
        )

    def picture(
        self, layers: tuple[LayerRequest, ...], geobox: GeoBox, time: TimeRequest = UNSAID
    ) -> PictureRequest:
        """Return the request for a picture of this look."""
        return PictureRequest(
            layers, geobox, time, self.media_type, self.transparent, self.background
        )

    def blank(self) -> PictureRequest:
        """Return the request for a picture of nothing."""
        nowhere = (0.0, 0.0, 1.0, 1.0)
        return self.picture((), GeoBox.from_bounds(nowhere, self.width, self.height, "EPSG:4326"))


@dataclass(frozen=True)
class MapView:
    """What a map shows: the part of GetMap that GetFeatureInfo repeats.

    Attributes:
        layers: With their styles, the first at the bottom.
        crs: Of the box.
        geobox: The pixel grid, x/y order.
        time: Of all layers.
        mosaic: Of all layers; None takes each one's own rule.
        dimensions: Beyond time, of the layers that have them.
    """

    layers: tuple[LayerRequest, ...]
    crs: OgcCrs
    geobox: GeoBox
    time: TimeRequest
    mosaic: MosaicChoice | None
    dimensions: Asked = ()

    @classmethod
    def decode(cls, kvp: Kvp, settings: Settings, version: Version) -> "MapView":
        """Read LAYERS, STYLES (or EXPRESSION), CRS or SRS, BBOX, WIDTH, HEIGHT, TIME and MOSAIC.

        Raises:
            RequestError: In all its ways.
        """
        layers = _layers(kvp, settings.max_layers)
        crs = kvp.required(version.crs, lambda text: parse_crs(text, parameter=version.crs))
        box = kvp.required("BBOX", _box)
        bounds = crs.to_xy(box) if version.definition_order else box
        time = kvp.optional("TIME", lambda text: parse_time(text, parameter="TIME"), UNSAID)
        mosaic = kvp.optional("MOSAIC", lambda text: parse_mosaic(text, parameter="MOSAIC"), None)
        width = _size(kvp, "WIDTH", settings.max_width)
        height = _size(kvp, "HEIGHT", settings.max_height)
        try:
            geobox = GeoBox.from_bounds(bounds, width, height, crs.canonical)
        except ValueError as error:  # pixels too small for floats
            raise errors.InvalidParameterError("BBOX is too small", parameter="BBOX") from error
        return cls(layers, crs, geobox, time, mosaic, dimensions_of(kvp))


async def get_map(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer GetMap; with EXCEPTIONS for pictures, errors are pictures of nothing or of a text."""
    context = services(request)
    try:
        view = MapView.decode(kvp, context.settings, version)
        canvas = Canvas.decode(kvp, context.settings)
        asked = replace(
            canvas.picture(view.layers, view.geobox, view.time),
            mosaic=view.mosaic,
            dimensions=view.dimensions,
        )
        times = await check_time(
            (layer.collection for layer in view.layers),
            view.time,
            context.pipeline,
            view.dimensions,
            ruled=asked.mosaic is not None,
        )
        return await picture_answer(
            request, asked, more=lambda picture: picture_warnings(times, picture)
        )
    except errors.DOMAIN_ERRORS as error:
        kind = kvp.text("EXCEPTIONS").upper()
        blank = _blank(kvp, context.settings) if kind in _BLANK | _IN_IMAGE else None
        if blank is None:
            raise
        told = "" if kind in _BLANK else errors.describe(error).detail
    picture = await context.pipeline.notice(told, blank)
    return Response(
        picture.body, media_type=picture.media_type, headers={"Cache-Control": "no-store"}
    )


def dimensions_of(kvp: Kvp) -> Asked:
    """Return ELEVATION and DIM_x as they were asked (06-042, C.3.2), names in small letters."""
    named = {n.lower().removeprefix("dim_"): n for n in kvp if n.startswith("DIM_")}
    if "ELEVATION" in kvp:
        named["elevation"] = "ELEVATION"
    asked = ((name, kvp.text(parameter)) for name, parameter in sorted(named.items()))
    return tuple((name, text) for name, text in asked if text)


def _blank(kvp: Kvp, settings: Settings) -> PictureRequest | None:
    """Return the picture of nothing, or None where its own parameters are the ones at fault."""
    try:
        return Canvas.decode(kvp, settings).blank()
    except errors.RequestError:
        return None


def _layers(kvp: Kvp, most: int) -> tuple[LayerRequest, ...]:
    """Read what is drawn: LAYERS with STYLES, with a formula, or with SLD_BODY, or that alone."""
    document, written = kvp.text(BODY), parse_style(kvp.all)
    if document and written is not None:
        message = f"{BODY} and EXPRESSION are two ways to say one thing"
        raise errors.InvalidParameterError(message, parameter="EXPRESSION")
    if document and not kvp.text("LAYERS"):
        return _few(described_layers(document, (), ()), most)
    layers = _few(kvp.required("LAYERS", names), most)
    if written is not None:
        if len(layers) > 1:
            message = "a formula is for one layer"
            raise errors.InvalidParameterError(message, parameter="EXPRESSION")
        return (LayerRequest(layers[0], written),)
    styles = names(kvp.text("STYLES")) if kvp.text("STYLES") else ()
    if styles and len(styles) != len(layers):
        raise errors.UnknownStyleError("STYLES has not one entry per layer", parameter="STYLES")
    if document:
        return described_layers(document, layers, styles)
    pairs = zip(layers, styles or [""] * len(layers), strict=True)
    return tuple(LayerRequest(layer, style) for layer, style in pairs)


def _few(layers: tuple[T, ...], most: int) -> tuple[T, ...]:
    if len(layers) > most:
        raise errors.TooLargeError(f"at most {most} layers in one picture", parameter="LAYERS")
    return layers


def _size(kvp: Kvp, name: str, most: int) -> int:
    value = kvp.required(name, integer)
    if not 1 <= value <= most:
        raise errors.TooLargeError(f"{name} is not in 1 to {most}", parameter=name)
    return value


def _format(text: str) -> str:
    """Read a media type; parameters other than `mode=8bit` are hints that may be ignored."""
    kind, _, parameters = (part.strip().lower() for part in text.partition(";"))
    kind = _ALIASES.get(kind, kind)
    if kind == "image/png" and parameters.replace(" ", "") == "mode=8bit":
        return "image/png; mode=8bit"
    if kind not in (*FORMATS, AUTO):
        message = f"no format {text[:40]!r}; there are {', '.join(FORMATS)}"
        raise errors.InvalidFormatError(message, parameter="FORMAT")
    return kind


def _colour(text: str) -> tuple[int, int, int]:
    match = _COLOUR.fullmatch(text)
    if not match:
        raise ValueError("expected 0xRRGGBB")
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def _box(text: str) -> Bounds:
    try:
        first, second, third, fourth = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError("expected four numbers") from error
    box = (first, second, third, fourth)
    if not all(math.isfinite(v) and abs(v) < _FARTHEST for v in box):
        raise ValueError("numbers too large")
    if first >= third or second >= fourth:
        raise ValueError("the minimum is not below the maximum")
    if third - first < _SHORTEST or fourth - second < _SHORTEST:
        raise ValueError("it is too small")
    return box
