"""The servers under test: how each is started on one core, and its process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile

APP = "benchmarks.http.app:app"
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server set-up.

    Attributes:
        name: Key in the result file.
        module: Run with ``python -m``.
        options: Command-line options; ``{port}`` is filled in.
        packages: Distributions it needs; their versions go into the result.
        path: Path asked in the throughput test.
    """

    name: str
    module: str
    options: tuple[str, ...]
    packages: tuple[str, ...]
    path: str = "/"

    def versions(self) -> dict[str, str] | None:
        """Installed versions by distribution, or None where one is not installed."""
        try:
            return {package: version(package) for package in self.packages}
        except PackageNotFoundError:
            return None

    def command(self, port: int) -> list[str]:
        """The command line that serves ``APP`` on ``port``."""
        options = [option.format(port=port) for option in self.options]
        return [sys.executable, "-m", self.module, *options, APP]


def _uvicorn(name: str, http: str, loop: str = "uvloop", path: str = "/") -> Candidate:
    packages = ("uvicorn", http) if loop == "asyncio" else ("uvicorn", http, loop)
    options = ("--host", "127.0.0.1", "--port", "{port}", "--http", http, "--loop", loop)
    quiet = ("--no-access-log", "--log-level", "critical", "--no-server-header", "--ws", "none")
    return Candidate(name, "uvicorn", options + quiet, packages, path)


OURS = ("uvicorn", "httptools", "uvloop")
CANDIDATES = (
    _uvicorn("uvicorn-httptools", "httptools"),
    _uvicorn("uvicorn-httptools-cased", "httptools", path="/cased"),
    Candidate("tileserver", "benchmarks.http.ours", ("{port}",), OURS, "/cased"),
    Candidate("tileserver-access-log", "benchmarks.http.ours", ("--access-log", "{port}"), OURS),
    _uvicorn("uvicorn-httptools-asyncio", "httptools", loop="asyncio"),
    _uvicorn("uvicorn-zttp", "zttp"),
    _uvicorn("uvicorn-h11", "h11"),
    Candidate(
        "granian",
        "granian",
        (
            "--interface",
            "asgi",
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
            "--loop",
            "uvloop",
            "--workers",
            "1",
            "--runtime-threads",
            "1",
            "--http",
            "1",
            "--no-ws",
            "--no-log",
        ),
        ("granian", "uvloop"),
    ),
    Candidate(
        "hypercorn",
        "hypercorn",
        ("--bind", "127.0.0.1:{port}", "--worker-class", "uvloop", "--log-level", "critical"),
        ("hypercorn", "h11", "uvloop"),
    ),
)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Running:
    """A started server."""

    process: subprocess.Popen[bytes]
    port: int

    def tree(self) -> list[int]:
        """Process ids of the server and all its descendants."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far, in seconds."""
        ticks = 0
        for pid in self.tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def connect(self, timeout: float = 5.0) -> socket.socket:
        """A fresh client connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)


def _wait_until_it_listens(server: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            server.connect(1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"server did not start: {server.process.args!r}")


@contextmanager
def running(candidate: Candidate, core: int) -> Iterator[Running]:
    """Start a candidate pinned to one core and stop it afterwards.

    Args:
        candidate: What to start.
        core: CPU number for the server and its children.

    Raises:
        RuntimeError: It does not listen within 20 s.
    """
    port = free_port()
    command = ["taskset", "-c", str(core), *candidate.command(port)]
    with TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            server = Running(process, port)
            _wait_until_it_listens(server)
            yield server
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Ask the process to end, and end its whole session where it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
