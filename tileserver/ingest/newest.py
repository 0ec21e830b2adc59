"""Of several processings of one acquisition the newest is kept.

Sentinel-2 products are processed again under new baselines; the same datatake and tile would then
be in a mosaic twice, one hiding the other by chance of their names.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tileserver.catalogue.scenes import item_times

#: Times of one datatake's tiles lie within this, whichever instant of it a producer states.
WITHIN = timedelta(minutes=30)
#: Baselines from here on were for commissioning; real ones are newer, whatever their number.
_TRIALS = 90
_DATATAKES = (
    ("s2:datatake_id", re.compile(r"G(S2[A-D])_(\d{8}T\d{6})_")),
    ("s2:product_uri", re.compile(r"(S2[A-D])_MSIL(?:1C|2A)_(\d{8}T\d{6})_")),
)


class Standing(NamedTuple):
    """What an item is a processing of, and how new it is.

    Attributes:
        datatake: Satellite and start of the datatake: `S2A_20200219T112111`.
        tile: MGRS tile as in `grid:code`.
        rank: Compares processings, the greater the newer.
    """

    datatake: str
    tile: str
    rank: tuple[tuple[int, ...], str]


def standing(item: Mapping[str, Any]) -> Standing | None:
    """Return the standing of an item, None where it does not tell.

    Args:
        item: In canonical form.
    """
    properties = item["properties"]
    datatake = _datatake(properties)
    tile = str(properties.get("grid:code") or "")
    baseline = tuple(int(n) for n in re.findall(r"\d+", _baseline(properties)))
    if not datatake or not tile or not baseline:
        return None
    trial = baseline[0] >= _TRIALS
    generated = str(properties.get("s2:generation_time") or "")
    # whole seconds, which all producers write alike
    rank = ((0,) if trial else baseline, generated[:19])
    return Standing(datatake, tile, rank)


def _datatake(properties: Mapping[str, Any]) -> str:
    """Return satellite and start of the datatake, from its identifier or the product's name."""
    for key, pattern in _DATATAKES:
        found = pattern.match(str(properties.get(key) or ""))
        if found is not None:
            return "_".join(found.groups())
    return ""


def _baseline(properties: Mapping[str, Any]) -> str:
    return str(properties.get("s2:processing_baseline") or "")


def span(item: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return the times between which other processings of an item lie, None for timeless ones."""
    times = item_times(item)
    return None if times is None else (times[0] - WITHIN, times[0] + WITHIN)
