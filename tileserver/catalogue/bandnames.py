"""Second names of near-infrared bands, so that one style fits all sensors.

STAC's common names overlap (eo 2.0, table of common names): `nir` is 0.76 to 1.00 um, `nir08` 0.75
to 0.90. Sentinel-2 has a band for each, most sensors one for both: catalogues call Landsat's
`nir08`, MODIS's `nir`.
"""

from collections.abc import Mapping

#: Micrometres within which a lone `nir` is as narrow as a `nir08`, by its middle: Landsat 8
#: (0.865), MODIS (0.8585), OLCI (0.865), but not Sentinel-2's wide band 8 (0.842).
NARROW = (0.845, 0.89)


def second_names(wavelengths: Mapping[str, float | None]) -> dict[str, str]:
    """Return further names of bands.

    Args:
        wavelengths: Centre wavelengths in micrometres by the names that there are; None where they
            are not told.

    Returns:
        The name that a band also has, to one that it has.
    """
    if "nir" not in wavelengths and "nir08" in wavelengths:
        return {"nir": "nir08"}
    middle = wavelengths.get("nir")
    if "nir08" not in wavelengths and middle is not None and NARROW[0] <= middle <= NARROW[1]:
        return {"nir08": "nir"}
    return {}
