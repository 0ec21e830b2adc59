"""Bands that a STAC collection announces for its items."""

from collections.abc import Mapping
from typing import Any

from tileserver.catalogue.base import BandInfo
from tileserver.catalogue.documents import band_from_stac
from tileserver.products.stac.item import canonical_assets


def collection_bands(document: Mapping[str, Any]) -> list[BandInfo]:
    """Return the bands of a collection, from its `item_assets` or its summaries.

    Args:
        document: STAC Collection, version 1.0 or 1.1.
    """
    assets: dict[str, Any] = {
        key: {"href": "", **asset} for key, asset in (document.get("item_assets") or {}).items()
    }
    summaries = document.get("summaries") or {}
    if not assets:
        listed = summaries.get("bands") or summaries.get("eo:bands") or ()
        assets = {
            str(b["name"]): {"href": "", "type": "image/tiff", "roles": ["data"], "bands": [b]}
            for b in listed
        }
    mission = {k: _first(summaries.get(k)) for k in ("constellation", "platform")}
    found: dict[str, BandInfo] = {}
    for asset in canonical_assets(assets, mission, lambda href: href).values():
        for band in asset["bands"]:
            found.setdefault(band["name"], band_from_stac(band))
    return list(found.values())


def _first(value: object) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value or "")
