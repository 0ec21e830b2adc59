"""Facts of the machine that a benchmark ran on."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Facts of this machine that explain the figures."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = [line.partition(": ")[2] for line in cpuinfo.splitlines() if "model name" in line]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "load average before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def finished(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that were taken before a run, and what can be said after it."""
    return {**facts, "load average after": round(os.getloadavg()[0], 2)}


def write_results(path: Path | None, document: dict[str, Any]) -> None:
    """Write the results of a benchmark, where a file was asked for."""
    if path:
        path.write_text(json.dumps(document, indent=1) + "\n")
