"""What POST/XML requests of all versions have in common: they carry the parameters of GET."""

from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from tileserver.protocols.wcs.errors import InvalidEncodingError
from tileserver.web.xml import local_name

Pairs = Iterator[tuple[str, str]]
#: What reads the parameters of each operation, by the name of the document's root.
Operations = Mapping[str, Callable[[etree._Element], Pairs]]


def request_pairs(root: etree._Element, operations: Operations, unsaid: str = "") -> Pairs:
    """Yield the parameters of a request.

    Args:
        root: Of the document.
        operations: Of the version.
        unsaid: The version where the document names none.

    Raises:
        InvalidEncodingError: It is none of the standard's.
    """
    name = local_name(root)
    read = operations.get(name)
    if read is None:
        raise InvalidEncodingError(f"{name[:60]} is no request", parameter="request")
    yield "request", name
    yield "service", root.get("service", "")
    yield "version", root.get("version", unsaid)
    yield from read(root)


def named(root: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Yield the elements of some names, in order."""
    for element in root.iter():
        if isinstance(element.tag, str) and local_name(element) in names:
            yield element
