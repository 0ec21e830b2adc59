"""What is asked: screens of tiles and single maps, the same for the same seed."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

#: Collections as `benchmarks.pipeline.data` makes them: west, south, east, north in degrees.
SCENE = (10.53, 53.98, 10.80, 54.13)
WORLD = (-180.0, -84.0, 180.0, 84.0)

#: Tiles of a screen, across and down.
SCREEN = (6, 4)

_FORMATS = {"png": 5, "jpg": 3, "webp": 2}


@dataclass(frozen=True, slots=True)
class Layer:
    """What is asked of one collection.

    Attributes:
        collection: Its id.
        styles: Names of styles.
        zooms: First and last zoom of WebMercatorQuad.
        bbox: Where tiles lie: west, south, east, north in degrees.
        share: How often it is asked, beside the others.
        times: Values of `time`; "" for none.
    """

    collection: str
    styles: tuple[str, ...]
    zooms: tuple[int, int]
    bbox: tuple[float, float, float, float]
    share: int
    times: tuple[str, ...] = ("",)


def layers(dates: Sequence[str]) -> tuple[Layer, ...]:
    """Return the layers of the benchmark's catalogue.

    Args:
        dates: Days of the scenes in JPEG 2000.
    """
    cog = ("true-color", "false-color", "ndvi", "ndwi", "scl")
    return (
        Layer("as-cog", cog, (8, 15), SCENE, 9),
        Layer("sentinel-2-l2a", (*cog, "swir", "tci", "ndmi"), (8, 15), SCENE, 7, ("", *dates)),
        Layer("blue-marble", ("rgb",), (0, 7), WORLD, 4),
    )


def addresses(known: Sequence[Layer], seed: int, maps: float = 0.05) -> Iterator[str]:
    """Yield paths with queries, for ever: one screen of one layer after the other.

    Args:
        known: The layers.
        seed: Of the random numbers.
        maps: Share of WMS maps of random size and place, whose grids are all different.
    """
    numbers = random.Random(seed)
    shares = [layer.share for layer in known]
    while True:
        layer = numbers.choices(known, shares)[0]
        style, time = numbers.choice(layer.styles), numbers.choice(layer.times)
        for path in _screen(numbers, layer, style, time):
            if numbers.random() < maps:
                yield _map(numbers, layer, style, time)
            yield path


def _screen(numbers: random.Random, layer: Layer, style: str, time: str) -> Iterator[str]:
    """Yield the tiles of a screen around a place in the layer; formats by chance."""
    zoom = numbers.randint(*layer.zooms)
    west, south, east, north = layer.bbox
    lon, lat = numbers.uniform(west, east), math.radians(numbers.uniform(south, north))
    side = 2**zoom
    left = int((lon + 180) / 360 * side) - SCREEN[0] // 2
    top = int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * side) - SCREEN[1] // 2
    start = f"/tiles/{layer.collection}/{style}/WebMercatorQuad/{zoom}"
    query = f"?time={time}" if time else ""
    for column in range(max(left, 0), min(left + SCREEN[0], side)):
        for row in range(max(top, 0), min(top + SCREEN[1], side)):
            extension = numbers.choices(list(_FORMATS), list(_FORMATS.values()))[0]
            twice = "@2x" if numbers.random() < 0.05 else ""
            yield f"{start}/{column}/{row}{twice}.{extension}{query}"


def _map(numbers: random.Random, layer: Layer, style: str, time: str) -> str:
    west, south, east, north = layer.bbox
    share = 10 ** numbers.uniform(-1.5, 0)
    wide, high = (east - west) * share, (north - south) * share
    left, low = numbers.uniform(west, east - wide), numbers.uniform(south, north - high)
    query = {
        "service": "WMS",
        "version": "1.3.0",
        "request": "GetMap",
        "layers": layer.collection,
        "styles": style,
        "crs": "CRS:84",
        "bbox": f"{left:.6f},{low:.6f},{left + wide:.6f},{low + high:.6f}",
        "width": numbers.randint(200, 800),
        "height": numbers.randint(200, 800),
        "format": numbers.choice(("image/png", "image/jpeg")),
    }
    if time:
        query["time"] = time
    return "/wms?" + urlencode(query)
