"""DescribeCoverage (OGC 09-110r4, 8.3): domain, range and parameters of coverages."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response
from lxml import etree

from renderers.together import together
from tileserver.coverages import Coverage
from tileserver.errors import TooLargeError
from tileserver.protocols.wcs.errors import CodedError
from tileserver.protocols.wcs.offered import coverage_of
from tileserver.protocols.wcs.v20.elements import WRITER, describe_coverage
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, names
from tileserver.web.xml import serialise

#: Most coverages of one request.
MOST: Final = 100


async def describe(request: Request, kvp: Kvp) -> Response:
    """Answer DescribeCoverage.

    Raises:
        CodedError: NoSuchCoverage names those that there are not; emptyCoverageIdList.
    """
    wanted = list(dict.fromkeys(_ids(kvp)))
    pipeline = services(request).pipeline
    coverages = await together(*(coverage_of(pipeline, name) for name in wanted))
    return document(request, serialise(written(coverages)), "application/xml")


def _ids(kvp: Kvp) -> tuple[str, ...]:
    if "coverageId" in kvp and not kvp.text("coverageId"):
        message = "the list of coverages is empty"
        raise CodedError(message, "emptyCoverageIdList", parameter="coverageId")
    wanted = kvp.required("coverageId", names)
    if len(wanted) > MOST:
        raise TooLargeError(f"at most {MOST} coverages at once", parameter="coverageId")
    return wanted


def written(coverages: Sequence[Coverage]) -> etree._Element:
    """Return the document."""
    root = WRITER.root("CoverageDescriptions", WRITER_LOCATION)
    for coverage in coverages:
        describe_coverage(root, coverage)
    return root


WRITER_LOCATION: Final = {
    "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": (
        "http://www.opengis.net/wcs/2.0 http://schemas.opengis.net/wcs/2.0/wcsAll.xsd"
    )
}
