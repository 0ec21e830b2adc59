"""What the servers under test serve: rasters with a description each."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.io import MemoryFile
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from conformance.bluelake import AUTOS, BASIC_POLYGONS, BLUE_LAKE, LAKES, UNIT, Layer

#: Degrees around the vicinity of Blue Lake, and a pixel's side: a tenth of what suites look at.
_VICINITY = (-0.0044, -0.0026, 0.0044, 0.0026)
_PIXEL = 0.000004
#: The same for the polygons in whole degrees.
_POLYGONS = (-3.0, -2.0, 3.0, 7.0)
_POLYGON_PIXEL = 0.005
_WATER = "#3060c0"


def write_cite(folder: Path, shared: Path) -> None:
    """Write the data of the map suites: `cite:BasicPolygons`, `cite:Lakes` and so on.

    The terrain is the suites' own file where the test data has it, else one that is drawn as the
    suite describes it.

    Args:
        folder: An empty folder; gets `NAME.tif` and `NAME.yaml` for each layer.
        shared: Root of the test data; need not exist.
    """
    _write_layer(folder, "BasicPolygons", BASIC_POLYGONS, (_POLYGONS, _POLYGON_PIXEL, 1.0))
    for name, layer in BLUE_LAKE.items():
        _write_layer(folder, name, layer, (_VICINITY, _PIXEL, UNIT))
    _write_lakes(folder)
    _write_autos(folder)
    _write_terrain(folder, shared / "data" / "cite" / "data-wms-1.3.0.zip")


def _write_layer(
    folder: Path, name: str, layer: Layer, grid: tuple[tuple[float, ...], float, float]
) -> None:
    bounds, pixel, unit = grid
    shapes = [(shape, 1) for shape in _shapes(layer, unit)]
    _write_raster(folder / f"{name}.tif", _drawn(shapes, bounds, pixel), bounds)
    _describe(folder, name, _band("cover", "Cover"), [_classes("cover", {1: layer.colour})])


def _write_lakes(folder: Path) -> None:
    shapes = [(Polygon(*_rings(rings, UNIT)), elevation) for elevation, rings in LAKES.items()]
    values = _drawn(shapes, _VICINITY, _PIXEL, "uint16")
    _write_raster(folder / "Lakes.tif", values, _VICINITY)
    _describe(
        folder,
        "Lakes",
        _band("level", "Water level", unit="m"),
        [_classes("level", dict.fromkeys(LAKES, _WATER))],
        dimensions=[
            _elevation("level", ",".join(map(str, LAKES)), "500", nearest=True, shows="up-to")
        ],
    )


def _write_autos(folder: Path) -> None:
    for second, points in AUTOS.items():
        shapes = [(shape, 1) for shape in _shapes(Layer("", points=points), UNIT)]
        path = folder / f"autos_20000101T00{second // 60:02}{second % 60:02}.tif"
        _write_raster(path, _drawn(shapes, _VICINITY, _PIXEL), _VICINITY)
    _describe(
        folder,
        "Autos",
        _band("cover", "Cover"),
        [_classes("cover", {1: "#e02020"})],
        files=["autos_*.tif"],
        time={"file_name": "autos_%Y%m%dT%H%M%S.tif", "step": "PT5S"},
    )


def _write_terrain(folder: Path, archive: Path) -> None:
    values = drawn_terrain()
    if archive.is_file():
        with (
            zipfile.ZipFile(archive) as opened,
            MemoryFile(opened.read("raster/terrain.tif")) as memory,
            memory.open() as source,
        ):
            values = source.read(1)
    _write_raster(folder / "Terrain.tif", values, (-0.5, -0.5, 0.5, 0.5), nodata=None)
    ramp = {"range": [100, 425], "map": "terrain"}
    style = {"id": "height", "title": "Height", "bands": ["height"], "ramp": ramp, "unit": "m"}
    _describe(
        folder,
        "Terrain",
        _band("height", "Height", unit="m"),
        [style],
        dimensions=[_elevation("height", "0/425/1", "0/425", multiple=True)],
    )


def drawn_terrain() -> NDArray[np.int16]:
    """Return heights as the raster ELEVATION option of the suite wants them.

    A sixteenth of a degree square above 335 m in the north west, one below 200 m in the south
    east, between 201 m and 325 m elsewhere, some of it 250 m.

    Returns:
        int16, shape (600, 600), metres.
    """
    rows, columns = np.mgrid[0:600, 0:600]
    heights = (201 + (rows + columns) % 125).astype(np.int16)
    heights[:150, :150] = 340 + (rows + columns)[:150, :150] % 60
    heights[450:, 450:] = 140 + (rows + columns)[450:, 450:] % 50
    return heights


def _shapes(layer: Layer, unit: float) -> list[BaseGeometry]:
    """Return a layer's features in degrees; lines and points get a width that maps show."""
    width, radius = 0.25 * unit, 0.8 * unit
    return [
        *(Polygon(*_rings(rings, unit)) for rings in layer.polygons),
        *(LineString(_scaled(line, unit)).buffer(width) for line in layer.lines),
        *(Point(point).buffer(radius) for point in _scaled(layer.points, unit)),
    ]


def _rings(rings: Any, unit: float) -> tuple[Any, Any]:
    outer, *holes = (_scaled(ring, unit) for ring in rings)
    return outer, holes


def _scaled(points: Any, unit: float) -> list[tuple[float, float]]:
    return [(x * unit, y * unit) for x, y in points]


def _drawn(
    shapes: list[tuple[BaseGeometry, int]],
    bounds: tuple[float, ...],
    pixel: float,
    dtype: str = "uint8",
) -> NDArray[Any]:
    """Return the pixels whose centres lie in the shapes, later ones on top, 0 elsewhere."""
    west, south, east, north = bounds
    shape = (round((north - south) / pixel), round((east - west) / pixel))
    transform = Affine(pixel, 0, west, 0, -pixel, north)
    drawn: NDArray[Any] = rasterize(shapes, shape, transform=transform, dtype=dtype)
    return drawn


def _write_raster(
    path: Path, values: NDArray[Any], bounds: tuple[float, ...], nodata: int | None = 0
) -> None:
    west, south, east, north = bounds
    height, width = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=1,
        dtype=values.dtype,
        crs="EPSG:4326",
        transform=Affine((east - west) / width, 0, west, 0, (south - north) / height, north),
        nodata=nodata,
        # No overviews: an edge that they move by a pixel is what suites look at.
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
    ) as out:
        out.write(values, 1)


def _band(name: str, title: str, **more: str) -> dict[str, str]:
    return {"name": name, "title": title, **more}


def _elevation(band: str, extent: str, default: str, **more: Any) -> dict[str, Any]:
    told = {"name": "elevation", "band": band, "extent": extent, "default": default}
    return {**told, "units": "CRS:88", "symbol": "m", **more}


def _classes(band: str, colours: Mapping[int, str]) -> dict[str, Any]:
    entries = [
        {"value": value, "name": str(value), "colour": colour} for value, colour in colours.items()
    ]
    return {"id": "plain", "title": "Plain", "bands": [band], "classes": entries}


def _describe(
    folder: Path, name: str, band: Mapping[str, str], styles: list[dict[str, Any]], **more: Any
) -> None:
    description = {
        "collection": name,
        "title": f"cite:{name}",
        "description": f"Test data of the OGC compliance suites: {name}.",
        "attribution": "Open Geospatial Consortium",
        "files": [f"{name}.tif"],
        "bands": [dict(band)],
        "styles": styles,
        **more,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(description, sort_keys=False))


#: Writers by name: into an empty folder, from the root of the test data where that is present.
DATA: Mapping[str, Callable[[Path, Path], None]] = {"cite": write_cite}
