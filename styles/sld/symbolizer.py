"""RasterSymbolizer (02-070, 11.7; 05-077r4, 11.6): channels, contrast, colours, opacity."""

from typing import Final, NamedTuple

from styles.colormaps import from_stops
from styles.errors import StyleError
from styles.expression import compile_formula
from styles.model import RampColour, RgbColour, Style
from styles.program import select
from styles.sld.colormap import Coloured, band_or_formula, grey_ramp, is_name, read_colormap
from styles.sld.elements import (
    Element,
    SldError,
    children,
    name_of,
    number,
    number_of,
    parts,
    share,
    text_of,
)

#: Values that are shown from black to white where no contrast is asked for: bytes as they are.
BYTES: Final = (0.0, 255.0)
#: What stands for the least and the greatest value of a collection, which single pixels decide.
PERCENTILES: Final = (2.0, 98.0)

#: In place of a range that only the data knows. It tells such styles from all others, and a picture
#: that was drawn with it would be of one colour.
UNKNOWN: Final = (-1.5e38, 1.5e38)

_COLOURS: Final = ("RedChannel", "GreenChannel", "BlueChannel")
#: What says nothing of pixels.
_WORDS: Final = frozenset({"Name", "Title", "Abstract", "Description", "Geometry"})
#: Algorithm of GeoServer's and QGIS's contrast that is the standard's Normalize with its limits.
_STRETCH: Final = "StretchToMinimumMaximum"


class Contrast(NamedTuple):
    """What a ContrastEnhancement asks for.

    Attributes:
        limits: Values that become black and white; None where it names none.
        gamma: Brightens above 1, dims below.
        normal: Whether the range of the data is wanted, which only the data can tell.
    """

    limits: tuple[float, float] | None = None
    gamma: float = 1.0
    normal: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The values that become black and white; where only the data knows, no real ones."""
        return UNKNOWN if self.normal else self.limits or BYTES


class _Channel(NamedTuple):
    source: str
    contrast: Contrast
    element: Element


def read_symbolizer(element: Element, style_id: str, title: str) -> Style:
    """Read a RasterSymbolizer.

    Bands are called by their names, or `b1`, `b2`, ... where the document has numbers. The name of
    a source channel may be a formula, see `styles.expression`.

    Args:
        element: `RasterSymbolizer`.
        style_id: Id of the style.
        title: For people.

    Raises:
        SldError: It is not one, or has parts that are not supported; the message names them.
    """
    found = parts(
        element,
        {"Opacity", "ChannelSelection", "OverlapBehavior", "ColorMap", "ContrastEnhancement"},
        _WORDS,
    )
    opacity = 1.0
    if "Opacity" in found:
        opacity = share(text_of(found["Opacity"]), found["Opacity"])
    if "OverlapBehavior" in found:
        _check_overlap(found["OverlapBehavior"])
    contrast = _contrast(found.get("ContrastEnhancement"))
    selection = found.get("ChannelSelection")
    channels = _channels(selection, contrast) if selection is not None else []
    if len(channels) == 3:
        if "ColorMap" in found:
            raise SldError("is for one channel, not for three", found["ColorMap"])
        return _colours(channels, style_id, title, opacity)
    if not channels and "ColorMap" not in found:
        # Values of products are physical: no range from black to white suits all of them.
        raise SldError("ChannelSelection or ColorMap is needed", element)
    channel = channels[0] if channels else _Channel("b1", contrast, element)
    if "ColorMap" in found:
        if channel.contrast != Contrast():
            raise SldError(
                "ContrastEnhancement together with ColorMap is not supported", channel.element
            )
        made = read_colormap(found["ColorMap"], channel.source, opacity)
    else:
        made = _grey(channel, opacity)
    formula = "" if is_name(channel.source) else channel.source
    return Style(
        style_id,
        title,
        made.program,
        made.rule,
        resampling=made.resampling,
        formula=formula,
        percentiles=_percentiles(channel.contrast),
    )


def _channels(selection: Element, contrast: Contrast) -> list[_Channel]:
    found = parts(selection, {*_COLOURS, "GrayChannel"})
    if set(found) == {"GrayChannel"}:
        return [_channel(found["GrayChannel"], contrast)]
    if set(found) == set(_COLOURS):
        return [_channel(found[name], contrast) for name in _COLOURS]
    raise SldError("either GrayChannel or Red-, Green- and BlueChannel are needed", selection)


def _channel(element: Element, contrast: Contrast) -> _Channel:
    found = parts(element, {"SourceChannelName", "ContrastEnhancement"})
    if "SourceChannelName" not in found:
        raise SldError("SourceChannelName is missing", element)
    source = text_of(found["SourceChannelName"])
    if not source:
        raise SldError("SourceChannelName is empty", element)
    if source.isascii() and source.isdigit():
        source = f"b{source}"
    own = found.get("ContrastEnhancement")
    return _Channel(source, contrast if own is None else _contrast(own), element)


def _contrast(element: Element | None) -> Contrast:
    if element is None:
        return Contrast()
    found = parts(element, {"Normalize", "GammaValue"})
    gamma = 1.0
    if "GammaValue" in found:
        gamma = number_of(found["GammaValue"])
        if not 0.1 <= gamma <= 10.0:
            raise SldError("a gamma is 0.1 to 10", found["GammaValue"])
    if "Normalize" not in found:
        return Contrast(None, gamma)
    limits = _limits(found["Normalize"])
    return Contrast(limits, gamma, limits is None)


def _limits(normalize: Element) -> tuple[float, float] | None:
    """Read the vendor options with which GeoServer and QGIS write the limits of a contrast."""
    options: dict[str, str] = {}
    for child in children(normalize):
        if name_of(child) != "VendorOption":
            raise SldError(f"{name_of(child)} is not supported", normalize)
        options[child.get("name", "")] = text_of(child)
    algorithm = options.pop("algorithm", _STRETCH)
    if algorithm != _STRETCH:
        raise SldError(f"the algorithm {algorithm[:40]} is not supported", normalize)
    for name in sorted(set(options) - {"minValue", "maxValue"}):
        raise SldError(f"the vendor option {name[:40]} is not supported", normalize)
    if len(options) == 1:
        raise SldError("minValue and maxValue go together", normalize)
    if not options:
        return None
    low, high = (number(options[name], normalize) for name in ("minValue", "maxValue"))
    if not low < high:
        raise SldError("minValue is not below maxValue", normalize)
    return low, high


def _check_overlap(element: Element) -> None:
    """Accept what we do: the most recent image shows."""
    inside = list(children(element))
    word = name_of(inside[0]) if inside else text_of(element)
    if word != "LATEST_ON_TOP":
        raise SldError(f"{word[:40]} is not supported", element)


def _percentiles(contrast: Contrast) -> tuple[float, float] | None:
    return PERCENTILES if contrast.normal else None


def _grey(channel: _Channel, opacity: float) -> Coloured:
    contrast = channel.contrast
    low, high = contrast.range
    try:
        rule = RampColour(from_stops(grey_ramp(contrast.gamma, opacity)), low, high)
    except StyleError as error:
        raise SldError(str(error), channel.element) from error
    return Coloured(band_or_formula(channel.source, channel.element), rule, "bilinear")


def _colours(channels: list[_Channel], style_id: str, title: str, opacity: float) -> Style:
    gammas = {channel.contrast.gamma for channel in channels}
    if len(gammas) > 1:
        raise SldError("channels of different gamma are not supported", channels[1].element)
    if len({channel.contrast.normal for channel in channels}) > 1:
        raise SldError("Normalize with limits and without are not mixed", channels[1].element)
    sources = [channel.source for channel in channels]
    shown = sources if opacity == 1.0 else [*sources, repr(opacity)]
    formula = "" if all(map(is_name, shown)) else ", ".join(shown)
    try:
        program = compile_formula(formula) if formula else select(sources)
        first, second, third = (channel.contrast.range for channel in channels)
        red, green, blue = sources
        names = (red, green, blue)
        rule = RgbColour((first, second, third), gammas.pop(), names, alpha=opacity < 1.0)
        return Style(
            style_id,
            title,
            program,
            rule,
            formula=formula,
            percentiles=_percentiles(channels[0].contrast),
        )
    except StyleError as error:
        raise SldError(str(error), channels[0].element) from error
