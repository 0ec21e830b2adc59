import pytest

from styles.registry import StyleRegistry
from tileserver.catalogue.bandnames import second_names
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.products.landsat.bands import SENSORS
from tileserver.products.modis.fields import known_field
from tileserver.products.sentinel2.bands import SPECTRAL, spectral_info
from tileserver.products.sentinel3.bands import COMMON, OLCI


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"nir": 0.842, "nir08": 0.865}, {}),
        ({"nir08": None}, {"nir": "nir08"}),
        ({"nir": 0.8585}, {"nir08": "nir"}),
        ({"nir": 0.842}, {}),
        ({"nir": None}, {}),
        ({"red": 0.66}, {}),
    ],
)
def test_a_lone_near_infrared_has_both_names(told, expected):
    assert second_names(told) == expected


def names(*bands):
    return Collection("c", "C", bands=bands).band_names


SENSOR_BANDS = {
    "Sentinel-2": names(*(spectral_info(b.name) for b in SPECTRAL)),
    "Landsat 8": names(
        *(BandInfo(b.name, b.common_name, wavelength=b.wavelength) for b in SENSORS["OLI"].values())
    ),
    "Landsat 5": names(
        *(BandInfo(b.name, b.common_name, wavelength=b.wavelength) for b in SENSORS["TM"].values())
    ),
    "MODIS": names(*(known_field("MCD43A4", [f"b0{n}"]).info for n in range(1, 8))),
    "OLCI": names(*(BandInfo(b, COMMON.get(b, ""), wavelength=w) for b, w in OLCI.items())),
}


@pytest.mark.parametrize(
    ("sensor", "least"),
    [("Sentinel-2", 180), ("Landsat 8", 110), ("Landsat 5", 100), ("MODIS", 100), ("OLCI", 90)],
)
def test_the_library_fits_every_sensor(sensor, least):
    available = {s.id for s in StyleRegistry.load_library().available(SENSOR_BANDS[sensor])}
    assert len(available) >= least, sorted(available)
    assert {"true-color", "false-color", "ndvi", "evi", "ndwi"} <= available
    assert ("ndre" in available) == (sensor in {"Sentinel-2", "OLCI"})
    assert ("nbrplus" in available) == (sensor not in {"OLCI"})
