"""Recognises rasters of CORINE Land Cover by grid, values and the year in their name.

Source: CLMS, CORINE Land Cover Product User Manual (2021), section 4: rasters of 100 m hold grid
codes 1 to 44 in the order of the classes' three-digit codes, 48 is no data, 0 or -128 lies outside.
A byte raster of 100 m with small numbers may be anything, so the name must agree: it is the only
place that tells the year.
"""

import math
import re
from datetime import UTC, datetime
from pathlib import Path

from renderers.crs import metres_per_unit
from renderers.errors import SourceUnsupportedError
from renderers.readers.base import RasterInfo
from tileserver.products.base import Access, stem_of
from tileserver.products.described.known import KnownGrid
from tileserver.products.described.model import Description, load_description
from tileserver.products.described.samples import sampled_values
from tileserver.products.described.times import Period

#: `U2018_CLC2018_V2020_20u1`, and `g100_clc12_V18_5` of older deliveries.
_YEAR = re.compile(r"CLC_?(?:19|20)?(90|00|06|12|18)(?!\d)", re.IGNORECASE)
#: Values of no class: outside, no data, and no data of older deliveries.
_OUTSIDE = frozenset({0, 48, 128, 255, -128})


class Corine(KnownGrid):
    """CORINE Land Cover status layers, one item per raster and year."""

    id = "corine"

    def __init__(self) -> None:
        self._description = load_description(Path(__file__).parent / "description.yaml")
        self._codes = {c.value for c in self._description.bands[0].classes}

    def fits(self, href: str, info: RasterInfo) -> bool:
        """Tell by name, type and grid; see `KnownGrid.fits`."""
        grid = info.geobox
        if grid is None or info.count != 1 or info.dtype not in ("uint8", "int8", "int16"):
            return False
        if _YEAR.search(stem_of(href)) is None:
            return False
        metres = metres_per_unit(grid.crs)
        return all(math.isclose(r * metres, 100.0, rel_tol=1e-3) for r in grid.resolution)

    async def confirmed(self, href: str, access: Access) -> bool:
        """Tell by the values: grid codes and nothing else."""
        classes = await sampled_values(href, access) - _OUTSIDE
        return bool(classes) and classes <= self._codes

    def description(self, href: str, info: RasterInfo) -> Description:
        """Return the description; the file's own nodata value stays."""
        del href
        if info.nodata is None:
            return self._description
        (band,) = self._description.bands
        return self._description.model_copy(
            update={"bands": [band.model_copy(update={"nodata": None})]}
        )

    async def period(self, href: str, access: Access) -> Period | None:
        """Return the year in the name."""
        del access
        found = _YEAR.search(stem_of(href))
        if found is None:
            raise SourceUnsupportedError("the file's name tells no year of CORINE Land Cover")
        two = int(found.group(1))
        year = two + (1900 if two >= 90 else 2000)
        first = datetime(year, 1, 1, tzinfo=UTC)
        return Period(first, datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
