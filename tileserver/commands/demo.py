"""Makes the demo catalogue: generated Sentinel-2 products, Blue Marble, and what users add."""

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from renderers.errors import SourceError
from tileserver.catalogue.combined import add_remote_collection
from tileserver.demo.bluemarble import write_blue_marble
from tileserver.demo.safe import DEMO_SIZE, FILES_PER_PRODUCT, generate_series
from tileserver.ingest.add import Outcome, add
from tileserver.products.base import Hints
from tileserver.services import Tools, open_tools
from tileserver.settings import Settings

DEFAULT_SIZE = DEMO_SIZE

#: Element 84's Earth Search: Sentinel-2 L2A as COGs, free to read.
EARTH_SEARCH = "https://earth-search.aws.element84.com/v1/collections/sentinel-2-l2a"
EARTH_SEARCH_HOSTS = (
    "earth-search.aws.element84.com",
    "sentinel-cogs.s3.us-west-2.amazonaws.com",
)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo is made of.

    Attributes:
        data: Folders with more products.
        size: Pixels per side of the generated scenes at 10 m.
        online: Add Earth Search as a remote collection.
    """

    data: tuple[Path, ...] = ()
    size: int = DEFAULT_SIZE
    online: bool = False


def prepare(settings: Settings, options: DemoOptions, console: Console) -> Settings:
    """Make what is missing of the demo catalogue.

    Args:
        settings: The operator's; the demo gets a catalogue of its own in `data_dir/demo`.
        options: What it is made of.
        console: For progress and what was skipped.

    Returns:
        Settings with which the demo is served.
    """
    root = settings.data_dir.absolute() / "demo"
    extra = [folder.absolute() for folder in (*options.data, *_data_from_environment())]
    # A catalogue for each choice, so that one made with more data never names what is not allowed.
    choice = repr((options.size, [str(folder) for folder in extra], options.online))
    name = hashlib.blake2b(choice.encode(), digest_size=4).hexdigest()
    hosts = [*settings.http_hosts, *(EARTH_SEARCH_HOSTS if options.online else ())]
    demo = settings.model_copy(
        update={
            "data_dir": root / f"catalogue-{name}",
            "file_roots": [*settings.file_roots, root, *extra],
            "http_hosts": hosts,
        }
    )
    products = _generate(root, options.size, console)
    tools = open_tools(demo)
    try:
        asyncio.run(_fill(tools, products, root, options.online, console))
        for folder in extra:
            _report(asyncio.run(_add(tools, [str(folder)], Hints(), folder.name, console)), console)
    finally:
        tools.catalogue.close()
    return demo


def _data_from_environment() -> list[Path]:
    text = os.environ.get("TILESERVER_DEMO_DATA", "")
    return [Path(part).expanduser() for part in text.split(os.pathsep) if part]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _generate(root: Path, size: int, console: Console) -> list[Path]:
    """Make the Sentinel-2 series and Blue Marble; what is there already is kept."""
    with _progress(console) as progress:
        task = progress.add_task("generating Sentinel-2 products", total=None)

        def note(done: int, total: int, name: str) -> None:
            progress.update(task, completed=done, total=total, description=f"generating {name}")

        products = generate_series(root / f"sentinel-2-{size}", size=size, progress=note)
        total = len(products) * FILES_PER_PRODUCT
        progress.update(task, completed=total, total=total, description="Sentinel-2 products")
        task = progress.add_task("Blue Marble", total=1)
        write_blue_marble(root / "blue-marble.tif")
        progress.update(task, completed=1)
    return products


async def _fill(
    tools: Tools, products: Sequence[Path], root: Path, online: bool, console: Console
) -> None:
    hints = Hints(title="Sentinel-2 L2A (generated)")
    hrefs = [str(path) for path in products]
    _report(await _add(tools, hrefs, hints, "Sentinel-2 products", console), console)
    hints = Hints(collection="blue-marble", title="Blue Marble Next Generation")
    marble = str(root / "blue-marble.tif")
    _report(await _add(tools, [marble], hints, "Blue Marble", console), console)
    if online:
        try:
            await add_remote_collection(
                tools.catalogue.local,
                tools.stores,
                EARTH_SEARCH,
                collection_id="earth-search-sentinel-2-l2a",
                title="Sentinel-2 L2A (Earth Search)",
            )
        except SourceError as error:
            console.print(f"Earth Search is left out: {error}", style="yellow", highlight=False)


async def _add(
    tools: Tools, hrefs: Sequence[str], hints: Hints, what: str, console: Console
) -> list[Outcome]:
    with _progress(console) as progress:
        task = progress.add_task(f"adding {what}", total=None)

        def note(_outcome: Outcome | None, found: int, done: int) -> None:
            progress.update(task, completed=done, total=found)

        return await add(hrefs, tools, hints, note)


def _report(outcomes: Sequence[Outcome], console: Console) -> None:
    for outcome in outcomes:
        if outcome.status == "skipped":
            text = f"skipped {outcome.href.rpartition('/')[2]}: {outcome.reason}"
            console.print(text, style="yellow", highlight=False)
