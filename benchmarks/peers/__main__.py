"""Compare tile servers: ``scripts/bench peers --json FILE``.

One scene, one core for the servers, another for the load; every case asks all servers for the same
tiles in turn, within one run. Needs Linux with two cores. Peers that are not installed are left
out, and the results say so. How to read the results: docs/benchmarks.md.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.peers.bench import LARGEST_BYTES, SERVER_CORE, Bench
from benchmarks.peers.cases import CASES
from benchmarks.peers.processes import AnswerError
from benchmarks.peers.scene import make
from tileserver.demo.safe import FULL_SIZE

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench-peers"
CLIENT_CORE = 1


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=FULL_SIZE, help="pixels per side at 10 m")
    parser.add_argument("--cases", nargs="+", choices=names, default=names, metavar="CASE")
    parser.add_argument("--tiles", type=int, default=400, help="most distinct tiles of a case")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of a case")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    parser.add_argument("--make-only", action="store_true", help="make the scene and leave")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of scenes")
    parser.add_argument("--titiler", type=Path, default=CACHE / "titiler", help="its environment")
    return parser.parse_args(words)


def told(entry: dict[str, Any]) -> str:
    """Return an entry as a line for people."""
    line = f"{entry['case']:19} {entry['peer']:10} {entry['peer_cpu_ms']:8.2f} ms"
    if "ours_cpu_ms" not in entry:
        return f"{line}  ours: {entry['ours_absent']}"
    return (
        f"{line}  ours {entry['ours_cpu_ms']:8.2f}  ratio {entry['ratio']:7.2f} {entry['spread']}"
        f"  cold {entry['cold_ratio']:6.2f}  bytes {entry['bytes']} to {entry['peer_bytes']}"
        f"  difference {entry['pictures']['mean_difference']}"
    )


def main(words: list[str] | None = None) -> int:
    """Run from the command line."""
    options = arguments(words)
    # ended from outside, it still ends its servers
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    options.cache.mkdir(parents=True, exist_ok=True)
    lock = (options.cache / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another comparison is running; they would share the core", file=sys.stderr)
        return 2
    with lock:
        return compare(options)


def compare(options: argparse.Namespace) -> int:
    """Make the scene, measure the cases, write the results."""
    began = time.monotonic()
    scene = make((options.cache / str(options.size)).absolute(), options.size)
    print(f"scene of {options.size} px ready after {time.monotonic() - began:.0f} s", flush=True)
    if options.make_only:
        return 0
    if (os.cpu_count() or 1) > CLIENT_CORE:
        os.sched_setaffinity(0, {CLIENT_CORE})
    bench = Bench(scene, options.titiler)
    for peer, reason in bench.skipped.items():
        print(f"without {peer}: {reason}", file=sys.stderr)
    document: dict[str, Any] = {
        "what": "CPU ms per tile of the server's processes, one core, one request at a time",
        "machine": machine(),
        "scene": {"pixels": options.size, "crs": scene.crs},
        "versions": bench.versions,
        "skipped": bench.skipped,
        "largest fair bytes": LARGEST_BYTES,
        "server core": SERVER_CORE,
        "conditions": options.note,
        "failed": {},
        "cases": [],
    }
    for case in CASES:
        if case.name in options.cases:
            try:
                entries = bench.run_case(case, options.tiles, options.rounds)
            except (AnswerError, RuntimeError, OSError) as error:
                # one server's fault must not cost the figures of the other cases
                document["failed"][case.name] = str(error)
                print(f"{case.name}: {error}", file=sys.stderr, flush=True)
                continue
            document["cases"] += entries
            for entry in entries:
                print(told(entry), flush=True)
    document["machine"]["load average after"] = round(os.getloadavg()[0], 2)
    document["seconds"] = round(time.monotonic() - began)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if document["cases"] and not document["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
