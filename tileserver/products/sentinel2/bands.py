"""Bands of Sentinel-2's instrument and of the L2A product, as data.

Centre wavelengths and resolutions: Sentinel-2 User Handbook, table 1; common names: STAC eo 2.0.
Classes and colours of the scene classification: Sentinel-2 L2A product definition (Sen2Cor).
"""

from typing import Any, NamedTuple

from tileserver.catalogue.base import BandInfo, ClassInfo


class BandEntry(NamedTuple):
    """One band: common name, title, centre wavelength in micrometres, resolution in metres."""

    name: str
    common_name: str
    title: str
    wavelength: float
    resolution: int


#: In the order of `band_id` in the metadata.
SPECTRAL: tuple[BandEntry, ...] = (
    BandEntry("B01", "coastal", "Coastal aerosol", 0.443, 60),
    BandEntry("B02", "blue", "Blue", 0.490, 10),
    BandEntry("B03", "green", "Green", 0.560, 10),
    BandEntry("B04", "red", "Red", 0.665, 10),
    BandEntry("B05", "rededge071", "Vegetation red edge 1", 0.704, 20),
    BandEntry("B06", "rededge075", "Vegetation red edge 2", 0.740, 20),
    BandEntry("B07", "rededge078", "Vegetation red edge 3", 0.783, 20),
    BandEntry("B08", "nir", "Near infrared", 0.842, 10),
    BandEntry("B8A", "nir08", "Narrow near infrared", 0.865, 20),
    BandEntry("B09", "nir09", "Water vapour", 0.945, 60),
    BandEntry("B10", "cirrus", "Cirrus", 1.375, 60),
    BandEntry("B11", "swir16", "Short-wave infrared 1", 1.610, 20),
    BandEntry("B12", "swir22", "Short-wave infrared 2", 2.190, 20),
)
BY_NAME = {entry.name: entry for entry in SPECTRAL}

SCL_CLASSES: tuple[ClassInfo, ...] = (
    ClassInfo(0, "No data", (0, 0, 0, 0)),
    ClassInfo(1, "Saturated or defective", (255, 0, 0, 255)),
    ClassInfo(2, "Dark features, topographic shadow", (47, 47, 47, 255)),
    ClassInfo(3, "Cloud shadow", (100, 50, 0, 255)),
    ClassInfo(4, "Vegetation", (0, 160, 0, 255)),
    ClassInfo(5, "Not vegetated", (255, 230, 90, 255)),
    ClassInfo(6, "Water", (0, 0, 255, 255)),
    ClassInfo(7, "Unclassified", (128, 128, 128, 255)),
    ClassInfo(8, "Cloud, medium probability", (192, 192, 192, 255)),
    ClassInfo(9, "Cloud, high probability", (255, 255, 255, 255)),
    ClassInfo(10, "Thin cirrus", (100, 200, 255, 255)),
    ClassInfo(11, "Snow or ice", (255, 150, 255, 255)),
)

#: What counts as no view of the ground: saturated pixels, shadows of clouds, clouds, cirrus.
CLOUD_MASK: dict[str, Any] = {"band": "SCL", "classes": [0, 1, 3, 8, 9, 10]}

#: Bands of the L2A product that are no reflectance.
OTHER: dict[str, BandInfo] = {
    "SCL": BandInfo("SCL", title="Scene classification", classes=SCL_CLASSES),
    "AOT": BandInfo("AOT", title="Aerosol optical thickness"),
    "WVP": BandInfo("WVP", title="Water vapour", unit="cm"),
}


class MaskFile(NamedTuple):
    """A quality mask in a granule's QI_DATA: asset key, resolution in metres, bands."""

    key: str
    resolution: int
    bands: tuple[BandInfo, ...]


def _flag(name: str, title: str, colour: tuple[int, int, int]) -> BandInfo:
    classes = (ClassInfo(0, "No", (0, 0, 0, 0)), ClassInfo(1, "Yes", (*colour, 255)))
    return BandInfo(name, title=title, classes=classes)


#: Masks that are images, by file name: probabilities of L2A, classes since baseline 04.00. Earlier
#: masks are outlines in GML. Source: Products Specification Document, issue 14.9, section 4.
MASKS: dict[str, MaskFile] = {
    "MSK_CLDPRB_20m.jp2": MaskFile("CLD", 20, (BandInfo("CLD", "", "Cloud probability", "%"),)),
    "MSK_SNWPRB_20m.jp2": MaskFile("SNW", 20, (BandInfo("SNW", "", "Snow probability", "%"),)),
    "MSK_CLASSI_B00.jp2": MaskFile(
        "CLASSI",
        60,
        (
            _flag("CLASSI_OPAQUE", "Opaque cloud", (255, 255, 255)),
            _flag("CLASSI_CIRRUS", "Cirrus", (100, 200, 255)),
            _flag("CLASSI_SNOW", "Snow or ice", (255, 150, 255)),
        ),
    ),
}

#: Bands of the granule's metadata, as `renderers.readers.angles` reads it: at the ground, azimuths
#: from north over east; of the view the mean of all bands.
ANGLES: tuple[BandInfo, ...] = (
    BandInfo("sun_zenith", title="Sun zenith angle", unit="deg", statistics=(0.0, 90.0)),
    BandInfo("sun_azimuth", title="Sun azimuth angle", unit="deg"),
    BandInfo(
        "view_zenith", title="View zenith angle, mean of bands", unit="deg", statistics=(0.0, 13.0)
    ),
    BandInfo("view_azimuth", title="View azimuth angle, mean of bands", unit="deg"),
)

#: Bands of the true colour image, which is painted already.
VISUAL: tuple[BandInfo, ...] = (
    BandInfo("TCI_R", title="True colour image, red"),
    BandInfo("TCI_G", title="True colour image, green"),
    BandInfo("TCI_B", title="True colour image, blue"),
)


def spectral_info(name: str) -> BandInfo:
    """Return what is told of a spectral band."""
    entry = BY_NAME[name]
    return BandInfo(entry.name, entry.common_name, entry.title, "", entry.wavelength)


def canonical_band(name: str) -> str:
    """Write a band's number with two digits, as file names do: `B1` is `B01`, `B8A` stays."""
    return f"B0{name[1:]}" if len(name) == 2 and name[1:].isdigit() else name
