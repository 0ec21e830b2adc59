"""StyledLayerDescriptor: which layers, and in which styles (02-070, 9; 05-078r4, 11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from styles.model import Style
from styles.sld.elements import Element, SldError, children, name_of, parse, parts, text_of
from styles.sld.symbolizer import read_symbolizer

#: Most layers of a document, and styles of a layer.
MAX_LAYERS: Final = 64
MAX_STYLES: Final = 64

_WORDS: Final = frozenset({"Name", "Title", "Abstract", "Description", "IsDefault"})
#: Of a feature type or coverage style: what changes no pixel of a raster.
_KINDS: Final = frozenset(
    {"Name", "Title", "Abstract", "Description", "FeatureTypeName", "CoverageName",
     "SemanticTypeIdentifier"}
)  # fmt: skip
_RULE: Final = frozenset({"Name", "Title", "Abstract", "Description", "LegendGraphic"})
#: QGIS writes its layers as UserLayer, with a constraint that constrains nothing.
_CONSTRAINTS: Final = frozenset({"LayerFeatureConstraints", "LayerCoverageConstraints"})


@dataclass(frozen=True, slots=True)
class SldStyle:
    """A style of a layer.

    Attributes:
        name: As the document calls it, "" for none.
        default: Whether it is the one that counts where none is named.
        style: What it is; None for one that the server knows by this name.
    """

    name: str
    default: bool
    style: Style | None


@dataclass(frozen=True, slots=True)
class SldLayer:
    """A layer of a document; one without a name is of whatever layer is asked for."""

    name: str
    styles: tuple[SldStyle, ...]

    def style(self, name: str = "") -> SldStyle | None:
        """Return the style of a name, or without one the default; None where there is none."""
        if name:
            return next((style for style in self.styles if style.name == name), None)
        defaults = [style for style in self.styles if style.default]
        return next(iter((*defaults, *self.styles)), None)


def read_sld(body: bytes) -> tuple[SldLayer, ...]:
    """Read a document.

    Raises:
        SldError: It is no such document, or has parts that are not supported; the message names
            line and element.
    """
    root = parse(body)
    if name_of(root) != "StyledLayerDescriptor":
        raise SldError("a StyledLayerDescriptor is expected", root)
    version = root.get("version", "1.0.0")
    if version not in ("1.0.0", "1.1.0"):
        raise SldError(f"the version {version[:20]!r} is neither 1.0.0 nor 1.1.0", root)
    layers = [_layer(child) for child in children(root) if name_of(child) not in _WORDS]
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise SldError(f"1 to {MAX_LAYERS} layers are supported", root)
    return tuple(layers)


def _layer(element: Element) -> SldLayer:
    if name_of(element) not in ("NamedLayer", "UserLayer"):
        raise SldError("is not supported", element)
    name, styles = "", []
    for child in children(element):
        kind = name_of(child)
        if kind == "Name":
            name = text_of(child)
        elif kind in _CONSTRAINTS:
            _check_constraints(child)
        elif kind == "NamedStyle":
            styles.append(SldStyle(_name_in(child), False, None))
        elif kind == "UserStyle":
            styles.append(_user_style(child))
        elif kind not in ("Description", "Title", "Abstract"):
            raise SldError(f"{kind} is not supported", element)
    if not name and name_of(element) == "NamedLayer":
        raise SldError("Name is missing", element)
    if len(styles) > MAX_STYLES:
        raise SldError(f"at most {MAX_STYLES} styles are supported", element)
    return SldLayer(name, tuple(styles))


def _check_constraints(element: Element) -> None:
    """Refuse constraints that say something."""
    for constraint in children(element):
        for part in children(constraint):
            if name_of(part) not in ("FeatureTypeName", "CoverageName"):
                raise SldError("is not supported", part)


def _name_in(element: Element) -> str:
    found = parts(element, {"Name"}, {"Description", "Title", "Abstract"})
    if "Name" not in found or not text_of(found["Name"]):
        raise SldError("Name is missing", element)
    return text_of(found["Name"])


def _user_style(element: Element) -> SldStyle:
    styles = ("FeatureTypeStyle", "CoverageStyle")
    found = parts(element, {*_WORDS, *styles})
    drawn = [found[name] for name in styles if name in found]
    if len(drawn) != 1:
        raise SldError("exactly one FeatureTypeStyle or CoverageStyle is supported", element)
    name = text_of(found["Name"]) if "Name" in found else ""
    default = (
        text_of(found["IsDefault"]).lower() in ("1", "true") if "IsDefault" in found else False
    )
    title = _title(found) or name or "Style"
    return SldStyle(name, default, read_symbolizer(_symbolizer(drawn[0]), "sld", title[:200]))


def _title(found: dict[str, Element]) -> str:
    if "Title" in found:
        return text_of(found["Title"])
    if "Description" in found:
        inside = parts(found["Description"], {"Title", "Abstract"})
        return text_of(inside["Title"]) if "Title" in inside else ""
    return ""


def _symbolizer(style: Element) -> Element:
    """Return the one symbolizer of a style: rules that choose among pixels are not supported."""
    rule = _only(style, "Rule", parts(style, {"Rule"}, _KINDS))
    return _only(rule, "RasterSymbolizer", parts(rule, {"RasterSymbolizer"}, _RULE))


def _only(element: Element, name: str, found: dict[str, Element]) -> Element:
    if name not in found:
        raise SldError(f"{name} is missing", element)
    return found[name]


def layer_of(layers: Sequence[SldLayer], name: str) -> SldLayer | None:
    """Return what a document says of a layer; a part without a name is of any layer."""
    by_name = next((layer for layer in layers if layer.name == name), None)
    return by_name or next((layer for layer in layers if not layer.name), None)
