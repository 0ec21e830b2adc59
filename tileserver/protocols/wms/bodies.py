"""Requests in a body: the parameters of a form, and GetMap as XML (OGC 05-078r4, 12)."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from lxml import etree

from styles.errors import StyleError
from styles.sld.elements import Element, name_of, parse, text_of
from tileserver.descriptors import BODY
from tileserver.errors import InvalidParameterError, OperationNotSupportedError
from tileserver.web.context import services
from tileserver.web.kvp import MAX_QUERY_BYTES, Kvp
from tileserver.web.posted import MAX_BODY_BYTES, is_xml, posted

#: Where every letter of a document is escaped, it is three times as long.
_MOST: Final = MAX_QUERY_BYTES + 3 * MAX_BODY_BYTES

_OUTPUT: Final = {
    "Width": "WIDTH",
    "Height": "HEIGHT",
    "Format": "FORMAT",
    "Transparent": "TRANSPARENT",
    "BGcolor": "BGCOLOR",
}
_SIMPLE: Final = {"CRS": "CRS", "Exceptions": "EXCEPTIONS", "Time": "TIME"}


async def read_parameters(request: Request) -> Kvp:
    """Return the parameters of a request, from its address and its body.

    Raises:
        RequestError: They cannot be read.
    """
    query = bytes(request.scope["query_string"])
    if request.method != "POST":
        return Kvp(query)
    if len(query) > MAX_QUERY_BYTES:
        raise InvalidParameterError("the query is too long")
    body = await posted(request)
    if is_xml(body):
        body = urlencode(_of_get_map(body)).encode()
    return Kvp(query + b"&" + body, _MOST)


async def with_document(request: Request, kvp: Kvp) -> Kvp:
    """Return the parameters with the document that SLD names fetched into SLD_BODY.

    Raises:
        RequestError: Both are there, or the address is not one that may be read.
        SourceError: It cannot be reached.
    """
    address = kvp.text("SLD")
    if not address:
        return kvp
    if kvp.text(BODY):
        raise InvalidParameterError("SLD and SLD_BODY are two ways to say one thing")
    return kvp.with_value(BODY, await services(request).documents.fetch(address))


def _of_get_map(body: bytes) -> list[tuple[str, str]]:
    """Return what a GetMap document asks, as parameters.

    Raises:
        InvalidParameterError: It is no such document.
        OperationNotSupportedError: It has a part that is not supported.
    """
    try:
        root = parse(body)
        if name_of(root) != "GetMap":
            raise InvalidParameterError(f"a GetMap is expected, not {name_of(root)[:40]!r}")
        version = root.get("version", "1.3.0")
        given = [("SERVICE", "WMS"), ("REQUEST", "GetMap"), ("VERSION", version)]
        return [*given, *_parameters(root)]
    except StyleError as error:
        raise InvalidParameterError(str(error)) from error


def _parameters(root: Element) -> Iterator[tuple[str, str]]:
    for part in root:
        name = name_of(part)
        if name == "StyledLayerDescriptor":
            yield BODY, etree.tostring(part, encoding="unicode", with_tail=False)
        elif name == "BoundingBox":
            corners = {name_of(child): text_of(child) for child in part}
            both = (corners.get(c, "") for c in ("LowerCorner", "UpperCorner"))
            yield "BBOX", ",".join(",".join(corner.split()) for corner in both)
        elif name == "Output":
            yield from _output(part)
        elif name == "Elevation":
            yield "ELEVATION", ",".join(map(_elevation, part))
        elif name in _SIMPLE:
            yield _SIMPLE[name], text_of(part)
        else:
            message = f"{name[:40]} of GetMap is not supported"
            raise OperationNotSupportedError(message, parameter=name[:40])


def _elevation(element: Element) -> str:
    """Return a value, or an interval as `least/greatest`."""
    return text_of(element) if name_of(element) == "Value" else "/".join(map(text_of, element))


def _output(element: Element) -> Iterator[tuple[str, str]]:
    for part in element:
        name = name_of(part)
        if name == "Size":
            yield from _output(part)
        elif name in _OUTPUT:
            # xsd:boolean has 0 and 1 too.
            words = {"1": "TRUE", "0": "FALSE"} if name == "Transparent" else {}
            yield _OUTPUT[name], words.get(text_of(part), text_of(part))
        else:
            message = f"{name[:40]} of GetMap is not supported"
            raise OperationNotSupportedError(message, parameter=name[:40])
