"""GetCoverage (OGC 09-110r4, 8.4; 09-147r3, 7.3): from parameters to a coverage's bytes."""

from dataclasses import dataclass

from fastapi import Request, Response

from renderers.geobox import GeoBox
from styles.model import Resampling
from tileserver.coverages import Coverage
from tileserver.crs import OgcCrs
from tileserver.errors import InvalidParameterError
from tileserver.mosaics import MosaicChoice, parse_mosaic
from tileserver.protocols.wcs import ranges
from tileserver.protocols.wcs.axes import Axes, axes_of
from tileserver.protocols.wcs.formats import TIFF, Format, parse_format
from tileserver.protocols.wcs.offered import coverage_of, name_of
from tileserver.protocols.wcs.output import Output, TiffForm, payload, respond, whole
from tileserver.protocols.wcs.spool import Spool
from tileserver.protocols.wcs.times import chosen_time
from tileserver.protocols.wcs.v20 import gml, scaling, tiffing
from tileserver.protocols.wcs.v20.subsets import (
    Cut,
    Subset,
    cut_of,
    own_crs,
    parse_subset,
    requested_crs,
)
from tileserver.protocols.wcs.windows import Window, target
from tileserver.request import CoverageRequest
from tileserver.web.context import services
from tileserver.web.kvp import Kvp

_MULTIPART = "multipart/related"
_NOT_SUBSETS = frozenset({"SUBSETTINGCRS"})
_MOST_SUBSETS = 16


@dataclass(frozen=True, slots=True)
class GetCoverage:
    """What a request says, before it is known which coverage it is about.

    Attributes:
        coverage: Identifier.
        subsets: Cuts of axes.
        subsetting: CRS of the cuts; None is the coverage's own.
        output: CRS of the answer; None is that of the cuts.
        scaling: How large the answer is; None keeps the resolution.
        bands: As written; "" is all of them.
        resampling: How source pixels become target pixels.
        format: Of the answer.
        multipart: Send a GML document with it.
        tiff: How a GeoTIFF is written.
        mosaic: Which scene shows where several lie; None takes the collection's own rule.
        style: Whose program's values, or picture, is wanted; "" for bands.
    """

    coverage: str
    subsets: tuple[Subset, ...]
    subsetting: OgcCrs | None
    output: OgcCrs | None
    scaling: scaling.Scaling | None
    bands: str
    resampling: Resampling
    format: Format
    multipart: bool
    tiff: TiffForm
    mosaic: MosaicChoice | None
    style: str

    @classmethod
    def decode(cls, kvp: Kvp) -> "GetCoverage":
        """Read the parameters of GET, or of a document.

        Raises:
            RequestError: In all its ways.
        """
        subsets = _subsets(kvp)
        subsetting = kvp.text("subsettingCrs") or own_crs(subsets)
        output = kvp.text("outputCrs")
        return cls(
            coverage=kvp.required("coverageId", str),
            subsets=subsets,
            subsetting=requested_crs(subsetting, "SubsettingCrs-NotSupported", "subsettingCrs")
            if subsetting
            else None,
            output=requested_crs(output, "OutputCrs-NotSupported", "outputCrs") if output else None,
            scaling=scaling.decode(kvp),
            bands=kvp.text("rangeSubset"),
            resampling=kvp.optional("interpolation", ranges.parse_interpolation, "nearest"),
            format=kvp.optional("format", parse_format, TIFF),
            multipart=kvp.optional("mediaType", _media_type, False),
            tiff=tiffing.decode(kvp),
            mosaic=kvp.optional("mosaic", parse_mosaic, None),
            style=kvp.text("style"),
        )

    def cut(self, coverage: Coverage) -> tuple[Cut, GeoBox]:
        """Return what is cut out of a coverage, and the grid of the answer.

        Raises:
            RequestError: In all its ways.
        """
        own = coverage.summary.crs
        given = self.subsetting or own
        cut = cut_of(self.subsets, *self._systems(own, given))
        window = Window(given.canonical, cut.x, cut.y)
        grid = target(
            coverage.summary.grid, window, (self.output or self.subsetting or own).canonical
        )
        if self.scaling is not None:
            grid = self.scaling.applied(grid, *self._systems(own, given))
        return cut, grid

    @staticmethod
    def _systems(own: OgcCrs, given: OgcCrs) -> tuple[Axes, ...]:
        return axes_of(own), axes_of(given)

    def written_in(self, coverage: Coverage) -> OgcCrs:
        """Return the CRS of the answer, as a GML document names it."""
        return self.output or self.subsetting or coverage.summary.crs

    def asked(self, coverage: Coverage, time: Cut, grid: GeoBox) -> CoverageRequest:
        """Return the request for the values."""
        summary = coverage.summary
        picture = self.format.kind in ("png", "jpeg")
        bands = () if self.style and not picture else self._bands(coverage)
        return CoverageRequest(
            summary.collection.id,
            bands,
            grid,
            chosen_time(summary, time.time),
            self.mosaic,
            self.resampling,
            "" if picture else self.style,
            summary.item.id if summary.item else "",
        )

    def _bands(self, coverage: Coverage) -> tuple[str, ...]:
        names = [field.name for field in coverage.fields]
        aliases = {f.band.common_name: f.name for f in coverage.fields if f.band.common_name}
        return ranges.chosen_bands(self.bands, names, aliases)


def _subsets(kvp: Kvp) -> tuple[Subset, ...]:
    """Read SUBSET, however often; GDAL numbers them, as keys once had to be unique."""
    texts = [
        text
        for name in kvp
        if name.startswith("SUBSET") and name not in _NOT_SUBSETS
        for text in kvp.all(name)
        if text
    ]
    if len(texts) > _MOST_SUBSETS:
        raise InvalidParameterError(f"at most {_MOST_SUBSETS} subsets", parameter="subset")
    return tuple(parse_subset(text) for text in texts)


def _media_type(text: str) -> bool:
    if text.lower() != _MULTIPART:
        raise ValueError(f"only {_MULTIPART} is offered")
    return True


async def get_coverage(request: Request, kvp: Kvp, spool: Spool) -> Response:
    """Answer GetCoverage."""
    asked = GetCoverage.decode(kvp)
    context = services(request)
    coverage = await coverage_of(context.pipeline, asked.coverage)
    cut, grid = asked.cut(coverage)
    values = asked.asked(coverage, cut, grid)
    bands = len(values.bands) or 4
    size = grid.width * grid.height * bands * coverage.dtype.itemsize
    name = name_of(coverage.summary)
    output = Output(values, size, asked.format, asked.tiff, name, asked.style)
    described = gml.Described(coverage, values.bands, grid, asked.written_in(coverage))
    if asked.format.kind == "gml":
        stream = await gml.values_of(request, output)
        sent = whole(gml.inline(described, stream), asked.format.name)
    elif asked.multipart:
        # Made first: nothing may fail between the file and its sending, which gives its room back.
        document = _document(asked, described)
        sent = gml.multipart(await payload(request, output, spool), document, asked.format)
    else:
        sent = await payload(request, output, spool)
    return respond(request, sent, output)


def _document(asked: GetCoverage, described: gml.Described) -> bytes:
    """Return the GML document that goes before a file (OGC 09-110r4, 8.4.2).

    Raises:
        InvalidParameterError: Of a style's values, whose type is not known before they are read.
    """
    if asked.style:
        message = "a style's values are sent without a document"
        raise InvalidParameterError(message, parameter="mediaType")
    return gml.referring(described, asked.format)
