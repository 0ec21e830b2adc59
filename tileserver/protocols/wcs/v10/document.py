"""POST/XML requests of WCS 1.0.0 (OGC 03-065r6, 9.3), as the parameters that GET carries."""

from collections.abc import Iterator

from lxml import etree

from tileserver.protocols.wcs.documents import Operations, Pairs, named, request_pairs
from tileserver.protocols.wcs.errors import InvalidEncodingError
from tileserver.web.xml import local_name

NAMESPACE = "http://www.opengis.net/wcs"


def pairs(root: etree._Element) -> Pairs:
    """Return the parameters of a request.

    Raises:
        InvalidEncodingError: It is none of the standard's.
    """
    unsaid = "1.0.0" if local_name(root) == "GetCapabilities" else ""
    return request_pairs(root, _OPERATIONS, unsaid)


def _text(root: etree._Element, name: str) -> str:
    return next(((e.text or "").strip() for e in named(root, name)), "")


def _capabilities(root: etree._Element) -> Pairs:
    yield "section", _text(root, "section")
    yield "updateSequence", root.get("updateSequence", "")


def _describe(root: etree._Element) -> Pairs:
    yield "coverage", ",".join((e.text or "").strip() for e in named(root, "Coverage"))


def _coverage(root: etree._Element) -> Pairs:
    yield "coverage", _text(root, "sourceCoverage")
    yield "interpolation", _text(root, "interpolationMethod")
    for part in named(root, "output"):
        yield "response_crs", _text(part, "crs")
        yield "format", _text(part, "format")
    for part in named(root, "spatialSubset"):
        yield from _space(part)
    for part in named(root, "temporalSubset"):
        yield "time", ",".join(_times(part))
    for part in named(root, "axisSubset"):
        values = [(e.text or "").strip() for e in named(part, "singleValue")]
        values += [f"{_text(e, 'min')}/{_text(e, 'max')}" for e in named(part, "interval")]
        yield part.get("name", ""), ",".join(values)


def _space(part: etree._Element) -> Pairs:
    for envelope in named(part, "Envelope", "EnvelopeWithTimePeriod"):
        yield "crs", envelope.get("srsName", "")
        corners = [(e.text or "").split() for e in named(envelope, "pos")]
        if len(corners) == 2:
            yield "bbox", ",".join(value for corner in corners for value in corner[:2])
    for grid in named(part, "Grid", "RectifiedGrid"):
        low, high = _text(grid, "low").split(), _text(grid, "high").split()
        offsets = [(e.text or "").split() for e in named(grid, "offsetVector")]
        if offsets:
            yield from _resolution(offsets)
        elif len(low) >= 2 and len(high) >= 2:
            for name, first, last in zip(("width", "height"), low, high, strict=False):
                yield name, _size(first, last)


def _resolution(offsets: list[list[str]]) -> Pairs:
    for number, name in enumerate(("resx", "resy")):
        if len(offsets) > number and len(offsets[number]) > number:
            yield name, offsets[number][number].lstrip("-")


def _size(first: str, last: str) -> str:
    try:
        return str(int(last) - int(first) + 1)
    except ValueError as error:
        raise InvalidEncodingError("limits of a grid are whole numbers") from error


def _times(part: etree._Element) -> Iterator[str]:
    for element in named(part, "timePosition", "timePeriod"):
        if local_name(element) == "timePosition":
            yield (element.text or "").strip()
        else:
            ends = (_text(element, name) for name in ("beginPosition", "endPosition"))
            step = _text(element, "timeResolution")
            yield "/".join([*ends, *([step] if step else [])])


_OPERATIONS: Operations = {
    "GetCapabilities": _capabilities,
    "DescribeCoverage": _describe,
    "GetCoverage": _coverage,
}
