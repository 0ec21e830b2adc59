"""Documents of WMS 1.1.1: no namespaces, and a DOCTYPE whose DTD this server answers itself."""

from pathlib import Path

from fastapi import Request
from lxml import etree

from tileserver.web.address import public_url
from tileserver.web.context import services
from tileserver.web.xml import XLINK, Writer

#: The DTDs by file name; what is sent validates against them.
DTDS = {
    name: Path(__file__).with_name(name).read_bytes()
    for name in ("capabilities_1_1_1.dtd", "exception_1_1_1.dtd")
}
#: Route of the DTDs, below which their names are.
DTD_PATH = "/wms/1.1.1"


class DtdWriter(Writer):
    """Adds elements without a namespace."""

    def __init__(self) -> None:
        super().__init__({})

    def name(self, tag: str) -> str:
        """Return the tag as it is."""
        return tag

    def link(self, parent: etree._Element, tag: str, href: str) -> etree._Element:
        """Append an empty child with a simple XLink.

        The DTD knows the namespace's declaration on this very element only.
        """
        element = etree.SubElement(parent, tag, nsmap={"xlink": XLINK})
        attributes = {f"{{{XLINK}}}type": "simple", f"{{{XLINK}}}href": href}
        return self._filled(element, "", attributes)


def serialise(request: Request, root: etree._Element, dtd: str) -> bytes:
    """Return the document as UTF-8 with its declaration and DOCTYPE.

    Args:
        request: Tells under which address the client sees this server.
        root: The document.
        dtd: One of `DTDS`.
    """
    address = f"{public_url(request, services(request).settings)}{DTD_PATH}/{dtd}"
    doctype = f'<!DOCTYPE {root.tag} SYSTEM "{address.replace(chr(34), "%22")}">'
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype=doctype))
