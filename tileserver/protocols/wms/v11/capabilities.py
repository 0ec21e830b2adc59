"""Words of the capabilities of WMS 1.1.1 (OGC 01-068r3, 7.1)."""

from fastapi import Request
from lxml import etree

from renderers.geobox import Bounds
from tileserver.protocols.wms.capabilities import Words, corners
from tileserver.protocols.wms.v11 import VERSION
from tileserver.protocols.wms.v11.document import DtdWriter, serialise
from tileserver.protocols.wms.v11.exceptions import MEDIA_TYPE as EXCEPTIONS

MEDIA_TYPE = "application/vnd.ogc.wms_xml"
_WRITER = DtdWriter()
#: Attributes of a dimension that this version tells with the dimension, not with its extent.
_DIMENSION = ("name", "units", "unitSymbol")


def _place(layer: etree._Element, bbox: Bounds) -> None:
    _WRITER.add(layer, "LatLonBoundingBox", attributes=corners(bbox))


def _dimension(layer: etree._Element, attributes: dict[str, str], values: str) -> None:
    """Write a dimension; all of them stand before all extents (7.1.4.5.10, and the DTD)."""
    told = {name: attributes[name] for name in _DIMENSION if name in attributes}
    element = _WRITER.add(layer, "Dimension", attributes=told)
    first = layer.find("Extent")
    if first is not None:
        first.addprevious(element)
    rest = {k: v for k, v in attributes.items() if k not in told or k == "name"}
    _WRITER.add(layer, "Extent", values, rest)


def _serialise(request: Request, root: etree._Element) -> bytes:
    return serialise(request, root, "capabilities_1_1_1.dtd")


WORDS = Words(
    version=VERSION,
    writer=_WRITER,
    root="WMT_MS_Capabilities",
    attributes={},
    name="OGC:WMS",
    media_type=MEDIA_TYPE,
    format=MEDIA_TYPE,
    extended="",
    exceptions=(
        EXCEPTIONS,
        "application/vnd.ogc.se_inimage",
        "application/vnd.ogc.se_blank",
    ),
    limits=False,
    # Its EPSG:4326 is what CRS:84 is in 1.3.0: longitude first.
    locals=False,
    place=_place,
    dimension=_dimension,
    serialise=_serialise,
)
