"""Writes JPEG 2000 files laid out like those of the Sentinel-2 ground segment.

Tile, code-block and precinct sizes and the number of resolutions are those found in genuine files
per resolution; progression LRCP, one quality layer, 5-3 reversible, one tile-part per tile with a
PLT marker segment, a GMLJP2 box and no GeoJP2 box.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine


@dataclass(frozen=True, slots=True)
class CodestreamLayout:
    """Sizes of the parts of a codestream, in pixels.

    Attributes:
        tile: Side of a tile.
        block: Side of a code-block.
        precinct: Side of a precinct, the same at every resolution.
        resolutions: Number of resolutions, one more than wavelet levels.
    """

    tile: int
    block: int
    precinct: int
    resolutions: int


LAYOUTS = {
    10: CodestreamLayout(tile=1024, block=64, precinct=256, resolutions=5),
    20: CodestreamLayout(tile=2048, block=64, precinct=256, resolutions=6),
    60: CodestreamLayout(tile=256, block=16, precinct=128, resolutions=5),
    320: CodestreamLayout(tile=256, block=16, precinct=128, resolutions=5),
}
"""Layout per ground resolution in metres; 320 is the preview image."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies.

    Attributes:
        west: Easting of the outer edge of the first column, metres.
        north: Northing of the outer edge of the first row, metres.
        resolution: Pixel size in metres.
        epsg: Code of the UTM zone's CRS.
    """

    west: float
    north: float
    resolution: int
    epsg: int


def write_jp2(
    path: Path,
    image: NDArray[np.uint16] | NDArray[np.uint8],
    placement: Placement,
    *,
    tlm: bool,
) -> None:
    """Write a lossless JP2.

    Args:
        path: File to make.
        image: uint16 (stored with 15 bits) or uint8, shape (rows, columns) or
            (3, rows, columns); three components are written with the reversible colour transform.
        placement: Position on the ground; its resolution chooses the codestream layout.
        tlm: Whether the main header lists the tile-parts' lengths.
    """
    planes = image if image.ndim == 3 else image[None]
    options = _creation_options(LAYOUTS[placement.resolution], tlm=tlm)
    if image.dtype == np.uint16:
        options["NBITS"] = 15
    pixel = float(placement.resolution)
    # Through a GeoTIFF in memory: a dataset that rasterio opens for writing drops BLOCKXSIZE.
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=planes.shape[2],
            height=planes.shape[1],
            count=planes.shape[0],
            dtype=planes.dtype,
            crs=f"EPSG:{placement.epsg}",
            transform=Affine(pixel, 0.0, placement.west, 0.0, -pixel, placement.north),
        ) as placed:
            placed.write(planes)
        with memory.open() as placed:
            copy(placed, path, driver="JP2OpenJPEG", **options)


def _creation_options(layout: CodestreamLayout, *, tlm: bool) -> dict[str, str | int]:
    precinct = f"{{{layout.precinct},{layout.precinct}}}"
    return {
        "BLOCKXSIZE": layout.tile,
        "BLOCKYSIZE": layout.tile,
        "CODEBLOCK_WIDTH": layout.block,
        "CODEBLOCK_HEIGHT": layout.block,
        "PRECINCTS": ",".join([precinct] * layout.resolutions),
        "RESOLUTIONS": layout.resolutions,
        "PROGRESSION": "LRCP",
        "PROFILE": "UNRESTRICTED",
        "REVERSIBLE": "YES",
        "QUALITY": "100",
        "PLT": "YES",
        "TLM": "YES" if tlm else "NO",
        "GMLJP2": "YES",
        "GeoJP2": "NO",
        "JPX": "NO",
    }
