"""The demo as users start it: `tileserver demo` as a process of its own."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tileserver import demo
from tileserver.demo.bluemarble import write_blue_marble
from tileserver.demo.safe import DEMO_SIZE, generate_series

SERVING = re.compile(r"^serving on (http://\S+?)/?$", re.MULTILINE)

#: The very first start compiles all kernels, on a machine that does other things as well.
START_SECONDS = 300


def demo_data(cache: Path) -> Path:
    """Generated products and Blue Marble, kept between runs until their generator changes."""
    sources = hashlib.sha256()
    for path in sorted(Path(demo.__file__).parent.glob("*.py")):
        sources.update(path.read_bytes())
    folder = cache / sources.hexdigest()[:16]
    for old in cache.glob("*") if cache.is_dir() else ():
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    generate_series(folder / f"sentinel-2-{DEMO_SIZE}", size=DEMO_SIZE)
    write_blue_marble(folder / "blue-marble.tif")
    return folder


def link(source: str, target: str) -> str:
    """Hard-link a file, or copy it where that cannot be done; a symlink would leave the roots."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without its tileserver settings, and with some others."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TILESERVER_") or name == "TILESERVER_CACHE_DIR"
    }
    return {**kept, **{f"TILESERVER_{name.upper()}": value for name, value in settings.items()}}


@dataclass
class Server:
    """A `tileserver` process.

    Attributes:
        folder: It runs in there, and its output goes there.
        words: Words of the command line.
        settings: Settings by name, as in the environment.
        url: Where it serves, without a slash at the end.
    """

    folder: Path
    words: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def root(self) -> Path:
        """Folder of the demo's data."""
        return self.folder / "data" / "demo"

    def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {"data_dir": str(self.folder / "data"), **self.settings}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [str(Path(sys.executable).parent / "tileserver"), *self.words],
                cwd=self.folder,
                env=environment(**settings),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := SERVING.search(self.log.read_text(errors="replace")):
                self.url = found[1]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> int:
        """End the process and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(30)


def demo_server(cache: Path, folder: Path) -> Server:
    """Start the demo on a free port, over a catalogue that is made now."""
    data = demo_data(cache)
    server = Server(folder, ("demo", "--port", "0"))
    shutil.copytree(data, server.root, copy_function=link)
    return server.start()
