"""Compares what two servers drew."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.io import MemoryFile


def compare(
    ours: Mapping[str, bytes], theirs: Mapping[str, bytes], extension: str
) -> dict[str, float | None]:
    """Compare answers to the same requests.

    Args:
        ours: Answers by window.
        theirs: The peer's; of the same windows.
        extension: `png`, `jpg` or `tif`.

    Returns:
        `tiles` compared, `mean_difference` of the values where both have data (grey levels, or
        stored values of a GeoTIFF), `equal_pixels` (share of those equal in all channels) and
        `same_alpha` (share of all pixels that both or neither show).
    """
    difference, equal, alpha = [], [], []
    for name in ours.keys() & theirs.keys():
        (a, seen_a), (b, seen_b) = (_decode(body[name], extension) for body in (ours, theirs))
        if a.shape != b.shape:
            raise ValueError(f"pictures of {name} differ in size: {a.shape} and {b.shape}")
        both = seen_a & seen_b
        alpha.append(float((seen_a == seen_b).mean()))
        if both.any():
            away = np.abs(a.astype(np.float64) - b.astype(np.float64))[both]
            difference.append(float(away.mean()))
            equal.append(float((away == 0).all(axis=-1).mean()))
    return {
        "tiles": len(alpha),
        "mean_difference": round(float(np.mean(difference)), 4) if difference else None,
        "equal_pixels": round(float(np.mean(equal)), 4) if equal else None,
        "same_alpha": round(float(np.mean(alpha)), 4),
    }


def _decode(body: bytes, extension: str) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return values, shape (rows, columns, channels), and where there is data."""
    if extension == "tif":
        with MemoryFile(body) as memory, memory.open() as opened:
            values = opened.read(1)
            return values[..., None], values != 0
    picture = Image.open(io.BytesIO(body)).convert("RGBA")
    pixels = np.asarray(picture)
    return pixels[..., :3], pixels[..., 3] > 0
