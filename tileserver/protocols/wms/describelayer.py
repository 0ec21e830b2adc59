"""DescribeLayer (OGC 05-078r4, 11; OGC 02-070, 6.6.1): where the values behind a layer are served.

Every layer is a coverage of the same name at the one address of all services.
"""

from fastapi import Request, Response

from tileserver import errors
from tileserver.protocols.wms.v11.document import DtdWriter
from tileserver.protocols.wms.version import Version
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.xml import XLINK, XSI, Writer, serialise

SLD = "http://www.opengis.net/sld"
SE = "http://www.opengis.net/se"
_SCHEMA = f"{SLD} http://schemas.opengis.net/sld/1.1.0/DescribeLayer.xsd"
#: Media type of the answer of WMS 1.1.1, as clients of it expect.
_OLD = "application/vnd.ogc.wms_xml"


async def describe_layer(request: Request, kvp: Kvp, version: Version) -> Response:
    """Answer DescribeLayer.

    Raises:
        RequestError: No layers, too many, or one that there is not.
    """
    context = services(request)
    layers = kvp.required("LAYERS", names)
    if len(layers) > context.settings.max_layers:
        most = context.settings.max_layers
        raise errors.TooLargeError(f"at most {most} layers at once", parameter="LAYERS")
    found = [(await context.pipeline.layer(name)).collection.id for name in layers]
    href = f"{public_url(request, context.settings)}/ows?"
    if version.crs == "SRS":
        return document(request, _described_11(found, href), _OLD)
    return document(request, _described_13(found, href), "text/xml; charset=utf-8")


def _described_13(layers: list[str], href: str) -> bytes:
    writer = Writer({None: SLD, "se": SE, "xlink": XLINK, "xsi": XSI})
    root = writer.root("DescribeLayerResponse", {f"{{{XSI}}}schemaLocation": _SCHEMA})
    writer.add(root, "Version", "1.1.0")
    for name in layers:
        layer = writer.add(root, "LayerDescription")
        writer.add(layer, "owsType", "wcs")
        writer.link(layer, "se:OnlineResource", href)
        kind = writer.add(layer, "TypeName")
        writer.add(kind, "se:CoverageName", name)
    return serialise(root)


def _described_11(layers: list[str], href: str) -> bytes:
    writer = DtdWriter()
    root = writer.root("WMS_DescribeLayerResponse", {"version": "1.1.1"})
    for name in layers:
        told = {"name": name, "owsURL": href, "owsType": "WCS"}
        layer = writer.add(root, "LayerDescription", attributes=told)
        writer.add(layer, "Query", attributes={"typeName": name})
    return serialise(root)
