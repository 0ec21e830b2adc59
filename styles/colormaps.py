"""Palettes: from stops, and by name from our own maps and those that rio-tiler ships.

A palette is uint8, shape (256, 4), RGBA with straight alpha. Entries 0 to 254 are the colours from
low to high; entry 255 is always (0, 0, 0, 0) and stands for "no data".
"""

import functools
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from styles.errors import StyleError
from styles.yamltext import read_yaml

Palette = NDArray[np.uint8]
Colour = tuple[int, int, int, int]

#: Colours of a palette; the entry after the last is transparent.
STEPS: Final = 255
TRANSPARENT: Final = 255
#: Most steps that a map can be divided into: more are hard to tell from none.
MAX_STEPS: Final = 64


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


@functools.lru_cache(maxsize=1024)
def named(name: str) -> Palette:
    """Return the palette of a name such as `viridis`.

    `_r` at the end turns it round, and `:8` behind all makes 8 even steps of it, the first and the
    last of which have the colours of its ends.

    Raises:
        StyleError: There is no continuous colour map of that name, or a number of steps other than
            2 to 64.
    """
    name, colon, steps = name.lower().partition(":")
    path = _files().get(name)
    forward = name.removesuffix("_r")
    if path is not None:
        palette = _finish(list(_load(path).T))
    elif name in _own():
        palette = _own()[name]
    elif not forward.endswith("_r") and (forward in _own() or forward in _files()):
        whole = _own().get(forward)
        colours = _load(_files()[forward]) if whole is None else whole[:STEPS]
        palette = _finish(list(colours[::-1].T))
    else:
        raise StyleError(f"there is no colour map {name!r}")
    return stepped(palette, _count(steps)) if colon else palette


def names() -> tuple[str, ...]:
    """Return the names of all continuous colour maps, sorted."""
    return tuple(sorted({*_files(), *_own()}))


def stepped(palette: Palette, steps: int) -> Palette:
    """Return a palette of even steps, of which the first and the last have the ends' colours."""
    step = np.arange(STEPS) * steps // STEPS
    out = palette.copy()
    out[:STEPS] = palette[np.rint(step * ((STEPS - 1) / (steps - 1))).astype(int)]
    out.flags.writeable = False
    return out


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 2 <= int(text) <= MAX_STEPS:
        raise StyleError(f"a colour map has 2 to {MAX_STEPS} steps")
    return int(text)


@functools.cache
def _own() -> dict[str, Palette]:
    """Return our own maps by name, from `library/colormaps.yaml`."""
    text = (Path(__file__).parent / "library" / "colormaps.yaml").read_text(encoding="utf-8")
    document, _ = read_yaml(text, "colormaps.yaml", trusted=True)
    return {
        name: from_stops([(at, _rgba(colour)) for at, colour in stops])
        for name, stops in document["colormaps"].items()
    }


def _rgba(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue, 255


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
