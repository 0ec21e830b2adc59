"""What foreign items of well-known missions leave unsaid, as data: names and scaling of bands."""

import re
from collections.abc import Mapping
from typing import Any

from tileserver.catalogue.documents import band_to_stac
from tileserver.products.item import asset_document
from tileserver.products.sentinel2.bands import (
    BY_NAME,
    OTHER,
    SPECTRAL,
    VISUAL,
    canonical_band,
    spectral_info,
)
from tileserver.products.sentinel2.product import angles_of
from tileserver.products.stac.landsat import refine_landsat

_SENTINEL2_SCALE, _SENTINEL2_OFFSET = 1e-4, -0.1
_FIRST_WITH_OFFSET = (4, 0)


def refine(
    properties: Mapping[str, Any], assets: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the assets with what is known of the mission.

    Args:
        properties: Of the foreign item.
        assets: In canonical form, by key.
    """
    if _is_sentinel2(properties):
        return {k: _sentinel2(k, a, properties) for k, a in assets.items()}
    if _is_landsat(properties):
        return {k: refine_landsat(k, a, properties) for k, a in assets.items()}
    return assets


def _mission(properties: Mapping[str, Any]) -> str:
    return f"{properties.get('constellation', '')} {properties.get('platform', '')}".lower()


def _is_sentinel2(properties: Mapping[str, Any]) -> bool:
    return re.search(r"sentinel[ -]2", _mission(properties)) is not None


def _is_landsat(properties: Mapping[str, Any]) -> bool:
    return "landsat" in _mission(properties) or "landsat:collection_number" in properties


def angles(
    properties: Mapping[str, Any], listed: Mapping[str, Mapping[str, Any]]
) -> tuple[str, dict[str, Any]] | None:
    """Return address and document of a Sentinel-2 item's sun and view angles, None without any.

    They lie in the granule's metadata, which catalogues list under these keys.

    Args:
        properties: Of the foreign item.
        listed: Its assets by key, as they are.
    """
    if not _is_sentinel2(properties):
        return None
    for key in ("granule_metadata", "granule-metadata"):
        if "xml" in str(listed.get(key, {}).get("type")):
            asset = angles_of(str(listed[key]["href"]))
            return asset.key, asset_document(asset)
    return None


def _sentinel2(key: str, asset: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    bands = asset["bands"]
    if len(bands) == len(VISUAL) and "visual" in (key.removesuffix("-jp2"), *asset["roles"]):
        visual = [{"nodata": 0, **_without_scale(b)} for b in bands]
        named = [v | band_to_stac(info) for v, info in zip(visual, VISUAL, strict=True)]
        for band in named:
            band.pop("eo:common_name", None)
        return {**asset, "roles": ["visual"], "bands": named}
    if len(bands) != 1:
        return asset
    band = bands[0]
    name = _sentinel2_name(key.removesuffix("-jp2"), band)
    if name in OTHER:
        info = band_to_stac(OTHER[name])
        return {**asset, "bands": [{"nodata": 0, **band, **info}]}
    if name is None:
        return asset
    told = {"nodata": 0, **band, **band_to_stac(spectral_info(name))}
    return {**asset, "bands": [told | _sentinel2_scaling(asset, band, properties)]}


def _without_scale(band: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in band.items() if k not in ("raster:scale", "raster:offset")}


def _sentinel2_name(key: str, band: Mapping[str, Any]) -> str | None:
    """Return the product's own name of a band, from whichever of its names are given."""
    for text in (key.upper(), str(band["name"]).upper()):
        name = canonical_band(text)
        if name in BY_NAME or name in OTHER:
            return name
    common = {entry.common_name: entry.name for entry in SPECTRAL}
    for text in (str(band.get("eo:common_name", "")), key):
        if text in common:
            return common[text]
    wavelength = band.get("eo:center_wavelength")
    if wavelength is None:
        return None
    nearest = min(SPECTRAL, key=lambda entry: abs(entry.wavelength - float(wavelength)))
    return nearest.name if abs(nearest.wavelength - float(wavelength)) < 0.005 else None


def _sentinel2_scaling(
    asset: Mapping[str, Any], band: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, float]:
    """Return scale and offset of a reflectance band.

    Earth Search writes the offset of the original product even where its COGs have it applied
    already (`earthsearch:boa_offset_applied`); dark water in such a file is 1, not 1001.
    """
    scale = float(band.get("raster:scale", _SENTINEL2_SCALE))
    offset = band.get("raster:offset")
    if offset is None:
        version = _version(str(properties.get("s2:processing_baseline", "")))
        offset = _SENTINEL2_OFFSET if version >= _FIRST_WITH_OFFSET else 0.0
    if properties.get("earthsearch:boa_offset_applied") and "jp2" not in str(asset.get("type")):
        offset = 0.0
    return {"raster:scale": scale, "raster:offset": float(offset)}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text)) or (0, 0)
