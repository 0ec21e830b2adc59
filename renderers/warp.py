"""Where the pixels of a target grid lie in a source file: a coarse grid of exact positions.

Positions between the exact ones are interpolated bilinearly; the grid is made finer until the
interpolation is right to `TOLERANCE`, down to every pixel where it must (poles, antimeridian).
"""

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from cache.memory import SizedLru
from renderers.crs import is_geographic, transform_points
from renderers.geobox import FloatArray, GeoBox
from renderers.sourcegrid import SourceGrid

#: Greatest error of an interpolated position, in full-resolution source pixels times the zoom-out
#: ratio (that is, in pixels of the level that is read).
TOLERANCE = 0.01

#: Steps shorter than this part of the longest say nothing of a picture's resolution.
_COLLAPSED = 1e-3

#: Steps tried, in target pixels, coarsest first.
STEPS = (16, 8, 4, 2, 1)

#: Target pixels from which on exact positions are found only where they are needed: of a whole
#: screen they take seconds of a core that nothing can stop (measured: 4096 x 4096 around a pole
#: 28 s, whole world with one scene in it 10 s).
_LARGE = 512 * 512

#: Part of the cells that may need exact positions before a finer step is tried.
_FEW = 0.1

_OUTSIDE, _INTERPOLATED, _EXACT = 0, 1, 2


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CoordinateGrid:
    """Source positions of target pixel centres, every `step` pixels.

    Attributes:
        columns: float64, shape (n, m): source column (pixel-corner coordinates, full resolution) of
            the centre of target pixel (row i * step, column j * step); NaN where there is none.
        rows: The same for source rows.
        step: Target pixels between grid points.
        width: Target pixels per row.
        height: Target rows.
        ratio: Full-resolution source pixels per target pixel (smaller axis, median), NaN when no
            position is finite.
        extent: Least column, least row, greatest column and greatest row; None where no position
            is finite.
    """

    columns: FloatArray
    rows: FloatArray
    step: int
    width: int
    height: int
    ratio: float
    extent: tuple[float, float, float, float] | None = field(init=False)
    #: What was derived from the grid, by whoever did, so that it is not derived again.
    memo: dict[Any, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extent", _extent(self.columns, self.rows))
        object.__setattr__(self, "memo", {})


def _extent(columns: FloatArray, rows: FloatArray) -> tuple[float, float, float, float] | None:
    good = np.isfinite(columns) & np.isfinite(rows)
    if not good.any():
        return None
    cols, rows = columns[good], rows[good]
    return float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())


def _positions(
    target: GeoBox, source: SourceGrid, cols: FloatArray, rows: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Map target pixel coordinates to source pixel coordinates; NaN outside the projection."""
    t = target.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    if is_geographic(target.crs) and target.crs != source.crs:
        x, y = _on_earth(x, y)
    x, y = transform_points(target.crs, source.crs, x, y)
    with np.errstate(invalid="ignore"):
        if is_geographic(source.crs):
            x = _unwrapped(source, x)
        col, row = source.to_pixel(x, y)
    bad = ~(np.isfinite(col) & np.isfinite(row))
    return np.where(bad, np.nan, col), np.where(bad, np.nan, row)


def covered(target: GeoBox, source: SourceGrid, along: int = 9) -> NDArray[np.bool_]:
    """Tell of points spread over a target whether a source has a pixel under them.

    Args:
        target: The target grid.
        source: Where the source's pixels lie.
        along: Points per side, those of the outermost pixels included.

    Returns:
        Shape (along, along).
    """
    cols, rows = np.meshgrid(
        np.linspace(0.5, target.width - 0.5, along), np.linspace(0.5, target.height - 0.5, along)
    )
    col, row = _positions(target, source, cols, rows)
    with np.errstate(invalid="ignore"):
        inside = (col >= 0) & (col <= source.width) & (row >= 0) & (row <= source.height)
    return np.asarray(inside)


def _on_earth(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Blank latitudes beyond the poles, which PROJ would mirror."""
    return x, np.where(np.abs(y) > 90.0, np.inf, y)


def _unwrapped(source: SourceGrid, lon: FloatArray) -> FloatArray:
    """Move longitudes by whole turns to within half a turn of the source's middle."""
    west, _, east, _ = source.bounds
    middle = (west + east) / 2.0
    return lon - 360.0 * np.round((lon - middle) / 360.0)


def _grid(
    target: GeoBox, source: SourceGrid, step: int, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Return source columns and rows of every `step`-th pixel centre, of a shape (down, across)."""
    cols, rows = np.meshgrid(
        np.arange(shape[1], dtype=np.float64) * step + 0.5,
        np.arange(shape[0], dtype=np.float64) * step + 0.5,
    )
    return _positions(target, source, cols, rows)


def _ratio(columns: FloatArray, rows: FloatArray, step: int, source: SourceGrid) -> float:
    """Return source pixels per target pixel along the axis where it is smaller.

    Only steps that begin or end near the file count, where there are any: far from it a projection
    may stretch without bound.
    """
    ratios = []
    for axis in (0, 1):
        if columns.shape[axis] < 2:
            continue
        d_col, d_row = np.diff(columns, axis=axis), np.diff(rows, axis=axis)
        length = np.hypot(d_col, d_row)
        middle = [np.delete(g, -1, axis) + d / 2 for g, d in ((columns, d_col), (rows, d_row))]
        good = np.isfinite(length)
        near = (
            good
            & (np.abs(middle[0] - source.width / 2) <= source.width / 2 + length)
            & (np.abs(middle[1] - source.height / 2) <= source.height / 2 + length)
        )
        lengths = length[near if near.any() else good]
        # Beyond a projection's world (Mercator past the poles) steps shrink to nothing, and would
        # have the whole file read at full resolution for a picture in which it is a speck.
        lengths = lengths[lengths > _COLLAPSED * lengths.max(initial=0.0)]
        if lengths.size:
            ratios.append(float(np.median(lengths)) / step)
    return min(ratios) if ratios else float("nan")


def _single_ratio(target: GeoBox, source: SourceGrid) -> float:
    """Return the ratio of a grid one pixel wide or high, by stepping half a pixel aside."""
    cols = np.array([target.width / 2 - 0.5, target.width / 2 + 0.5, target.width / 2])
    rows = np.array([target.height / 2, target.height / 2, target.height / 2 + 1.0])
    c, r = _positions(target, source, cols, rows)
    across = float(np.hypot(c[1] - c[0], r[1] - r[0]))
    down = float(np.hypot(c[2] - (c[0] + c[1]) / 2, r[2] - (r[0] + r[1]) / 2))
    return min(across, down)


def _near(
    grid: tuple[FloatArray, FloatArray], source: SourceGrid, reach: float
) -> NDArray[np.bool_]:
    """Tell which points lie in the file, or within `reach` source pixels around it."""
    columns, rows = grid
    return (
        (columns > -reach)
        & (columns < source.width + reach)
        & (rows > -reach)
        & (rows < source.height + reach)
    )


def _error(
    coarse: tuple[FloatArray, FloatArray],
    fine: tuple[FloatArray, FloatArray],
    near: NDArray[np.bool_],
) -> float:
    """Return the greatest interpolation error half-way between the grid points near the source.

    The middles of the cells alone would not do: positions under a conformal map are harmonic, so
    that there the errors along columns and rows cancel out.

    Args:
        coarse: Columns and rows at the grid points, shape (n, m).
        fine: The same at half the step, shape (2n - 1, 2m - 1).
        near: Which of the fine points count.
    """
    if not near.any():
        # Nothing to see here, unless the projection's edge hides it from the points.
        return float("inf") if np.isnan(fine[0]).any() else 0.0
    worst = 0.0
    for grid, true in zip(coarse, fine, strict=True):
        difference = np.abs(_halved(grid) - true)[near]
        if np.isnan(difference).any():
            return float("inf")
        worst = max(worst, float(difference.max()))
    return worst


def _halved(grid: FloatArray) -> FloatArray:
    """Interpolate a grid of shape (n, m) at half its step, shape (2n - 1, 2m - 1)."""
    down, across = grid.shape
    out = np.empty((2 * down - 1, 2 * across - 1))
    out[::2, ::2] = grid
    out[::2, 1::2] = (grid[:, :-1] + grid[:, 1:]) / 2.0
    out[1::2] = (out[:-1:2] + out[2::2]) / 2.0
    return out


def coordinate_grid(target: GeoBox, source: SourceGrid) -> CoordinateGrid:
    """Return where the target's pixel centres lie in the source.

    Args:
        target: The grid to fill.
        source: How the file's pixels lie on Earth.
    """
    for step in STEPS:
        down, across = (-(-(side - 1) // step) + 1 for side in (target.height, target.width))
        if step == 1 or min(down, across) < 2:
            continue
        fine = _grid(target, source, step // 2, (2 * down - 1, 2 * across - 1))
        coarse = fine[0][::2, ::2], fine[1][::2, ::2]
        ratio = _ratio(*coarse, step, source)
        scale = max(ratio, 1.0) if np.isfinite(ratio) else 1.0
        near = _near(fine, source, 2.0 * step * scale)
        if _error(coarse, fine, near) <= TOLERANCE * scale:
            return _made(coarse, step, ratio, target, source)
        if target.width * target.height >= _LARGE:
            kinds = _kinds(coarse, fine, near, TOLERANCE * scale)
            # The next step after this one asks for every pixel, just to measure its error.
            if step == 4 or (kinds == _EXACT).mean() <= _FEW:
                return _made(
                    _refined(coarse, kinds, step, target, source), 1, ratio, target, source
                )
    exact = _grid(target, source, 1, (target.height, target.width))
    return _made(exact, 1, _ratio(*exact, 1, source), target, source)


def _kinds(
    coarse: tuple[FloatArray, FloatArray],
    fine: tuple[FloatArray, FloatArray],
    near: NDArray[np.bool_],
    tolerance: float,
) -> NDArray[np.uint8]:
    """Tell which cells of a coarse grid miss the source, may be interpolated, or must be exact.

    Args:
        coarse: Columns and rows at the grid points, shape (n, m).
        fine: The same at half the step, shape (2n - 1, 2m - 1).
        near: Which of the fine points count.
        tolerance: Greatest error of an interpolated position.

    Returns:
        `_OUTSIDE`, `_INTERPOLATED` or `_EXACT`, shape (n - 1, m - 1).
    """
    # At a projection's edge some points have no position, and anything may lie between them.
    unknown = np.isnan(fine[0])
    wrong = np.zeros(unknown.shape, bool)
    for grid, true in zip(coarse, fine, strict=True):
        wrong |= ~(np.abs(_halved(grid) - true) <= tolerance)
    edge = _any_in_cell(unknown) & _any_in_cell(~unknown)
    kinds = np.where(_any_in_cell(near), np.uint8(_INTERPOLATED), np.uint8(_OUTSIDE))
    kinds[(edge | (kinds == _INTERPOLATED)) & _any_in_cell(wrong)] = _EXACT
    return kinds


def _any_in_cell(points: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of each cell whether any of its corners, edges' middles and middle is True."""
    lines = points[:-1:2] | points[1::2] | points[2::2]
    return lines[:, :-1:2] | lines[:, 1::2] | lines[:, 2::2]


def _refined(
    coarse: tuple[FloatArray, FloatArray],
    kinds: NDArray[np.uint8],
    step: int,
    target: GeoBox,
    source: SourceGrid,
) -> tuple[FloatArray, FloatArray]:
    """Return columns and rows of every pixel: NaN, interpolated or exact by the kind of its cell.

    Args:
        coarse: Columns and rows at the grid points, shape (n, m).
        kinds: See `_kinds`.
        step: Target pixels between grid points.
        target: The grid to fill.
        source: How the file's pixels lie on Earth.
    """
    out = np.full((2, target.height, target.width), np.nan)
    pixels = np.arange(target.width)
    cells = np.minimum(pixels // step, kinds.shape[1] - 1)
    across = (pixels - cells * step) / step
    for i in np.flatnonzero((kinds != _OUTSIDE).any(axis=1)):
        top = i * step
        bottom = target.height if i == kinds.shape[0] - 1 else top + step
        kind = kinds[i][cells]
        seen, exact = np.flatnonzero(kind == _INTERPOLATED), np.flatnonzero(kind == _EXACT)
        down = (np.arange(bottom - top) / step)[:, None]
        for values, grid in zip(out, coarse, strict=True):
            line = grid[i] * (1.0 - down) + grid[i + 1] * down
            left, right = line[:, cells[seen]], line[:, cells[seen] + 1]
            values[top:bottom, seen] = left * (1.0 - across[seen]) + right * across[seen]
        if exact.size:
            places = np.meshgrid(exact + 0.5, np.arange(top, bottom) + 0.5)
            out[:, top:bottom, exact] = _positions(target, source, *places)
    return out[0], out[1]


def _made(
    grids: tuple[FloatArray, FloatArray],
    step: int,
    ratio: float,
    target: GeoBox,
    source: SourceGrid,
) -> CoordinateGrid:
    columns, rows = (np.ascontiguousarray(grid) for grid in grids)
    if not np.isfinite(ratio):
        ratio = _single_ratio(target, source)
    return CoordinateGrid(columns, rows, step, target.width, target.height, ratio)


class CoordinateGrids:
    """Remembers coordinate grids: bands and dates of one tile share them."""

    def __init__(self, capacity: int = 64 * 1024 * 1024) -> None:
        self._grids: SizedLru[tuple[GeoBox, SourceGrid], CoordinateGrid] = SizedLru(
            capacity, lambda grid: int(grid.columns.nbytes + grid.rows.nbytes) + 500
        )
        # Those too large to be kept, as long as somebody holds them.
        self._held: WeakValueDictionary[tuple[GeoBox, SourceGrid], CoordinateGrid]
        self._held = WeakValueDictionary()

    def get(self, target: GeoBox, source: SourceGrid) -> CoordinateGrid:
        """Return the grid, computing it on first use."""
        key = target, source
        grid = self._grids.get(key)
        if grid is None:
            grid = self._held.get(key)
        if grid is None:
            grid = coordinate_grid(target, source)
            if not self._grids.set(key, grid):
                self._held[key] = grid
        return grid
