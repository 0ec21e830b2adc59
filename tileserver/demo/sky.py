"""Sun, swath edge, clouds and their shadows over the generated land."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from tileserver.demo.noise import FloatPlane, Window, fbm, hash01, smoothstep

SWATH_TILT = 0.21  # metres west per metre south along the edge of a descending pass
SWATH_EDGE_AT = 0.62  # share of the extent that the partial pass covers along the north edge
CLOUD_RAMP = 0.55  # standard deviations from the edge of a cloud to its dense part
CLOUD_COUNTED_AT = 0.25  # opacity from which a pixel counts as cloudy
CIRRUS_OPACITY = 0.22  # of the thickest cirrus


class Sun(NamedTuple):
    """Where the sun stands, degrees: from the zenith, and clockwise from north."""

    zenith: float
    azimuth: float


def sun_at(moment: datetime, longitude: float, latitude: float) -> Sun:
    """Sun position to about 0.3 degrees.

    Args:
        moment: Time in UTC.
        longitude: Degrees east.
        latitude: Degrees north.

    Source: Spencer 1971, Fourier series of declination and equation of time.
    """
    hours = moment.hour + moment.minute / 60 + moment.second / 3600
    g = 2 * np.pi / 365 * (moment.timetuple().tm_yday - 1 + (hours - 12) / 24)
    declination = (
        0.006918
        - 0.399912 * np.cos(g)
        + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g)
    )
    minutes = 229.18 * (
        0.000075
        + 0.001868 * np.cos(g)
        - 0.032077 * np.sin(g)
        - 0.014615 * np.cos(2 * g)
        - 0.040849 * np.sin(2 * g)
    )
    hour_angle = np.radians((hours + minutes / 60 + longitude / 15 - 12) * 15)
    lat = np.radians(latitude)
    up = np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour_angle)
    south = np.sin(lat) * np.cos(declination) * np.cos(hour_angle) - np.cos(lat) * np.sin(
        declination
    )
    west = np.cos(declination) * np.sin(hour_angle)
    azimuth = (180.0 + np.degrees(np.arctan2(west, south))) % 360.0
    return Sun(float(np.degrees(np.arccos(up))), float(azimuth))


@dataclass(frozen=True, slots=True)
class Weather:
    """The state of the sky on one date.

    Attributes:
        cloud: Share of the scene under clouds, 0 to 1.
        cirrus: Share of the scene under thin cirrus, 0 to 1.
        size: Wavelength of the largest clouds in metres.
        height: Height of the clouds' tops in metres.
        partial: Whether the edge of the swath crosses the scene.
    """

    cloud: float
    cirrus: float = 0.0
    size: float = 4_000.0
    height: float = 1_500.0
    partial: bool = False


class SkyStrip(NamedTuple):
    """The sky over a strip, all float32 in 0 to 1, shape (rows, columns).

    Attributes:
        cloud: Opacity of clouds.
        shadow: Depth of cloud shadows on the ground.
        cirrus: Opacity of cirrus.
        lit: Brightness of the clouds where they are dense.
        seen: False where the satellite did not look.
    """

    cloud: FloatPlane
    shadow: FloatPlane
    cirrus: FloatPlane
    lit: FloatPlane
    seen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Sky:
    """Clouds of one date as a function of place.

    Args:
        weather: What sky it is.
        sun: Where the sun stands, which sets the shadows.
        extent: Side of the scene in metres.
        shrink: Size of large shapes against their true size, 0 to 1.
        seed: Any integer, different for every date.
    """

    def __init__(self, weather: Weather, sun: Sun, extent: float, shrink: float, seed: int) -> None:
        self._weather = weather
        self._extent = extent
        self._size = weather.size * max(shrink, 0.15)
        self._seed = seed
        # Away from the sun is where the shadow falls; so the cloud that shades a pixel stands
        # from it towards the sun.
        reach = weather.height * max(shrink, 0.15) * np.tan(np.radians(sun.zenith))
        azimuth = np.radians(sun.azimuth)
        self._towards_sun = (float(reach * np.sin(azimuth)), float(-reach * np.cos(azimuth)))
        # The clouds' field is sampled at 200 places per side to set its level to the share asked.
        places = (np.arange(200) + 0.5) * extent / 200
        sample = Window(places, places)
        self._cloud_level = _level(self._billows(sample), weather.cloud)
        self._cirrus_level = _level(self._streaks(sample), weather.cirrus)

    def _billows(self, window: Window) -> FloatPlane:
        shape = fbm(window, self._size, self._seed + 1, 7, 0.56)
        return shape + 0.6 * fbm(window, 3.7 * self._size, self._seed + 2, 2)

    def _streaks(self, window: Window) -> FloatPlane:
        drawn_out = Window(window.x * 0.35 + 2e5, window.y)
        return fbm(drawn_out, 1.6 * self._size, self._seed + 3, 4, 0.5)

    def _opacity(self, window: Window) -> FloatPlane:
        if self._weather.cloud <= 0:
            return np.zeros((window.y.size, window.x.size), np.float32)
        # The ramp starts below the level so that the share is counted at CLOUD_COUNTED_AT.
        start = self._cloud_level - 0.326 * CLOUD_RAMP
        return smoothstep(self._billows(window), start, start + CLOUD_RAMP)

    def strip(self, window: Window) -> SkyStrip:
        """Return the sky over every pixel of a window."""
        cloud = self._opacity(window)
        shadow = self._opacity(window.shifted(*self._towards_sun))
        cirrus = np.zeros_like(cloud)
        if self._weather.cirrus > 0:
            low = self._cirrus_level - 0.1
            cirrus = np.float32(CIRRUS_OPACITY) * smoothstep(self._streaks(window), low, low + 1.2)
        # Where a denser cloud stands towards the sun, a cloud's side is in its shade.
        towards = self._opacity(window.shifted(*(0.08 * d for d in self._towards_sun)))
        lit = np.clip(0.78 + 0.22 * cloud - 0.30 * (towards - cloud), 0.4, 1.1)
        return SkyStrip(
            cloud, shadow * (1 - cloud), cirrus, lit.astype(np.float32), self._seen(window)
        )

    def _seen(self, window: Window) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        if not self._weather.partial:
            return np.ones((window.y.size, window.x.size), np.bool_)
        edge = SWATH_EDGE_AT * self._extent - SWATH_TILT * window.y
        return window.x[None, :] < edge[:, None]


def _level(sample: FloatPlane, share: float) -> float:
    return float(np.quantile(sample, 1.0 - min(max(share, 0.0), 1.0)))


def drawn_weather(seed: int, day_number: int) -> Weather:
    """Weather of a date that the demo's own table does not name, drawn from the seed."""
    cloud, cirrus, size = (float(hash01(seed + 7, day_number, k)) for k in range(3))
    return Weather(
        cloud=0.7 * cloud**2, cirrus=0.3 * max(0.0, cirrus - 0.6), size=2_500 + 5_000 * size
    )
