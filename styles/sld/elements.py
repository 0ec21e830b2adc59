"""XML that strangers send: parsed without anything that could leave the document or blow it up."""

import math
import re
from collections.abc import Collection, Iterator

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException
from lxml import etree

from styles.colormaps import Colour
from styles.errors import StyleError

#: Largest document.
MAX_BYTES = 256 * 1024
#: Most elements, and how deep they may lie.
MAX_ELEMENTS = 20_000
MAX_DEPTH = 40

#: Namespaces of SLD and SE, of expressions in them, and none.
_NAMESPACES = frozenset(
    {
        "http://www.opengis.net/sld",
        "http://www.opengis.net/se",
        "http://www.opengis.net/ogc",
        "",
    }
)

Element = etree._Element

_COLOUR = re.compile(r"(?:#|0[xX])([0-9a-fA-F]{6})")


class SldError(StyleError):
    """A descriptor that cannot be used; the message names the line and the element."""

    def __init__(self, message: str, element: Element | None = None) -> None:
        where = "" if element is None else f"line {element.sourceline}, {name_of(element)}: "
        super().__init__(where + message)


def parse(body: bytes) -> Element:
    """Return the root of a document.

    Raises:
        SldError: No XML, too large or too deep, or one with a DTD, entities or the like.
    """
    if len(body) > MAX_BYTES:
        raise SldError(f"the document has more than {MAX_BYTES} bytes")
    try:
        # Refuses every DTD, and with it entities of any kind, where it begins.
        defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        root = etree.fromstring(body, parser)
    except DefusedXmlException as error:
        raise SldError("a DTD or entities are not allowed") from error
    except (SyntaxError, ValueError, LookupError) as error:
        raise SldError(f"it is not XML: {error}") from error
    _check(root)
    return root


def _check(root: Element) -> None:
    level = [root]
    seen = 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        if seen > MAX_ELEMENTS:
            raise SldError(f"the document has more than {MAX_ELEMENTS} elements")
        level = [child for element in level for child in element]
        if not level:
            return
    raise SldError(f"elements lie more than {MAX_DEPTH} deep")


def name_of(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(etree.QName(element).localname)


def text_of(element: Element) -> str:
    """Return the text of an element, or of the one Literal in it.

    Raises:
        SldError: There is something else in it, as a property or a function.
    """
    if len(element) == 0:
        return (element.text or "").strip()
    if len(element) == 1 and name_of(element[0]) == "Literal" and len(element[0]) == 0:
        return (element[0].text or "").strip()
    raise SldError(f"{name_of(element[0])} is not supported: only a plain value is", element)


def number_of(element: Element) -> float:
    """Return the number that an element holds.

    Raises:
        SldError: It holds none, or one that float32 cannot hold.
    """
    return number(text_of(element), element)


def number(text: str, element: Element) -> float:
    """Return the number of a text in an element.

    Raises:
        SldError: It is none, or one that float32 cannot hold.
    """
    try:
        value = float(text)
    except ValueError:
        raise SldError(f"{text[:40]!r} is no number", element) from None
    if not (math.isfinite(value) and abs(value) < 3.4e38) or "_" in text:
        raise SldError(f"{text[:40]!r} is no number", element)
    return value


def share(text: str, element: Element) -> float:
    """Return an opacity, 0 to 1.

    Raises:
        SldError: It is none.
    """
    value = number(text, element)
    if not 0.0 <= value <= 1.0:
        raise SldError(f"an opacity is 0 to 1, not {text[:40]}", element)
    return value


def colour(text: str, opacity: float, element: Element) -> Colour:
    """Return the colour of `#rrggbb` or `0xrrggbb`.

    Raises:
        SldError: It is written otherwise.
    """
    match = _COLOUR.fullmatch(text)
    if match is None:
        raise SldError(f"{text[:40]!r} is no colour such as '#1a9850'", element)
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue, round(255 * opacity)


def parts(
    element: Element, known: Collection[str], ignored: Collection[str] = ()
) -> dict[str, Element]:
    """Return the children of an element by name.

    Args:
        element: Whose children.
        known: Names that may be there, once each.
        ignored: Names that may be there, and change no pixel.

    Raises:
        SldError: Another one is there, by name, or one twice.
    """
    found: dict[str, Element] = {}
    for child in children(element):
        name = name_of(child)
        if name in ignored:
            continue
        if name not in known:
            raise SldError(f"{name} is not supported", child if len(element) else element)
        if name in found:
            raise SldError("only one is supported", child)
        found[name] = child
    return found


def children(element: Element) -> Iterator[Element]:
    """Yield the children of an element.

    Raises:
        SldError: One is of a namespace that has no place here.
    """
    for child in element:
        if (etree.QName(child).namespace or "") not in _NAMESPACES:
            raise SldError(f"{name_of(child)} of a foreign namespace is not supported", element)
        yield child
