"""Bands of Landsat's instruments and the layers beside them, as data.

The instruments number their bands differently (red is 3 on TM and 4 on OLI), so bands are named by
what they show, and one style fits scenes of all of them.

Centre wavelengths: USGS data users handbooks of Landsat 8 (LSDS-1574), 9 (LSDS-2082) and 7
(LSDS-1927), and for TM the middle of its bands. Scaling of layers and meaning of bits: science
product guides of Collection 2 Level-2, Landsat 4-7 (LSDS-1618) and 8-9 (LSDS-1619).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tileserver.catalogue.base import BandInfo


class SpectralEntry(NamedTuple):
    """One spectral band: name, common name, title, centre wavelength in micrometres."""

    name: str
    common_name: str
    title: str
    wavelength: float

    @property
    def thermal(self) -> bool:
        """True where the Earth's own radiation is measured, not sunlight."""
        return self.wavelength > 5.0


class BitField(NamedTuple):
    """One field of a packed band: first bit, number of bits, names of its values from 0."""

    offset: int
    length: int
    name: str
    values: tuple[str, ...]


class Layer(NamedTuple):
    """A file of a scene that is no spectral band; scale and nodata as the guides give them."""

    name: str
    title: str
    unit: str = ""
    scale: float = 1.0
    nodata: float | None = None
    bits: tuple[BitField, ...] = ()


def _visible(centres: tuple[float, ...]) -> tuple[SpectralEntry, ...]:
    names = (
        ("blue", "blue", "Blue"),
        ("green", "green", "Green"),
        ("red", "red", "Red"),
        # Landsat has one near infrared band: the `nir` of every index, and catalogues' `nir08`.
        ("nir08", "nir", "Near infrared"),
        ("swir16", "swir16", "Short-wave infrared 1"),
        ("swir22", "swir22", "Short-wave infrared 2"),
    )
    return tuple(SpectralEntry(*n, c) for n, c in zip(names, centres, strict=True))


_TM = _visible((0.485, 0.560, 0.660, 0.830, 1.650, 2.215))
_ETM = _visible((0.485, 0.560, 0.660, 0.835, 1.650, 2.220))
_OLI = _visible((0.482, 0.561, 0.655, 0.865, 1.609, 2.201))
_TEMPERATURE = "Surface temperature"

_OLI_BANDS = {
    "1": SpectralEntry("coastal", "coastal", "Coastal aerosol", 0.443),
    **dict(zip(("2", "3", "4", "5", "6", "7"), _OLI, strict=True)),
    "8": SpectralEntry("pan", "pan", "Panchromatic", 0.590),
    "9": SpectralEntry("cirrus", "cirrus", "Cirrus", 1.373),
}
_TIRS_BANDS = {
    "10": SpectralEntry("lwir11", "lwir11", "Thermal infrared 1", 10.895),
    "11": SpectralEntry("lwir12", "lwir12", "Thermal infrared 2", 12.005),
    "ST_B10": SpectralEntry("surface_temperature", "lwir11", _TEMPERATURE, 10.895),
}
#: Bands by what follows `BAND_` in the metadata, by its SENSOR_ID.
SENSORS: Mapping[str, Mapping[str, SpectralEntry]] = {
    "TM": {
        **dict(zip(("1", "2", "3", "4", "5", "7"), _TM, strict=True)),
        "6": SpectralEntry("lwir", "lwir", "Thermal infrared", 11.450),
        "ST_B6": SpectralEntry("surface_temperature", "lwir", _TEMPERATURE, 11.450),
    },
    "ETM": {
        **dict(zip(("1", "2", "3", "4", "5", "7"), _ETM, strict=True)),
        "6_VCID_1": SpectralEntry("lwir", "lwir", "Thermal infrared, low gain", 11.450),
        "6_VCID_2": SpectralEntry("lwir_high", "", "Thermal infrared, high gain", 11.450),
        "8": SpectralEntry("pan", "pan", "Panchromatic", 0.710),
        "ST_B6": SpectralEntry("surface_temperature", "lwir", _TEMPERATURE, 11.450),
    },
    "OLI": _OLI_BANDS,
    "TIRS": _TIRS_BANDS,
    "OLI_TIRS": _OLI_BANDS | _TIRS_BANDS,
}
INSTRUMENTS: Mapping[str, tuple[str, ...]] = {
    "TM": ("tm",),
    "ETM": ("etm+",),
    "OLI": ("oli",),
    "TIRS": ("tirs",),
    "OLI_TIRS": ("oli", "tirs"),
}

_CONFIDENCE = ("not_determined", "low", "medium", "high")
_CONFIDENCE_3 = ("not_determined", "low", "reserved", "high")


def _flags(*names: tuple[int, str]) -> tuple[BitField, ...]:
    return tuple(BitField(bit, 1, name, (f"not_{name}", name)) for bit, name in names)


_PIXEL_BITS = (
    *_flags(
        (0, "fill"),
        (1, "dilated_cloud"),
        (2, "cirrus"),
        (3, "cloud"),
        (4, "cloud_shadow"),
        (5, "snow"),
        (6, "clear"),
        (7, "water"),
    ),
    BitField(8, 2, "cloud_confidence", _CONFIDENCE),
    BitField(10, 2, "cloud_shadow_confidence", _CONFIDENCE_3),
    BitField(12, 2, "snow_confidence", _CONFIDENCE_3),
    BitField(14, 2, "cirrus_confidence", _CONFIDENCE_3),
)
_SATURATION = tuple((bit, f"band_{bit + 1}_saturated") for bit in range(7))
_AEROSOL_BITS = (
    *_flags((0, "fill"), (1, "valid_retrieval"), (2, "water"), (5, "interpolated")),
    BitField(6, 2, "aerosol_level", ("climatology", "low", "medium", "high")),
)
_CLOUD_BITS = _flags(
    (0, "dark_dense_vegetation"),
    (1, "cloud"),
    (2, "cloud_shadow"),
    (3, "adjacent_to_cloud"),
    (4, "snow"),
    (5, "water"),
)
#: Bits of QA_RADSAT by SENSOR_ID; of OLI bit 7 is not used (band 8 has pixels of its own).
SATURATION_BITS: Mapping[str, tuple[BitField, ...]] = {
    "TM": _flags(*_SATURATION, (9, "dropped_pixel")),
    "ETM": _flags(*_SATURATION, (8, "band_6_high_gain_saturated"), (9, "dropped_pixel")),
    **dict.fromkeys(
        ("OLI", "TIRS", "OLI_TIRS"),
        _flags(*_SATURATION, (8, "band_9_saturated"), (11, "terrain_occlusion")),
    ),
}

_RADIANCE = "W/(m2 sr um)"


def _atmospheric(name: str, title: str, unit: str, scale: float) -> Layer:
    """Return a layer of the reflectance's or temperature's making; all have one fill value."""
    return Layer(name, title, unit, scale, -9999.0)


#: Files by what follows `FILE_NAME_` in the metadata.
LAYERS: Mapping[str, Layer] = {
    "QUALITY_L1_PIXEL": Layer("qa_pixel", "Pixel quality", nodata=1.0, bits=_PIXEL_BITS),
    "QUALITY_L1_RADIOMETRIC_SATURATION": Layer("qa_radsat", "Radiometric saturation"),
    "QUALITY_L2_AEROSOL": Layer("qa_aerosol", "Aerosol quality", nodata=1.0, bits=_AEROSOL_BITS),
    "QUALITY_L2_SURFACE_REFLECTANCE_CLOUD": Layer("cloud_qa", "Cloud quality", bits=_CLOUD_BITS),
    "QUALITY_L2_SURFACE_TEMPERATURE": _atmospheric(
        "st_qa", "Surface temperature uncertainty", "K", 0.01
    ),
    "ATMOSPHERIC_OPACITY": _atmospheric("atmos_opacity", "Atmospheric opacity", "", 0.001),
    "THERMAL_RADIANCE": _atmospheric("trad", "Thermal radiance", _RADIANCE, 0.001),
    "UPWELL_RADIANCE": _atmospheric("urad", "Upwelled radiance", _RADIANCE, 0.001),
    "DOWNWELL_RADIANCE": _atmospheric("drad", "Downwelled radiance", _RADIANCE, 0.001),
    "ATMOSPHERIC_TRANSMITTANCE": _atmospheric("atran", "Atmospheric transmittance", "", 0.0001),
    "EMISSIVITY": _atmospheric("emis", "Emissivity", "", 0.0001),
    "EMISSIVITY_STDEV": _atmospheric("emsd", "Emissivity, standard deviation", "", 0.0001),
    "CLOUD_DISTANCE": _atmospheric("cdist", "Distance to cloud", "km", 0.01),
    "ANGLE_SENSOR_AZIMUTH_BAND_4": Layer("vaa", "View azimuth, band 4", "deg", 0.01),
    "ANGLE_SENSOR_ZENITH_BAND_4": Layer("vza", "View zenith, band 4", "deg", 0.01),
    "ANGLE_SOLAR_AZIMUTH_BAND_4": Layer("saa", "Sun azimuth, band 4", "deg", 0.01),
    "ANGLE_SOLAR_ZENITH_BAND_4": Layer("sza", "Sun zenith, band 4", "deg", 0.01),
}


def bits_of(layer: Layer, sensor: str) -> tuple[BitField, ...]:
    """Return the bit fields of a layer, of QA_RADSAT those of the instrument."""
    return SATURATION_BITS[sensor] if layer.name == "qa_radsat" else layer.bits


def bitfields_document(fields: tuple[BitField, ...]) -> list[dict[str, Any]]:
    """Write bit fields as `classification:bitfields` (STAC classification 2.0)."""
    return [
        {
            "name": field.name,
            "offset": field.offset,
            "length": field.length,
            "classes": [{"value": v, "name": name} for v, name in enumerate(field.values)],
        }
        for field in fields
    ]


def spectral_info(entry: SpectralEntry, unit: str) -> BandInfo:
    """Return what is told of a spectral band."""
    return BandInfo(entry.name, entry.common_name, entry.title, unit, entry.wavelength)
