"""Formats of GetFeatureInfo: how the values at a point are written."""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from lxml import etree

from tileserver.pointvalues import PointValue
from tileserver.timeaxis import iso
from tileserver.web.xml import Writer, clean, serialise

GML = "http://www.opengis.net/gml"
WFS = "http://www.opengis.net/wfs"

ESRI = "http://www.esri.com/wms"

_OWN = ("layer", "scene", "datetime", "chosen", "mosaic", "style", "value", "class")
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9_.\-]")


@dataclass(frozen=True, slots=True)
class Feature:
    """What a layer holds at the point that was asked about: of one scene, or of several dates.

    Attributes:
        layer: Collection id.
        found: The values, and the scenes they come from.
        chosen: How its time was chosen; see `TimeChoice.told`.
        lon: Degrees, WGS 84, of the pixel's centre.
        lat: Degrees.
        units: By band name; bands without a unit are left out.
        shown: What the layer's style makes of the values: `style`, and of styles of one value
            `value` and, of classes, `class`.
    """

    layer: str
    found: PointValue
    chosen: str
    lon: float
    lat: float
    units: Mapping[str, str]
    shown: Mapping[str, str | float | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique in an answer: layer, and scene or what became of the dates."""
        return f"{self.layer}.{self.found.scene or self.found.compose}"

    def properties(self) -> dict[str, str | float | None]:
        """Return names and values in the order of writing; a band named like ours gets `band_`.

        Of several dates `scene` and `datetime` hold all that values come from, with a blank
        between them.
        """
        origins = self.found.origins
        times = [iso(origin.datetime) for origin in origins if origin.datetime]
        told: dict[str, str | float | None] = {
            "layer": self.layer,
            "scene": " ".join(origin.scene for origin in origins),
            "datetime": " ".join(times) or None,
            "chosen": self.chosen,
        }
        if self.found.compose != "first":
            told["mosaic"] = self.found.compose
        values = self.found.values.items()
        return told | dict(self.shown) | {f"band_{k}" if k in _OWN else k: v for k, v in values}


def to_json(features: Sequence[Feature]) -> bytes:
    """Write GeoJSON (RFC 7946); values in full precision."""
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": feature.id,
                "geometry": {"type": "Point", "coordinates": [feature.lon, feature.lat]},
                "properties": feature.properties(),
            }
            for feature in features
        ],
    }
    return json.dumps(collection, ensure_ascii=False, allow_nan=False).encode()


def to_text(features: Sequence[Feature]) -> bytes:
    """Write a paragraph per scene, one `name = value unit` a line."""
    if not features:
        return b"no data here\n"
    return "\n".join(_paragraph(feature) for feature in features).encode()


def _paragraph(feature: Feature) -> str:
    lines = (f"{name} = {value}\n" for name, value in _cells(feature))
    return "".join(lines)


def to_html(features: Sequence[Feature]) -> bytes:
    """Write a table per scene; every word in it is escaped."""
    tables = "\n".join(_table(feature) for feature in features) or "<p>no data here</p>"
    head = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Values</title></head>'
    )
    return f"{head}<body>\n{tables}\n</body></html>\n".encode()


def _table(feature: Feature) -> str:
    rows = "\n".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in _cells(feature)
    )
    return f"<table>\n{rows}\n</table>"


def to_gml(features: Sequence[Feature]) -> bytes:
    """Write GML 2 (OGC 02-069); coordinates are longitude,latitude, as clients of it expect."""
    writer = Writer({"wfs": WFS, "gml": GML})
    root = writer.root("wfs:FeatureCollection")
    bounded = writer.add(root, "gml:boundedBy")
    if features:
        box = writer.add(bounded, "gml:Box", attributes={"srsName": "EPSG:4326"})
        points = " ".join([f"{features[0].lon!r},{features[0].lat!r}"] * 2)
        writer.add(box, "gml:coordinates", points)
    else:
        writer.add(bounded, "gml:null", "unknown")
    for feature in features:
        _member(writer, root, feature)
    return serialise(root)


def to_gml31(features: Sequence[Feature]) -> bytes:
    """Write GML 3.1.1 (OGC 03-105r1); coordinates are latitude longitude, as the URN says."""
    writer = Writer({"wfs": WFS, "gml": GML})
    root = writer.root("wfs:FeatureCollection")
    for feature in features:
        member = writer.add(root, "gml:featureMember")
        element = etree.SubElement(member, _element_name(feature.layer))
        element.set(f"{{{GML}}}id", _element_name(feature.id))
        location = etree.SubElement(element, "location")
        srs = {"srsName": "urn:ogc:def:crs:EPSG::4326"}
        point = writer.add(location, "gml:Point", attributes=srs)
        writer.add(point, "gml:pos", f"{feature.lat!r} {feature.lon!r}")
        _properties(element, feature)
    return serialise(root)


def to_esri(features: Sequence[Feature]) -> bytes:
    """Write what ArcGIS reads: an element per scene with an attribute per value."""
    writer = Writer({None: ESRI})
    root = writer.root("FeatureInfoResponse")
    for feature in features:
        told = {_element_name(k): _word(v) for k, v in feature.properties().items()}
        writer.add(root, "FIELDS", attributes=told)
    return serialise(root)


def _member(writer: Writer, root: etree._Element, feature: Feature) -> None:
    member = writer.add(root, "gml:featureMember")
    element = etree.SubElement(member, _element_name(feature.layer))
    element.set("fid", clean(feature.id))
    location = etree.SubElement(element, "location")
    point = writer.add(location, "gml:Point", attributes={"srsName": "EPSG:4326"})
    writer.add(point, "gml:coordinates", f"{feature.lon!r},{feature.lat!r}")
    _properties(element, feature)


def _properties(element: etree._Element, feature: Feature) -> None:
    for name, value in feature.properties().items():
        if value is not None:
            etree.SubElement(element, _element_name(name)).text = clean(_word(value))


def _element_name(name: str) -> str:
    """Return a band's name as an XML name; clients show it as the attribute's name."""
    kept = _NO_NAME_CHARACTER.sub("_", name)
    return kept if kept[:1].isalpha() or kept[:1] == "_" else f"_{kept}"


def _cells(feature: Feature) -> list[tuple[str, str]]:
    """Return names and values as people read them."""
    return [
        (name, f"{_word(value)} {feature.units.get(name, '')}".rstrip())
        for name, value in feature.properties().items()
    ]


def _word(value: str | float | None) -> str:
    if value is None:
        return "no data"
    # Nine digits hold every float32, and none of what scaling adds behind them.
    return value if isinstance(value, str) else f"{value:.9g}"


#: Writers by media type; the first is the default of WMS 1.1.1.
INFO_FORMATS: Mapping[str, Callable[[Sequence[Feature]], bytes]] = MappingProxyType(
    {
        "text/plain": to_text,
        "text/html": to_html,
        "application/json": to_json,
        "application/geo+json": to_json,
        "application/vnd.ogc.gml": to_gml,
        "application/vnd.ogc.gml/3.1.1": to_gml31,
        "application/vnd.esri.wms_featureinfo_xml": to_esri,
    }
)

#: Extensions in addresses, with their media types.
INFO_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "txt": "text/plain",
        "html": "text/html",
        "json": "application/json",
        "gml": "application/vnd.ogc.gml",
    }
)
