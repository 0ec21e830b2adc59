"""Bands of Sentinel-3's OLCI and SLSTR, as data.

Centre wavelengths: Sentinel-3 OLCI and SLSTR User Handbooks, tables of spectral bands. Common names
are those of STAC eo 2.0, for reflectances alone: styles made for these would take radiances for
such.
"""

from typing import Final

#: Micrometres.
OLCI: Final = {
    "Oa01": 0.400, "Oa02": 0.4125, "Oa03": 0.4425, "Oa04": 0.490, "Oa05": 0.510, "Oa06": 0.560,
    "Oa07": 0.620, "Oa08": 0.665, "Oa09": 0.67375, "Oa10": 0.68125, "Oa11": 0.70875,
    "Oa12": 0.75375, "Oa13": 0.76125, "Oa14": 0.764375, "Oa15": 0.7675, "Oa16": 0.77875,
    "Oa17": 0.865, "Oa18": 0.885, "Oa19": 0.900, "Oa20": 0.940, "Oa21": 1.020,
}  # fmt: skip
SLSTR: Final = {
    "S1": 0.5543, "S2": 0.6595, "S3": 0.868, "S4": 1.3748, "S5": 1.6134, "S6": 2.2557,
    "S7": 3.742, "S8": 10.854, "S9": 12.0225, "F1": 3.742, "F2": 10.854,
}  # fmt: skip
COMMON: Final = {
    "Oa03": "coastal", "Oa04": "blue", "Oa06": "green", "Oa08": "red", "Oa11": "rededge071",
    "Oa12": "rededge075", "Oa16": "rededge078", "Oa17": "nir", "Oa20": "nir09",
}  # fmt: skip
