"""GetCoverage of WCS 1.0.0 (OGC 03-065r6, 9): a box and a size, always x, y."""

import math
from dataclasses import dataclass

from fastapi import Request, Response

from renderers.geobox import Bounds, GeoBox
from styles.model import Resampling
from tileserver.coverages import Coverage
from tileserver.crs import OgcCrs, parse_crs
from tileserver.errors import InvalidFormatError, InvalidParameterError, MissingParameterError
from tileserver.mosaics import MosaicChoice, parse_mosaic
from tileserver.protocols.wcs import ranges
from tileserver.protocols.wcs.formats import Format, parse_format
from tileserver.protocols.wcs.offered import coverage_of, name_of
from tileserver.protocols.wcs.output import Output, payload, respond
from tileserver.protocols.wcs.spool import Spool
from tileserver.protocols.wcs.times import chosen_time
from tileserver.protocols.wcs.v10.describe import BANDS, FORMATS
from tileserver.protocols.wcs.windows import OutsideError, sized, transformed
from tileserver.request import CoverageRequest
from tileserver.timeaxis import UNSAID, TimeRequest, parse_time
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, integer


@dataclass(frozen=True, slots=True)
class GetCoverage:
    """What a request says.

    Attributes:
        coverage: Name.
        crs: Of the box.
        response: Of the answer.
        box: x/y, None for all of it.
        time: `UNSAID` where nothing was said.
        size: Width and height, or None.
        resolution: Of columns and rows, or None.
        format: Of the answer.
        interpolation: As written.
        bands: As written; "" is all of them.
        mosaic: Which scene shows where several lie.
    """

    coverage: str
    crs: OgcCrs
    response: OgcCrs
    box: Bounds | None
    time: TimeRequest
    size: tuple[int, int] | None
    resolution: tuple[float, float] | None
    format: Format
    interpolation: str
    bands: str
    mosaic: MosaicChoice | None

    @classmethod
    def decode(cls, kvp: Kvp) -> "GetCoverage":
        """Read the parameters.

        Raises:
            RequestError: In all its ways.
        """
        coverage = kvp.required("coverage", str)
        crs = kvp.required("crs", lambda text: parse_crs(text, parameter="CRS"))
        box = kvp.optional("bbox", _box, None)
        time = kvp.optional("time", lambda text: parse_time(text, parameter="TIME"), UNSAID)
        if box is None and time == UNSAID:
            raise MissingParameterError("BBOX or TIME is missing", parameter="BBOX")
        response = kvp.optional(
            "response_crs", lambda text: parse_crs(text, parameter="RESPONSE_CRS"), crs
        )
        size, resolution = _size(kvp), _resolution(kvp)
        if size is None and resolution is None:
            message = "WIDTH and HEIGHT, or RESX and RESY are missing"
            raise MissingParameterError(message, parameter="WIDTH")
        return cls(
            coverage, crs, response, box, time, size, resolution,
            kvp.required("format", _format), kvp.text("interpolation"), kvp.text(BANDS),
            kvp.optional("mosaic", parse_mosaic, None),
        )  # fmt: skip

    def grid(self, coverage: Coverage) -> GeoBox:
        """Return the grid of the answer: the box as it is, also where it is not all covered.

        Raises:
            OutsideError: It does not touch the coverage.
            InvalidParameterError: It has no place in the CRS of the answer, or no size.
        """
        own, crs = coverage.summary.grid, self.crs.canonical
        extent = own.bounds if own.crs == crs else transformed(own.bounds, own.crs, crs)
        box = self.box or extent
        if box[0] >= extent[2] or box[2] <= extent[0] or box[1] >= extent[3] or box[3] <= extent[1]:
            raise OutsideError("the box does not touch the coverage", parameter="BBOX")
        if self.response.canonical != crs:
            box = transformed(box, crs, self.response.canonical)
        width, height = self.size or self._counted(box)
        return sized(box, width, height, self.response.canonical)

    def _counted(self, box: Bounds) -> tuple[int, int]:
        step_x, step_y = self.resolution or (1.0, 1.0)
        sides = (box[2] - box[0]) / step_x, (box[3] - box[1]) / step_y
        if not all(math.isfinite(side) and side < 1e9 for side in sides):
            raise InvalidParameterError("the resolution is too fine", parameter="RESX")
        return max(round(sides[0]), 1), max(round(sides[1]), 1)

    def resampling(self, coverage: Coverage, grid: GeoBox) -> Resampling:
        """Return how source pixels become target pixels.

        Raises:
            InvalidParameterError: Nothing was to be interpolated, and the grid needs it.
        """
        if self.interpolation.lower() == "none" and not _aligned(grid, coverage.summary.grid):
            message = "without interpolation only the coverage's own grid is given"
            raise InvalidParameterError(message, parameter="INTERPOLATION")
        return ranges.parse_interpolation(
            self.interpolation or "nearest", parameter="INTERPOLATION"
        )


def _aligned(grid: GeoBox, own: GeoBox) -> bool:
    """Tell whether a grid has the pixels of another one."""
    if grid.crs != own.crs:
        return False
    t, o = grid.transform, own.transform
    columns, rows = (t.c - o.c) / o.a, (t.f - o.f) / o.e
    off = max(abs(columns - round(columns)), abs(rows - round(rows)))
    return (
        off < 1e-3 and math.isclose(t.a, o.a, rel_tol=1e-6) and math.isclose(t.e, o.e, rel_tol=1e-6)
    )


def _box(text: str) -> Bounds:
    values = [float(part) for part in text.split(",")]
    if len(values) not in (4, 6) or not all(map(math.isfinite, values)):
        raise ValueError("expected four numbers")
    # With heights: min x, min y, max x, max y, min z, max z (03-065r6, table 9).
    west, south, east, north = values[:4]
    if not (west < east and south < north):
        raise ValueError("the minimum is not below the maximum")
    return west, south, east, north


def _size(kvp: Kvp) -> tuple[int, int] | None:
    if not (kvp.text("width") or kvp.text("height")):
        return None
    return kvp.required("WIDTH", _positive), kvp.required("HEIGHT", _positive)


def _positive(text: str) -> int:
    value = integer(text)
    if value < 1:
        raise ValueError("expected a number above 0")
    return value


def _resolution(kvp: Kvp) -> tuple[float, float] | None:
    if not (kvp.text("resx") or kvp.text("resy")):
        return None
    return kvp.required("RESX", _step), kvp.required("RESY", _step)


def _step(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError("expected a number above 0")
    return value


def _format(text: str) -> Format:
    named = {name.lower(): one for name, one in FORMATS}
    found = named.get(text.strip().lower()) or parse_format(text, parameter="FORMAT")
    if found.kind == "gml":
        raise InvalidFormatError("GML is offered by WCS 2.0 only", parameter="FORMAT")
    return found


def numbered_bands(text: str, coverage: Coverage, parameter: str) -> tuple[str, ...]:
    """Return the bands of `1,3`, `1/3` or `B04,B08`.

    Raises:
        InvalidParameterError: There is no such band.
    """
    names = [field.name for field in coverage.fields]
    aliases = {f.band.common_name: f.name for f in coverage.fields if f.band.common_name}
    aliases |= {str(place): name for place, name in enumerate(names, 1) if str(place) not in names}
    try:
        return ranges.chosen_bands(text.replace("/", ":"), names, aliases)
    except InvalidParameterError as error:
        raise InvalidParameterError(str(error), parameter=parameter) from error


async def get_coverage(request: Request, kvp: Kvp, spool: Spool) -> Response:
    """Answer GetCoverage."""
    asked = GetCoverage.decode(kvp)
    coverage = await coverage_of(services(request).pipeline, asked.coverage)
    summary = coverage.summary
    grid = asked.grid(coverage)
    bands = numbered_bands(asked.bands, coverage, BANDS)
    values = CoverageRequest(
        summary.collection.id,
        bands,
        grid,
        chosen_time(summary, asked.time),
        asked.mosaic,
        asked.resampling(coverage, grid),
        item=summary.item.id if summary.item else "",
    )
    size = grid.width * grid.height * len(bands) * coverage.dtype.itemsize
    output = Output(values, size, asked.format, name=name_of(summary))
    return respond(request, await payload(request, output, spool), output)
