"""What the MTL metadata says of a scene, in the types we need."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.geobox import FloatArray
from tileserver.catalogue.documents import parse_instant
from tileserver.products.landsat.bands import SENSORS
from tileserver.products.landsat.mtl import Groups, parse_mtl

_CONTENTS, _IMAGE, _PLACE = "PRODUCT_CONTENTS", "IMAGE_ATTRIBUTES", "PROJECTION_ATTRIBUTES"
_REFLECTANCE = {"L1": "LEVEL1_RADIOMETRIC_RESCALING", "L2": "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"}
_TEMPERATURE = "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"
_FILE = "FILE_NAME_"
#: A plain file name: nothing of the metadata leads out of the scene's folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,199}")
_PRODUCT = re.compile(r"L[A-Z]0[4-9]_(L[12][A-Z]{2})_\d{6}_\d{8}_\d{8}_02_(?:T1|T2|RT)")
#: Order of the corners around the image.
_CORNERS = ("UL", "UR", "LR", "LL", "UL")


@dataclass(frozen=True, slots=True)
class LandsatScene:
    """One scene.

    Attributes:
        id: Product id.
        level: `L1` or `L2`.
        correction: Processing level, `L2SP` and so on.
        category: `T1`, `T2` or `RT`.
        platform: `landsat-8` and so on.
        sensor: SENSOR_ID, a key of `SENSORS`.
        scene_id: Id of the acquisition, "" where not told.
        time: Middle of the acquisition.
        path: Of the Worldwide Reference System 2.
        row: Of the same.
        cloud_cover: Percent, None where not assessed.
        cloud_cover_land: Percent, None where not assessed.
        sun: (azimuth, elevation) in degrees at the scene's middle.
        generated: When the product was made, as written.
        files: File names by what follows `FILE_NAME_` in the metadata.
        footprint: (longitude, latitude) of the image's corners, the first repeated.
        groups: All that the metadata says.
    """

    id: str
    level: str
    correction: str
    category: str
    platform: str
    sensor: str
    scene_id: str
    time: datetime
    path: int
    row: int
    cloud_cover: float | None
    cloud_cover_land: float | None
    sun: tuple[float, float]
    generated: str
    files: Mapping[str, str]
    footprint: tuple[FloatArray, FloatArray]
    groups: Groups

    def reflectance(self, band: str) -> tuple[float, float] | None:
        """Return (scale, offset) from stored values to reflectance, None for a band without.

        Level-2 surface reflectance is scaled as the metadata says. Level-1 reflectance at the top
        of the atmosphere is that divided by the sine of the sun's elevation at the scene's middle
        (LSDS-1574, 5.3.2); with the sun below the horizon there is none.

        Raises:
            SourceCorruptError: The metadata has half of it, or no numbers.
        """
        found = self._scaling(_REFLECTANCE[self.level], "REFLECTANCE", band)
        if found is None or self.level == "L2":
            return found
        sine = math.sin(math.radians(self.sun[1]))
        return (found[0] / sine, found[1] / sine) if sine > 0.0 else None

    def radiance(self, band: str) -> tuple[float, float] | None:
        """Return (scale, offset) to radiance in W/(m2 sr um) at Level-1, None for a band without.

        Raises:
            SourceCorruptError: The metadata has half of it, or no numbers.
        """
        return self._scaling(_REFLECTANCE["L1"], "RADIANCE", band) if self.level == "L1" else None

    def temperature(self, band: str) -> tuple[float, float] | None:
        """Return (scale, offset) to the surface temperature in K, None for a band without.

        Raises:
            SourceCorruptError: The metadata has half of it, or no numbers.
        """
        return self._scaling(_TEMPERATURE, "TEMPERATURE", band) if self.level == "L2" else None

    def _scaling(self, group: str, quantity: str, band: str) -> tuple[float, float] | None:
        keys = self.groups.get(group, {})
        names = f"{quantity}_MULT_BAND_{band}", f"{quantity}_ADD_BAND_{band}"
        if names[0] not in keys and names[1] not in keys:
            return None
        scale, offset = (_number(self.groups, group, name) for name in names)
        if scale <= 0.0:
            raise SourceCorruptError(f"{names[0]} of the Landsat metadata is not positive")
        return scale, offset


def parse_scene(data: bytes) -> LandsatScene:
    """Parse an MTL file of any form.

    Raises:
        SourceUnsupportedError: Another collection, platform or instrument.
        SourceCorruptError: It lacks what every scene has.
    """
    groups = parse_mtl(data)
    product = _text(groups, _CONTENTS, "LANDSAT_PRODUCT_ID")
    correction = _text(groups, _CONTENTS, "PROCESSING_LEVEL")
    named = _PRODUCT.fullmatch(product)
    if named is None or named.group(1) != correction:
        raise SourceUnsupportedError("not a scene of Landsat 4 to 9, Collection 2")
    sensor = _text(groups, _IMAGE, "SENSOR_ID")
    if sensor not in SENSORS:
        raise SourceUnsupportedError("this Landsat instrument is not supported", detail=sensor)
    made = _made(groups, correction)
    return LandsatScene(
        id=product,
        level=correction[:2],
        correction=correction,
        category=_text(groups, _CONTENTS, "COLLECTION_CATEGORY"),
        platform=_text(groups, _IMAGE, "SPACECRAFT_ID").lower().replace("_", "-"),
        sensor=sensor,
        scene_id=groups.get("LEVEL1_PROCESSING_RECORD", {}).get("LANDSAT_SCENE_ID", ""),
        time=_time(groups),
        path=_whole(groups, "WRS_PATH", 233),
        row=_whole(groups, "WRS_ROW", 248),
        cloud_cover=_percent(groups, "CLOUD_COVER"),
        cloud_cover_land=_percent(groups, "CLOUD_COVER_LAND"),
        sun=(_number(groups, _IMAGE, "SUN_AZIMUTH"), _number(groups, _IMAGE, "SUN_ELEVATION")),
        generated=made,
        files=_files(groups[_CONTENTS]),
        footprint=_corners(groups),
        groups=groups,
    )


def _text(groups: Groups, group: str, key: str) -> str:
    value = groups.get(group, {}).get(key, "")
    if not value:
        raise SourceCorruptError(f"{key} of the Landsat metadata is missing")
    return value


def _number(groups: Groups, group: str, key: str) -> float:
    try:
        number = float(_text(groups, group, key))
    except ValueError as error:
        raise SourceCorruptError(f"{key} of the Landsat metadata is no number") from error
    if not math.isfinite(number):
        raise SourceCorruptError(f"{key} of the Landsat metadata is no number")
    return number


def _whole(groups: Groups, key: str, most: int) -> int:
    number = _number(groups, _IMAGE, key)
    if number != int(number) or not 1 <= number <= most:
        raise SourceCorruptError(f"{key} of the Landsat metadata is out of range")
    return int(number)


def _percent(groups: Groups, key: str) -> float | None:
    """Return a cloud cover; it is absent or -1 where it was not assessed."""
    if key not in groups.get(_IMAGE, {}):
        return None
    number = _number(groups, _IMAGE, key)
    return number if 0.0 <= number <= 100.0 else None


def _made(groups: Groups, correction: str) -> str:
    group = "LEVEL1_PROCESSING_RECORD" if correction[1] == "1" else "LEVEL2_PROCESSING_RECORD"
    return groups.get(group, {}).get("DATE_PRODUCT_GENERATED", "")


def _time(groups: Groups) -> datetime:
    day = _text(groups, _IMAGE, "DATE_ACQUIRED")
    # Seven decimals of a second are written; Python's parser takes six.
    clock = re.sub(r"(\.\d{6})\d+", r"\1", _text(groups, _IMAGE, "SCENE_CENTER_TIME"))
    try:
        return parse_instant(f"{day}T{clock}")
    except ValueError as error:
        raise SourceCorruptError("the scene's time cannot be read") from error


def _files(contents: Mapping[str, str]) -> dict[str, str]:
    files = {}
    for key, value in contents.items():
        if not key.startswith(_FILE):
            continue
        if not _NAME.fullmatch(value):
            raise SourceCorruptError("a file name of the Landsat metadata cannot be one")
        files[key.removeprefix(_FILE)] = value
    return files


def _corners(groups: Groups) -> tuple[FloatArray, FloatArray]:
    lon, lat = (
        np.array([_number(groups, _PLACE, f"CORNER_{c}_{axis}_PRODUCT") for c in _CORNERS])
        for axis in ("LON", "LAT")
    )
    if np.abs(lon).max() > 180.0 or np.abs(lat).max() > 90.0:
        raise SourceCorruptError("the scene's corners do not lie on Earth")
    return lon, lat
