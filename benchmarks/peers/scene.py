"""The scene that all servers draw: one date of the demo, as COGs and as JPEG 2000."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import rasterio
from rasterio.shutil import copy
from rasterio.warp import transform_bounds

from tileserver.demo.safe import generate_series

#: A date of the demo with few clouds that sees the whole tile.
DAY = date(2025, 4, 20)
BANDS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
NODATA = 0
#: Stored values of the darkest and the brightest grey, and the range of the index's ramp.
STRETCH, INDEX_RANGE = (1000, 3000), (-0.2, 0.8)
PALETTE = "rdylgn"

_COG = {
    "driver": "COG",
    "BLOCKSIZE": 512,
    "COMPRESS": "DEFLATE",
    "OVERVIEWS": "IGNORE_EXISTING",
    "OVERVIEW_RESAMPLING": "AVERAGE",
    "NUM_THREADS": 2,
}
_TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True)
class SceneFiles:
    """Where the scene's files lie, and where the scene lies.

    Attributes:
        folder: Holds everything.
        size: Pixels per side at 10 m.
        rgb8: COG of three 8-bit bands.
        bands: COG of 16 bits per band name.
        jp2: JPEG 2000 file of the red band, as the ground segment writes it.
        crs: Name of the scene's CRS.
        bounds: West, south, east, north in that CRS, metres.
    """

    folder: Path
    size: int
    rgb8: Path
    bands: dict[str, Path]
    jp2: Path
    crs: str
    bounds: tuple[float, float, float, float]

    @property
    def item(self) -> Path:
        """STAC item of the COGs of 16 bits."""
        return self.folder / "item.json"

    @property
    def jp2_item(self) -> Path:
        """STAC item of the JPEG 2000 file."""
        return self.folder / "item-jp2.json"

    @property
    def all_files(self) -> list[Path]:
        """Every file with pixels."""
        return [self.rgb8, *self.bands.values(), self.jp2]


def make(folder: Path, size: int) -> SceneFiles:
    """Make what is missing of the scene.

    Args:
        folder: Gets the files; they are kept for the next run.
        size: Pixels per side at 10 m, a multiple of 6 up to 10980.
    """
    (safe,) = generate_series(folder / "safe", size=size, dates=[DAY])
    images = {p.name.split("_")[2]: p for p in safe.glob("GRANULE/*/IMG_DATA/R10m/*.jp2")}
    bands = {name: folder / f"{name}.tif" for name in BANDS}
    for name, path in bands.items():
        _cog(images[name], path, NBITS=16, PREDICTOR="YES")
    rgb8 = folder / "rgb8.tif"
    _cog(images["TCI"], rgb8)
    with rasterio.open(rgb8) as opened:
        scene = SceneFiles(
            folder, size, rgb8, bands, images["B04"], str(opened.crs), tuple(opened.bounds)
        )
    _write_items(scene)
    return scene


def vrt(like: Path, bands: list[str]) -> str:
    """Return a GDAL virtual dataset with the grid of a file.

    Args:
        like: File whose size, CRS and transform it takes.
        bands: XML of its bands.
    """
    with rasterio.open(like) as opened:
        geo = ", ".join(map(repr, opened.transform.to_gdal()))
        return (
            f'<VRTDataset rasterXSize="{opened.width}" rasterYSize="{opened.height}">'
            f"<SRS>{escape(opened.crs.to_wkt())}</SRS><GeoTransform>{geo}</GeoTransform>"
            f"{''.join(bands)}</VRTDataset>\n"
        )


def vrt_source(path: Path, band: int = 1) -> str:
    """Return the XML of one source of a virtual band."""
    name = escape(str(path))
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{name}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand></SimpleSource>"
    )


def vrt_band(number: int, dtype: str, sources: str, more: str = "", attributes: str = "") -> str:
    """Return the XML of one virtual band; `more` goes in front of its sources."""
    head = f'<VRTRasterBand dataType="{dtype}" band="{number}"{attributes}>'
    return f"{head}{more}{sources}</VRTRasterBand>"


def _cog(source: Path, target: Path, **options: Any) -> None:
    """Write an image as a COG with nodata, which JPEG 2000 files do not tell."""
    if target.exists():
        return
    with rasterio.open(source) as image:
        dtype = "Byte" if image.dtypes[0] == "uint8" else "UInt16"
        nodata = f"<NoDataValue>{NODATA}</NoDataValue>"
        colours = ("Red", "Green", "Blue") if image.count == 3 else ("Gray",)
        bands = [
            vrt_band(k, dtype, vrt_source(source, k), nodata + f"<ColorInterp>{c}</ColorInterp>")
            for k, c in enumerate(colours, start=1)
        ]
    described, made = target.with_suffix(".source.vrt"), target.with_suffix(".part.tif")
    described.write_text(vrt(source, bands))
    copy(described, made, **_COG, **options)
    described.unlink()
    made.replace(target)


def _write_items(scene: SceneFiles) -> None:
    tiffs = {name: _asset(scene, name, path, _TIFF) for name, path in scene.bands.items()}
    scene.item.write_text(json.dumps(_item(scene, "scene-as-cog", tiffs), indent=1))
    jp2 = {"B04": _asset(scene, "B04", scene.jp2, "image/jp2")}
    scene.jp2_item.write_text(json.dumps(_item(scene, "scene-as-jp2", jp2), indent=1))


def _asset(scene: SceneFiles, name: str, path: Path, media_type: str) -> dict[str, Any]:
    west, _, _, north = scene.bounds
    return {
        "href": str(path),
        "type": media_type,
        "roles": ["data"],
        "proj:shape": [scene.size, scene.size],
        "proj:transform": [10.0, 0.0, west, 0.0, -10.0, north],
        "bands": [
            {
                "name": name,
                "eo:common_name": BANDS[name],
                "nodata": NODATA,
                "data_type": "uint16",
            }
        ],
    }


def _item(scene: SceneFiles, item_id: str, assets: dict[str, Any]) -> dict[str, Any]:
    west, south, east, north = transform_bounds(scene.crs, "EPSG:4326", *scene.bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
        ],
        "id": item_id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": f"{DAY}T10:15:59Z", "proj:code": scene.crs},
        "links": [],
        "assets": assets,
    }
