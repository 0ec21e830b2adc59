"""XML documents of OGC services, built with lxml."""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

# XML 1.0, 2.2: what may not stand in a document, not even escaped. Clients' words are quoted in
# exception reports, and lxml refuses them whole with one NUL inside.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

XLINK = "http://www.w3.org/1999/xlink"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

Attributes = Mapping[str, str]


def clean(text: str) -> str:
    """Return a text with the characters that XML cannot hold replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


class Writer:
    """Adds elements of one default namespace; children by `prefix:name` with the map's others."""

    def __init__(self, nsmap: dict[str | None, str]) -> None:
        self._nsmap: dict[Any, str] = dict(nsmap)

    def name(self, tag: str) -> str:
        """Return a tag in Clark notation; without a prefix it is in the default namespace."""
        prefix, colon, local = tag.rpartition(":")
        return f"{{{self._nsmap[prefix if colon else None]}}}{local}"

    def root(self, tag: str, attributes: Attributes | None = None) -> etree._Element:
        """Make the root element with every namespace declared."""
        element = etree.Element(self.name(tag), nsmap=self._nsmap)
        return self._filled(element, "", attributes)

    def add(
        self,
        parent: etree._Element,
        tag: str,
        text: str = "",
        attributes: Attributes | None = None,
    ) -> etree._Element:
        """Append a child with a text."""
        element = etree.SubElement(parent, self.name(tag))
        return self._filled(element, text, attributes)

    def link(self, parent: etree._Element, tag: str, href: str) -> etree._Element:
        """Append an empty child with a simple XLink."""
        attributes = {f"{{{XLINK}}}type": "simple", f"{{{XLINK}}}href": href}
        return self.add(parent, tag, attributes=attributes)

    @staticmethod
    def _filled(
        element: etree._Element, text: str, attributes: Attributes | None
    ) -> etree._Element:
        if text:
            element.text = clean(text)
        for name, value in (attributes or {}).items():
            element.set(name, clean(value))
        return element


def parse(body: bytes) -> etree._Element:
    """Read a document that a client sent: no entities, no DTD, nothing fetched, bounded depth.

    Raises:
        ValueError: It is not well-formed, or has a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError("the document is not well-formed XML") from error
    if root.getroottree().docinfo.internalDTD is not None or any(
        True for _ in root.iter(etree.Entity)
    ):
        raise ValueError("documents with a document type are not read")
    return root


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(element).localname


def serialise(root: etree._Element) -> bytes:
    """Return the document as UTF-8 with its declaration."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
