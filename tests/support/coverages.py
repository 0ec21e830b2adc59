"""A server over two small scenes of known values, in UTM, two days apart."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import rasterio
import uvicorn
from affine import Affine
from lxml import etree
from support.application import fill, make_settings

from tileserver.app import create_app
from tileserver.products.base import Hints

WIDTH, HEIGHT, STEP = 300, 240, 10.0
WEST, NORTH = 600_000.0, 5_700_000.0
CRS = "EPSG:32632"
COLLECTION = "fields"
DAYS = ("2024-06-01", "2024-06-03")
BANDS = ("B1", "B2", "B3")
NS = {
    "wcs": "http://www.opengis.net/wcs/2.0",
    "ows": "http://www.opengis.net/ows/2.0",
    "gml": "http://www.opengis.net/gml/3.2",
    "gmlcov": "http://www.opengis.net/gmlcov/1.0",
    "swe": "http://www.opengis.net/swe/2.0",
    "wcseo": "http://www.opengis.net/wcs/wcseo/1.0",
    "eop": "http://www.opengis.net/eop/2.0",
    "om": "http://www.opengis.net/om/2.0",
}


@dataclass
class Site:
    """A running server.

    Attributes:
        url: Without a slash at the end.
        files: The scenes' files, the oldest first.
        items: Names of their coverages.
    """

    url: str
    files: list[Path]
    items: list[str]

    def get(self, **parameters: Any) -> httpx.Response:
        """Ask WCS 2.0.1, unless the parameters say otherwise."""
        query = {"SERVICE": "WCS", "VERSION": "2.0.1", **parameters}
        return httpx.get(f"{self.url}/wcs", params=query, timeout=60)

    def post(self, body: str | bytes, path: str = "/wcs") -> httpx.Response:
        """Send a document."""
        headers = {"Content-Type": "text/xml"}
        return httpx.post(f"{self.url}{path}", content=body, headers=headers, timeout=60)


def _write(path: Path, seed: int) -> Path:
    """Write values that differ from pixel to pixel; a corner has none."""
    random = np.random.default_rng(seed)
    pixels = random.integers(1, 60_000, (3, HEIGHT, WIDTH), dtype=np.uint16)
    pixels[:, :40, :50] = 0
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint16", crs=CRS,
        transform=Affine(STEP, 0, WEST, 0, -STEP, NORTH), nodata=0, tiled=True, blockxsize=128,
        blockysize=128, compress="deflate",
    ) as out:  # fmt: skip
        out.write(pixels)
        out.descriptions = BANDS
        out.scales, out.offsets = (0.5,) * 3, (-10.0,) * 3
    return path


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve two scenes from a folder that is filled now."""
    settings = make_settings(
        folder, file_roots=[folder], coverage_items=1, title="Test & coverages", provider="Us",
        contact_email="us@example.com", max_coverage_bytes=50_000_000,
    )  # fmt: skip
    files = [_write(folder / f"scene-{n}.tif", n) for n in (1, 2)]

    async def fill_all() -> None:
        for path, day in zip(files, DAYS, strict=True):
            when = datetime.fromisoformat(f"{day}T10:30:00").replace(tzinfo=UTC)
            (outcome,) = await fill(settings, [str(path)], Hints(COLLECTION, "Fields", when))
            assert outcome.status == "added", outcome

    asyncio.run(fill_all())
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_level="warning", ws="none")
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Site(f"http://127.0.0.1:{port}", files, [f"{COLLECTION}__{f.stem}" for f in files])
    finally:
        server.should_exit = True
        thread.join()


def exception(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and locator of an exception report of OWS Common."""
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "ExceptionReport", answer.text
    (found,) = root
    return answer.status_code, found.get("exceptionCode", ""), found.get("locator", "")


def opened(answer: httpx.Response) -> tuple[np.ndarray, SimpleNamespace]:
    """Return the values of an answer, and what its file says of them."""
    assert answer.status_code == 200, answer.text
    return read(answer.content)


def read(body: bytes) -> tuple[np.ndarray, SimpleNamespace]:
    """Return the values of a file, and what it says of them."""
    with rasterio.MemoryFile(body) as file, file.open() as dataset:
        facts = {name: getattr(dataset, name) for name in _FACTS}
        facts["compression"] = dataset.profile.get("compress", "none")
        facts["interleaving"] = dataset.profile.get("interleave", "band")
        facts["layout"] = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT", "")
        return dataset.read(), SimpleNamespace(**facts)


_FACTS = (
    "crs", "transform", "bounds", "dtypes", "nodata", "descriptions", "scales", "offsets",
    "block_shapes",
)  # fmt: skip
