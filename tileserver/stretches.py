"""Ranges of styles by percentiles of a collection's values, computed once and kept with it.

They are never computed per tile: neighbouring tiles would differ, and seams show. A style asks for
them by `percentiles` in its definition, or an operator by naming it; both hold for one collection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from renderers.geobox import GeoBox
from styles.model import ClassColour, Style
from tileserver.catalogue.base import Collection
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.errors import InvalidParameterError
from tileserver.pipeline import Pipeline
from tileserver.request import CoverageRequest
from tileserver.stretching import SETTING

#: Pixels per side of the grid on which a scene is looked at: its coarse levels.
SIDE: Final = 256
DEFAULT: Final = (2.0, 98.0)
DEFAULT_SCENES: Final = 8
MAX_SCENES: Final = 64
#: Digits of limits: more would not be seen, and read badly in legends.
_DIGITS: Final = 4


def wanted(styles: Sequence[Style], names: Sequence[str]) -> tuple[Style, ...]:
    """Return the styles that are measured: those that are named, else those that ask for it.

    Raises:
        InvalidParameterError: There is no such style, or it has no range.
    """
    if not names:
        return tuple(s for s in styles if s.percentiles is not None)
    known = {s.id: s for s in styles}
    for name in names:
        if name not in known:
            raise InvalidParameterError(f"there is no style {name}, or it lacks bands")
        style = known[name]
        if isinstance(style.colour, ClassColour):
            raise InvalidParameterError(f"{name} shows classes, which have no range")
        if style.program.over_time:
            raise InvalidParameterError(f"{name} needs several dates; its range stands")
    return tuple(known[name] for name in names)


async def measure(
    pipeline: Pipeline,
    catalogue: SqliteCatalogue,
    collection_id: str,
    style: Style,
    *,
    scenes: int = DEFAULT_SCENES,
    percentiles: tuple[float, float] | None = None,
) -> Mapping[str, Any]:
    """Return the percentiles of what a style shows of a sample of a collection's scenes.

    Args:
        pipeline: Reads the values.
        catalogue: Knows the scenes.
        collection_id: The collection.
        style: Its program's outputs are measured, each by itself.
        scenes: How many are looked at, evenly spread over time; each on a grid of `SIDE` x `SIDE`.
        percentiles: Two, in place of the style's own.

    Returns:
        What is kept: `program`, `percentiles`, `limits`, `scenes`.

    Raises:
        InvalidParameterError: There are no values, or all are the same.
        RequestError, RenderError: A scene cannot be read.
    """
    low, high = percentiles or style.percentiles or DEFAULT
    items = list(reversed(await catalogue.items(collection_id)))
    chosen = [items[k] for k in _spread(len(items), scenes)]
    parts: list[NDArray[np.float64]] = []
    for item in chosen:
        document = await catalogue.item(collection_id, item.id)
        for box in _boxes(document):
            request = CoverageRequest(collection_id, (), box, style=style.id, item=item.id)
            parts.append(_values(await pipeline.coverage(request)))
    values = np.concatenate(parts, axis=1) if parts else np.empty((style.colour.outputs, 0))
    limits = [_limits(row[np.isfinite(row)], low, high, style.id) for row in values]
    return {
        "program": style.program.digest,
        "percentiles": [low, high],
        "limits": limits,
        "scenes": len(chosen),
    }


def with_limits(collection: Collection, found: Mapping[str, Any]) -> Collection:
    """Return the collection with these ranges kept, by style; None takes one away."""
    kept = {**(collection.extra.get(SETTING) or {}), **found}
    kept = {name: entry for name, entry in kept.items() if entry is not None}
    return replace(collection, extra={**collection.extra, SETTING: kept})


def _spread(count: int, most: int) -> list[int]:
    """Return up to `most` places in a list of `count`, evenly spread, the last one among them."""
    return sorted({round(k) for k in np.linspace(count - 1, 0, min(count, most))})


def _boxes(document: Mapping[str, Any]) -> Iterator[GeoBox]:
    """Return the grid over an item; two where it crosses 180 degrees."""
    box = document["bbox"]
    west, south, east, north = box[0], box[1], box[len(box) // 2], box[len(box) // 2 + 1]
    for left, right in [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]:
        yield GeoBox.from_bounds((left, south, right, north), SIDE, SIDE, "EPSG:4326")


def _values(grid: Any) -> NDArray[np.float64]:
    """Return the values of each output, NaN where there is none; shape (outputs, pixels)."""
    raster = grid.raster
    scale, offset = (np.array(v)[:, None, None] for v in (raster.scale, raster.offset))
    values = np.where(raster.valid, raster.data * scale + offset, np.nan)
    return values.reshape(len(values), -1)


def _limits(values: NDArray[np.float64], low: float, high: float, name: str) -> list[float]:
    if not values.size:
        raise InvalidParameterError(f"{name} has no values in the scenes that were looked at")
    first, second = (float(f"{v:.{_DIGITS}g}") for v in np.percentile(values, [low, high]))
    if not np.float32(first) < np.float32(second):
        raise InvalidParameterError(f"{name} has one value only: {first:g}")
    return [first, second]
