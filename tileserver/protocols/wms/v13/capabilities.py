"""Words of the capabilities of WMS 1.3.0 (OGC 06-042, 7.2)."""

from fastapi import Request
from lxml import etree

from renderers.geobox import Bounds
from tileserver.protocols.wms.capabilities import Words
from tileserver.protocols.wms.v13 import VERSION
from tileserver.web.xml import XLINK, XSI, Writer, serialise

WMS = "http://www.opengis.net/wms"
SLD = "http://www.opengis.net/sld"
_SCHEMA = (
    f"{WMS} http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd "
    f"{SLD} http://schemas.opengis.net/sld/1.1.0/sld_capabilities.xsd"
)
_WRITER = Writer({None: WMS, "sld": SLD, "xlink": XLINK, "xsi": XSI})


def _place(layer: etree._Element, bbox: Bounds) -> None:
    geographic = _WRITER.add(layer, "EX_GeographicBoundingBox")
    west, south, east, north = bbox
    for name, value in (
        ("westBoundLongitude", west),
        ("eastBoundLongitude", east),
        ("southBoundLatitude", south),
        ("northBoundLatitude", north),
    ):
        _WRITER.add(geographic, name, repr(value))


def _dimension(layer: etree._Element, attributes: dict[str, str], values: str) -> None:
    _WRITER.add(layer, "Dimension", values, attributes)


def _serialise(_: Request, root: etree._Element) -> bytes:
    return serialise(root)


WORDS = Words(
    version=VERSION,
    writer=_WRITER,
    root="WMS_Capabilities",
    attributes={f"{{{XSI}}}schemaLocation": _SCHEMA},
    name="WMS",
    media_type="text/xml; charset=utf-8",
    format="text/xml",
    extended="sld:",
    exceptions=("XML", "INIMAGE", "BLANK"),
    limits=True,
    locals=True,
    place=_place,
    dimension=_dimension,
    serialise=_serialise,
)
