"""Tile matrix sets (OGC 17-083r4), defined by morecantile: which square of Earth a tile is."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import morecantile

from renderers.crs import metres_per_unit
from renderers.geobox import Bounds, GeoBox
from tileserver.crs import OgcCrs, envelope, normal_bbox, parse_crs
from tileserver.errors import TileOutOfRangeError, UnknownGridError

#: What capabilities advertise for every layer unless the settings say otherwise.
DEFAULT_GRIDS = ("WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic")

#: Our id -> morecantile's. Grids with coalesced rows near the poles (CDB, GNOSIS) are left out:
#: WMTS 1.0.0 and XYZ cannot describe them.
_SOURCES = {
    "WebMercatorQuad": "WebMercatorQuad",
    "WorldCRS84Quad": "WorldCRS84Quad",
    "GlobalGeodetic": "WGS1984Quad",
    "WGS1984Quad": "WGS1984Quad",
    "WorldMercatorWGS84Quad": "WorldMercatorWGS84Quad",
    "EuropeanETRS89_LAEAQuad": "EuropeanETRS89_LAEAQuad",
    "UTM31WGS84Quad": "UTM31WGS84Quad",
    "UPSArcticWGS84Quad": "UPSArcticWGS84Quad",
    "UPSAntarcticWGS84Quad": "UPSAntarcticWGS84Quad",
    "CanadianNAD83_LCC": "CanadianNAD83_LCC",
    "NZTM2000Quad": "NZTM2000Quad",
    "LINZAntarticaMapTilegrid": "LINZAntarticaMapTilegrid",
}
#: Ids of every grid that is served, beside those of the other UTM zones.
GRID_IDS = tuple(_SOURCES)
# All sixty northern zones have the numbers of zone 31 (OGC 17-083r4, annex D.7).
_UTM = re.compile(r"UTM(?P<zone>0[1-9]|[1-5][0-9]|60)WGS84Quad", re.ASCII)
_UTM_SOURCE = "UTM31WGS84Quad"

# WMTS 1.0.0 annex E.4; its scale denominators are those of WebMercatorQuad from the first on.
# GoogleCRS84Quad (E.3) starts one level above WorldCRS84Quad, so that one may not claim it.
_WELL_KNOWN = {"WebMercatorQuad": "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"}

# A box that ends on a tile's edge does not touch the next tile: a millionth of a tile of slack,
# above the rounding of projections (1e-9 of a tile at zoom 24).
_SLACK = 1e-6

# Scale denominator of WebMercatorQuad's level 0 (OGC 17-083r4, annex D).
_MERCATOR_SCALE = 559_082_264.028_717_8


class Matrix(NamedTuple):
    """One zoom level.

    Attributes:
        id: Integer as text.
        cell_size: CRS units per pixel.
        scale_denominator: For pixels of 0.28 mm.
        left: x of the outer corner of the first tile.
        top: y of the outer corner of the first tile.
        tile_size: Pixels along a tile's side.
        columns: Tiles per row.
        rows: Rows of tiles.
    """

    id: str
    cell_size: float
    scale_denominator: float
    left: float
    top: float
    tile_size: int
    columns: int
    rows: int

    def edge_x(self, column: int) -> float:
        """Return x of the west edge of a column; neighbours share the very float."""
        return self.left + column * (self.tile_size * self.cell_size)

    def edge_y(self, row: int) -> float:
        """Return y of the north edge of a row; neighbours share the very float."""
        return self.top - row * (self.tile_size * self.cell_size)


class Limits(NamedTuple):
    """Tiles of one matrix that a layer touches, both ends included."""

    matrix: str
    min_row: int
    max_row: int
    min_column: int
    max_column: int


@dataclass(frozen=True)
class Grid:
    """A tile matrix set.

    Attributes:
        id: Identifier.
        title: For people.
        crs: With its axis order.
        matrices: From the coarsest to the finest.
        well_known: URN of the well-known scale set it conforms to, or "".
    """

    id: str
    title: str
    crs: OgcCrs
    matrices: tuple[Matrix, ...]
    well_known: str = ""

    def matrix(self, matrix_id: str, *, parameter: str = "TileMatrix") -> Matrix:
        """Return one level.

        Raises:
            UnknownGridError: The grid has none of that id.
        """
        for matrix in self.matrices:
            if matrix.id == matrix_id:
                return matrix
        message = f"the grid {self.id} has no tile matrix {matrix_id[:20]!r}"
        raise UnknownGridError(message, parameter=parameter)

    def geobox(
        self, matrix: Matrix, column: int, row: int, *, names: tuple[str, str] = ("x", "y")
    ) -> GeoBox:
        """Return the pixel grid of a tile.

        Args:
            matrix: One of this grid's.
            column: From the left, from 0.
            row: From the top, from 0.
            names: What the protocol calls column and row, for errors.

        Raises:
            TileOutOfRangeError: Outside the matrix.
        """
        for name, value, count in (
            (names[0], column, matrix.columns),
            (names[1], row, matrix.rows),
        ):
            if not 0 <= value < count:
                raise TileOutOfRangeError(
                    f"{name} is outside 0 to {count - 1} of tile matrix {matrix.id}",
                    parameter=name,
                )
        bounds = (
            matrix.edge_x(column),
            matrix.edge_y(row + 1),
            matrix.edge_x(column + 1),
            matrix.edge_y(row),
        )
        return GeoBox.from_bounds(bounds, matrix.tile_size, matrix.tile_size, self.crs.canonical)

    def level_like(self, zoom: int) -> Matrix:
        """Return the coarsest level at least as fine as a zoom of WebMercatorQuad."""
        # Half a percent: Mercator and geodetic levels of one name differ by rounding only.
        wanted = _MERCATOR_SCALE / 2.0**zoom * 1.005
        for matrix in self.matrices:
            if matrix.scale_denominator <= wanted:
                return matrix
        return self.matrices[-1]

    def limits(self, bbox: Bounds) -> tuple[Limits, ...]:
        """Return the tiles that a longitude/latitude box touches, one entry per matrix.

        Args:
            bbox: (west, south, east, north) in degrees; west may exceed east across 180.

        Returns:
            () where the box lies outside the grid.
        """
        box = envelope(normal_bbox(bbox), self.crs)
        found = [] if box is None else [_matrix_limits(m, box) for m in self.matrices]
        return tuple(f for f in found if f is not None)


def _matrix_limits(matrix: Matrix, box: Bounds) -> Limits | None:
    span = matrix.tile_size * matrix.cell_size
    columns = _touched((box[0] - matrix.left) / span, (box[2] - matrix.left) / span, matrix.columns)
    rows = _touched((matrix.top - box[3]) / span, (matrix.top - box[1]) / span, matrix.rows)
    return Limits(matrix.id, *rows, *columns) if columns and rows else None


def _touched(low: float, high: float, count: int) -> tuple[int, int] | None:
    """Return the first and last of `count` tiles within [low, high], in tile units."""
    if high <= 0 or low >= count:
        return None
    first = min(max(math.floor(low + _SLACK), 0), count - 1)
    last = min(max(math.ceil(high - _SLACK) - 1, first), count - 1)
    return first, last


@lru_cache(maxsize=len(_SOURCES) + 60)
def _load(grid_id: str) -> Grid:
    source = morecantile.tms.get(_SOURCES.get(grid_id, _UTM_SOURCE))
    zone = _UTM.fullmatch(grid_id)
    crs = parse_crs(f"EPSG:326{zone['zone']}" if zone else _crs_text(source))
    levels = source.tileMatrices
    first = float(levels[0].cellSize)
    # Published definitions round each level by itself; where the levels halve, halving the first
    # is exact in binary, and edges of all levels coincide.
    halves = all(
        math.isclose(m.cellSize * 2.0**i, first, rel_tol=1e-9) for i, m in enumerate(levels)
    )
    matrices = []
    for i, level in enumerate(levels):
        origin = level.pointOfOrigin
        left, top = (origin[1], origin[0]) if crs.northing_first else origin
        cell = first * 2.0**-i if halves else float(level.cellSize)
        matrices.append(
            Matrix(
                str(level.id),
                cell,
                # OGC 07-057r7, 6.1; some published ones are for pixels of another size.
                cell * metres_per_unit(crs.canonical) / 0.00028,
                float(left),
                float(top),
                int(level.tileWidth),
                int(level.matrixWidth),
                int(level.matrixHeight),
            )
        )
    return Grid(
        grid_id,
        f"UTM zone {int(zone['zone'])} on WGS 84" if zone else str(source.title or grid_id),
        crs,
        tuple(matrices),
        _WELL_KNOWN.get(grid_id, ""),
    )


def _crs_text(source: morecantile.TileMatrixSet) -> str:
    root = source.crs.root
    return str(getattr(root, "uri", root))


def grid(grid_id: str, *, parameter: str = "TileMatrixSet") -> Grid:
    """Return a tile matrix set by its id.

    Raises:
        UnknownGridError: There is none.
    """
    if grid_id not in _SOURCES and not _UTM.fullmatch(grid_id):
        raise UnknownGridError(f"no tile matrix set {grid_id[:60]!r}", parameter=parameter)
    return _load(grid_id)
