"""Files whose pixels have their longitudes and latitudes beside them, as swaths have.

Only every n-th position is kept. What lies between is a mixture of unit vectors, which is right
near the poles and at 180 degrees too; how far it is from the file's own positions is measured when
the grid is made, and told (`error`).
"""

import functools
import hashlib
import math
import zlib
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from renderers.crs import WGS84
from renderers.errors import SourceUnsupportedError
from renderers.geobox import Bounds, FloatArray
from renderers.kernels.geolocation import find_places

#: Pixels by which a position that is not kept may lie beside the file's own, where the number of
#: nodes allows it.
TOLERANCE: Final = 0.1
#: Nodes of one grid: 12 MB in memory, some hundred kB as stored.
MAX_NODES: Final = 1 << 19
#: Pixels between nodes that are tried, largest first.
_STEPS: Final = (64, 32, 16, 8, 4, 2, 1)
#: Nodes along each side among which a place is first looked for.
_COARSE: Final = 24
#: Positions along each side of the outer edge.
_EDGE: Final = 129
#: Stored positions are in units of so many degrees (1 cm); this value stands for none.
_UNIT: Final = 1e-7
_NONE: Final = -(1 << 31)
#: Grids that are kept for the bands of one product, whose indexes each hold the same one.
_SHARED: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class GeolocationArray:
    """A grid of positions; see `SourceGrid` and `GridModel`.

    Attributes:
        width: Pixels per row.
        height: Rows.
        stored: int32, shape (2, n, m): longitudes and latitudes of the nodes, 1e-7 degrees. Nodes
            are the centres of every `step`-th pixel of the file, and of its last row and column.
        step: Pixels of the file between nodes.
        size: Width and height of the file that the nodes are of.
        error: Greatest distance of a position from the file's own, in pixels.
        digest: Of all that.
    """

    kind: ClassVar[str] = "geolocation"

    width: int
    height: int
    stored: NDArray[np.int32]
    step: int
    size: tuple[int, int]
    error: float
    digest: bytes = field(init=False)
    _nodes: NDArray[np.float64] = field(init=False, repr=False)
    _reach: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError("a grid without pixels")
        counts = tuple(_count(side, self.step) for side in reversed(self.size))
        if self.stored.shape != (2, *counts) or min(counts) < 2:
            raise ValueError("a swath with another number of positions")
        if self.stored.size > 2 * MAX_NODES:
            raise ValueError("a swath with too many positions")
        nodes = _filled(_vectors(_degrees(self.stored)))
        told = (self.width, self.height, self.step, self.size, self.error)
        digest = hashlib.blake2b(repr(told).encode(), digest_size=16)
        digest.update(self.stored.tobytes())
        object.__setattr__(self, "digest", digest.digest())
        object.__setattr__(self, "_nodes", nodes)
        object.__setattr__(self, "_reach", _reach_of(nodes, *self._coarse(nodes)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GeolocationArray) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @classmethod
    def thinned(cls, longitude: FloatArray, latitude: FloatArray) -> "GeolocationArray":
        """Make the grid of a file from the positions of all its pixel centres.

        The fewest nodes are kept with which all positions are right to `TOLERANCE` pixels; where
        that would take more than `MAX_NODES`, the most that are allowed.

        Args:
            longitude: Degrees east, shape (rows, columns), NaN where there is none.
            latitude: Degrees north, of the same shape.

        Raises:
            SourceUnsupportedError: There are no two rows and columns of positions.
        """
        if longitude.shape != latitude.shape or longitude.ndim != 2 or min(longitude.shape) < 2:
            raise SourceUnsupportedError("a swath needs two rows and columns of positions")
        latitude = np.where(np.abs(latitude) <= 90.0, latitude, np.nan)
        longitude = np.where(np.abs(longitude) <= 360.0, longitude, np.nan)
        known = np.isfinite(longitude) & np.isfinite(latitude)
        if known.sum() < 4:
            raise SourceUnsupportedError("a swath without positions")
        height, width = longitude.shape
        true = _vectors((longitude, latitude))
        best: GeolocationArray | None = None
        for step in _STEPS:
            if step > 1 and step > (min(width, height) - 1) // 2:
                continue
            if _count(width, step) * _count(height, step) > MAX_NODES:
                break
            nodes = _packed(longitude, latitude, step)
            if not (nodes[0] != _NONE).any():
                continue
            made = cls(width, height, nodes, step, (width, height), 0.0)
            error = made._distance(true)
            best = cls(width, height, nodes, step, (width, height), error)
            if error <= TOLERANCE:
                break
        if best is None:
            raise SourceUnsupportedError("a swath of this shape is not drawn")
        return best

    @property
    def crs(self) -> str:
        """Geographic WGS 84."""
        return WGS84

    @property
    def bounds(self) -> Bounds:
        """Envelope in degrees; all longitudes where the swath goes around a pole."""
        longitude, latitude = self._edge()
        poles = self.to_pixel(np.zeros(2), np.array([-90.0, 90.0]))
        south, north = (self._holds(column, row) for column, row in zip(*poles, strict=True))
        low = -90.0 if south else float(latitude.min())
        high = 90.0 if north else float(latitude.max())
        if south or north or np.ptp(longitude) >= 360.0:
            return -180.0, low, 180.0, high
        turns = 360.0 * math.floor((float(longitude.min()) + 180.0) / 360.0)
        return float(longitude.min()) - turns, low, float(longitude.max()) - turns, high

    @property
    def resolution(self) -> tuple[float, float]:
        """Median distance of pixels along rows and along columns, in degrees of a great circle."""
        across, down = _spacing(self._nodes)
        wide, high = self.width / self.size[0], self.height / self.size[1]
        return (
            math.degrees(float(np.median(across))) / self.step / wide,
            math.degrees(float(np.median(down))) / self.step / high,
        )

    def to_pixel(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map degrees to (column, row); NaN for what is more than two nodes outside."""
        shape = np.broadcast(x, y).shape
        longitude, latitude = (
            np.array(np.broadcast_to(v, shape), np.float64, order="C").reshape(-1) for v in (x, y)
        )
        columns, rows = np.empty(longitude.size), np.empty(longitude.size)
        down, across = self._coarse(self._nodes)
        find_places(longitude, latitude, self._nodes, down, across, self._reach, columns, rows)
        columns = _from_node(columns, self.size[0], self.step) * (self.width / self.size[0])
        rows = _from_node(rows, self.size[1], self.step) * (self.height / self.size[1])
        return columns.reshape(shape), rows.reshape(shape)

    def to_crs(self, columns: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map pixel-corner coordinates to degrees, longitudes from -180 to 180."""
        across = _to_node(columns * (self.size[0] / self.width), self.size[0], self.step)
        down = _to_node(rows * (self.size[1] / self.height), self.size[1], self.step)
        return _angles(_between(self._nodes, across, down))

    def zoomed(self, width: int, height: int) -> "GeolocationArray":
        """Return the grid of a file of another size over the same place."""
        return GeolocationArray(width, height, self.stored, self.step, self.size, self.error)

    def to_plain(self) -> list[Any]:
        """Return plain values: the nodes as differences along rows, deflated."""
        steps = np.diff(self.stored.view(np.uint32), axis=2, prepend=np.uint32(0))
        packed = zlib.compress(steps.astype("<u4").tobytes(), 6)
        return [self.width, self.height, self.step, *self.size, self.error, packed]

    @classmethod
    def from_plain(cls, values: list[Any]) -> "GeolocationArray":
        """Make the grid of `to_plain`; one that was made lately is given again.

        Raises:
            ValueError: The values make no grid.
            TypeError: A value has another type.
        """
        if len(values) != 7 or not all(type(v) is int for v in values[:5]):
            raise TypeError("not a geolocation grid")
        if type(values[5]) is not float or type(values[6]) is not bytes:
            raise TypeError("not a geolocation grid")
        return _unpacked(*values)

    def _holds(self, column: float, row: float) -> bool:
        return 0.0 <= column <= self.width and 0.0 <= row <= self.height

    def _edge(self) -> tuple[FloatArray, FloatArray]:
        """Return positions along the outer edge, longitudes running on past 180 degrees."""
        along, zeros = np.linspace(0.0, 1.0, _EDGE), np.zeros(_EDGE)
        columns = np.concatenate([along, zeros + 1.0, along[::-1], zeros]) * self.width
        rows = np.concatenate([zeros, along, zeros + 1.0, along[::-1]]) * self.height
        longitude, latitude = self.to_crs(columns, rows)
        return np.unwrap(longitude, period=360.0), latitude

    def _coarse(self, nodes: NDArray[np.float64]) -> tuple[int, int]:
        """Return every how many-th row and column of nodes a search begins with."""
        return max(1, nodes.shape[0] // _COARSE), max(1, nodes.shape[1] // _COARSE)

    def _distance(self, true: NDArray[np.float64]) -> float:
        """Return the greatest distance from true positions, in pixels.

        Args:
            true: Unit vectors of all pixel centres, NaN where there is none.
        """
        across, down = _spacing(self._nodes)
        pixel = min(float(np.median(across)), float(np.median(down))) / self.step
        columns = _to_node(np.arange(self.width, dtype=np.float64) + 0.5, self.width, self.step)
        worst = 0.0
        for row in range(self.height):
            place = _to_node(np.full(self.width, row + 0.5), self.height, self.step)
            off = np.linalg.norm(_between(self._nodes, columns, place) - true[row], axis=-1)
            if np.isfinite(off).any():
                worst = max(worst, float(np.nanmax(off)))
        return worst / pixel if pixel > 0.0 else math.inf


@functools.lru_cache(maxsize=_SHARED)
def _unpacked(
    width: int, height: int, step: int, columns: int, rows: int, error: float, packed: bytes
) -> GeolocationArray:
    if step < 1 or min(width, height, columns, rows) < 1:
        raise ValueError("a grid without pixels")
    shape = 2, _count(rows, step), _count(columns, step)
    if math.prod(shape) > 2 * MAX_NODES:
        raise ValueError("a swath with too many positions")
    try:
        raw = zlib.decompressobj().decompress(packed, 4 * math.prod(shape) + 1)
    except zlib.error as error_:
        raise ValueError("a swath that does not decode") from error_
    if len(raw) != 4 * math.prod(shape):
        raise ValueError("a swath with another number of positions")
    steps = np.frombuffer(raw, "<u4").reshape(shape)
    stored = np.cumsum(steps, axis=2, dtype=np.uint32).view(np.int32)
    return GeolocationArray(width, height, stored, step, (columns, rows), error)


def _count(side: int, step: int) -> int:
    """Return how many nodes a side has."""
    return -(-(side - 1) // step) + 1


def _places(side: int, step: int) -> NDArray[np.int64]:
    """Return the pixels whose centres are nodes."""
    return np.minimum(np.arange(_count(side, step)) * step, side - 1)


def _packed(longitude: FloatArray, latitude: FloatArray, step: int) -> NDArray[np.int32]:
    """Return the nodes as they are stored."""
    height, width = longitude.shape
    rows, columns = _places(height, step)[:, None], _places(width, step)
    lon, lat = longitude[rows, columns], latitude[rows, columns]
    known = np.isfinite(lon) & np.isfinite(lat)
    lon = lon - 360.0 * np.round(lon / 360.0)
    out = np.full((2, *lon.shape), _NONE, np.int32)
    for values, place in zip((lon, lat), out, strict=True):
        place[known] = np.round(values[known] / _UNIT).astype(np.int32)
    return out


def _degrees(stored: NDArray[np.int32]) -> tuple[FloatArray, FloatArray]:
    known = (stored != _NONE).all(axis=0)
    lon, lat = (np.where(known, values * _UNIT, np.nan) for values in stored)
    if not known.any() or np.nanmax(np.abs(lat)) > 90.0 or np.nanmax(np.abs(lon)) > 180.0 + _UNIT:
        raise ValueError("a swath that is not on Earth")
    return lon, lat


def _vectors(degrees: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return unit vectors, with a last axis of 3."""
    lon, lat = (np.radians(values) for values in degrees)
    flat = np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)], axis=-1)


def _angles(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of vectors of any length, in degrees."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _filled(nodes: FloatArray) -> FloatArray:
    """Put nodes where there are none, in line with their neighbours.

    A mesh without holes can be walked; pixels without positions have no data either.
    """
    if np.isnan(nodes).any():
        nodes = _continued(_continued(nodes).swapaxes(0, 1)).swapaxes(0, 1)
        nodes = nodes / np.linalg.norm(nodes, axis=-1, keepdims=True)
    if not np.isfinite(nodes).all():
        raise ValueError("a swath with too few positions")
    return np.ascontiguousarray(nodes)


def _continued(nodes: FloatArray) -> FloatArray:
    """Fill the gaps of each row that has two nodes, between them and beyond them."""
    out = nodes.copy()
    places = np.arange(nodes.shape[1], dtype=np.float64)
    for row in out:
        known = np.flatnonzero(~np.isnan(row[:, 0]))
        if len(known) < 2 or len(known) == len(row):
            continue
        for axis in range(3):
            values = row[known, axis]
            line = np.interp(places, known, values)
            before, after = places < known[0], places > known[-1]
            first = (values[1] - values[0]) / (known[1] - known[0])
            last = (values[-1] - values[-2]) / (known[-1] - known[-2])
            line[before] = values[0] + (places[before] - known[0]) * first
            line[after] = values[-1] + (places[after] - known[-1]) * last
            row[:, axis] = line
    return out


def _reach_of(nodes: FloatArray, down: int, across: int) -> float:
    """Return the cosine of the angle from the coarse nodes within which the mesh lies."""
    far = 0.0
    for axis, step in ((0, down), (1, across)):
        coarse = nodes[::down, ::across] if min(nodes.shape[:2]) > 1 else nodes
        if coarse.shape[axis] > 1:
            apart = np.linalg.norm(np.diff(coarse, axis=axis), axis=-1)
            far += float(apart.max())
        # the mesh ends up to one coarse step beyond the last coarse node, and two cells later
        cell = np.linalg.norm(np.diff(nodes, axis=axis), axis=-1)
        far += float(cell.max()) * (step + 2)
    return math.cos(min(far, math.pi))


def _spacing(nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distances of neighbours along rows and along columns, in radians."""
    return (
        np.linalg.norm(np.diff(nodes, axis=1), axis=-1),
        np.linalg.norm(np.diff(nodes, axis=0), axis=-1),
    )


def _between(nodes: FloatArray, columns: FloatArray, rows: FloatArray) -> FloatArray:
    """Return unit vectors at fractional numbers of nodes; beyond the edge in line with it."""
    with np.errstate(invalid="ignore"):
        i = np.clip(np.floor(np.nan_to_num(rows)), 0, nodes.shape[0] - 2).astype(np.int64)
        j = np.clip(np.floor(np.nan_to_num(columns)), 0, nodes.shape[1] - 2).astype(np.int64)
    t, s = (rows - i)[..., None], (columns - j)[..., None]
    top = nodes[i, j] * (1.0 - s) + nodes[i, j + 1] * s
    bottom = nodes[i + 1, j] * (1.0 - s) + nodes[i + 1, j + 1] * s
    mixed = top * (1.0 - t) + bottom * t
    unit: FloatArray = mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)
    return unit


def _to_node(pixels: FloatArray, side: int, step: int) -> FloatArray:
    """Return the fractional node number of a pixel-corner coordinate of the file."""
    last = _count(side, step) - 2
    start, length = last * step, side - 1 - last * step
    place = np.asarray(pixels, np.float64) - 0.5
    return np.where(place <= start, place / step, last + (place - start) / length)


def _from_node(numbers: FloatArray, side: int, step: int) -> FloatArray:
    """Return the pixel-corner coordinate of a fractional node number."""
    last = _count(side, step) - 2
    length = side - 1 - last * step
    inside = numbers * step
    return np.where(numbers <= last, inside, last * step + (numbers - last) * length) + 0.5
