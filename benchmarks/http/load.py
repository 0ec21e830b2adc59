"""Throughput and CPU time per request, measured with wrk from another core."""

import re
import shutil
import subprocess
from dataclasses import dataclass

from benchmarks.http.servers import Candidate, Running

CONNECTIONS = 16
_SUMMARY = re.compile(r"(\d+) requests in ([\d.]+)(ms|s|m),")
_TROUBLE = re.compile(r"Socket errors:.*|Non-2xx or 3xx responses: \d+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Load:
    """One run: requests per second, server CPU microseconds per request, its share of the core."""

    requests_per_second: float
    cpu_us_per_request: float
    core_share: float


def run(server: Running, candidate: Candidate, seconds: int, core: int) -> Load:
    """Load a running server with 16 keep-alive connections.

    Args:
        server: The started server.
        candidate: Gives the path to ask.
        seconds: Length of the run.
        core: CPU number for wrk; not the server's.

    Raises:
        RuntimeError: wrk is missing or met socket errors or answers other than 2xx.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed (Debian package wrk)")
    url = f"http://127.0.0.1:{server.port}{candidate.path}"
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    before = server.cpu_seconds()
    answer = subprocess.run(
        ["taskset", "-c", str(core), wrk, *options], capture_output=True, text=True, check=True
    ).stdout
    cpu = server.cpu_seconds() - before
    trouble = _TROUBLE.search(answer)
    summary = _SUMMARY.search(answer)
    if trouble or not summary:
        raise RuntimeError(f"{candidate.name}: {trouble.group() if trouble else answer}")
    requests = int(summary.group(1))
    elapsed = float(summary.group(2)) * _SECONDS[summary.group(3)]
    return Load(requests / elapsed, cpu / requests * 1e6, cpu / elapsed)
