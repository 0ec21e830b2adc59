"""Looking at pictures that a server sent."""

import io

import numpy as np
from PIL import Image


def pixels(body: bytes) -> np.ndarray:
    """Decode a picture to RGBA, shape (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))


def colours(body: bytes) -> int:
    """Count the colours of the pixels that are not transparent."""
    rgba = pixels(body).reshape(-1, 4)
    return len(np.unique(rgba[rgba[:, 3] > 0], axis=0))
