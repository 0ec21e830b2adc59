"""GetCapabilities of WMS 1.3.0 (OGC 06-042, 7.2): the document."""

from collections.abc import Sequence

from fastapi import Request, Response
from lxml import etree

from renderers.geobox import Bounds
from styles.model import Style
from tileserver.crs import envelope, parse_crs
from tileserver.protocols.wms.v13 import FORMATS, VERSION
from tileserver.protocols.wms.v13.exceptions import (
    CurrentUpdateSequenceError,
    InvalidUpdateSequenceError,
)
from tileserver.settings import Settings
from tileserver.web.address import endpoint
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp
from tileserver.web.layers import LayerView, UpdateSequence, layer_views
from tileserver.web.xml import XLINK, XSI, Writer, serialise

WMS = "http://www.opengis.net/wms"
_SCHEMA = f"{WMS} http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd"
_WRITER = Writer({None: WMS, "xlink": XLINK, "xsi": XSI})
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_KEYWORDS = ("Earth observation", "satellite images")


async def get_capabilities(request: Request, kvp: Kvp, sequence: UpdateSequence) -> Response:
    """Answer the document, as `text/xml` whatever FORMAT says (7.2.3.1)."""
    context = services(request)
    views = await layer_views(context.pipeline)
    number = sequence.number(views)
    check_sequence(kvp, number)
    root = build(views, context.settings, f"{endpoint(request, context.settings)}?", number)
    return document(request, serialise(root), "text/xml; charset=utf-8")


def check_sequence(kvp: Kvp, number: int) -> None:
    """Compare UPDATESEQUENCE with ours (table 7).

    Raises:
        CurrentUpdateSequenceError: Equal.
        InvalidUpdateSequenceError: Higher, or not a number.
    """
    if not kvp.text("UPDATESEQUENCE"):
        return
    try:
        theirs = _sequence(kvp.text("UPDATESEQUENCE"))
    except ValueError as error:
        message = f"UPDATESEQUENCE: {error}"
        raise InvalidUpdateSequenceError(message, parameter="UPDATESEQUENCE") from error
    if theirs == number:
        raise CurrentUpdateSequenceError("the document has not changed", parameter="UPDATESEQUENCE")
    if theirs > number:
        raise InvalidUpdateSequenceError(
            "UPDATESEQUENCE is higher than the current one", parameter="UPDATESEQUENCE"
        )


def build(
    views: Sequence[LayerView], settings: Settings, href: str, sequence: int
) -> etree._Element:
    """Build the document.

    Args:
        views: The layers.
        settings: For the service's metadata and limits.
        href: URL to which parameters are appended.
        sequence: Update sequence.
    """
    root = _WRITER.root(
        "WMS_Capabilities",
        {
            "version": VERSION,
            "updateSequence": str(sequence),
            f"{{{XSI}}}schemaLocation": _SCHEMA,
        },
    )
    _service(root, settings, href)
    capability = _WRITER.add(root, "Capability")
    _requests(capability, href)
    exceptions = _WRITER.add(capability, "Exception")
    for name in ("XML", "BLANK"):
        _WRITER.add(exceptions, "Format", name)
    _root_layer(capability, views, settings)
    return root


def _service(root: etree._Element, settings: Settings, href: str) -> None:
    service = _WRITER.add(root, "Service")
    _WRITER.add(service, "Name", "WMS")
    _WRITER.add(service, "Title", settings.title)
    _WRITER.add(service, "Abstract", settings.abstract)
    keywords = _WRITER.add(service, "KeywordList")
    for word in _KEYWORDS:
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
    for name, formats in (("GetCapabilities", ("text/xml",)), ("GetMap", FORMATS)):
        operation = _WRITER.add(requests, name)
        for kind in formats:
            _WRITER.add(operation, "Format", kind)
        get = _WRITER.add(_WRITER.add(_WRITER.add(operation, "DCPType"), "HTTP"), "Get")
        _WRITER.link(get, "OnlineResource", href)


def _root_layer(capability: etree._Element, views: Sequence[LayerView], settings: Settings) -> None:
    root = _WRITER.add(capability, "Layer")
    _WRITER.add(root, "Title", settings.title)
    for name in settings.crs:
        _WRITER.add(root, "CRS", name)
    boxes = [view.bbox for view in views] or [_WORLD]
    lows, highs = list(zip(*boxes, strict=True))[:2], list(zip(*boxes, strict=True))[2:]
    _bounding_boxes(root, (min(lows[0]), min(lows[1]), max(highs[0]), max(highs[1])), settings)
    for view in views:
        _layer(root, view, settings)


def _layer(parent: etree._Element, view: LayerView, settings: Settings) -> None:
    collection = view.info.collection
    layer = _WRITER.add(parent, "Layer", attributes={"queryable": "0", "opaque": "0"})
    _WRITER.add(layer, "Name", collection.id)
    _WRITER.add(layer, "Title", collection.title)
    if collection.description:
        _WRITER.add(layer, "Abstract", collection.description)
    for name in settings.crs:
        _WRITER.add(layer, "CRS", name)
    _bounding_boxes(layer, view.bbox, settings)
    if view.times:
        # Without TIME everything is drawn, the newest on top: that is what `current` means here.
        attributes = {
            "name": "time",
            "units": "ISO8601",
            "default": "current",
            "multipleValues": "0",
            "nearestValue": "0",
            "current": "1",
        }
        _WRITER.add(layer, "Dimension", ",".join(view.times), attributes)
    if collection.attribution:
        attribution = _WRITER.add(layer, "Attribution")
        _WRITER.add(attribution, "Title", collection.attribution)
    for style in view.info.styles:
        _style(layer, style)


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
    for name in settings.crs:
        crs = parse_crs(name)
        box = envelope(bbox, crs)
        if box is None:
            continue
        values = (repr(float(v)) for v in crs.from_xy(box))
        corners = dict(zip(("minx", "miny", "maxx", "maxy"), values, strict=True))
        _WRITER.add(layer, "BoundingBox", attributes={"CRS": name, **corners})


def _style(layer: etree._Element, style: Style) -> None:
    element = _WRITER.add(layer, "Style")
    _WRITER.add(element, "Name", style.id)
    _WRITER.add(element, "Title", style.title)
    if style.description:
        _WRITER.add(element, "Abstract", style.description)


def _sequence(text: str) -> int:
    # `integer` stops at nine digits; seconds since 1970 have ten.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("expected a whole number")
    return int(text)
