"""Recognises tiles of the Copernicus DEM by their grid, which no other DEM has.

Source: Copernicus DEM Product Handbook, 5.0, section 2.3: tiles of one degree; 3600 (GLO-30) or
1200 (GLO-90) rows; columns thinned out by 1.5, 2, 3, 5 and 10 towards the poles; pixels are points,
so that a tile's first one is centred on its north-west corner.
"""

import math
from pathlib import Path

from renderers.readers.base import RasterInfo
from tileserver.products.base import stem_of
from tileserver.products.described.known import KnownGrid
from tileserver.products.described.model import Description, load_description

#: Rows of a tile, and the id and title of their collection.
_KINDS = {
    3600: ("cop-dem-glo-30", "Copernicus DEM GLO-30"),
    1200: ("cop-dem-glo-90", "Copernicus DEM GLO-90"),
}
#: Columns are thinned out by these.
_THINNED = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
#: The height error mask lies on the same grid, in float32 too.
_ERRORS = ("_HEM",)


class CopernicusDem(KnownGrid):
    """Copernicus DEM GLO-30 and GLO-90, one item per tile, timeless."""

    id = "copernicus-dem"

    def __init__(self) -> None:
        base = load_description(Path(__file__).parent / "description.yaml")
        self._descriptions = {
            rows: base.model_copy(update={"collection": id_, "title": title})
            for rows, (id_, title) in _KINDS.items()
        }

    def fits(self, href: str, info: RasterInfo) -> bool:
        """Tell by type and grid; see `KnownGrid.fits`."""
        rows, transform = info.height, info.transform
        if rows not in _KINDS or transform is None or info.crs != "EPSG:4326":
            return False
        if (info.dtype, info.count) != ("float32", 1) or stem_of(href).endswith(_ERRORS):
            return False
        step_x, step_y = transform.a, -transform.e
        whole = math.isclose(step_y * rows, 1.0, rel_tol=1e-9)
        wide = math.isclose(step_x * info.width, 1.0, rel_tol=1e-9)
        thinned = any(round(rows / f) == info.width for f in _THINNED)
        return whole and wide and thinned and _on_degree(transform.c + step_x / 2) and _on_degree(
            transform.f - step_y / 2
        )  # fmt: skip

    def description(self, href: str, info: RasterInfo) -> Description:
        """Return the description of GLO-30 or GLO-90."""
        del href
        return self._descriptions[info.height]


def _on_degree(value: float) -> bool:
    return abs(value - round(value)) < 1e-7
