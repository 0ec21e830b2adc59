"""GetCapabilities (OGC 01-068r3, 7.1; OGC 06-042, 7.2): one writer, the versions' words as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import Request, Response
from lxml import etree

from renderers.geobox import Bounds
from styles.model import Style
from tileserver.crs import OgcCrs, envelope, parse_crs
from tileserver.legends import FORMATS as LEGEND_FORMATS
from tileserver.protocols.wms.errors import CurrentUpdateSequenceError, InvalidUpdateSequenceError
from tileserver.protocols.wms.getlegendgraphic import ADVERTISED_FORMAT, legend_address
from tileserver.protocols.wms.getmap import FORMATS
from tileserver.protocols.wms.getstyles import MEDIA_TYPE as STYLES_TYPE
from tileserver.protocols.wms.version import Version
from tileserver.web.address import endpoint, public_url
from tileserver.web.answers import document
from tileserver.web.context import Services, services
from tileserver.web.infoformats import INFO_FORMATS
from tileserver.web.kvp import Kvp
from tileserver.web.layers import CapabilitiesStore, LayerView
from tileserver.web.xml import Writer

#: What users may say of symbols (05-078r4, 8; 02-070, 6.4): styles of their own for our layers.
SYMBOLIZATION = {"SupportSLD": "1", "UserLayer": "0", "UserStyle": "1", "RemoteWFS": "0"}
KEYWORDS = ("Earth observation", "satellite images")
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_CORNERS = ("minx", "miny", "maxx", "maxy")


@dataclass(frozen=True)
class Words:
    """How one version says what all say.

    Attributes:
        version: Its parameters.
        writer: Adds its elements.
        root: Tag of the document.
        attributes: Of the root, beside version and update sequence.
        name: Of the service.
        media_type: Of the document, as it is sent.
        format: The same, as it is advertised.
        extended: Prefix of operations of OGC 05-078r4, which extends WMS.
        exceptions: Formats of exceptions.
        limits: Whether the service tells its limits.
        locals: Whether CRSs that are not EPSG codes may be advertised.
        place: Writes the longitude/latitude box of a layer.
        dimension: Writes one dimension of a layer: its attributes and values.
        serialise: Makes the document of the root.
    """

    version: Version
    writer: Writer
    root: str
    attributes: dict[str, str]
    name: str
    media_type: str
    format: str
    extended: str
    exceptions: tuple[str, ...]
    limits: bool
    locals: bool
    place: Callable[[etree._Element, Bounds], None]
    dimension: Callable[[etree._Element, dict[str, str], str], None]
    serialise: Callable[[Request, etree._Element], bytes]


async def answer_capabilities(
    request: Request, kvp: Kvp, layers: CapabilitiesStore, words: Words
) -> Response:
    """Answer the document in its one format, whatever FORMAT says (06-042, 7.2.3.1).

    Raises:
        CurrentUpdateSequenceError: The client has it.
        InvalidUpdateSequenceError: The client says that it has a newer one.
    """
    context = services(request)
    views, number = await layers.list.views(context.pipeline)
    check_sequence(kvp, number)
    href = f"{endpoint(request, context.settings)}?"

    def build() -> bytes:
        return words.serialise(request, Document(words, context, href).build(views, number))

    # A DOCTYPE has an address of its own, which is that of the server.
    place = public_url(request, context.settings)
    stored = layers.document((words.version.number, href, place, number), views, build)
    return document(request, stored, words.media_type)


def check_sequence(kvp: Kvp, number: int) -> None:
    """Compare UPDATESEQUENCE with ours (06-042, table 7).

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


class Document:
    """Builds the document of one version."""

    def __init__(self, words: Words, context: Services, href: str) -> None:
        """Begin a document.

        Args:
            words: Of the version.
            context: For the service's metadata and limits, and the sizes of legends.
            href: URL to which parameters are appended.
        """
        self._words = words
        self._writer = words.writer
        self._settings = context.settings
        self._legends = context.legends
        self._href = href
        names = [n for n in self._settings.crs if words.locals or n.startswith("EPSG:")]
        self._crs = tuple(names) or ("EPSG:4326",)

    def build(self, views: Sequence[LayerView], sequence: int) -> etree._Element:
        """Return the root element, with the layers in their order."""
        number = {"version": self._words.version.number, "updateSequence": str(sequence)}
        root = self._writer.root(self._words.root, number | self._words.attributes)
        self._service(root)
        capability = self._writer.add(root, "Capability")
        self._requests(capability)
        exceptions = self._writer.add(capability, "Exception")
        for name in self._words.exceptions:
            self._writer.add(exceptions, "Format", name)
        name = f"{self._words.extended}UserDefinedSymbolization"
        self._writer.add(capability, name, attributes=SYMBOLIZATION)
        self._root_layer(capability, views)
        return root

    def _service(self, root: etree._Element) -> None:
        add, settings = self._writer.add, self._settings
        service = add(root, "Service")
        add(service, "Name", self._words.name)
        add(service, "Title", settings.title)
        add(service, "Abstract", settings.abstract)
        keywords = add(service, "KeywordList")
        for word in KEYWORDS:
            add(keywords, "Keyword", word)
        self._writer.link(service, "OnlineResource", self._href)
        contact = add(service, "ContactInformation")
        person = add(contact, "ContactPersonPrimary")
        add(person, "ContactPerson")
        add(person, "ContactOrganization", settings.provider)
        if settings.contact_email:
            add(contact, "ContactElectronicMailAddress", settings.contact_email)
        add(service, "Fees", "none")
        add(service, "AccessConstraints", "none")
        if self._words.limits:
            add(service, "LayerLimit", str(settings.max_layers))
            add(service, "MaxWidth", str(settings.max_width))
            add(service, "MaxHeight", str(settings.max_height))

    def _requests(self, capability: etree._Element) -> None:
        requests = self._writer.add(capability, "Request")
        for name, formats in (
            ("GetCapabilities", (self._words.format,)),
            ("GetMap", FORMATS),
            ("GetFeatureInfo", tuple(INFO_FORMATS)),
            *self._extended(),
        ):
            operation = self._writer.add(requests, name)
            for kind in formats:
                self._writer.add(operation, "Format", kind)
            dcp = self._writer.add(self._writer.add(operation, "DCPType"), "HTTP")
            # Documents of styles may be too long for an address.
            for method in ("Get", "Post") if name == "GetMap" else ("Get",):
                self._writer.link(self._writer.add(dcp, method), "OnlineResource", self._href)

    def _extended(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the operations of OGC 05-078r4; GetStyles is one of 02-070 alone."""
        prefix = self._words.extended
        return [
            (f"{prefix}DescribeLayer", (self._words.format,)),
            (f"{prefix}GetLegendGraphic", LEGEND_FORMATS),
            *(() if prefix else (("GetStyles", (STYLES_TYPE,)),)),
        ]

    def _root_layer(self, capability: etree._Element, views: Sequence[LayerView]) -> None:
        root = self._writer.add(capability, "Layer")
        self._writer.add(root, "Title", self._settings.title)
        self._place(root, whole_bbox(views))
        for view in views:
            self._layer(root, view)

    def _layer(self, parent: etree._Element, view: LayerView) -> None:
        collection = view.info.collection
        attributes = {"queryable": queryable(view), "opaque": "0"}
        layer = self._writer.add(parent, "Layer", attributes=attributes)
        self._writer.add(layer, "Name", collection.id)
        self._writer.add(layer, "Title", collection.title)
        if collection.description:
            self._writer.add(layer, "Abstract", collection.description)
        self._place(layer, view.bbox)
        for attributes, values in dimensions(view):
            self._words.dimension(layer, attributes, values)
        if collection.attribution:
            attribution = self._writer.add(layer, "Attribution")
            self._writer.add(attribution, "Title", collection.attribution)
        for style in view.info.styles:
            self._style(layer, collection.id, style)

    def _place(self, layer: etree._Element, bbox: Bounds) -> None:
        """Write where a layer lies: every box from the same floats, without rounding."""
        for name in self._crs:
            self._writer.add(layer, self._words.version.crs, name)
        self._words.place(layer, bbox)
        for crs, box in boxes(bbox, self._crs):
            told = crs.from_xy(box) if self._words.version.definition_order else box
            named = {self._words.version.crs: crs.name}
            self._writer.add(layer, "BoundingBox", attributes=named | corners(told))

    def _style(self, layer: etree._Element, name: str, style: Style) -> None:
        element = self._writer.add(layer, "Style")
        self._writer.add(element, "Name", style.id)
        self._writer.add(element, "Title", style.title)
        if style.description:
            self._writer.add(element, "Abstract", style.description)
        version = self._words.version
        href, (width, height) = legend_address(self._href, version, name, style, self._legends)
        size = {"width": str(width), "height": str(height)}
        picture = self._writer.add(element, "LegendURL", attributes=size)
        self._writer.add(picture, "Format", ADVERTISED_FORMAT)
        self._writer.link(picture, "OnlineResource", href)


def corners(box: Bounds) -> dict[str, str]:
    """Return the attributes of a box."""
    return {name: repr(float(value)) for name, value in zip(_CORNERS, box, strict=True)}


def whole_bbox(views: Sequence[LayerView]) -> Bounds:
    """Return the longitude/latitude box around all layers, the world where there are none."""
    wests, souths, easts, norths = zip(*([view.bbox for view in views] or [_WORLD]), strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def boxes(bbox: Bounds, names: Sequence[str]) -> list[tuple[OgcCrs, Bounds]]:
    """Return the x/y box of a layer in each CRS that has one there, never rounded."""
    parsed = [parse_crs(name) for name in names]
    return [(crs, box) for crs in parsed if (box := envelope(bbox, crs)) is not None]


def queryable(view: LayerView) -> str:
    """Return `1` for layers with values to ask about."""
    return "1" if view.info.collection.bands else "0"


def dimensions(view: LayerView) -> list[tuple[dict[str, str], str]]:
    """Return attributes and values of each dimension (01-068r3, annex C.2; 06-042, C.2).

    `current` means everything, the newest on top; it can always be asked for.
    """
    told = []
    if view.times:
        attributes = {
            "name": "time",
            "units": "ISO8601",
            "default": view.default_time,
            "multipleValues": "1",
            "nearestValue": "1" if view.nearest else "0",
            "current": "1",
        }
        told.append((attributes, ",".join(view.times)))
    for dimension in view.dimensions:
        attributes = {
            "name": dimension.name,
            "units": dimension.units,
            "unitSymbol": dimension.symbol,
            "default": dimension.default,
            "multipleValues": "1" if dimension.multiple else "0",
            "nearestValue": "1" if dimension.nearest else "0",
        }
        told.append(({k: v for k, v in attributes.items() if v}, dimension.extent))
    return told


def _sequence(text: str) -> int:
    # `integer` stops at nine digits; seconds since 1970 have ten.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("expected a whole number")
    return int(text)
