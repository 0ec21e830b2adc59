"""The EO application profile (OGC 10-140r1): series of datasets, and what is told of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import Request, Response

from renderers.together import together
from tileserver import area as areas
from tileserver.catalogue.base import Area
from tileserver.coverages import Coverage, CoverageSummary
from tileserver.crs import parse_crs
from tileserver.errors import NoDataError, TooLargeError, UnknownCollectionError
from tileserver.pipeline import Pipeline
from tileserver.protocols.wcs.axes import axes_of
from tileserver.protocols.wcs.errors import CodedError
from tileserver.protocols.wcs.offered import coverage_of, name_of, summary_of
from tileserver.protocols.wcs.v20.elements import (
    WRITER,
    Element,
    describe_coverage,
    gml_id,
    time_period,
)
from tileserver.protocols.wcs.v20.subsets import Cut, cut_of, parse_subset
from tileserver.protocols.wcs.windows import Span
from tileserver.timeaxis import CURRENT, UNSAID, TimeRequest
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, integer, names
from tileserver.web.xml import XSI, serialise

#: Most descriptions of one answer, which is also what is given without COUNT.
COUNT_DEFAULT: Final = 100
_MOST_IDS: Final = 20
_SECTIONS: Final = ("CoverageDescriptions", "DatasetSeriesDescriptions", "All")
_SCHEMA: Final = (
    "http://www.opengis.net/wcs/wcseo/1.0 http://schemas.opengis.net/wcs/wcseo/1.0/wcsEOAll.xsd"
)

Containment = Literal["OVERLAPS", "CONTAINS"]


@dataclass(frozen=True, slots=True)
class DescribeEOCoverageSet:
    """What a request says.

    Attributes:
        ids: Of series (collections) or coverages.
        cut: In degrees, and in time.
        containment: Whether datasets may reach beyond.
        sections: Which are written.
        count: Most descriptions of coverages.
    """

    ids: tuple[str, ...]
    cut: Cut
    containment: Containment
    sections: frozenset[str]
    count: int

    @classmethod
    def decode(cls, kvp: Kvp) -> "DescribeEOCoverageSet":
        """Read the parameters (OGC 10-140r1, 11.3).

        Raises:
            RequestError: In all its ways.
        """
        if "eoId" in kvp and not kvp.text("eoId"):
            raise CodedError("the list is empty", "emptyEoIdList", parameter="eoId")
        ids = kvp.required("eoId", names)
        if len(ids) > _MOST_IDS:
            raise TooLargeError(f"at most {_MOST_IDS} ids at once", parameter="eoId")
        subsets = [parse_subset(text) for text in kvp.all("subset") if text]
        return cls(
            tuple(dict.fromkeys(ids)),
            cut_of(subsets, axes_of(parse_crs("EPSG:4326"))),
            kvp.optional("containment", _containment, "OVERLAPS"),
            kvp.optional("sections", _sections, frozenset(_SECTIONS)),
            min(kvp.optional("count", _count, COUNT_DEFAULT), COUNT_DEFAULT),
        )

    @property
    def area(self) -> Area:
        """Where datasets are looked for."""
        x, y = self.cut.x, self.cut.y
        if x == Span() and y == Span():
            return areas.WORLD
        return areas.boxes(
            -180.0 if x.low is None else x.low,
            -90.0 if y.low is None else y.low,
            180.0 if x.high is None else x.high,
            90.0 if y.high is None else y.high,
        )

    def holds(self, summary: CoverageSummary) -> bool:
        """Tell whether a dataset is wanted, beyond touching the area and the time."""
        if self.containment == "OVERLAPS":
            return True
        west, south, east, north = summary.bbox
        x, y = self.cut.x, self.cut.y
        return all(
            (span.low is None or span.low <= low) and (span.high is None or high <= span.high)
            for span, low, high in ((x, west, east), (y, south, north))
        )


def _containment(text: str) -> Containment:
    match text.upper():
        case "OVERLAPS":
            return "OVERLAPS"
        case "CONTAINS":
            return "CONTAINS"
    raise ValueError("expected OVERLAPS or CONTAINS")


def _sections(text: str) -> frozenset[str]:
    wanted = names(text)
    unknown = [name for name in wanted if name not in _SECTIONS]
    if unknown:
        raise ValueError(f"expected {', '.join(_SECTIONS)}")
    return frozenset(wanted)


def _count(text: str) -> int:
    value = integer(text)
    if value < 0:
        raise ValueError("expected a number from 0 on")
    return value


async def describe_set(request: Request, kvp: Kvp) -> Response:
    """Answer DescribeEOCoverageSet."""
    asked = DescribeEOCoverageSet.decode(kvp)
    pipeline = services(request).pipeline
    series: list[CoverageSummary] = []
    datasets: list[CoverageSummary] = []
    matched = 0
    for name in asked.ids:
        summary = await _known(pipeline, name)
        if summary.item is not None:
            datasets.append(summary)
            matched += 1
            continue
        series.append(summary)
        found, count = await _datasets(pipeline, summary, asked)
        datasets += found
        matched += count
    unique = list({name_of(summary): summary for summary in datasets}.values())[: asked.count]
    described = await together(*(coverage_of(pipeline, name_of(summary)) for summary in unique))
    root = _written(asked, described, series, matched)
    return document(request, serialise(root), "application/xml")


async def _known(pipeline: Pipeline, name: str) -> CoverageSummary:
    try:
        return await summary_of(pipeline, name)
    except (UnknownCollectionError, NoDataError) as error:
        message = f"there is no series and no coverage {name[:80]!r}"
        raise CodedError(message, "NoSuchDatasetSeriesOrCoverage", parameter="eoId") from error


async def _datasets(
    pipeline: Pipeline, series: CoverageSummary, asked: DescribeEOCoverageSet
) -> tuple[list[CoverageSummary], int]:
    """Return the newest datasets of a series, and how many there are in all."""
    time: TimeRequest = CURRENT if asked.cut.time == UNSAID else asked.cut.time
    identifier = series.collection.id
    found = await pipeline.coverages.items(identifier, asked.area, time, asked.count)
    wanted = [summary for summary in found if asked.holds(summary)]
    if asked.containment == "CONTAINS":
        return wanted, len(wanted)
    days = await pipeline.dates(identifier, asked.area, time)
    return wanted, max(sum(day.items for day in days), len(wanted))


def _written(
    asked: DescribeEOCoverageSet,
    coverages: Sequence[Coverage],
    series: Sequence[CoverageSummary],
    matched: int,
) -> Element:
    told = coverages if asked.sections & {"All", "CoverageDescriptions"} else ()
    root = WRITER.root(
        "wcseo:EOCoverageSetDescription",
        {
            "numberMatched": str(matched),
            "numberReturned": str(len(told)),
            f"{{{XSI}}}schemaLocation": _SCHEMA,
        },
    )
    if asked.sections & {"All", "CoverageDescriptions"}:
        part = WRITER.add(root, "CoverageDescriptions")
        for coverage in told:
            describe_coverage(part, coverage)
    if asked.sections & {"All", "DatasetSeriesDescriptions"}:
        part = WRITER.add(root, "wcseo:DatasetSeriesDescriptions")
        for summary in series:
            _series(part, summary)
    return root


def _series(parent: Element, summary: CoverageSummary) -> None:
    name = name_of(summary)
    attributes = gml_id(name, "series")
    element = WRITER.add(parent, "wcseo:DatasetSeriesDescription", attributes=attributes)
    axes = axes_of(parse_crs("EPSG:4326"))
    west, south, east, north = summary.bbox
    box = WRITER.add(
        WRITER.add(element, "gml:boundedBy"),
        "gml:Envelope",
        attributes={
            "srsName": parse_crs("EPSG:4326").uri,
            "axisLabels": " ".join(axes.labels),
            "uomLabels": "deg deg",
            "srsDimension": "2",
        },
    )
    WRITER.add(box, "gml:lowerCorner", axes.position(west, south))
    WRITER.add(box, "gml:upperCorner", axes.position(east, north))
    WRITER.add(element, "wcseo:DatasetSeriesId", name)
    time_period(element, summary, "series")


def series_summary(parent: Element, summary: CoverageSummary) -> None:
    """Add the summary of a collection as a series of datasets."""
    element = WRITER.add(parent, "wcseo:DatasetSeriesSummary")
    WRITER.add(element, "ows:Title", summary.collection.title)
    west, south, east, north = summary.bbox
    box = WRITER.add(element, "ows:WGS84BoundingBox")
    WRITER.add(box, "ows:LowerCorner", f"{west!r} {south!r}")
    WRITER.add(box, "ows:UpperCorner", f"{east!r} {north!r}")
    WRITER.add(element, "wcseo:DatasetSeriesId", name_of(summary))
    time_period(element, summary, "summary")
