"""Smooth and hashed pseudo-random fields as functions of position on the ground.

Every field depends on coordinates and a seed only, never on the window it is asked for, so a
scene may be made in strips and a small scene is the corner of a large one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatPlane = NDArray[np.float32]
HashPlane = NDArray[np.uint32]

# Standard deviation of a cubic B-spline through uniform(-1, 1) values on a square lattice.
_SPLINE_STD = 0.277


@dataclass(frozen=True, slots=True)
class Window:
    """Pixel centres of a strip of the scene.

    Attributes:
        x: Metres east of the scene's upper left corner, ascending, shape (columns,).
        y: Metres south of that corner, ascending, shape (rows,).
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @classmethod
    def rows(cls, size: int, first: int, last: int, pixel: float = 10.0) -> "Window":
        """Rows `first` to `last` (exclusive) of a square scene of `size` pixels of `pixel` m."""
        columns = np.arange(size, dtype=np.float64)
        lines = np.arange(first, last, dtype=np.float64)
        return cls((columns + 0.5) * pixel, (lines + 0.5) * pixel)

    def shifted(self, east: float, south: float) -> "Window":
        """Return the same window displaced by metres."""
        return Window(self.x + east, self.y + south)

    def scaled(self, factor: float) -> "Window":
        """Return the window with its coordinates multiplied, which shrinks what is drawn on it."""
        return Window(self.x * factor, self.y * factor)


def hash32(seed: int, *keys: ArrayLike) -> HashPlane:
    """Hash integers to 32 bits, element by element with broadcasting.

    The mixer is a two-round multiply and xor-shift finaliser; neighbouring keys give
    uncorrelated values.
    """
    value = np.asarray(np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF))
    with np.errstate(over="ignore"):  # wrapping is the point; NumPy warns of it for scalars
        for key in keys:
            part = np.asarray(key).astype(np.int64).astype(np.uint32)
            value = (value ^ part) * np.uint32(0x85EBCA6B)
            value = value ^ (value >> np.uint32(16))
            value = value * np.uint32(0x7FEB352D)
            value = value ^ (value >> np.uint32(15))
            value = value * np.uint32(0x846CA68B)
            value = value ^ (value >> np.uint32(16))
    return np.asarray(value, dtype=np.uint32)


def hash01(seed: int, *keys: ArrayLike) -> FloatPlane:
    """Hash integers to float32 in [0, 1)."""
    return (hash32(seed, *keys) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _spline_weights(t: NDArray[np.float32]) -> list[FloatPlane]:
    """Return the four uniform cubic B-spline weights at fraction `t` of a cell."""
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    return [np.asarray(w, np.float32) for w in weights]


def _cells(
    position: NDArray[np.float64], wavelength: float
) -> tuple[NDArray[np.int64], FloatPlane]:
    scaled = position / wavelength
    cell = np.floor(scaled).astype(np.int64)
    return cell, (scaled - cell).astype(np.float32)


def value_noise(window: Window, wavelength: float, seed: int) -> FloatPlane:
    """Smooth noise of about zero mean and unit variance, shape (rows, columns).

    A cubic B-spline through hashed lattice values: separable, so the columns are interpolated
    on the few lattice rows first and the rows by contiguous row gathers (4 per pixel).
    """
    column, tx = _cells(window.x, wavelength)
    row, ty = _cells(window.y, wavelength)
    lattice_x = np.arange(column[0] - 1, column[-1] + 3)
    lattice_y = np.arange(row[0] - 1, row[-1] + 3)
    lattice = hash01(seed, lattice_x[None, :], lattice_y[:, None]) * 2 - 1
    lattice /= np.float32(_SPLINE_STD)
    first = column - column[0]
    lines = sum(
        (w * lattice[:, first + k] for k, w in enumerate(_spline_weights(tx))),
        np.zeros((), np.float32),
    )
    top = row - row[0]
    out = np.zeros((row.size, column.size), np.float32)
    for k, weight in enumerate(_spline_weights(ty)):
        out += weight[:, None] * lines[top + k]
    return out


def fbm(
    window: Window, wavelength: float, seed: int, octaves: int, gain: float = 0.5
) -> FloatPlane:
    """Sum of octaves of `value_noise`, zero mean and unit variance, shape (rows, columns)."""
    total = np.zeros((window.y.size, window.x.size), np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        total += np.float32(amplitude) * value_noise(window, wavelength, seed + 101 * octave)
        power += amplitude**2
        amplitude *= gain
        wavelength *= 0.5
    return total / np.float32(np.sqrt(power))


def line_noise(
    position: NDArray[np.float64], wavelength: float, seed: int, octaves: int
) -> NDArray[np.float64]:
    """Smooth noise along one axis, zero mean and unit variance, the shape of `position`."""
    flat = Window(position, np.array([0.25 * wavelength]))
    return np.asarray(fbm(flat, wavelength, seed, octaves)[0], np.float64)


def smoothstep(values: FloatPlane, low: float, high: float) -> FloatPlane:
    """Ramp from 0 at `low` to 1 at `high` with flat ends."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
