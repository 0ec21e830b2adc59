"""POST/XML requests of WCS 2.0 (OGC 09-148r1), as the same parameters that GET carries.

Elements of extensions are known by their names: their namespaces changed from draft to draft, and
clients of all of them are about.
"""

from collections.abc import Callable

from lxml import etree

from tileserver.protocols.wcs.documents import Operations, Pairs, request_pairs
from tileserver.protocols.wcs.errors import InvalidEncodingError
from tileserver.web.xml import local_name

NAMESPACE = "http://www.opengis.net/wcs/2.0"
EO_NAMESPACES = ("http://www.opengis.net/wcs/wcseo/1.0", "http://www.opengis.net/wcseo/1.0")


def pairs(root: etree._Element) -> Pairs:
    """Return the parameters of a request.

    Raises:
        InvalidEncodingError: It is none of the standard's.
    """
    return request_pairs(root, _OPERATIONS)


def _children(element: etree._Element) -> list[tuple[str, etree._Element, str]]:
    """Return name, element and text of each child."""
    return [
        (local_name(child), child, (child.text or "").strip())
        for child in element
        if isinstance(child.tag, str)
    ]


def _texts(element: etree._Element) -> dict[str, str]:
    return {name: text for name, _, text in _children(element)}


def _capabilities(root: etree._Element) -> Pairs:
    yield "updateSequence", root.get("updateSequence", "")
    lists = {"AcceptVersions": "", "Sections": "", "AcceptFormats": "", "AcceptLanguages": ""}
    for name, element, _ in _children(root):
        if name in lists:
            yield name, ",".join(text for _, _, text in _children(element))


def _describe(root: etree._Element) -> Pairs:
    ids = [text for name, _, text in _children(root) if name == "CoverageId"]
    yield "coverageId", ",".join(ids)


def _eo_set(root: etree._Element) -> Pairs:
    ids = [text for name, _, text in _children(root) if name.lower() == "eoid"]
    yield "eoId", ",".join(ids)
    yield "count", root.get("count", "")
    for name, element, text in _children(root):
        if name == "containment":
            yield "containment", text
        elif name == "Sections":
            yield "sections", ",".join(t for _, _, t in _children(element))
        elif name in ("DimensionTrim", "DimensionSlice"):
            yield "subset", _subset(name, element)


def _coverage(root: etree._Element) -> Pairs:
    for name, element, text in _children(root):
        if name == "CoverageId":
            yield "coverageId", text
        elif name in ("DimensionTrim", "DimensionSlice"):
            yield "subset", _subset(name, element)
        elif name in ("format", "mediaType"):
            yield name, text
        elif name == "Extension":
            for kind, part, value in _children(element):
                yield from _extension(kind, part, value)


def _subset(kind: str, element: etree._Element) -> str:
    found = _texts(element)
    axis = found.get("Dimension", "")
    if kind == "DimensionSlice":
        return f'{axis}("{found.get("SlicePoint", "")}")'
    low, high = found.get("TrimLow") or "*", found.get("TrimHigh") or "*"
    return f'{axis}("{low}","{high}")'


def _extension(kind: str, part: etree._Element, value: str) -> Pairs:
    read = _EXTENSIONS.get(kind)
    if read is not None:
        yield from read(part)
    elif kind in _VALUES:
        yield _VALUES[kind], value


def _nested(part: etree._Element) -> Pairs:
    for kind, child, value in _children(part):
        yield from _extension(kind, child, value)


def _by_factor(part: etree._Element) -> Pairs:
    yield "scaleFactor", _texts(part).get("scaleFactor", "")


def _per_axis(parameter: str) -> Callable[[etree._Element], Pairs]:
    def read(part: etree._Element) -> Pairs:
        axes = []
        for _, child, _ in _children(part):
            found = _texts(child)
            axis = found.pop("axis", "")
            axes.append(f"{axis}({':'.join(found.values())})")
        yield parameter, ",".join(axes)

    return read


def _ranges(part: etree._Element) -> Pairs:
    chosen = []
    for element in part.iter():
        if not isinstance(element.tag, str):
            continue
        name = local_name(element)
        if name in ("RangeComponent", "rangeComponent"):
            chosen.append((element.text or "").strip())
        elif name in ("RangeInterval", "rangeInterval"):
            found = _texts(element)
            chosen.append(f"{found.get('startComponent', '')}:{found.get('endComponent', '')}")
    yield "rangeSubset", ",".join(chosen)


def _interpolation(part: etree._Element) -> Pairs:
    methods = [
        (element.text or "").strip()
        for element in part.iter()
        if isinstance(element.tag, str)
        and local_name(element) in ("globalInterpolation", "interpolationMethod")
    ]
    methods = methods or [(part.text or "").strip()]
    if len(set(methods)) > 1:
        raise InvalidEncodingError(
            "one interpolation for both axes is offered", parameter="interpolation"
        )
    yield "interpolation", methods[0]


#: Elements that hold others.
_EXTENSIONS: dict[str, Callable[[etree._Element], Pairs]] = {
    "Scaling": _nested,
    "ScaleByFactor": _by_factor,
    "ScaleAxesByFactor": _per_axis("scaleAxes"),
    "ScaleToSize": _per_axis("scaleSize"),
    "ScaleToExtent": _per_axis("scaleExtent"),
    "RangeSubset": _ranges,
    "rangeSubset": _ranges,
    "Interpolation": _interpolation,
    "GetCoverageCrs": _nested,
    "parameters": _nested,
}
#: Elements that hold a value.
_VALUES = {
    "subsettingCrs": "subsettingCrs",
    "outputCrs": "outputCrs",
    **{
        name: f"geotiff:{name}"
        for name in (
            "compression", "jpeg_quality", "predictor", "interleave", "tiling", "tilewidth",
            "tileheight",
        )
    },
}  # fmt: skip
_OPERATIONS: Operations = {
    "GetCapabilities": _capabilities,
    "DescribeCoverage": _describe,
    "GetCoverage": _coverage,
    "DescribeEOCoverageSet": _eo_set,
}
