"""An open page of the server in Debian's Chromium, and what can be seen of its pictures."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

CHROMIUM = Path("/usr/bin/chromium")
PAGE = Path(__file__).resolve().parents[2] / "tileserver" / "static" / "page" / "index.html"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]
# A cold tile of the first view may wait for the JIT caches of the demo server.
PATIENCE_MS = 60_000
COLLECTION = "sentinel-2-l2a"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


class DemoServer(Protocol):
    """What the `demo_server` fixture gives."""

    url: str


@dataclass
class Visit:
    """An open page and everything that went wrong in it."""

    page: Page
    url: str
    console_errors: list[str] = field(default_factory=list)

    def testid(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def settle(self, state: str = "idle") -> None:
        """Waits until the map has drawn all that is in view."""
        self.page.wait_for_selector(f'body[data-map-state="{state}"]', timeout=PATIENCE_MS)

    def goto(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/{query}")
        self.settle()

    def query(self) -> dict[str, str]:
        return dict(httpx.URL(self.page.url).params)

    def picture(self) -> np.ndarray:
        """The canvas of the shown layer, without the page's own parts: (rows, columns, 3) uint8."""
        png = self.page.screenshot(
            clip={"x": 420, "y": 60, "width": 720, "height": 560}, animations="disabled"
        )
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def csp_violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.cspViolations")
        return found


def colours(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of pixels that differ by more than antialiasing and resampling would."""
    difference = np.abs(before.astype(np.int16) - after.astype(np.int16)).max(axis=-1)
    return float((difference > 12).mean())
