"""From a description and a file to an item."""

import hashlib
from typing import Any

import numpy as np

from renderers.errors import SourceUnsupportedError
from renderers.readers.base import RasterInfo
from tileserver import dimensions
from tileserver.catalogue.base import DESCRIBED, ORDER, STYLED, Collection
from tileserver.catalogue.footprint import grid_footprint
from tileserver.editing import CollectionSettings
from tileserver.errors import RequestError
from tileserver.products.base import Access, ProductItem, name_of, stem_of
from tileserver.products.described.model import Description
from tileserver.products.described.times import NameTime, Period
from tileserver.products.item import Asset, Band, bands_of, make_item
from tileserver.products.zooms import native_zoom
from tileserver.timeaxis import iso
from tileserver.timeaxis_choice import SETTING as TIME_SETTING
from tileserver.timeaxis_choice import STEP

#: Property of items that tells by which description they were made: a changed description makes
#: them anew, and with them the collection.
_MARK = "tileserver:description"
_MEDIA_TYPES = {"tiff": "image/tiff; application=geotiff", "jp2": "image/jp2"}


async def described_item(
    href: str, description: Description, access: Access, period: Period | None = None
) -> ProductItem:
    """Return the item of one file.

    Args:
        href: Address of the file.
        description: What it is.
        access: How to reach it.
        period: When it was seen, where the description does not say.

    Raises:
        SourceUnsupportedError: The file is not as described; the message says in what.
        SourceError: Other kinds, by what the store or the file says.
    """
    file = await access.indexed(href)
    info = file.raster.info
    grid = info.geobox
    if grid is None:
        raise SourceUnsupportedError("the raster has no georeference")
    if np.dtype(info.dtype).kind == "c":
        raise SourceUnsupportedError("rasters of complex numbers are not drawn")
    media_type = _MEDIA_TYPES.get(file.reader.id, "")
    asset = Asset("data", href, _bands(description, info), grid, media_type)
    footprint = grid_footprint(grid)
    when = period_of(description, name_of(href)) or period
    moment = when.start if when is not None and when.start == when.end else None
    mark = _digest(description)
    properties = {_MARK: mark}
    if when is not None and moment is None:
        properties |= {"start_datetime": iso(when.start), "end_datetime": iso(when.end)}
    item = make_item(stem_of(href), footprint, moment, [asset], properties)
    item["collection"] = description.collection
    template = Collection(
        id=description.collection,
        title=description.title or description.collection.replace("_", " "),
        description=description.description,
        attribution=description.attribution,
        license=description.license,
        bands=tuple(bands_of(item)),
        styles=description.style_ids,
        own_styles=description.own_styles,
        max_zoom=native_zoom(grid, footprint),
        extra=_extra(description, mark),
    )
    return ProductItem(item, _with_settings(template, description))


def _with_settings(template: Collection, description: Description) -> Collection:
    try:
        return (description.settings or CollectionSettings()).applied(template)
    except RequestError as error:
        raise SourceUnsupportedError(f"settings: {error}") from error


def _extra(description: Description, mark: str) -> dict[str, Any]:
    """Return the settings of the collection."""
    extra: dict[str, Any] = {DESCRIBED: mark, STYLED: bool(description.styles)}
    if description.order:
        extra[ORDER] = description.order
    if description.dimensions:
        extra[dimensions.SETTING] = [d.model_dump() for d in description.dimensions]
    if description.time is not None and description.time.step:
        extra[TIME_SETTING] = {STEP: description.time.step}
    return extra


def period_of(description: Description, name: str) -> Period | None:
    """Return when a file was seen, None where the description does not say.

    Raises:
        SourceUnsupportedError: The file's name has no such time as the description says.
    """
    time = description.time
    if time is None:
        return None
    if time.file_name:
        return NameTime.parse(time.file_name, time.days).read(name)
    start = time.start
    return None if start is None else Period(start, time.end or start)


def _bands(description: Description, info: RasterInfo) -> tuple[Band, ...]:
    if len(description.bands) > info.count:
        message = f"{len(description.bands)} bands are described and the file has {info.count}"
        raise SourceUnsupportedError(message)
    bands = []
    for place, part in enumerate(description.bands):
        scale = info.scales[place] if place < len(info.scales) else 1.0
        offset = info.offsets[place] if place < len(info.offsets) else 0.0
        bands.append(
            Band(
                part.info,
                scale=scale if part.scale is None else part.scale,
                offset=offset if part.offset is None else part.offset,
                nodata=info.nodata if part.nodata is None else part.nodata,
                data_type=info.dtype,
            )
        )
    return tuple(bands)


def _digest(description: Description) -> str:
    text = description.model_dump_json(exclude={"files"})
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
