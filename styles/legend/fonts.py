"""Text of legends and labels: the typeface Inter, from a package, so it looks alike everywhere.

Letters stand where their unhinted widths put them, at quarters of a pixel, so that a text is
equally wide at every size, and the same in pixels and in outlines.
"""

import functools
import threading
from collections.abc import Iterator
from importlib.resources import as_file, files
from typing import Any, Final, Literal, NamedTuple

import freetype
import numpy as np
from numpy.typing import NDArray

Weight = Literal["regular", "bold"]

# Positions on the axes of the font: optical size and weight. 600 is semi-bold.
_AXES: Final = {"regular": (14.0, 420.0), "bold": (14.0, 620.0)}
#: Places within a pixel at which letters are drawn.
SUBPIXELS: Final = 4

# A face has one letter loaded at a time.
_lock = threading.Lock()


class Coverage(NamedTuple):
    """A letter as pixels.

    Attributes:
        alpha: uint8, shape (rows, columns).
        left: Column of its first pixel, from the pen.
        top: Row of its first pixel above the baseline.
    """

    alpha: NDArray[np.uint8]
    left: int
    top: int


@functools.cache
def _face(weight: Weight) -> Any:
    with as_file(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf") as path:
        face = freetype.Face(str(path))
    face.set_var_design_coords(_AXES[weight])
    return face


@functools.cache
def _units(weight: Weight) -> int:
    return int(_face(weight).units_per_EM)


@functools.lru_cache(8192)
def _advance(char: str, weight: Weight) -> int:
    """Return the width of a letter in units of the font."""
    with _lock:
        face = _face(weight)
        face.load_char(char, freetype.FT_LOAD_NO_SCALE)
        return int(face.glyph.metrics.horiAdvance)


def width(text: str, size: float, weight: Weight = "regular") -> float:
    """Return how wide a text is, in the unit of `size` (pixels per em)."""
    return sum(_advance(char, weight) for char in text) * size / _units(weight)


def places(text: str, size: float, weight: Weight = "regular") -> list[float]:
    """Return where each letter begins, from the begin of the text."""
    scale = size / _units(weight)
    out, pen = [], 0
    for char in text:
        out.append(pen * scale)
        pen += _advance(char, weight)
    return out


@functools.lru_cache(4096)
def coverage(char: str, size: float, weight: Weight, subpixel: int) -> Coverage:
    """Return the pixels of a letter.

    Heights fit pixels (FreeType's light hinting), widths do not.

    Args:
        char: One letter; what the font lacks is its empty box.
        size: Pixels per em.
        weight: Of the letter.
        subpixel: Quarters of a pixel by which it lies right of its first pixel's edge.
    """
    with _lock:
        face = _face(weight)
        face.set_char_size(round(size * 64))
        shift = freetype.Vector(subpixel * 64 // SUBPIXELS, 0)
        face.set_transform(freetype.Matrix(0x10000, 0, 0, 0x10000), shift)
        face.load_char(char, freetype.FT_LOAD_NO_BITMAP | freetype.FT_LOAD_TARGET_LIGHT)
        glyph = face.glyph
        glyph.render(freetype.FT_RENDER_MODE_NORMAL)
        bitmap = glyph.bitmap
        rows, columns, pitch = bitmap.rows, bitmap.width, bitmap.pitch
        alpha = np.array(bitmap.buffer, np.uint8).reshape(rows, max(pitch, 0))[:, :columns]
        return Coverage(alpha, glyph.bitmap_left, glyph.bitmap_top)


def letters(
    text: str, x: float, size: float, weight: Weight = "regular"
) -> Iterator[tuple[Coverage, int]]:
    """Yield the pixels of each letter of a line of text, and the column in which its pen stands.

    Args:
        text: The line.
        x: Where it begins, in pixels.
        size: Pixels per em.
        weight: Of the text.
    """
    for char, place in zip(text, places(text, size, weight), strict=True):
        column, subpixel = divmod(round((x + place) * SUBPIXELS), SUBPIXELS)
        yield coverage(char, size, weight, subpixel), column


@functools.lru_cache(4096)
def outline(char: str, weight: Weight) -> str:
    """Return the outline of a letter as SVG path data, in units of the font, y down."""
    with _lock:
        face = _face(weight)
        face.load_char(char, freetype.FT_LOAD_NO_SCALE | freetype.FT_LOAD_IGNORE_TRANSFORM)
        parts: list[str] = []
        face.glyph.outline.decompose(
            parts,
            move_to=lambda a, to: to.append(f"{'Z' if to else ''}M{a.x} {-a.y}"),
            line_to=lambda a, to: to.append(f"L{a.x} {-a.y}"),
            conic_to=lambda a, b, to: to.append(f"Q{a.x} {-a.y} {b.x} {-b.y}"),
            cubic_to=lambda a, b, c, to: to.append(f"C{a.x} {-a.y} {b.x} {-b.y} {c.x} {-c.y}"),
        )
        return "".join(parts) + ("Z" if parts else "")


def units(weight: Weight) -> int:
    """Return the units of the font in one em."""
    return _units(weight)


def wrapped(
    text: str, size: float, limit: float, weight: Weight = "regular", lines: int = 4
) -> list[str]:
    """Break a text into lines.

    Args:
        text: Breaks at spaces; words that are too long break anywhere.
        size: Pixels per em.
        limit: Widest line, in pixels.
        weight: Of the text.
        lines: Most lines; the last one ends with an ellipsis where more would be needed.
    """
    out: list[str] = []
    line = ""
    for word in _words(text, size, limit, weight):
        longer = f"{line} {word}" if line else word
        if line and width(longer, size, weight) > limit:
            out.append(line)
            line = word
        else:
            line = longer
    out.append(line)
    if len(out) > lines:
        last = out[lines - 1]
        while last and width(last + "…", size, weight) > limit:
            last = last[:-1].rstrip()
        out = [*out[: lines - 1], last + "…"]
    return out


def _words(text: str, size: float, limit: float, weight: Weight) -> list[str]:
    words: list[str] = []
    # No legend shows more of a name than this, and breaking costs time with its length.
    for word in text[:1000].split():
        rest = word
        while width(rest, size, weight) > limit and len(rest) > 1:
            cut = len(rest) - 1
            while cut > 1 and width(rest[:cut], size, weight) > limit:
                cut -= 1
            words.append(rest[:cut])
            rest = rest[cut:]
        words.append(rest)
    return words
