"""Recognises S2GLC rasters by their values, which no other land cover has.

Source: Malinowski et al., Automated Production of a Land Cover/Use Map of Europe Based on
Sentinel-2 Imagery, Remote Sensing 12 (2020) 3523: 13 classes at 10 m, of images of 2017. Delivered
values: 0 clouds, 62 to 162 classes, 255 no data.
"""

import math
from datetime import UTC, datetime
from pathlib import Path

from renderers.crs import metres_per_unit
from renderers.readers.base import RasterInfo
from tileserver.products.base import Access
from tileserver.products.described.known import KnownGrid
from tileserver.products.described.model import Description, load_description
from tileserver.products.described.samples import sampled_values
from tileserver.products.described.times import Period

#: So many of the classes must be seen: one or two values may be anybody's.
_ENOUGH = 3
_NO_DATA = 255
_YEAR_2017 = Period(
    datetime(2017, 1, 1, tzinfo=UTC), datetime(2017, 12, 31, 23, 59, 59, tzinfo=UTC)
)


class S2glc(KnownGrid):
    """S2GLC Europe 2017, whole or in tiles."""

    id = "s2glc"

    def __init__(self) -> None:
        self._description = load_description(Path(__file__).parent / "description.yaml")
        self._classes = {c.value for c in self._description.bands[0].classes}

    def fits(self, href: str, info: RasterInfo) -> bool:
        """Tell by type and grid; see `KnownGrid.fits`."""
        del href
        grid = info.geobox
        if grid is None or (info.dtype, info.count) != ("uint8", 1):
            return False
        metres = metres_per_unit(grid.crs)
        return all(math.isclose(r * metres, 10.0, rel_tol=1e-3) for r in grid.resolution)

    async def confirmed(self, href: str, access: Access) -> bool:
        """Tell by the values: at least three of the classes and nothing else."""
        values = await sampled_values(href, access) - {_NO_DATA}
        return len(values - {0}) >= _ENOUGH and values <= self._classes

    def description(self, href: str, info: RasterInfo) -> Description:
        """Return the description."""
        del href, info
        return self._description

    async def period(self, href: str, access: Access) -> Period | None:
        """Return 2017."""
        del href, access
        return _YEAR_2017
