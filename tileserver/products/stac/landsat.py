"""Landsat Collection 2 in foreign items: bands as our own product has them, and their scaling.

Files keep the names that USGS gave them in every catalogue, so the name of a file tells instrument,
level and band (LSDS-1619, 2.4). Lists of a collection's assets have no files; there the keys and
common names tell.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tileserver.catalogue.base import BandInfo
from tileserver.catalogue.documents import band_to_stac
from tileserver.products.base import name_of
from tileserver.products.item import Band, band_document
from tileserver.products.landsat.bands import (
    LAYERS,
    SENSORS,
    Layer,
    SpectralEntry,
    bitfields_document,
    bits_of,
    spectral_info,
)

_FILE: Final = re.compile(
    r"(?P<sensor>L[COTE]0[45789])_(?P<level>L[12])[A-Z]{2}_\d{6}_\d{8}_\d{8}_(?P<collection>\d\d)_"
    r"(?:T1|T2|RT|A1|A2)_(?P<file>[A-Za-z0-9_]+)\.tif",
    re.IGNORECASE,
)
_SENSOR: Final = {
    "LT04": "TM", "LT05": "TM", "LE07": "ETM",
    "LC08": "OLI_TIRS", "LO08": "OLI", "LT08": "TIRS",
    "LC09": "OLI_TIRS", "LO09": "OLI", "LT09": "TIRS",
}  # fmt: skip
_BY_NAME: Final = {layer.name: layer for layer in LAYERS.values()}
_TEMPERATURE: Final = SENSORS["OLI_TIRS"]["ST_B10"]
_BANDS: Final = (*SENSORS["TM"].values(), *SENSORS["OLI_TIRS"].values())
_BY_COMMON: Final = {e.common_name: e for e in _BANDS if e.name != _TEMPERATURE.name} | {
    "nir08": SENSORS["OLI"]["5"]
}
#: (scale, offset) of Level-2, reflectance and temperature (LSDS-1619, tables 6-1 and 6-2).
_SURFACE: Final = (2.75e-05, -0.2)
_KELVIN: Final = (0.00341802, 149.0)
#: (scale, offset) of Level-1 reflectance of OLI, all bands of all scenes, to be divided by the sine
#: of the sun's elevation (LSDS-1574, 5.3.2). Those of TM and ETM+ stand in the metadata alone.
_TOP: Final = (2e-05, -0.1)


class _Known(NamedTuple):
    """What is known of an asset: level (`L1`, `L2`, "" unknown), sensor, band or layer."""

    level: str
    sensor: str
    band: SpectralEntry | None
    layer: Layer | None


def refine_landsat(
    key: str, asset: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an asset with what is known of it; another collection's asset as it is.

    What the item says of scale and nodata stands. Level-1 bands whose scaling is neither told nor
    known have digital numbers: they are named so, and have no common name, as styles made for
    reflectances would take them for such.

    Args:
        key: Of the asset.
        asset: In canonical form.
        properties: Of the foreign item, or what the collection says of all its items.
    """
    known = _known(key, asset, properties) if len(asset["bands"]) == 1 else None
    if known is None:
        return dict(asset)
    (band,) = asset["bands"]
    if known.layer is not None:
        return _as_layer(asset, band, known.layer, known.sensor)
    if known.band is None:
        return dict(asset)
    return {**asset, "bands": [_as_band(band, known.band, known.level, properties, known.sensor)]}


def _known(key: str, asset: Mapping[str, Any], properties: Mapping[str, Any]) -> _Known | None:
    found = _FILE.fullmatch(name_of(asset["href"]))
    if found is None:
        if asset["href"] and str(properties.get("landsat:collection_number", "")) != "02":
            return None
        return _by_key(key, asset, properties)
    if found["collection"] != "02" or found["sensor"].upper() not in _SENSOR:
        return None
    sensor, name = _SENSOR[found["sensor"].upper()], found["file"].upper()
    band = SENSORS[sensor].get(name) or SENSORS[sensor].get(re.sub(r"^(?:SR_)?B", "", name))
    return _Known(found["level"].upper(), sensor, band, _layer(name))


def _layer(name: str) -> Layer | None:
    """Return the layer of a file's last words: `SR_QA_AEROSOL`, `ST_QA`, `QA_PIXEL`."""
    low = name.lower()
    return _BY_NAME.get(low) or _BY_NAME.get(re.sub(r"^s[rt]_", "", low))


def _by_key(key: str, asset: Mapping[str, Any], properties: Mapping[str, Any]) -> _Known | None:
    """Return what key and common name tell."""
    correction = str(properties.get("landsat:correction", ""))
    level = correction[:2] if correction[:2] in ("L1", "L2") else ""
    layer = _layer(key)
    if layer is not None:
        return _Known(level, "OLI_TIRS", None, layer)
    common = str(asset["bands"][0].get("eo:common_name", ""))
    if level == "L2" and common in ("lwir", "lwir11"):
        return _Known(level, "OLI_TIRS", _TEMPERATURE, None)
    band = _BY_COMMON.get(common)
    # Which instrument it is does not matter but for the scale of Level-1, which is then not known.
    return None if band is None else _Known(level, "", band, None)


def _as_layer(
    asset: Mapping[str, Any], band: Mapping[str, Any], layer: Layer, sensor: str
) -> dict[str, Any]:
    info = BandInfo(layer.name, title=layer.title, unit=layer.unit)
    own = band_document(Band(info, layer.scale, 0.0, layer.nodata))
    bits = bits_of(layer, sensor)
    fields = {"classification:bitfields": bitfields_document(bits)} if bits else {}
    return {**asset, **fields, "bands": [own | _stored(band)]}


def _stored(band: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an item says of a band's stored values."""
    kept = ("nodata", "data_type", "raster:scale", "raster:offset")
    return {k: v for k, v in band.items() if k in kept}


def _as_band(
    band: Mapping[str, Any],
    entry: SpectralEntry,
    level: str,
    properties: Mapping[str, Any],
    sensor: str,
) -> dict[str, Any]:
    told = {"nodata": 0, **_stored(band)}
    info = band_to_stac(spectral_info(entry, "K" if entry.name == _TEMPERATURE.name else ""))
    if "raster:scale" not in told:
        scaling = _scaling(entry, level, properties, sensor)
        if scaling is not None:
            told |= {"raster:scale": scaling[0], "raster:offset": scaling[1]}
        elif level == "L1":
            info["name"] = f"{entry.name}_dn"
            info["description"] = f"{entry.title}, digital numbers"
            info.pop("eo:common_name", None)
    return info | told


def _scaling(
    entry: SpectralEntry, level: str, properties: Mapping[str, Any], sensor: str
) -> tuple[float, float] | None:
    """Return scale and offset to reflectance or temperature, None where they are not known."""
    if level == "L2":
        return _KELVIN if entry.thermal else _SURFACE
    elevation = properties.get("view:sun_elevation")
    if level != "L1" or entry.thermal or not sensor.startswith("OLI") or elevation is None:
        return None
    sine = math.sin(math.radians(float(elevation)))
    return (_TOP[0] / sine, _TOP[1] / sine) if sine > 0.0 else None
