"""What statistics and values are asked of, as the API's parameters say it."""

from typing import Annotated, Any, Final, get_args

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field

from styles.model import Resampling, Style
from tileserver import formulas
from tileserver.errors import InvalidParameterError, MissingParameterError
from tileserver.mosaics import parse_mosaic
from tileserver.protocols.api.box import parse_numbers
from tileserver.summaries import PLAIN, Wanted
from tileserver.timeaxis import parse_time
from tileserver.web.posted import posted
from tileserver.zones import Zone, box_zone, parse_zone
from tileserver.zonework import Question

_FINEST: Final = 0.01
_COARSEST: Final = 1e6
_LONGEST: Final = 2000


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_listed)]


class StyleQuery(BaseModel):
    """A style, by its id or written out."""

    style: str = Field("", max_length=_LONGEST, description="Style id.")
    expression: Texts = Field([], description=formulas.PARAMETERS["expression"])
    rescale: Texts = Field([], description=formulas.PARAMETERS["rescale"])
    colormap_name: Texts = Field([], description=formulas.PARAMETERS["colormap_name"])
    colormap: Texts = Field([], description=formulas.PARAMETERS["colormap"])
    gamma: Texts = Field([], description=formulas.PARAMETERS["gamma"])
    resampling: str = Field(
        "", max_length=16, description="nearest, bilinear, cubic, average or mode."
    )
    time: str = Field("", description="As for tiles.")
    mosaic: str = Field("", description="As for tiles; clear leaves clouds out.")

    def chosen_style(self) -> str | Style:
        """Return the formula's style, else the id.

        Raises:
            InvalidParameterError: See `formulas.parse_style`.
        """
        # Resampling says here how pixels are read, with a formula and without.
        own = {"resampling": [self.resampling] if self.expression else []}
        found = formulas.parse_style(lambda name: own.get(name, getattr(self, name)))
        return found or self.style

    def chosen_resampling(self) -> Resampling:
        """Return how source pixels are read.

        Raises:
            InvalidParameterError: There is no such way.
        """
        known: tuple[Resampling, ...] = get_args(Resampling)
        text = self.resampling or "nearest"
        if text not in known:
            message = f"resampling is one of {', '.join(known)}"
            raise InvalidParameterError(message, parameter="resampling")
        return known[known.index(text)]


class ZoneQuery(StyleQuery):
    """Statistics of an area."""

    bbox: str = Field("", description="west,south,east,north in degrees, for GET.")
    bands: str = Field(
        "", max_length=_LONGEST, description="Names with commas between; all without."
    )
    resolution: float | None = Field(
        None, ge=_FINEST, le=_COARSEST, description="Side of a pixel in metres; the images' own "
        "without, or a multiple of it that the limit of pixels allows.",
    )  # fmt: skip
    p: list[float] = Field(list(PLAIN.percentiles), description="Percentiles, 0 to 100; repeated.")
    histogram_bins: int = Field(PLAIN.bins, description="1 to 256.")
    histogram_range: str = Field("", description="low,high; least and greatest value without.")

    async def question(self, request: Request, collection: str) -> Question:
        """Return what is asked, of the body's area or of the box.

        Raises:
            RequestError: In all its ways.
        """
        return Question(
            collection,
            await self._zone(request),
            parse_time(self.time),
            parse_mosaic(self.mosaic),
            tuple(name.strip() for name in self.bands.split(",") if name.strip()),
            self.chosen_style(),
            self.chosen_resampling(),
            self.resolution,
            self._wanted(),
        )

    async def _zone(self, request: Request) -> Zone:
        if request.method == "POST":
            return parse_zone(await posted(request))
        if not self.bbox:
            message = "bbox is west,south,east,north in degrees; other areas are posted"
            raise MissingParameterError(message, parameter="bbox")
        west, south, east, north = parse_numbers(self.bbox)
        return box_zone((west, south, east, north))

    def _wanted(self) -> Wanted:
        span = None
        if self.histogram_range:
            try:
                low, high = (float(part) for part in self.histogram_range.split(","))
            except ValueError as error:
                message = "histogram_range is low,high"
                raise InvalidParameterError(message, parameter="histogram_range") from error
            span = low, high
        return Wanted(tuple(self.p), self.histogram_bins, span)


class SeriesQuery(ZoneQuery):
    """Statistics of an area, day by day."""

    limit: int = Field(100, ge=1, le=366, description="Most days of an answer.")
    after: str = Field("", description="A day, of which only later ones are wanted.")
    format: str = Field("json", pattern="^(json|csv)$", description="json or csv.")
