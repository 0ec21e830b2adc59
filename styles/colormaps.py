"""Palettes: from stops, and by name from the maps that rio-tiler ships.

A palette is uint8, shape (256, 4), RGBA with straight alpha. Entries 0 to 254 are the colours from
low to high; entry 255 is always (0, 0, 0, 0) and stands for "no data".
"""

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from styles.errors import StyleError

Palette = NDArray[np.uint8]
Colour = tuple[int, int, int, int]

#: Colours of a palette; the entry after the last is transparent.
STEPS: Final = 255
TRANSPARENT: Final = 255


def from_stops(stops: Sequence[tuple[float, Colour]]) -> Palette:
    """Return the palette that runs linearly in RGBA from stop to stop.

    Args:
        stops: (value, RGBA), two or more, values rising; the first value is entry 0, the last
            entry 254. Two stops of the same value make a hard edge.

    Raises:
        StyleError: Fewer than two stops, or values that do not rise.
    """
    values = np.array([value for value, _ in stops], np.float64)
    if len(stops) < 2 or values[0] >= values[-1] or (np.diff(values) < 0).any():
        raise StyleError("a ramp needs two or more stops with rising values")
    colours = np.array([colour for _, colour in stops], np.float64)
    wanted = np.linspace(values[0], values[-1], STEPS)
    return _finish([np.interp(wanted, values, channel) for channel in colours.T])


@functools.cache
def named(name: str) -> Palette:
    """Return the palette of a name such as `viridis`; `_r` at the end turns it round.

    Raises:
        StyleError: There is no continuous colour map of that name.
    """
    name = name.lower()
    path = _files().get(name)
    forward = name.removesuffix("_r")
    if path is None and not forward.endswith("_r") and (path := _files().get(forward)):
        return _finish(list(_load(path)[::-1].T))
    if path is None:
        raise StyleError(f"there is no colour map {name!r}")
    return _finish(list(_load(path).T))


def names() -> tuple[str, ...]:
    """Return the names of all continuous colour maps, sorted."""
    return tuple(sorted(_files()))


def _finish(channels: Sequence[NDArray[np.float64] | NDArray[np.uint8]]) -> Palette:
    palette = np.zeros((STEPS + 1, 4), np.uint8)
    old = np.linspace(0.0, 1.0, len(channels[0]))
    for k, channel in enumerate(channels):
        palette[:STEPS, k] = np.rint(np.interp(np.linspace(0.0, 1.0, STEPS), old, channel))
    palette.flags.writeable = False
    return palette


@functools.cache
def _files() -> dict[str, Path]:
    """Return the files of rio-tiler's continuous maps by name.

    The package itself is not imported: that takes more than a second, mostly for readers that we
    do not use. A test compares the result with its public interface.
    """
    spec = importlib.util.find_spec("rio_tiler")
    if spec is None or not spec.submodule_search_locations:
        raise StyleError("the colour maps are not installed (package rio-tiler)")
    folder = Path(spec.submodule_search_locations[0]) / "cmap_data"
    return {path.stem: path for path in folder.glob("*.npy")}


def _load(path: Path) -> NDArray[np.uint8]:
    """Return the colours of a file, shape (256, 4)."""
    return np.asarray(np.load(path, allow_pickle=False), np.uint8)
