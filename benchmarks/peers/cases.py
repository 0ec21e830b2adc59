"""What is asked of the servers: the cases, and which tiles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.warp import transform

from benchmarks.peers.scene import SceneFiles

#: Half the side of the Web Mercator world, metres (EPSG:3857).
HALF_WORLD = math.pi * 6378137.0
TILE_PIXELS = 256
#: Pixels between the first window of the coverage case and the scene's edge: never block-aligned.
_WINDOW_MARGIN = 37

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Window:
    """One picture or subset that every server is asked for.

    Attributes:
        name: `z/x/y`, or the number of the subset.
        bounds: West, south, east, north; Web Mercator for tiles, the scene's CRS for subsets.
        pixels: Width and height.
    """

    name: str
    bounds: Bounds
    pixels: int = TILE_PIXELS


@dataclass(frozen=True)
class Case:
    """One kind of tile.

    Attributes:
        name: In the results.
        layer: Which layer of `servers`: `rgb8`, `rgb16`, `rgb16-bilinear`, `ndvi`, `jp2`,
            `coverage`.
        extension: `png`, `jpg` or `tif`.
        zoom: Of the tiles; None for subsets in the scene's own grid.
        peers: Who is compared.
        fast_zlib: MapServer writes PNG with zlib level 1 in place of its default.
    """

    name: str
    layer: str
    extension: str
    zoom: int | None
    peers: tuple[str, ...] = ("titiler", "mapserver")
    fast_zlib: bool = False


CASES = (
    Case("rgb8_png", "rgb8", "png", 13),
    Case("rgb8_png_level1", "rgb8", "png", 13, peers=("mapserver",), fast_zlib=True),
    Case("rgb8_jpg", "rgb8", "jpg", 13),
    Case("rgb16_png", "rgb16", "png", 13),
    Case("rgb16_bilinear_jpg", "rgb16-bilinear", "jpg", 13),
    Case("ndvi_png", "ndvi", "png", 13),
    Case("jp2_native", "jp2", "png", 13),
    Case("jp2_overview", "jp2", "png", 11),
    Case("coverage_2048", "coverage", "tif", None),
)


def windows(case: Case, scene: SceneFiles, count: int) -> list[Window]:
    """Return up to `count` windows of a case, those nearest to the scene's middle.

    Tiles lie wholly in the scene, so that no picture has transparent pixels; only where not one
    does (a small scene at a low zoom) are those taken that touch it.
    """
    if case.zoom is None:
        return list(_subsets(scene))[:count]
    inside, touching = [], []
    for window in _near(scene, case.zoom):
        west, south, east, north = _native(window.bounds, scene.crs)
        left, bottom, right, top = scene.bounds
        if left <= west and bottom <= south and east <= right and north <= top:
            inside.append(window)
        elif left < east and west < right and bottom < north and south < top:
            touching.append(window)
    return (inside or touching)[:count]


def _near(scene: SceneFiles, zoom: int) -> list[Window]:
    """All tiles around the scene, the nearest to its middle first."""
    left, bottom, right, top = _mercator(scene)
    side = 2 * HALF_WORLD / 2**zoom
    first, last = int((left + HALF_WORLD) // side), int((right + HALF_WORLD) // side)
    upper, lower = int((HALF_WORLD - top) // side), int((HALF_WORLD - bottom) // side)
    middle = ((left + right) / 2, (bottom + top) / 2)
    found = []
    for x in range(first, last + 1):
        for y in range(upper, lower + 1):
            west, north = x * side - HALF_WORLD, HALF_WORLD - y * side
            window = Window(f"{zoom}/{x}/{y}", (west, north - side, west + side, north))
            away = math.dist((west + side / 2, north - side / 2), middle)
            found.append((away, window))
    return [window for _, window in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def _edge(bounds: Bounds) -> tuple[list[float], list[float]]:
    """Points along the edge of a box."""
    west, south, east, north = bounds
    t = np.linspace(0.0, 1.0, 9)
    xs, ys = west + t * (east - west), south + t * (north - south)
    x = np.concatenate([xs, xs, np.full(9, west), np.full(9, east)])
    y = np.concatenate([np.full(9, south), np.full(9, north), ys, ys])
    return x.tolist(), y.tolist()


def _mercator(scene: SceneFiles) -> Bounds:
    x, y = transform(scene.crs, "EPSG:3857", *_edge(scene.bounds))
    return min(x), min(y), max(x), max(y)


def _native(bounds: Bounds, crs: str) -> Bounds:
    x, y = transform("EPSG:3857", crs, *_edge(bounds))
    return min(x), min(y), max(x), max(y)


def _subsets(scene: SceneFiles) -> Iterator[Window]:
    """Square subsets of 2048 px (half the scene where that is smaller), none overlapping."""
    side = min(2048, scene.size // 2)
    west, _, _, north = scene.bounds
    steps = (scene.size - _WINDOW_MARGIN) // side
    for number in range(steps * steps):
        row, column = divmod(number, steps)
        left = west + 10.0 * (_WINDOW_MARGIN + column * side)
        top = north - 10.0 * (_WINDOW_MARGIN + row * side)
        yield Window(str(number), (left, top - 10.0 * side, left + 10.0 * side, top), side)
