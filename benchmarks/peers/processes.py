"""Server processes on one core: started, asked, their CPU time and memory read, stopped."""

import http.client
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.http.servers import Running, stop

#: Our first start compiles kernels where their cache is empty.
START_SECONDS = 300.0
_QUIET_SECONDS, _QUIET_CPU, _SETTLE_SECONDS = 0.05, 0.001, 120.0


class AnswerError(Exception):
    """A server answered something else than the picture it was asked for.

    Attributes:
        status: HTTP status, 200 where that was good and the answer was not.
    """

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


class Client(Protocol):
    """A kept connection to one server."""

    def get(self, address: str) -> tuple[str, bytes]:
        """Return media type and body of an answer.

        Raises:
            AnswerError: It is not a good answer.
        """

    def close(self) -> None:
        """End the connection."""


class HttpClient:
    """One kept HTTP connection, opened again where the server has closed it while others ran."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get(self, address: str) -> tuple[str, bytes]:
        """Return media type and body of an answer of status 200."""
        try:
            answer = self._answer(address)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # uvicorn ends a connection that was idle for 5 s; the next request opens another
            self._connection.close()
            answer = self._answer(address)
        body = answer.read()
        if answer.status != 200:
            raise AnswerError(f"{answer.status} for {address}: {body[:300]!r}", answer.status)
        return answer.headers.get_content_type(), body

    def _answer(self, address: str) -> http.client.HTTPResponse:
        self._connection.request("GET", address)
        return self._connection.getresponse()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@dataclass(slots=True)
class Server:
    """A started server and the one connection on which it is asked."""

    name: str
    running: Running
    client: Client

    def cpu_seconds(self) -> float:
        """User and system time so far of the process and all its descendants."""
        return sum(process_cpu(pid) for pid in self.running.tree())

    def resident_bytes(self) -> int:
        """Resident memory of the process and all its descendants."""
        return sum(_resident(pid) for pid in self.running.tree())

    def settle(self) -> None:
        """Wait until it has done what it does behind its answers."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        before = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS)
            now = self.cpu_seconds()
            if now - before < _QUIET_CPU:
                return
            before = now
        raise RuntimeError(f"{self.name} is still busy after {_SETTLE_SECONDS:.0f} s")

    def close(self) -> None:
        """End the connection, then the process."""
        self.client.close()
        stop(self.running.process)


def process_cpu(pid: int) -> float:
    """CPU seconds of a process, all its threads, also those that have ended.

    Read from the process's CPU clock, whose id Linux makes of the process id
    (`clock_getcpuclockid(3)`): the same time as utime + stime of `/proc/<pid>/stat`, but in
    nanoseconds where that counts ticks of 10 ms, more than a whole tile takes.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def start(
    command: list[str],
    log: Path,
    core: int,
    environment: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process pinned to one core, with its output in a file."""
    with log.open("wb") as output:
        return subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )


def wait_for_http(running: Running, log: Path, path: str) -> None:
    """Wait until a server answers 200.

    Raises:
        RuntimeError: It ended, or does not answer within five minutes.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        client = HttpClient(running.port)
        try:
            client.get(path)
        except (OSError, http.client.HTTPException, AnswerError):
            time.sleep(0.1)
        else:
            return
        finally:
            client.close()
    stop(running.process)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def plain_environment() -> dict[str, str]:
    """This process's environment without settings of the servers under test."""
    dropped = ("TILESERVER_", "GDAL_", "VSI_", "CPL_", "RIO_TILER_", "TITILER_", "MS_", "MAPSERVER")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    if "TILESERVER_CACHE_DIR" in os.environ:
        kept["TILESERVER_CACHE_DIR"] = os.environ["TILESERVER_CACHE_DIR"]
    return kept
