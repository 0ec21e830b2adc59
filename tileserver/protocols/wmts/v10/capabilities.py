"""GetCapabilities of WMTS 1.0.0 (OGC 07-057r7, 7.1): the document."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Request, Response
from lxml import etree

from tileserver.dimensions import Dimension
from tileserver.errors import InvalidParameterError, MissingParameterError
from tileserver.grids import Grid, Limits, grid
from tileserver.protocols.wmts.v10 import FORMATS, VERSION
from tileserver.web.address import public_url
from tileserver.web.answers import document
from tileserver.web.context import Services, services
from tileserver.web.infoformats import INFO_EXTENSIONS, INFO_FORMATS
from tileserver.web.kvp import Kvp, names
from tileserver.web.layers import CapabilitiesStore, LayerView
from tileserver.web.ows import OWS, InvalidUpdateSequenceError, VersionNegotiationFailedError
from tileserver.web.xml import XLINK, XSI, Writer, serialise

WMTS = "http://www.opengis.net/wmts/1.0"
_SCHEMA = f"{WMTS} http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd"
_WRITER = Writer({None: WMTS, "ows": OWS, "xlink": XLINK, "xsi": XSI})

#: Optional parts of the document, and whether `All` or none asked gives them.
SECTIONS = (
    "ServiceIdentification",
    "ServiceProvider",
    "OperationsMetadata",
    "Contents",
    "Themes",
)

#: Values of the Time dimension for "everything, the newest on top", and for what a collection
#: shows without a time where that is something else.
CURRENT = "current"
DEFAULT = "default"


_LIMITS = _WRITER.name("TileMatrixLimits")
#: In the order of `Limits`, which is that of the schema.
_LIMIT_PARTS = tuple(
    _WRITER.name(tag)
    for tag in ("TileMatrix", "MinTileRow", "MaxTileRow", "MinTileCol", "MaxTileCol")
)


async def get_capabilities(request: Request, kvp: Kvp, layers: CapabilitiesStore) -> Response:
    """Answer the document; the same bytes for any case and order of the parameters."""
    _check_version(kvp)
    sections = _sections(kvp)
    context = services(request)
    views, number = await layers.list.views(context.pipeline)
    if _is_current(kvp, number):
        sections = frozenset()
    base = public_url(request, context.settings)

    def build() -> bytes:
        # The token is for every style: one template has one, and the client fills in {style}.
        tokens = [(view, view.token) for view in views]
        return serialise(Document(context, base, number).build(tokens, sections))

    key = (base, number, *sorted(sections))
    return document(request, layers.document(key, views, build), "application/xml")


def _check_version(kvp: Kvp) -> None:
    accepted = names(kvp.text("AcceptVersions", VERSION))
    asked = kvp.text("Version", VERSION)
    if VERSION not in accepted or asked != VERSION:
        raise VersionNegotiationFailedError(f"only version {VERSION} is offered")


def _sections(kvp: Kvp) -> frozenset[str]:
    if "Sections" not in kvp:
        return frozenset(SECTIONS)
    wanted = names(kvp.text("Sections"))
    if wanted == ("",):
        raise MissingParameterError("the parameter sections is empty", parameter="sections")
    known = {name.upper(): name for name in SECTIONS}
    unknown = [name for name in wanted if name.upper() not in {*known, "ALL"}]
    if unknown:
        message = f"no section {unknown[0][:40]!r}; there are {', '.join(SECTIONS)}, All"
        raise InvalidParameterError(message, parameter="sections")
    if "ALL" in {name.upper() for name in wanted}:
        return frozenset(SECTIONS)
    return frozenset(known[name.upper()] for name in wanted)


def _is_current(kvp: Kvp, number: int) -> bool:
    """Tell whether UpdateSequence is ours, so that the rest of the document is left out."""
    theirs = kvp.text("UpdateSequence")
    if not theirs:
        return False
    if not (theirs.isascii() and theirs.isdigit()) or len(theirs) > 18 or int(theirs) > number:
        raise InvalidUpdateSequenceError("the update sequence is higher than the current one")
    return int(theirs) == number


class Document:
    """Builds a capabilities document."""

    def __init__(self, context: Services, base: str, sequence: int) -> None:
        """State what all parts need.

        Args:
            context: For the service's metadata and grids, and the sizes of legends.
            base: Public URL of the server.
            sequence: Update sequence.
        """
        self._settings = context.settings
        self._legends = context.legends
        self._base = base
        self._sequence = sequence
        self._grids = [grid(grid_id) for grid_id in context.settings.grids]

    def build(
        self, layers: Sequence[tuple[LayerView, str]], sections: frozenset[str]
    ) -> etree._Element:
        """Build the document of some sections.

        Args:
            layers: Each with its version token.
            sections: Of `SECTIONS`.
        """
        attributes = {
            "version": VERSION,
            "updateSequence": str(self._sequence),
            f"{{{XSI}}}schemaLocation": _SCHEMA,
        }
        root = _WRITER.root("Capabilities", attributes)
        if "ServiceIdentification" in sections:
            self._identification(root)
        if "ServiceProvider" in sections:
            self._provider(root)
        if "OperationsMetadata" in sections:
            self._operations(root)
        if "Contents" in sections:
            contents = _WRITER.add(root, "Contents")
            for view, token in layers:
                self._layer(contents, view, token)
            for tiles in self._grids:
                _tile_matrix_set(contents, tiles)
        if sections:
            _WRITER.link(
                root, "ServiceMetadataURL", f"{self._base}/wmts/1.0.0/WMTSCapabilities.xml"
            )
        return root

    def _identification(self, root: etree._Element) -> None:
        part = _WRITER.add(root, "ows:ServiceIdentification")
        _WRITER.add(part, "ows:Title", self._settings.title)
        _WRITER.add(part, "ows:Abstract", self._settings.abstract)
        _WRITER.add(part, "ows:ServiceType", "OGC WMTS")
        _WRITER.add(part, "ows:ServiceTypeVersion", VERSION)
        _WRITER.add(part, "ows:Fees", "none")
        _WRITER.add(part, "ows:AccessConstraints", "none")

    def _provider(self, root: etree._Element) -> None:
        part = _WRITER.add(root, "ows:ServiceProvider")
        _WRITER.add(part, "ows:ProviderName", self._settings.provider or self._settings.title)
        contact = _WRITER.add(part, "ows:ServiceContact")
        if self._settings.contact_email:
            address = _WRITER.add(_WRITER.add(contact, "ows:ContactInfo"), "ows:Address")
            _WRITER.add(address, "ows:ElectronicMailAddress", self._settings.contact_email)

    def _operations(self, root: etree._Element) -> None:
        part = _WRITER.add(root, "ows:OperationsMetadata")
        rest = f"{self._base}/wmts/1.0.0/WMTSCapabilities.xml"
        for name, encodings in (
            ("GetCapabilities", (("KVP", f"{self._base}/wmts?"), ("RESTful", rest))),
            ("GetTile", (("KVP", f"{self._base}/wmts?"), ("RESTful", f"{self._base}/wmts/1.0.0/"))),
            (
                "GetFeatureInfo",
                (("KVP", f"{self._base}/wmts?"), ("RESTful", f"{self._base}/wmts/1.0.0/")),
            ),
        ):
            operation = _WRITER.add(part, "ows:Operation", attributes={"name": name})
            http = _WRITER.add(_WRITER.add(operation, "ows:DCP"), "ows:HTTP")
            for encoding, href in encodings:
                get = _WRITER.link(http, "ows:Get", href)
                constraint = _WRITER.add(get, "ows:Constraint", attributes={"name": "GetEncoding"})
                _WRITER.add(_WRITER.add(constraint, "ows:AllowedValues"), "ows:Value", encoding)

    def _layer(self, contents: etree._Element, view: LayerView, token: str) -> None:
        collection = view.info.collection
        layer = _WRITER.add(contents, "Layer")
        _WRITER.add(layer, "ows:Title", collection.title)
        if collection.description:
            _WRITER.add(layer, "ows:Abstract", collection.description)
        box = _WRITER.add(
            layer, "ows:WGS84BoundingBox", attributes={"crs": "urn:ogc:def:crs:OGC:2:84"}
        )
        west, south, east, north = view.bbox
        _WRITER.add(box, "ows:LowerCorner", f"{west!r} {south!r}")
        _WRITER.add(box, "ows:UpperCorner", f"{east!r} {north!r}")
        _WRITER.add(layer, "ows:Identifier", collection.id)
        self._styles(layer, view)
        for kind in FORMATS:
            _WRITER.add(layer, "Format", kind)
        for kind in INFO_FORMATS if collection.bands else ():
            _WRITER.add(layer, "InfoFormat", kind)
        if view.times:
            _time_dimension(layer, view)
        for dimension in view.dimensions:
            _dimension(layer, dimension)
        for tiles in self._grids:
            limits = tiles.limits(view.bbox)
            if limits:
                _tile_matrix_set_link(layer, tiles, limits)
        self._templates(layer, view, token)

    def _styles(self, layer: etree._Element, view: LayerView) -> None:
        start = f"{self._base}/styles/{quote(view.info.collection.id)}"
        for number, style in enumerate(view.info.styles):
            attributes = {"isDefault": "true"} if number == 0 else {}
            element = _WRITER.add(layer, "Style", attributes=attributes)
            _WRITER.add(element, "ows:Title", style.title)
            if style.description:
                _WRITER.add(element, "ows:Abstract", style.description)
            _WRITER.add(element, "ows:Identifier", style.id)
            width, height = self._legends.size(style)
            legend = _WRITER.link(element, "LegendURL", f"{start}/{quote(style.id)}/legend.png")
            for name, value in (("format", "image/png"), ("width", width), ("height", height)):
                legend.set(name, str(value))

    def _templates(self, layer: etree._Element, view: LayerView, token: str) -> None:
        time = "{Time}/" if view.times else ""
        start = f"{self._base}/wmts/1.0.0/{quote(view.info.collection.id)}/{{Style}}/{time}"
        tile = f"{start}{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
        more = "".join(f"&{d.name}={{{d.name}}}" for d in view.dimensions)
        resources = [
            ("tile", kind, f"{tile}.{extension}?v={token}{more}")
            for kind, extension in FORMATS.items()
        ]
        if view.info.collection.bands:
            resources += [
                ("FeatureInfo", kind, f"{tile}/{{J}}/{{I}}.{extension}")
                for extension, kind in INFO_EXTENSIONS.items()
            ]
        for resource, kind, template in resources:
            attributes = {"format": kind, "resourceType": resource, "template": template}
            _WRITER.add(layer, "ResourceURL", attributes=attributes)


def _time_dimension(layer: etree._Element, view: LayerView) -> None:
    """Write the dimension; its default is one of its values, which OpenLayers relies on.

    A default that has an order of its own, as the least cloudy first, has no other value that means
    the same: its name is `default`.
    """
    words = (CURRENT,) if view.default_time == CURRENT else (DEFAULT, CURRENT)
    dimension = _WRITER.add(layer, "Dimension")
    _WRITER.add(dimension, "ows:Identifier", "Time")
    _WRITER.add(dimension, "ows:UOM", "ISO8601")
    _WRITER.add(dimension, "Default", words[0])
    _WRITER.add(dimension, "Current", "true")
    for value in (*words, *view.times):
        _WRITER.add(dimension, "Value", value)


def _dimension(layer: etree._Element, dimension: Dimension) -> None:
    """Write a dimension beyond time; its default is one of its values."""
    values = dict.fromkeys([dimension.default, *dimension.extent.split(",")])
    element = _WRITER.add(layer, "Dimension")
    _WRITER.add(element, "ows:Identifier", dimension.name)
    _WRITER.add(element, "ows:UOM", dimension.units)
    if dimension.symbol:
        _WRITER.add(element, "UnitSymbol", dimension.symbol)
    # Without a default it must be asked, and this version has no way to say so.
    first = next(filter(None, values))
    _WRITER.add(element, "Default", first)
    for value in filter(None, values):
        _WRITER.add(element, "Value", value)


def _tile_matrix_set_link(layer: etree._Element, tiles: Grid, limits: Sequence[Limits]) -> None:
    link = _WRITER.add(layer, "TileMatrixSetLink")
    _WRITER.add(link, "TileMatrixSet", tiles.id)
    part = _WRITER.add(link, "TileMatrixSetLimits")
    add = etree.SubElement
    for limit in limits:
        # Most elements of the document are these: without `Writer` they take a fifth of the time.
        element = add(part, _LIMITS)
        for tag, value in zip(_LIMIT_PARTS, limit, strict=True):
            add(element, tag).text = str(value)


def _tile_matrix_set(contents: etree._Element, tiles: Grid) -> None:
    element = _WRITER.add(contents, "TileMatrixSet")
    _WRITER.add(element, "ows:Title", tiles.title)
    _WRITER.add(element, "ows:Identifier", tiles.id)
    _WRITER.add(element, "ows:SupportedCRS", tiles.crs.urn)
    if tiles.well_known:
        _WRITER.add(element, "WellKnownScaleSet", tiles.well_known)
    for matrix in tiles.matrices:
        level = _WRITER.add(element, "TileMatrix")
        corner = (matrix.left, matrix.top)
        first, second = reversed(corner) if tiles.crs.northing_first else corner
        for name, value in (
            ("ows:Identifier", matrix.id),
            ("ScaleDenominator", repr(matrix.scale_denominator)),
            ("TopLeftCorner", f"{first!r} {second!r}"),
            ("TileWidth", str(matrix.tile_size)),
            ("TileHeight", str(matrix.tile_size)),
            ("MatrixWidth", str(matrix.columns)),
            ("MatrixHeight", str(matrix.rows)),
        ):
            _WRITER.add(level, name, value)
