"""Bodies of the page's JSON; the page's types are generated from them."""

from pydantic import BaseModel, Field


class StyleBody(BaseModel):
    """A style to choose."""

    id: str
    title: str
    description: str


class BandBody(BaseModel):
    """A band, for formulas and coverages."""

    name: str
    common_name: str = Field(description="such as red, the same for every sensor; may be empty")
    title: str


class TimeBody(BaseModel):
    """First and last acquisition, null for timeless data."""

    start: str | None
    end: str | None


class CollectionBody(BaseModel):
    """A collection to show."""

    id: str
    title: str
    description: str
    attribution: str
    bbox: tuple[float, float, float, float] = Field(
        description="west, south, east, north in degrees; west exceeds east across 180 degrees"
    )
    time: TimeBody
    styles: list[StyleBody]
    default_style: str
    bands: list[BandBody]
    clear: bool = Field(description="whether `mosaic=clear` can leave out clouds")
    min_zoom: int
    max_zoom: int
    version: str = Field(description="changes with the data and the styles")
    tile_url: str = Field(description="with {style}, {z}, {x} and {y} to fill in")
    wms_url: str
    wmts_url: str


class CollectionsBody(BaseModel):
    """Every collection, in the order to list them."""

    collections: list[CollectionBody]


class DateBody(BaseModel):
    """A UTC day with images."""

    date: str
    cloud_cover: float | None = Field(description="least of its images, percent; null if unknown")
    items: int


class DatesBody(BaseModel):
    """Days with images, ascending."""

    dates: list[DateBody]
