"""Golden pictures: 16 x 16 samples of each, all of a test in one compressed file.

`scripts/bless` writes them anew (`BLESS=1`); what has changed is then seen in the tests' output.
"""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "golden"
BLESS = os.environ.get("BLESS") == "1"
#: Samples per side.
SAMPLES = 16
#: Levels that a sample may be off (exp and log differ between machines), and how many may be more.
LEVELS, SHARE = 4, 0.02


def samples(body: bytes) -> NDArray[np.uint8]:
    """RGBA of the middles of 16 x 16 squares of a picture; transparent ones are all 0."""
    with Image.open(BytesIO(body)) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    step = pixels.shape[0] // SAMPLES
    taken = pixels[step // 2 :: step, step // 2 :: step].copy()
    taken[taken[..., 3] == 0] = 0
    return taken


class Goldens:
    """The pictures of one file; compare all, then `finish`."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.npz"
        self.seen: dict[str, NDArray[np.uint8]] = {}
        self.known: dict[str, NDArray[np.uint8]] = {}
        if self.path.exists():
            with np.load(self.path, allow_pickle=False) as file:
                self.known = {key: file[key] for key in file.files}

    def fault(self, key: str, body: bytes) -> str:
        """What is wrong with a picture, "" for nothing."""
        new = self.seen[key] = samples(body)
        if BLESS:
            return ""
        if key not in self.known:
            return "has no golden picture"
        off = np.abs(new.astype(int) - self.known[key]).max(axis=2) > LEVELS
        return f"{off.mean():.0%} of it has changed" if off.mean() > SHARE else ""

    def finish(self) -> list[str]:
        """Write the file when blessing; else return the pictures that were not made."""
        if BLESS:
            FOLDER.mkdir(exist_ok=True)
            np.savez_compressed(self.path, **dict(sorted(self.seen.items())))
            return []
        return sorted(set(self.known) - set(self.seen))
