"""Fields of MODIS land products, as data: names, scaling, fill values, classes.

Centre wavelengths: MODIS specifications, bands 1 to 7. Scaling, fill values and classes: the user
guides of MCD43 (V006), MOD09 (V006), MOD11 (C6), MOD13 (V006) and MOD10 (C6). What a file itself
says of scale and fill value goes first.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from tileserver.catalogue.base import BandInfo, ClassInfo


class Field(NamedTuple):
    """One field: what people see of it, scale to physical values, fill value."""

    info: BandInfo
    scale: float = 1.0
    nodata: float | None = None


#: Common name, title and centre wavelength in micrometres of bands 1 to 7.
_LAND_BANDS = (
    ("red", "Red", 0.645),
    ("nir", "Near infrared", 0.8585),
    ("blue", "Blue", 0.469),
    ("green", "Green", 0.555),
    ("", "Near infrared, 1.24 um", 1.240),
    ("swir16", "Short-wave infrared 1", 1.640),
    ("swir22", "Short-wave infrared 2", 2.130),
)
_QUALITY = (
    ClassInfo(0, "Full inversion", (0, 104, 55, 255)),
    ClassInfo(1, "Magnitude inversion", (254, 224, 139, 255)),
)
_SNOW = (
    ClassInfo(1, "No decision", (120, 120, 120, 255)),
    ClassInfo(11, "Night", (40, 40, 40, 255)),
    ClassInfo(25, "No snow", (166, 118, 74, 255)),
    ClassInfo(37, "Lake", (74, 144, 196, 255)),
    ClassInfo(39, "Ocean", (8, 48, 107, 255)),
    ClassInfo(50, "Cloud", (192, 192, 192, 255)),
    ClassInfo(100, "Lake ice", (170, 210, 240, 255)),
    ClassInfo(200, "Snow", (255, 255, 255, 255)),
    ClassInfo(254, "Detector saturated", (255, 0, 0, 255)),
)
_INDEX_TITLES = {"ndvi": "NDVI", "evi": "EVI"}
_DAYTIME = {"day": "Land surface temperature, day", "night": "Land surface temperature, night"}


def _land_band(number: int, scale: float, nodata: float) -> Field:
    common, title, wavelength = _LAND_BANDS[number - 1]
    return Field(BandInfo(f"B{number:02d}", common, title, "", wavelength), scale, nodata)


def _nadir(found: re.Match[str]) -> Field:
    return _land_band(int(found[1]), 1e-4, 32767.0)


def _nadir_quality(found: re.Match[str]) -> Field:
    number = int(found[1] or found[2])
    title = f"Quality of band {number}"
    return Field(BandInfo(f"B{number:02d}_qa", title=title, classes=_QUALITY), 1.0, 255.0)


def _surface(found: re.Match[str]) -> Field:
    return _land_band(int(found[1]), 1e-4, -28672.0)


def _index(found: re.Match[str]) -> Field:
    title = _INDEX_TITLES[found[1]]
    return Field(BandInfo(title, title=title), 1e-4, -3000.0)


def _temperature(found: re.Match[str]) -> Field:
    info = BandInfo(f"LST_{found[1].title()}", title=_DAYTIME[found[1]], unit="K")
    return Field(info, 0.02, 0.0)


def _snow_extent(_: re.Match[str]) -> Field:
    title = "Maximum snow extent"
    return Field(BandInfo("Maximum_Snow_Extent", title=title, classes=_SNOW), 1.0, 255.0)


def _snow_days(_: re.Match[str]) -> Field:
    title = "Days with snow, one bit each, the first day in bit 0"
    return Field(BandInfo("Eight_Day_Snow_Cover", title=title), 1.0, 0.0)


#: By what follows MOD, MYD or MCD in a product's name: pattern of field names, its field.
_FIELDS = (
    (r"43A4", r"(?:nadir_reflectance_band|b0)([1-7])", _nadir),
    (r"43A4", r"brdf_albedo_band_mandatory_quality_band([1-7])|b0([1-7])qa", _nadir_quality),
    (r"09(?:A1|GA|GQ|Q1)", r"sur_refl_b0([1-7])(?:_1)?", _surface),
    (r"13(?:A[123]|C[12]|Q1)|", r"(?:[0-9]+_?k?m_(?:16_days|monthly)_)?(ndvi|evi)", _index),
    (r"11(?:A1|A2)", r"lst_(day|night)_1km", _temperature),
    (r"10A2", r"maximum_snow_extent", _snow_extent),
    (r"10A2", r"eight_day_snow_cover(?:_chronobyte)?", _snow_days),
)


def known_field(product: str, names: Iterable[str]) -> Field | None:
    """Return what is known of a field, None for nothing.

    Args:
        product: Short name of the product, "" where it is not told.
        names: What the field may be called: the file's description, the end of its name.
    """
    family = re.sub(r"\AM(?:OD|YD|CD)", "", product)
    spelled = [re.sub(r"\W+", "_", name.strip()).strip("_").lower() for name in names]
    for families, pattern, field in _FIELDS:
        if not re.fullmatch(families, family):
            continue
        for name in spelled:
            found = re.fullmatch(pattern, name)
            if found is not None:
                return field(found)
    return None
