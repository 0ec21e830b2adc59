"""Recognises tiles of ESA WorldCover by grid and colour table, and takes the year from their tags.

Source: WorldCover Product User Manual v2.0, sections 3.2 (classes) and 3.3 (tiles of 3 degrees,
36000 x 36000 pixels of 1/12000 degree, 0 where there is no data).
"""

import math
from pathlib import Path

from renderers.readers.base import RasterInfo
from tileserver.catalogue.documents import parse_instant
from tileserver.products.base import Access
from tileserver.products.described.known import KnownGrid
from tileserver.products.described.model import Description, load_description
from tileserver.products.described.times import Period

_STEP = 1.0 / 12000.0


class EsaWorldCover(KnownGrid):
    """ESA WorldCover v100 (2020) and v200 (2021), one item per tile and year."""

    id = "esa-worldcover"

    def __init__(self) -> None:
        self._description = load_description(Path(__file__).parent / "description.yaml")
        self._colours = {c.value: c.info.colour[:3] for c in self._description.bands[0].classes}

    def fits(self, href: str, info: RasterInfo) -> bool:
        """Tell by type, grid and colours; see `KnownGrid.fits`."""
        del href
        table, transform = info.colour_table, info.transform
        if table is None or transform is None or info.crs != "EPSG:4326":
            return False
        if (info.dtype, info.count, info.nodata) != ("uint8", 1, 0.0):
            return False
        steps = (transform.a, -transform.e)
        if not all(math.isclose(step, _STEP, rel_tol=1e-6) for step in steps):
            return False
        return all(_alike(table[v][:3], colour) for v, colour in self._colours.items())

    def description(self, href: str, info: RasterInfo) -> Description:
        """Return the description."""
        del href, info
        return self._description

    async def period(self, href: str, access: Access) -> Period | None:
        """Return the year that the file's tags tell, None where they do not."""
        tags = await access.tags(href)
        try:
            return Period(parse_instant(tags["time_start"]), parse_instant(tags["time_end"]))
        except (KeyError, ValueError):
            return None


def _alike(have: tuple[int, ...], told: tuple[int, ...]) -> bool:
    """Compare colours; the legends of 2020 and 2021 differ by one step in places."""
    return all(abs(a - b) <= 1 for a, b in zip(have, told, strict=True))
