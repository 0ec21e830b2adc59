"""GetCapabilities of WMS 1.3.0 (OGC 06-042, 7.2): the document."""

from collections.abc import Sequence

from fastapi import Request
from lxml import etree

from renderers.geobox import Bounds
from styles.model import Style
from tileserver.legends import FORMATS as LEGEND_FORMATS
from tileserver.protocols.wms.capabilities import (
    KEYWORDS,
    boxes,
    queryable,
    time_attributes,
    whole_bbox,
)
from tileserver.protocols.wms.getlegendgraphic import ADVERTISED_FORMAT, legend_address
from tileserver.protocols.wms.getmap import FORMATS
from tileserver.protocols.wms.infoformats import INFO_FORMATS
from tileserver.protocols.wms.v13 import VERSION
from tileserver.settings import Settings
from tileserver.web.address import endpoint
from tileserver.web.context import Services, services
from tileserver.web.layers import LayerView
from tileserver.web.xml import XLINK, XSI, Writer, serialise

MEDIA_TYPE = "text/xml; charset=utf-8"
WMS = "http://www.opengis.net/wms"
SLD = "http://www.opengis.net/sld"
_SCHEMA = (
    f"{WMS} http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd "
    f"{SLD} http://schemas.opengis.net/sld/1.1.0/sld_capabilities.xsd"
)
_WRITER = Writer({None: WMS, "sld": SLD, "xlink": XLINK, "xsi": XSI})


def write(request: Request, views: Sequence[LayerView], sequence: int) -> bytes:
    """Return the document, with this server's address as the client sees it."""
    context = services(request)
    return serialise(build(views, context, f"{endpoint(request, context.settings)}?", sequence))


def build(
    views: Sequence[LayerView], context: Services, href: str, sequence: int
) -> etree._Element:
    """Build the document.

    Args:
        views: The layers.
        context: For the service's metadata and limits, and the sizes of legends.
        href: URL to which parameters are appended.
        sequence: Update sequence.
    """
    root = _WRITER.root(
        "WMS_Capabilities",
        {
            "version": VERSION.number,
            "updateSequence": str(sequence),
            f"{{{XSI}}}schemaLocation": _SCHEMA,
        },
    )
    settings = context.settings
    _service(root, settings, href)
    capability = _WRITER.add(root, "Capability")
    _requests(capability, href)
    exceptions = _WRITER.add(capability, "Exception")
    for name in ("XML", "BLANK"):
        _WRITER.add(exceptions, "Format", name)
    _root_layer(capability, views, context, href)
    return root


def _service(root: etree._Element, settings: Settings, href: str) -> None:
    service = _WRITER.add(root, "Service")
    _WRITER.add(service, "Name", "WMS")
    _WRITER.add(service, "Title", settings.title)
    _WRITER.add(service, "Abstract", settings.abstract)
    keywords = _WRITER.add(service, "KeywordList")
    for word in KEYWORDS:
        _WRITER.add(keywords, "Keyword", word)
    _WRITER.link(service, "OnlineResource", href)
    contact = _WRITER.add(service, "ContactInformation")
    person = _WRITER.add(contact, "ContactPersonPrimary")
    _WRITER.add(person, "ContactPerson")
    _WRITER.add(person, "ContactOrganization", settings.provider)
    if settings.contact_email:
        _WRITER.add(contact, "ContactElectronicMailAddress", settings.contact_email)
    _WRITER.add(service, "Fees", "none")
    _WRITER.add(service, "AccessConstraints", "none")
    _WRITER.add(service, "LayerLimit", str(settings.max_layers))
    _WRITER.add(service, "MaxWidth", str(settings.max_width))
    _WRITER.add(service, "MaxHeight", str(settings.max_height))


def _requests(capability: etree._Element, href: str) -> None:
    requests = _WRITER.add(capability, "Request")
    for name, formats in (
        ("GetCapabilities", ("text/xml",)),
        ("GetMap", FORMATS),
        ("GetFeatureInfo", tuple(INFO_FORMATS)),
        ("sld:GetLegendGraphic", LEGEND_FORMATS),
    ):
        operation = _WRITER.add(requests, name)
        for kind in formats:
            _WRITER.add(operation, "Format", kind)
        get = _WRITER.add(_WRITER.add(_WRITER.add(operation, "DCPType"), "HTTP"), "Get")
        _WRITER.link(get, "OnlineResource", href)


def _root_layer(
    capability: etree._Element, views: Sequence[LayerView], context: Services, href: str
) -> None:
    settings = context.settings
    root = _WRITER.add(capability, "Layer")
    _WRITER.add(root, "Title", settings.title)
    for name in settings.crs:
        _WRITER.add(root, "CRS", name)
    _bounding_boxes(root, whole_bbox(views), settings)
    for view in views:
        layer = _layer(root, view, settings)
        for style in view.info.styles:
            place = view.info.collection.id
            _style(layer, style, legend_address(href, VERSION, place, style, context.legends))


def _layer(parent: etree._Element, view: LayerView, settings: Settings) -> etree._Element:
    """Write all of a layer but its styles."""
    collection = view.info.collection
    attributes = {"queryable": queryable(view), "opaque": "0"}
    layer = _WRITER.add(parent, "Layer", attributes=attributes)
    _WRITER.add(layer, "Name", collection.id)
    _WRITER.add(layer, "Title", collection.title)
    if collection.description:
        _WRITER.add(layer, "Abstract", collection.description)
    for name in settings.crs:
        _WRITER.add(layer, "CRS", name)
    _bounding_boxes(layer, view.bbox, settings)
    if view.times:
        attributes = {"name": "time", "units": "ISO8601", **time_attributes(view)}
        _WRITER.add(layer, "Dimension", ",".join(view.times), attributes)
    if collection.attribution:
        attribution = _WRITER.add(layer, "Attribution")
        _WRITER.add(attribution, "Title", collection.attribution)
    return layer


def _bounding_boxes(layer: etree._Element, bbox: Bounds, settings: Settings) -> None:
    """Write the geographic box and one box per CRS, from the same floats without rounding."""
    geographic = _WRITER.add(layer, "EX_GeographicBoundingBox")
    west, south, east, north = bbox
    for name, value in (
        ("westBoundLongitude", west),
        ("eastBoundLongitude", east),
        ("southBoundLatitude", south),
        ("northBoundLatitude", north),
    ):
        _WRITER.add(geographic, name, repr(value))
    for crs, box in boxes(bbox, settings.crs):
        values = (repr(float(v)) for v in crs.from_xy(box))
        corners = dict(zip(("minx", "miny", "maxx", "maxy"), values, strict=True))
        _WRITER.add(layer, "BoundingBox", attributes={"CRS": crs.name, **corners})


def _style(layer: etree._Element, style: Style, legend: tuple[str, tuple[int, int]]) -> None:
    element = _WRITER.add(layer, "Style")
    _WRITER.add(element, "Name", style.id)
    _WRITER.add(element, "Title", style.title)
    if style.description:
        _WRITER.add(element, "Abstract", style.description)
    href, (width, height) = legend
    size = {"width": str(width), "height": str(height)}
    picture = _WRITER.add(element, "LegendURL", attributes=size)
    _WRITER.add(picture, "Format", ADVERTISED_FORMAT)
    _WRITER.link(picture, "OnlineResource", href)
