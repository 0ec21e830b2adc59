"""POST/XML requests of WCS 1.1 (OGC 07-067r5, 10.2), as the parameters that GET carries."""

from collections.abc import Iterator

from lxml import etree

from tileserver.protocols.wcs.documents import Operations, Pairs, named, request_pairs
from tileserver.protocols.wcs.v11 import VERSIONS
from tileserver.web.xml import local_name

NAMESPACES = tuple(dict.fromkeys(version.namespace for version in VERSIONS))


def pairs(root: etree._Element) -> Pairs:
    """Return the parameters of a request.

    Raises:
        InvalidEncodingError: It is none of the standard's.
    """
    return request_pairs(root, _OPERATIONS)


def _texts(root: etree._Element, name: str) -> list[str]:
    return [(element.text or "").strip() for element in named(root, name)]


def _capabilities(root: etree._Element) -> Pairs:
    yield "updateSequence", root.get("updateSequence", "")
    # Without a version among those of this family the newest one would answer.
    yield "acceptVersions", ",".join(_texts(root, "Version")) or VERSIONS[0].number
    yield "sections", ",".join(_texts(root, "Section"))
    yield "acceptFormats", ",".join(_texts(root, "OutputFormat"))


def _describe(root: etree._Element) -> Pairs:
    yield "identifiers", ",".join(_texts(root, "Identifier"))


def _coverage(root: etree._Element) -> Pairs:
    yield "identifier", next(iter(_texts(root, "Identifier")), "")
    for box in named(root, "BoundingBox"):
        corners = [
            value
            for name in ("LowerCorner", "UpperCorner")
            for text in _texts(box, name)
            for value in text.split()
        ]
        yield "boundingBox", ",".join([*corners, *([box.get("crs", "")] if box.get("crs") else [])])
    for part in named(root, "TemporalSubset"):
        yield "timeSequence", ",".join(_times(part))
    for part in named(root, "RangeSubset"):
        yield "rangeSubset", ";".join(_field(f) for f in named(part, "FieldSubset"))
    for output in named(root, "Output"):
        yield "format", output.get("format", "")
        yield "store", output.get("store", "")
        for name in ("GridBaseCRS", "GridType", "GridCS"):
            yield name, next(iter(_texts(output, name)), "")
        for name in ("GridOrigin", "GridOffsets"):
            yield name, ",".join(next(iter(_texts(output, name)), "").split())


def _times(part: etree._Element) -> Iterator[str]:
    for element in named(part, "timePosition", "TimePeriod"):
        if local_name(element) == "timePosition":
            yield (element.text or "").strip()
        else:
            names = ("BeginPosition", "EndPosition", "TimeResolution")
            yield "/".join(text for name in names for text in _texts(element, name))


def _field(part: etree._Element) -> str:
    told = next(iter(_texts(part, "Identifier")), "")
    for method in _texts(part, "InterpolationType"):
        told += f":{method}"
    for axis in named(part, "AxisSubset"):
        name = next(iter(_texts(axis, "Identifier")), "")
        told += f"[{name}[{','.join(_texts(axis, 'Key'))}]]"
    return told


_OPERATIONS: Operations = {
    "GetCapabilities": _capabilities,
    "DescribeCoverage": _describe,
    "GetCoverage": _coverage,
}
