"""TIME of WMS: what it may be, and how the answer says what was taken (06-042, annex C.4).

Version 1.1.1 says the same in its annex C.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tileserver import errors
from tileserver.catalogue.base import Collection
from tileserver.dimensions import Asked, DimensionChoice, choose
from tileserver.pipeline import Picture, Pipeline
from tileserver.timeaxis import UNSAID, TimeRequest, iso
from tileserver.timeaxis_choice import TimeChoice, default_value
from tileserver.timetold import DAYS, read


class LayerTimes(NamedTuple):
    """A layer, and which of its times answer."""

    collection: Collection
    choice: TimeChoice
    dimensions: tuple[DimensionChoice, ...] = ()


async def check_time(
    layers: Iterable[str],
    time: TimeRequest,
    pipeline: Pipeline,
    dimensions: Asked = (),
    *,
    ruled: bool = False,
) -> list[LayerTimes]:
    """Return which times of the layers answer, and which values of their other dimensions.

    A day in a gap gives an empty picture; a time before the first or after the last acquisition
    of every layer is an error (annex C.4.2). Other catalogues' extents are not checked: they
    grow without us.

    Args:
        layers: Collection ids.
        time: What was asked of all of them.
        pipeline: Knows them.
        dimensions: What was asked of those beyond time.
        ruled: The request says which scene comes first.

    Raises:
        UnknownCollectionError: An unknown layer.
        InvalidTimeError: Outside.
        InvalidDimensionError: Another dimension's value is outside.
        MissingDimensionError: One that has no default is not asked.
    """
    found = []
    for name in layers:
        collection = (await pipeline.layer(name)).collection
        choice = await pipeline.times(name, time, ruled=ruled)
        found.append(LayerTimes(collection, choice, choose(collection, dimensions)))
    timed = [(c, choice) for c, choice, _ in found if c.time is not None]
    if time != UNSAID and timed and all(choice.outside(c) for c, choice in timed):
        raise errors.InvalidTimeError("TIME is outside of the layers' extent", parameter="TIME")
    return found


def warnings_of(layers: Sequence[LayerTimes], days: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the header that says of which times the answer is, where TIME does not (C.4.3).

    Args:
        layers: In their order.
        days: Of the images of each layer; () where they are not known.
    """
    shown = [*days, *([()] * (len(layers) - len(days)))]
    told = [_warning(layer, list(seen)) for layer, seen in zip(layers, shown, strict=False)]
    told += [_dimension_warning(choice) for layer in layers for choice in layer.dimensions]
    texts = dict.fromkeys(text for text in told if text)
    return {"Warning": ", ".join(texts)} if texts else {}


def picture_warnings(layers: Sequence[LayerTimes], picture: Picture) -> dict[str, str]:
    """Return the header for a picture, from what the picture itself tells."""
    return warnings_of(layers, read(dict(picture.headers).get(DAYS, "")))


def _warning(layer: LayerTimes, days: list[str]) -> str:
    collection, choice, _ = layer
    if collection.time is None:
        return ""
    if choice.told.startswith("default"):
        value = default_value(collection, datetime.now(UTC).date())
        return f"99 Default value used: time={value} ISO8601"
    if choice.snapped is not None:
        return f"99 Nearest value used: time={iso(choice.snapped)} ISO8601"
    if choice.near is not None and days and days != [choice.near.isoformat()]:
        return f"99 Nearest value used: time={','.join(days)} ISO8601"
    return ""


def _dimension_warning(choice: DimensionChoice) -> str:
    if choice.kind == "asked":
        return ""
    unit = f" {choice.dimension.symbol}" if choice.dimension.symbol else ""
    value = f"{choice.dimension.name}={choice.value}{unit}"
    return f"99 {choice.kind.capitalize()} value used: {value}"
