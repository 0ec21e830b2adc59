"""A server of this repository on its default configuration, with the suites' data."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SERVING = re.compile(r"^serving on (http://\S+?)/?$", re.MULTILINE)
#: The very first start compiles all kernels.
_START_SECONDS = 600


class ServerError(Exception):
    """The server cannot be started; the message says why."""


@contextmanager
def serving(data: Path, work: Path) -> Iterator[str]:
    """Serve a folder of products; yield the address without slash at the end.

    Args:
        data: Products that are added to an empty catalogue.
        work: Folder for the catalogue, the caches and `server.log`.

    Raises:
        ServerError: The products cannot be added, or the server ends.
    """
    work.mkdir(parents=True, exist_ok=True)
    program = str(Path(sys.executable).with_name("tileserver"))
    settings = {
        "TILESERVER_DATA_DIR": str(work / "catalogue"),
        "TILESERVER_CACHE_DIR": os.environ.get("TILESERVER_CACHE_DIR", str(work / "cache")),
        "TILESERVER_FILE_ROOTS": f'["{data}"]',
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TILESERVER_")}
    environment = kept | settings
    added = subprocess.run(
        [program, "catalogue", "add", *(str(p) for p in sorted(data.glob("*.yaml")))],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if added.returncode != 0:
        raise ServerError(f"the data cannot be added: {added.stdout}{added.stderr}")
    log = work / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [program, "serve", "--port", "0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait(30)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        found = _SERVING.search(log.read_text(errors="replace"))
        if found:
            return found.group(1)
        if process.poll() is not None:
            raise ServerError(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
    raise ServerError("the server did not start in time")
