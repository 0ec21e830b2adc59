"""Legends as the bytes of a format, kept in memory."""

import asyncio
import hashlib
from concurrent.futures import Executor
from typing import Final

import orjson

from cache.memory import SizedLru
from renderers.encoders.registry import default_encoders
from renderers.image import Image
from styles.legend.facts import legend_facts
from styles.legend.layout import lay_out, legend_size
from styles.legend.look import Look
from styles.legend.raster import draw
from styles.legend.svg import write
from styles.model import Legend, Style
from tileserver.errors import InvalidFormatError

SVG: Final = "image/svg+xml"
JSON: Final = "application/json"
#: Every format; the first is what most clients take.
FORMATS: Final = ("image/png", SVG, JSON, "image/jpeg", "image/webp")
#: File extensions of them.
EXTENSIONS: Final = {"png": "image/png", "svg": SVG, "json": JSON}

_KEPT_BYTES = 16 * 1024 * 1024
_KEPT_SIZES = 10_000


class Legends:
    """Draws legends on threads, and keeps what was drawn."""

    def __init__(self, pool: Executor) -> None:
        """State where they are drawn: one of many classes takes 0.1 s."""
        self._pool = pool
        self._encoders = default_encoders()
        self._kept: SizedLru[tuple[str, Look, str], bytes] = SizedLru(_KEPT_BYTES, len)
        # By the style's identity, as styles of equal pixels may have other titles; the style is
        # kept, so that no other one takes its place.
        self._sizes: SizedLru[tuple[int, Look], tuple[Style, tuple[int, int]]]
        self._sizes = SizedLru(_KEPT_SIZES, lambda _: 1)

    def size(self, style: Style, look: Look | None = None) -> tuple[int, int]:
        """Return width and height, in pixels, of a style's legend; nothing is drawn for it."""
        asked = look or Look()
        known = self._sizes.get((id(style), asked))
        if known is None:
            known = style, legend_size(style.legend, asked)
            self._sizes.set((id(style), asked), known)
        return known[1]

    async def written(self, legend: Legend, look: Look, media_type: str) -> bytes:
        """Return a legend in one of `FORMATS`.

        Raises:
            InvalidFormatError: Not one of them.
        """
        if media_type not in FORMATS:
            message = f"legends are offered as {', '.join(FORMATS)}"
            raise InvalidFormatError(message, parameter="format")
        key = (_digest(legend), look, media_type)
        body = self._kept.get(key)
        if body is None:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self._pool, self._write, legend, look, media_type)
            self._kept.set(key, body)
        return body

    def _write(self, legend: Legend, look: Look, media_type: str) -> bytes:
        if media_type == JSON:
            return orjson.dumps(legend_facts(legend))
        sketch = lay_out(legend, look)
        if media_type == SVG:
            return write(sketch, look.scale, legend.title)
        return self._encoders.get(media_type).encode(Image(draw(sketch, look.scale)))


def _digest(legend: Legend) -> str:
    """Return what changes with everything that a legend shows."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((legend.kind, legend.title, legend.unit)).encode())
    for entry in legend.entries:
        digest.update(repr((entry.label, entry.colour, entry.value)).encode())
    for scale in (legend.scale, *(entry.scale for entry in legend.entries)):
        if scale is not None:
            digest.update(repr((scale.low, scale.high)).encode())
            digest.update(scale.palette.tobytes())
    return digest.hexdigest()
