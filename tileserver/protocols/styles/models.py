"""Bodies of `/styles`."""

from typing import Any

from pydantic import BaseModel, Field


class LegendSizes(BaseModel):
    """Width and height in pixels at scale 1."""

    vertical: tuple[int, int]
    horizontal: tuple[int, int]


class StyleSummary(BaseModel):
    """A style in a list."""

    id: str
    title: str
    description: str
    kind: str = Field(description="ramp, classes, flags or rgb")
    unit: str = Field(description="of its values, empty for none")
    bands: list[str] = Field(description="that it needs, by common name or the product's own")
    formula: str = Field(description="of the values, empty where it shows bands as they are")
    domain: str = Field(description="what it is for, such as vegetation or radar; may be empty")
    reference: str = Field(description="where it is published, may be empty")


class StyleDetails(StyleSummary):
    """One style."""

    resampling: str
    digest: str = Field(description="changes with everything that changes pixels")
    legend: dict[str, Any] = Field(
        description="kind, title, unit, and stops and ticks, classes, or channels"
    )
    legend_size: LegendSizes
    legend_url: str
    definition: dict[str, Any] = Field(description="as a style file has it; empty for a few")
    version: int | None = Field(description="of a style that was sent; null for all others")
    written: str | None = Field(description="when that was, null for all others")


class StylesBody(BaseModel):
    """Styles, in the order to list them."""

    styles: list[StyleSummary]
