"""Generates a Sentinel-2-like L2A time series as SAFE folders.

The pixels are invented (see `landcover`, `spectra`, `sky`); folders, names, metadata and
codestreams are laid out like those of genuine products of processing baseline 05.11.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tileserver.demo.bands import (
    NATIVE_RESOLUTION,
    Acquisition,
    BytePlane,
    Ground,
    block_mean,
    true_colour,
)
from tileserver.demo.jp2write import Placement, write_jp2
from tileserver.demo.landcover import LandModel
from tileserver.demo.metadata import (
    SCENE_CLASSES,
    ProductFacts,
    class_percentages,
    datastrip_xml,
    manifest_xml,
    product_xml,
)
from tileserver.demo.orbit import TILES, Pass, ProductName, TileSite
from tileserver.demo.sky import Sky, Weather, drawn_weather, sun_at
from tileserver.demo.tile_metadata import tile_xml

FULL_SIZE = 10_980
"""Pixels per side at 10 m of a genuine tile."""
DEMO_SIZE = 1_830
"""A sixth of that, 18.3 km: like a full tile it ends in ragged JPEG 2000 tiles."""
DEMO_SEED = 2025
SIZE_STEP = 6  # so that 60 m pixels come out whole

SERIES = {
    date(2025, 2, 9): Weather(cloud=0.10, size=5_200.0),
    date(2025, 4, 20): Weather(cloud=0.02, size=1_500.0),
    date(2025, 5, 18): Weather(cloud=0.0),
    date(2025, 6, 9): Weather(cloud=0.27, cirrus=0.05, size=1_500.0),
    date(2025, 7, 14): Weather(cloud=0.05, cirrus=0.15, size=1_200.0, height=1_200.0),
    date(2025, 8, 18): Weather(cloud=0.68, size=5_000.0, height=2_200.0),
    date(2025, 10, 7): Weather(cloud=0.16, size=2_600.0),
}
"""Dates of the demo and their skies. All are true days of the satellites over the first tile,
2025-05-18 on the neighbouring orbit, which sees only the west of the scene."""

# Raised whenever the same parameters give other files, so that old ones are made anew.
_GENERATION = 1
_WORKERS = 2
_RECORDS = ".generated"
_UNFINISHED = ".making-"
_TRUE_COLOUR = ("B04", "B03", "B02")
_PREVIEW_STEP = 32

Progress = Callable[[int, int, str], None]


class DemoDataError(ValueError):
    """The demo series cannot be generated as asked."""


@dataclass(frozen=True, slots=True)
class _Order:
    """All that decides the content of one product."""

    day: date
    site: TileSite
    size: int
    seed: int
    tlm: bool
    weather: Weather

    @property
    def name(self) -> ProductName:
        return ProductName(Pass(self.day), self.site)

    @property
    def digest(self) -> str:
        described = json.dumps([_GENERATION, asdict(self)], default=str, sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()

    @property
    def land_seed(self) -> int:
        """The first tile has the seed itself, every other land of its own."""
        return self.seed + 7_919 * list(TILES).index(self.site.name)


def generate_series(
    root: Path,
    *,
    size: int = DEMO_SIZE,
    dates: Sequence[date] | None = None,
    tlm: bool = False,
    seed: int = DEMO_SEED,
    tiles: Sequence[str] = ("32UPE",),
    progress: Progress | None = None,
) -> list[Path]:
    """Write a time series of L2A products, one SAFE folder per tile and date.

    A finished product made with the same parameters is kept, anything else under its name is
    replaced. Products appear whole, by a rename; several processes may ask for the same folder.

    Args:
        root: Folder that gets the SAFE folders; made if missing.
        size: Pixels per side at 10 m, a multiple of 6 up to 10 980; the scene is the upper left
            corner of the tile.
        dates: Days to make, by default those of `SERIES`; other days get a sky drawn from the
            seed.
        tlm: Whether the codestreams list their tile-parts (as products since 2026 do).
        seed: Land and noise follow from it; same seed, same bytes.
        tiles: Names of tiles from `orbit.TILES`.
        progress: Called with files done, files to do and the name of the last one.

    Returns:
        Paths of the SAFE folders, tile by tile in the order of the dates.

    Raises:
        DemoDataError: If the size, a tile or the list of dates cannot be used.
    """
    orders = _orders(size, dates, tlm, seed, tiles)
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        _sweep(root)
        missing = [order for order in orders if not _is_finished(root, order)]
        report = _Counter(len(missing) * FILES_PER_PRODUCT, progress)
        with ThreadPoolExecutor(_WORKERS) as pool:
            grounds: dict[str, Ground] = {}
            for order in missing:
                model = LandModel(10.0 * size, order.land_seed)
                if order.site.name not in grounds:
                    grounds = {order.site.name: Ground.make(model, size, pool)}
                _make(root, order, model, grounds[order.site.name], pool, report)
    return [root / order.name.safe for order in orders]


def _orders(
    size: int, dates: Sequence[date] | None, tlm: bool, seed: int, tiles: Sequence[str]
) -> list[_Order]:
    if size % SIZE_STEP or not SIZE_STEP <= size <= FULL_SIZE:
        raise DemoDataError(f"size must be a multiple of {SIZE_STEP} up to {FULL_SIZE}, not {size}")
    unknown = [name for name in tiles if name not in TILES]
    if unknown:
        raise DemoDataError(f"unknown tiles {unknown}; there are {sorted(TILES)}")
    days = list(SERIES) if dates is None else list(dates)
    if len(set(days)) != len(days):
        raise DemoDataError("a date is named twice")
    orders = []
    for name in tiles:
        for day in days:
            weather = SERIES.get(day) or drawn_weather(seed, day.toordinal())
            weather = replace(weather, partial=Pass(day).partial)
            orders.append(_Order(day, TILES[name], size, seed, tlm, weather))
    return orders


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the folder: only one process generates into it at a time."""
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(root: Path) -> None:
    """Remove what a killed run left; the lock makes sure that no one is still writing it."""
    for leftover in root.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)


def _record(root: Path, order: _Order) -> Path:
    return root / _RECORDS / f"{order.name.safe}.sha256"


def _is_finished(root: Path, order: _Order) -> bool:
    record = _record(root, order)
    whole = (root / order.name.safe / "manifest.safe").is_file() and record.is_file()
    return whole and record.read_text() == order.digest


class _Counter:
    """Counts finished files and tells the caller."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def step(self, label: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, label)


def _make(
    root: Path, order: _Order, model: LandModel, ground: Ground, pool: Executor, report: _Counter
) -> None:
    """Make a product in a temporary folder and move it into place."""
    folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
    name = order.name
    centre = np.array([model.extent / 2])
    lon, lat = name.site.lon_lat(centre, centre)
    sun = sun_at(name.overpass.sensing, float(lon[0]), float(lat[0]))
    noise_seed = order.seed * 1_000_003 + order.day.toordinal()
    sky = Sky(order.weather, sun, model.extent, model.shrink, noise_seed)
    day = order.day.timetuple().tm_yday
    scene = Acquisition(ground, sky, day, order.land_seed, noise_seed, pool)
    shares = _Images(folder, order, scene, report).write(pool)
    images = [name.image(b, r) for b, r in IMAGES]
    mask = f"{name.granule}/QI_DATA/MSK_CLDPRB_20m.jp2"
    facts = ProductFacts(name, order.size, sun, shares, images, [mask])
    _write_metadata(folder, facts)
    folder.chmod(0o755)
    final = root / name.safe
    if final.exists():
        final.rename(Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root)) / name.safe)
    folder.rename(final)
    record = _record(root, order)
    record.parent.mkdir(exist_ok=True)
    partial = record.with_suffix(".part")
    partial.write_text(order.digest)
    partial.replace(record)
    _sweep(root)


def _write_metadata(folder: Path, facts: ProductFacts) -> None:
    """Write the XML files, the manifest last because it lists all others."""
    datastrip = folder / facts.name.datastrip
    datastrip.mkdir(parents=True)
    (datastrip / "MTD_DS.xml").write_bytes(datastrip_xml(facts))
    (folder / facts.name.granule / "MTD_TL.xml").write_bytes(tile_xml(facts))
    (folder / "MTD_MSIL2A.xml").write_bytes(product_xml(facts))
    (folder / "manifest.safe").write_bytes(manifest_xml(facts, folder))


IMAGES = (
    *((band, 10) for band in ("B02", "B03", "B04", "B08", "TCI")),
    *((band, 20) for band in ("B05", "B06", "B07", "B8A", "B11", "B12", "SCL")),
    *((band, 60) for band in ("B01", "B09")),
)
"""Images below IMG_DATA as (name, resolution in metres)."""
FILES_PER_PRODUCT = len(IMAGES) + 2  # and cloud probability and preview


@dataclass(frozen=True)
class _Images:
    """Writes the image files of one product."""

    folder: Path
    order: _Order
    scene: Acquisition
    report: _Counter

    def write(self, pool: Executor) -> dict[str, float]:
        """Write all images on the pool's threads; return the quality percentages."""
        for part in ("IMG_DATA/R10m", "IMG_DATA/R20m", "IMG_DATA/R60m", "QI_DATA"):
            (self.folder / self.order.name.granule / part).mkdir(parents=True)
        channels: dict[str, BytePlane] = {}
        # The bands of the true-colour image first: it waits for all three.
        names = sorted(NATIVE_RESOLUTION, key=lambda n: (n not in _TRUE_COLOUR, n))
        shares = self._classes()
        tasks: dict[Future[None], str] = {
            pool.submit(self._band, name, channels): name for name in names
        }
        tasks[pool.submit(self._probability)] = "CLDPRB"
        waiting = set(_TRUE_COLOUR)
        for done in as_completed(tasks):
            done.result()
            self._step(tasks[done])
            waiting.discard(tasks[done])
            if not waiting and channels:
                self._true_colour(channels)
                channels.clear()
        return shares

    def _step(self, label: str) -> None:
        self.report.step(f"{self.order.day:%Y-%m-%d} T{self.order.site.name} {label}")

    def _save(self, path: str, image: NDArray[np.uint16] | BytePlane, resolution: int) -> None:
        site = self.order.site
        place = Placement(float(site.west), float(site.north), resolution, site.epsg)
        write_jp2(self.folder / f"{path}.jp2", image, place, tlm=self.order.tlm)

    def _band(self, name: str, channels: dict[str, BytePlane]) -> None:
        numbers = self.scene.numbers(name)
        if name in _TRUE_COLOUR:
            channels[name] = true_colour(numbers)
        resolution = NATIVE_RESOLUTION[name]
        self._save(self.order.name.image(name, resolution), numbers, resolution)

    def _true_colour(self, channels: dict[str, BytePlane]) -> None:
        image = np.stack([channels[name] for name in _TRUE_COLOUR])
        self._save(self.order.name.image("TCI", 10), image, 10)
        self._step("TCI")
        step = min(_PREVIEW_STEP, self.order.size)
        side = self.order.size // step * step
        small = [block_mean(c[:side, :side].astype(np.float32), step) for c in image]
        self._save(self.order.name.preview, np.rint(small).astype(np.uint8), 320)
        self._step("PVI")

    def _classes(self) -> dict[str, float]:
        scl = self.scene.scene_classes()
        self._save(self.order.name.image("SCL", 20), scl, 20)
        self._step("SCL")
        counts = np.bincount(scl.ravel(), minlength=len(SCENE_CLASSES)).tolist()
        return class_percentages(counts, self.scene.cloudy_land(scl))

    def _probability(self) -> None:
        path = f"{self.order.name.granule}/QI_DATA/MSK_CLDPRB_20m"
        self._save(path, self.scene.cloud_probability(), 20)
