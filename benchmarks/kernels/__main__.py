"""Time of single kernels and encoders: ``python -m benchmarks.kernels --json FILE``.

Every kernel is called in turns with peers that give the same, in one thread; the figures are CPU
time of that thread. `cases` are formulas to pictures of 256 and 512 px, in microseconds: `vm` is
the program machine, `fused` a compiled loop written for the one formula. `others` are single
kernels and encoders for 256 px pictures, in milliseconds, with the ratio of their medians. Under
load the ratios hold better than the times.
"""

import argparse
import statistics
import time
from collections.abc import Sized
from pathlib import Path
from typing import Any

import numexpr

from benchmarks.kernels.cases import Call, Case, cases
from benchmarks.kernels.formulas import Formula, formulas
from benchmarks.machine import finished, machine, write_results

#: Calls of a turn that take less than a millisecond each.
_SHORT_CALLS = 10


def _once(call: Call) -> float:
    """Return CPU milliseconds of one call."""
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1e3


def _bytes(call: Call) -> int | None:
    """Return the number of bytes that a call gives; None if it gives none."""
    result = call()
    return (
        len(result)
        if isinstance(result, bytes | memoryview) and isinstance(result, Sized)
        else None
    )


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """Call both sides in turns for about that long, 5 to 1000 times."""
    sizes = _bytes(case.ours), _bytes(case.theirs)
    pair = _once(case.ours) + _once(case.theirs)
    rounds = int(min(max(5.0, seconds * 1e3 / max(pair, 1e-3)), 1000))
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_once(case.ours))
        theirs.append(_once(case.theirs))
    found: dict[str, Any] = {
        "case": case.name,
        "peer": case.peer,
        "ours ms": round(statistics.median(ours), 4),
        "peer ms": round(statistics.median(theirs), 4),
        "least ours ms": round(min(ours), 4),
        "ratio": round(statistics.median(theirs) / statistics.median(ours), 2),
    }
    if sizes[0] is not None:
        found |= {"ours bytes": sizes[0], "peer bytes": sizes[1]}
    return found


def compare(formula: Formula, seconds: float) -> dict[str, Any]:
    """Call all sides in turns for about that long, 5 to 1000 times.

    A turn is one call that does not count, and then one that does, or the mean of ten where they
    are short: bands have just been read when they are drawn, and the other sides would have them
    out of the caches.
    """
    known = {name: (call(), _once(call))[1] for name, call in formula.sides.items()}
    batches = {name: _SHORT_CALLS if spent < 1.0 else 1 for name, spent in known.items()}
    whole = sum(known[name] * (1 + batches[name]) for name in known)
    rounds = int(min(max(5.0, seconds * 1e3 / max(whole, 1e-3)), 1000))
    times: dict[str, list[float]] = {name: [] for name in formula.sides}
    for _ in range(rounds):
        for name, call in formula.sides.items():
            call()
            batch = batches[name]
            times[name].append(sum(_once(call) for _ in range(batch)) / batch)
    found: dict[str, Any] = {"case": formula.case}
    for name, spent in times.items():
        found[f"{name}_us"] = round(statistics.median(spent) * 1e3, 1)
    return found


def _formulas(options: argparse.Namespace) -> list[dict[str, Any]]:
    results = []
    for formula in formulas():
        if options.only in formula.case:
            found = compare(formula, options.seconds)
            results.append(found)
            columns = (f"{k.removesuffix('_us')} {v:.0f}" for k, v in list(found.items())[1:])
            print(f"{formula.case:30} us: {', '.join(columns)}", flush=True)
    return results


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.kernels", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time for each case")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args()
    facts = machine()
    numexpr.set_num_threads(1)
    compared = _formulas(options)
    results = []
    for case in cases():
        if options.only not in case.name:
            continue
        found = measure(case, options.seconds)
        results.append(found)
        size = (
            f"{found['ours bytes']:7} {found['peer bytes']:7} bytes"
            if "ours bytes" in found
            else ""
        )
        print(
            f"{case.name:38} {case.peer:26} {found['ours ms']:8.3f} {found['peer ms']:8.3f} ms"
            f" {found['ratio']:7.2f} {size}",
            flush=True,
        )
    document = {
        "what": "median CPU time of one thread, all sides in turns; ratio is peer / ours",
        "machine": finished(facts),
        "conditions": options.note,
        "cases": compared,
        "others": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
