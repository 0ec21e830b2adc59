"""The EO application profile (OGC 10-140r1): series of datasets, and what is told of each."""

from tileserver.coverages import CoverageSummary
from tileserver.protocols.wcs.offered import name_of
from tileserver.protocols.wcs.v20.elements import WRITER, Element, gml_id
from tileserver.timeaxis import iso


def series_summary(parent: Element, summary: CoverageSummary) -> None:
    """Add the summary of a collection as a series of datasets."""
    element = WRITER.add(parent, "wcseo:DatasetSeriesSummary")
    WRITER.add(element, "ows:Title", summary.collection.title)
    west, south, east, north = summary.bbox
    box = WRITER.add(element, "ows:WGS84BoundingBox")
    WRITER.add(box, "ows:LowerCorner", f"{west!r} {south!r}")
    WRITER.add(box, "ows:UpperCorner", f"{east!r} {north!r}")
    name = name_of(summary)
    WRITER.add(element, "wcseo:DatasetSeriesId", name)
    time_period(element, summary, "series")


def time_period(parent: Element, summary: CoverageSummary, part: str) -> None:
    """Add gml:TimePeriod, where there is any time."""
    if summary.time is None:
        return
    first, last = summary.time
    name = f"{name_of(summary)}_{part}"
    period = WRITER.add(parent, "gml:TimePeriod", attributes=gml_id(name, "period"))
    WRITER.add(period, "gml:beginPosition", iso(first))
    WRITER.add(period, "gml:endPosition", iso(last))
