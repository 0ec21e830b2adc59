"""Compare HTTP servers: ``python -m benchmarks.http --json FILE``.

Needs Linux with two cores, wrk (Debian package ``wrk``) and the dependency group ``bench``.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.http import load, probes
from benchmarks.http.app import BODY_BYTES
from benchmarks.http.servers import CANDIDATES, Candidate, Running, running
from benchmarks.machine import machine

REFERENCE = "uvicorn-httptools"
SERVER_CORE, CLIENT_CORE = 0, 1


def behaviour(server: Running, candidate: Candidate, fuzz_count: int) -> dict[str, Any]:
    """All wire probes but the shutdown."""
    names = probes.header_names(server, candidate.path.encode())
    half_case = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"
    return {
        "Warning keeps its case": "Warning" in names,
        "header names": names,
        "keep-alive": probes.keeps_alive(server),
        "Connection: Close closes": probes.closes_after(server, half_case),
        "HTTP/1.0 closes": probes.closes_after(server, b"GET / HTTP/1.0\r\n\r\n"),
        "pipelining": probes.pipelines(server),
        "HEAD": probes.head_is_right(server),
        "sizes": probes.size_limits(server),
        "invalid": {name: probes.outcome(server, raw) for name, raw in probes.INVALID.items()},
        "damaged requests": probes.fuzz(server, fuzz_count),
    }


def half_headers(candidates: list[Candidate]) -> dict[str, float | None]:
    """Seconds until each server closes on half a header; all wait at the same time."""

    def wait(candidate: Candidate) -> float | None:
        with running(candidate, SERVER_CORE) as server:
            return probes.slow_header_closes(server)

    with ThreadPoolExecutor(len(candidates)) as pool:
        found = list(pool.map(wait, candidates))
    return {candidate.name: seconds for candidate, seconds in zip(candidates, found, strict=True)}


def throughput(candidates: list[Candidate], rounds: int, seconds: int) -> dict[str, Any]:
    """Best of interleaved rounds: what else the machine does can only add to a time."""
    runs: dict[str, list[load.Load]] = {candidate.name: [] for candidate in candidates}
    for number in range(rounds):
        for candidate in candidates:
            with running(candidate, SERVER_CORE) as server:
                load.run(server, candidate, 1, CLIENT_CORE)
                runs[candidate.name].append(load.run(server, candidate, seconds, CLIENT_CORE))
            last = runs[candidate.name][-1]
            print(
                f"round {number + 1} {candidate.name:26s} {last.requests_per_second:8.0f} /s"
                f" {last.cpu_us_per_request:7.1f} us CPU, {last.core_share:4.0%} of the core",
                flush=True,
            )
    result = {
        name: {
            "requests per s": round(max(run.requests_per_second for run in found)),
            "cpu us per request": round(min(run.cpu_us_per_request for run in found), 1),
            "runs": [[round(r.requests_per_second), round(r.cpu_us_per_request, 1)] for r in found],
        }
        for name, found in runs.items()
    }
    reference = result.get(REFERENCE)
    for entry in result.values() if reference else ():
        for key in ("requests per s", "cpu us per request"):
            entry[f"{key}, ratio to {REFERENCE}"] = round(entry[key] / reference[key], 3)
    return result


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.http", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--only", action="append", help="name of a candidate; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--damaged", type=int, default=1000, help="damaged requests per server")
    return parser.parse_args()


def main() -> int:
    """Run throughput and behaviour of every installed candidate."""
    options = arguments()
    chosen = [c for c in CANDIDATES if not options.only or c.name in options.only]
    missing = [c.name for c in chosen if c.versions() is None]
    ready = [c for c in chosen if c.name not in missing]
    if not ready:
        print(f"not installed: {', '.join(missing) or 'no such candidate'}", file=sys.stderr)
        return 2
    result: dict[str, Any] = {
        "what": f"one core, {load.CONNECTIONS} keep-alive connections, {BODY_BYTES} byte answers",
        "machine": machine(),
        "not installed": missing,
        "throughput": throughput(ready, options.rounds, options.seconds),
        "behaviour": {},
    }
    closed_after = half_headers(ready)
    for candidate in ready:
        with running(candidate, SERVER_CORE) as server:
            found = behaviour(server, candidate, options.damaged)
            found["half a header closed after s"] = closed_after[candidate.name]
            found["shutdown"] = probes.graceful(server)
        result["behaviour"][candidate.name] = {"versions": candidate.versions(), **found}
        print(f"{candidate.name}: {json.dumps(found, indent=1)}", flush=True)
    result["machine"]["load average after"] = round(os.getloadavg()[0], 2)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
