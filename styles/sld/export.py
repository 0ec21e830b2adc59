"""Styles as a Styled Layer Descriptor 1.0 (OGC 02-070), as GeoServer and QGIS read it.

Both of them, and we, add to the standard: `type` of a colour map, the limits of a contrast as
vendor options. The name of a source channel may be a formula, which only we read.
"""

from collections.abc import Sequence
from typing import Any

from lxml import etree

from styles import opcodes as op
from styles.colormaps import STEPS, Colour
from styles.errors import StyleError
from styles.legend.svg import gradient_stops
from styles.model import ClassColour, RampColour, RgbColour, Style
from styles.program import Program

SLD = "http://www.opengis.net/sld"

_CHANNELS = ("RedChannel", "GreenChannel", "BlueChannel")


def write_sld(layers: Sequence[tuple[str, Sequence[Style]]]) -> bytes:
    """Return a document with the styles of layers; the first of each is its default.

    A style that SLD has no words for is left out; a comment in its place says why.

    Args:
        layers: Name and styles of each.
    """
    nsmap: dict[Any, str] = {None: SLD}
    root = etree.Element(f"{{{SLD}}}StyledLayerDescriptor", {"version": "1.0.0"}, nsmap)
    for name, styles in layers:
        layer = _add(root, "NamedLayer")
        _add(layer, "Name", name)
        for number, style in enumerate(styles):
            try:
                layer.append(_user_style(style, default=number == 0))
            except StyleError as error:
                layer.append(etree.Comment(f" {style.id}: {error} ".replace("--", "- -")))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _add(parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{SLD}}}{tag}", attributes)
    if text:
        element.text = text
    return element


def _user_style(style: Style, *, default: bool) -> etree._Element:
    element = etree.Element(f"{{{SLD}}}UserStyle")
    _add(element, "Name", style.id)
    _add(element, "Title", style.title)
    if style.description:
        _add(element, "Abstract", style.description)
    if default:
        _add(element, "IsDefault", "1")
    rule = _add(_add(element, "FeatureTypeStyle"), "Rule")
    _symbolizer(_add(rule, "RasterSymbolizer"), style)
    return element


def _symbolizer(element: etree._Element, style: Style) -> None:
    colour = style.colour
    sources = channel_sources(style)
    if isinstance(colour, RgbColour):
        if colour.alpha:
            _add(element, "Opacity", _opacity(sources[3]))
        selection = _add(element, "ChannelSelection")
        for tag, source, limits in zip(_CHANNELS, sources, colour.stretch, strict=False):
            channel = _add(selection, tag)
            _add(channel, "SourceChannelName", source)
            _contrast(channel, limits, colour.gamma)
        return
    channel = _add(_add(element, "ChannelSelection"), "GrayChannel")
    _add(channel, "SourceChannelName", sources[0])
    if isinstance(colour, RampColour):
        _ramp(_add(element, "ColorMap", type="ramp"), colour)
    else:
        _values(_add(element, "ColorMap", type="values"), colour)


def _opacity(source: str) -> str:
    try:
        float(source)
    except ValueError:
        raise StyleError("an opacity that is computed has no words in SLD") from None
    return source


def _contrast(channel: etree._Element, limits: tuple[float, float], gamma: float) -> None:
    contrast = _add(channel, "ContrastEnhancement")
    normalize = _add(contrast, "Normalize")
    options = ("StretchToMinimumMaximum", *map(_written, limits))
    for name, value in zip(("algorithm", "minValue", "maxValue"), options, strict=True):
        _add(normalize, "VendorOption", value, name=name)
    if gamma != 1.0:
        _add(contrast, "GammaValue", _written(gamma))


def _ramp(element: etree._Element, colour: RampColour) -> None:
    extent = colour.high - colour.low
    for place, rgba in gradient_stops(colour.palette):
        _entry(element, colour.low + place / (STEPS - 1) * extent, rgba, "")


def _values(element: etree._Element, colour: ClassColour) -> None:
    if colour.flags:
        raise StyleError("flags have no words in SLD")
    for entry in colour.classes:
        _entry(element, entry.value, entry.colour, entry.name)


def _entry(element: etree._Element, quantity: float, colour: Colour, label: str) -> None:
    entry = _add(element, "ColorMapEntry", color="#" + bytes(colour[:3]).hex())
    entry.set("quantity", _written(quantity))
    if colour[3] < 255:
        entry.set("opacity", _written(colour[3] / 255.0))
    if label:
        entry.set("label", label)


def _written(value: float) -> str:
    return f"{value:.9g}"


def channel_sources(style: Style) -> list[str]:
    """Return the band or formula of each output of a style.

    Raises:
        StyleError: It is neither bands as they are nor was it written as a formula.
    """
    if style.formula:
        return split_outputs(style.formula)
    program: Program = style.program
    if len(program.code):
        raise StyleError("its arithmetic was not written as a formula")
    sources = []
    for number in program.results.tolist():
        if not op.FIRST_INPUT <= number < op.FIRST_INPUT + len(program.inputs):
            raise StyleError("its arithmetic was not written as a formula")
        sources.append(program.inputs[number - op.FIRST_INPUT])
    return sources


def split_outputs(formula: str) -> list[str]:
    """Return the parts of a formula between commas and semicolons outside of brackets."""
    parts, depth = [""], 0
    for char in " ".join(formula.split()):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and char in ",;":
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]
