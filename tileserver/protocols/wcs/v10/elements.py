"""Elements of the documents of WCS 1.0.0; positions are always x, y (OGC 03-065r6, 8.3.2)."""

from typing import Final

from lxml import etree

from tileserver.coverages import CoverageSummary
from tileserver.protocols.wcs.offered import name_of
from tileserver.timeaxis import iso
from tileserver.web.xml import XLINK, XSI, Writer

WCS: Final = "http://www.opengis.net/wcs"
GML: Final = "http://www.opengis.net/gml"
WRITER: Final = Writer({None: WCS, "gml": GML, "xlink": XLINK, "xsi": XSI})

Element = etree._Element


def location(schema: str) -> dict[str, str]:
    """Return the attribute that names a document's schema."""
    address = f"http://schemas.opengis.net/wcs/1.0.0/{schema}.xsd"
    return {f"{{{XSI}}}schemaLocation": f"{WCS} {address}"}


def brief(element: Element, summary: CoverageSummary) -> None:
    """Write name, title and place of a coverage."""
    collection = summary.collection
    if collection.description:
        WRITER.add(element, "description", collection.description)
    name = name_of(summary)
    WRITER.add(element, "name", name)
    WRITER.add(element, "label", collection.title if summary.item is None else name)
    west, south, east, north = summary.bbox
    box = WRITER.add(
        element, "lonLatEnvelope", attributes={"srsName": "urn:ogc:def:crs:OGC:1.3:CRS84"}
    )
    WRITER.add(box, "gml:pos", f"{west!r} {south!r}")
    WRITER.add(box, "gml:pos", f"{east!r} {north!r}")
    if summary.time is not None:
        for moment in summary.time:
            WRITER.add(box, "gml:timePosition", iso(moment))
