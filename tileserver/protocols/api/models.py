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
    area_cloud_cover: float | None = Field(
        default=None, description="percent of what was seen of the area, by the collection's mask"
    )
    seen: float | None = Field(default=None, description="part of the area that was seen")
    clouds: str = Field(
        default="items", description="which of both is known best: area, or items for whole images"
    )


class DatesBody(BaseModel):
    """Days with images, ascending."""

    dates: list[DateBody]


class GridBody(BaseModel):
    """The pixels that were counted."""

    crs: str
    resolution: tuple[float, float] = Field(description="sides of a pixel, in units of the CRS")
    width: int
    height: int


class HistogramBody(BaseModel):
    """How often values are; a pixel counts by the part that lies inside."""

    edges: list[float] = Field(description="of the bins: one more than counts")
    counts: list[float]


class BandStatistics(BaseModel):
    """Statistics of one band or output; null where there are no values."""

    unit: str
    count: float = Field(description="pixels with a value, by the part that lies inside")
    valid: float = Field(description="part of the area with a value, 0 to 1")
    min: float | None
    max: float | None
    mean: float | None
    std: float | None = Field(description="of the values themselves (divisor n)")
    percentiles: dict[str, float | None]
    histogram: HistogramBody | None


class StatisticsBody(BaseModel):
    """Statistics of an area."""

    area_m2: float = Field(description="on the ellipsoid of WGS 84")
    grid: GridBody
    days: list[str] = Field(description="UTC days of the images that may show, by the mosaic")
    incomplete: str = Field(description="what the mosaic lacks; empty for nothing")
    statistics: dict[str, BandStatistics]


class SeriesDay(BaseModel):
    """One day of a series."""

    date: str = Field(description="solar day")
    cloud_cover: float | None = Field(description="percent")
    clouds: str = Field(
        description="area: of what was seen of the area, by the mask; items: of the whole images"
    )
    seen: float | None = Field(description="part of the area that was seen; null without a mask")
    items: list[str]
    incomplete: str
    statistics: dict[str, BandStatistics]


class LinkBody(BaseModel):
    """A link."""

    rel: str
    href: str


class SeriesBody(BaseModel):
    """Days, oldest first; a link `next` where there are more."""

    area_m2: float
    grid: GridBody | None
    dates: list[SeriesDay]
    links: list[LinkBody]


class BandValue(BaseModel):
    """A band at a point."""

    name: str
    common_name: str
    title: str
    unit: str
    value: float | None


class PointBody(BaseModel):
    """Values of one image, or of several that a mosaic makes one of."""

    items: list[str]
    datetimes: list[str | None]
    mosaic: str = Field(description="first, best, mean, median, min, max or count")
    bands: list[BandValue]
    style: dict[str, str | float | None] = Field(
        description="id of the style; its value and class where it has one value"
    )


class PointsBody(BaseModel):
    """What there is at a point, in the order of the mosaic; nothing where there is no data."""

    lon: float
    lat: float
    values: list[PointBody]
