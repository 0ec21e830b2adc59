"""The radiometric offset of Sentinel-2, RADIO_ADD_OFFSET and BOA_ADD_OFFSET.

Since baseline 04.00 (January 2022) stored values are raised by 1000, so that dark pixels are not
cut off at 0. Items say so by their bands' offset, and reflectances of all baselines agree. Who
compares with tools that divide stored values by 10000 and do no more can leave the offset out.
"""

import re
from collections.abc import Mapping
from typing import Any

from tileserver.products.sentinel2.bands import BY_NAME

_MISSION = re.compile(r"sentinel[ -]2")


def without_offsets(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item whose reflectances are stored values times their scale.

    Items of other missions are returned as they are.

    Args:
        item: In canonical form.
    """
    properties = item["properties"]
    words = f"{properties.get('constellation', '')} {properties.get('platform', '')}".lower()
    if _MISSION.search(words) is None:
        return dict(item)
    assets = {
        key: {**asset, "bands": [_plain(b) for b in asset["bands"]]} if "bands" in asset else asset
        for key, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def _plain(band: Mapping[str, Any]) -> dict[str, Any]:
    if band["name"] in BY_NAME and "raster:offset" in band:
        return {**band, "raster:offset": 0.0}
    return dict(band)
