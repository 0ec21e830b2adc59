"""The parameters of a request, however they were sent: in the address, a form, or a document."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from fastapi import Request
from lxml import etree

from tileserver.protocols.wcs.errors import InvalidEncodingError
from tileserver.protocols.wcs.v10 import document as v10
from tileserver.protocols.wcs.v11 import document as v11
from tileserver.protocols.wcs.v20 import document as v20
from tileserver.web.kvp import Kvp
from tileserver.web.posted import is_xml, posted
from tileserver.web.xml import parse

_READERS: Final = {
    v10.NAMESPACE: v10.pairs,
    **dict.fromkeys(v11.NAMESPACES, v11.pairs),
    v20.NAMESPACE: v20.pairs,
    **dict.fromkeys(v20.EO_NAMESPACES, v20.pairs),
}


async def parameters(request: Request) -> Kvp:
    """Return the parameters of a request.

    Raises:
        InvalidEncodingError: A document that is none of a WCS.
        RequestError: The body or the query is too large.
    """
    query: bytes = request.scope["query_string"]
    body = await posted(request)
    if not body.strip():
        return Kvp(query)
    if is_xml(body):
        return Kvp.of(_pairs(body))
    return Kvp(query + b"&" + body.strip())


def _pairs(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        root = parse(body)
    except ValueError as error:
        raise InvalidEncodingError(str(error)) from error
    namespace = etree.QName(root).namespace or ""
    read = _READERS.get(unquote(namespace))
    if read is None:
        raise InvalidEncodingError("the document is no request of a WCS", parameter="request")
    return read(root)
