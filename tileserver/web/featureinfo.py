"""What layers hold at a point, for GetFeatureInfo of every map protocol."""

from collections.abc import Mapping

import numpy as np

from renderers.crs import WGS84, transform_points
from renderers.values import computed
from styles.model import ClassColour, Style
from tileserver.catalogue.base import Collection
from tileserver.pipeline import Pipeline
from tileserver.request import ValuesRequest
from tileserver.web.infoformats import Feature


async def features_at(
    asked: ValuesRequest, style: str | Style, chosen: str, pipeline: Pipeline
) -> list[Feature]:
    """Return what one layer holds at one point, in the order of its mosaic.

    Args:
        asked: The layer, and the point in its CRS.
        style: In which the layer is shown, "" for its default.
        chosen: How the times were chosen; see `TimeChoice.told`.
        pipeline: Knows the values.

    Returns:
        () where the CRS does not reach, or where there is no data.

    Raises:
        RequestError: An unknown layer or style, or too much work.
        RenderError: A source file cannot be read.
    """
    ((x, y),) = asked.points
    place = on_earth(x, y, asked.crs)
    if place is None:
        return []
    collection = (await pipeline.layer(asked.collection)).collection
    shown = None
    if style or collection.styles:
        shown = await pipeline.style(collection.id, style)
    units = {band.name: band.unit for band in collection.bands if band.unit}
    return [
        Feature(
            collection.id,
            found,
            chosen,
            *place,
            units,
            {} if shown is None else shown_value(shown, collection, found.values),
        )
        for found in await pipeline.values(asked)
    ]


def shown_value(
    style: Style, collection: Collection, values: Mapping[str, float | None]
) -> dict[str, str | float | None]:
    """Return what a style makes of values: its id, and of styles of one value that and its class.

    Args:
        style: One that the collection has the bands for.
        collection: Knows the names of its bands.
        values: By band name, its own or the common one.
    """
    told: dict[str, str | float | None] = {"style": style.id}
    named = {
        name: values.get(name, values.get(band.name))
        for band in collection.bands
        for name in (band.name, band.common_name)
    }
    program = style.program
    if program.outputs != 1 or program.planes or not style.bands <= named.keys():
        return told
    (value,) = computed(style.program, named).values()
    told["value"] = value
    if isinstance(style.colour, ClassColour) and not style.colour.flags and value is not None:
        names_of = {entry.value: entry.name for entry in style.colour.classes}
        told["class"] = names_of.get(round(value)) if value == round(value) else None
    return told


def on_earth(x: float, y: float, crs: str) -> tuple[float, float] | None:
    """Return longitude and latitude of a point; None where its CRS does not reach."""
    lon, lat = transform_points(crs, WGS84, np.array([x]), np.array([y]))
    if not (np.isfinite(lon[0]) and np.isfinite(lat[0]) and abs(lat[0]) <= 90.0):
        return None
    return float(lon[0]), float(lat[0])
