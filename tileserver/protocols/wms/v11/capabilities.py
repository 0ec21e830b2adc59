"""GetCapabilities of WMS 1.1.1 (OGC 01-068r3, 7.1): the document."""

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
from tileserver.protocols.wms.v11 import VERSION
from tileserver.protocols.wms.v11.document import DtdWriter, serialise
from tileserver.protocols.wms.v11.exceptions import MEDIA_TYPE as EXCEPTIONS
from tileserver.settings import Settings
from tileserver.web.address import endpoint
from tileserver.web.context import Services, services
from tileserver.web.layers import LayerView

MEDIA_TYPE = "application/vnd.ogc.wms_xml"
_WRITER = DtdWriter()
_CORNERS = ("minx", "miny", "maxx", "maxy")


def write(request: Request, views: Sequence[LayerView], sequence: int) -> bytes:
    """Return the document, with this server's address as the client sees it."""
    context = services(request)
    root = build(views, context, f"{endpoint(request, context.settings)}?", sequence)
    return serialise(request, root, "capabilities_1_1_1.dtd")


def build(
    views: Sequence[LayerView], context: Services, href: str, sequence: int
) -> etree._Element:
    """Build the document.

    Args:
        views: The layers.
        context: For the service's metadata, and the sizes of legends.
        href: URL to which parameters are appended.
        sequence: Update sequence.
    """
    root = _WRITER.root(
        "WMT_MS_Capabilities", {"version": VERSION.number, "updateSequence": str(sequence)}
    )
    _service(root, context.settings, href)
    capability = _WRITER.add(root, "Capability")
    _requests(capability, href)
    exceptions = _WRITER.add(capability, "Exception")
    for name in (EXCEPTIONS, "application/vnd.ogc.se_blank"):
        _WRITER.add(exceptions, "Format", name)
    _root_layer(capability, views, context, href)
    return root


def _service(root: etree._Element, settings: Settings, href: str) -> None:
    service = _WRITER.add(root, "Service")
    _WRITER.add(service, "Name", "OGC:WMS")
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


def _requests(capability: etree._Element, href: str) -> None:
    requests = _WRITER.add(capability, "Request")
    for name, formats in (
        ("GetCapabilities", (MEDIA_TYPE,)),
        ("GetMap", FORMATS),
        ("GetFeatureInfo", tuple(INFO_FORMATS)),
        ("GetLegendGraphic", LEGEND_FORMATS),
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
    names = _reference_systems(settings)
    root = _WRITER.add(capability, "Layer")
    _WRITER.add(root, "Title", settings.title)
    _place(root, whole_bbox(views), names)
    for view in views:
        layer = _layer(root, view, names)
        for style in view.info.styles:
            place = view.info.collection.id
            _style(layer, style, legend_address(href, VERSION, place, style, context.legends))


def _reference_systems(settings: Settings) -> tuple[str, ...]:
    """Return the advertised EPSG codes: this version has no `CRS:84`, its EPSG:4326 is that."""
    return tuple(name for name in settings.crs if name.startswith("EPSG:")) or ("EPSG:4326",)


def _layer(parent: etree._Element, view: LayerView, names: Sequence[str]) -> etree._Element:
    """Write all of a layer but its styles."""
    collection = view.info.collection
    attributes = {"queryable": queryable(view), "opaque": "0"}
    layer = _WRITER.add(parent, "Layer", attributes=attributes)
    _WRITER.add(layer, "Name", collection.id)
    _WRITER.add(layer, "Title", collection.title)
    if collection.description:
        _WRITER.add(layer, "Abstract", collection.description)
    _place(layer, view.bbox, names)
    if view.times:
        _time(layer, view)
    if collection.attribution:
        attribution = _WRITER.add(layer, "Attribution")
        _WRITER.add(attribution, "Title", collection.attribution)
    return layer


def _place(layer: etree._Element, bbox: Bounds, names: Sequence[str]) -> None:
    """Write where a layer lies; all boxes are x/y in this version, from floats without rounding."""
    for name in names:
        _WRITER.add(layer, "SRS", name)
    _WRITER.add(layer, "LatLonBoundingBox", attributes=_corners(bbox))
    for crs, box in boxes(bbox, names):
        _WRITER.add(layer, "BoundingBox", attributes={"SRS": crs.name, **_corners(box)})


def _corners(box: Bounds) -> dict[str, str]:
    return {name: repr(float(value)) for name, value in zip(_CORNERS, box, strict=True)}


def _time(layer: etree._Element, view: LayerView) -> None:
    _WRITER.add(layer, "Dimension", attributes={"name": "time", "units": "ISO8601"})
    attributes = {"name": "time", **time_attributes(view)}
    _WRITER.add(layer, "Extent", ",".join(view.times), attributes)


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
