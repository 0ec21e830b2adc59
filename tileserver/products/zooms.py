"""Which zooms of the web map grid a raster is worth."""

import math

from shapely.geometry.base import BaseGeometry

from renderers.crs import metres_per_unit
from renderers.sourcegrid import SourceGrid

#: Metres per pixel of WebMercatorQuad at zoom 0 on the equator, 256 px tiles (OGC 17-083r4, D.1).
_ZOOM_0 = 156543.03392804097


def native_zoom(grid: SourceGrid, footprint: BaseGeometry) -> int:
    """Return the first zoom whose pixels are no coarser than the raster's, at most 24.

    The map's pixels are finest, on the ground, away from the equator, so the parallel of the
    footprint that is nearest to the equator decides.
    """
    metres = min(grid.resolution) * metres_per_unit(grid.crs)
    _, south, _, north = footprint.bounds
    latitude = 0.0 if south <= 0.0 <= north else min(85.0, abs(south), abs(north))
    zoom = math.log2(_ZOOM_0 * math.cos(math.radians(latitude)) / metres)
    return max(0, min(24, math.ceil(zoom - 0.01)))
