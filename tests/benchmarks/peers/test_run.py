"""The benchmark as it is run: real servers over a tiny scene, and the form of its results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = REPOSITORY / ".cache" / "bench-peers"


@pytest.fixture(scope="module")
def titiler() -> Path:
    """The peer's virtual environment."""
    libraries = "; ".join(
        f"source scripts/lib/{name}.sh" for name in ("common", "debian", "python", "peers")
    )
    done = subprocess.run(  # noqa: S603 - our own scripts
        ["/usr/bin/env", "bash", "-c", f"{libraries}; titiler_environment"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"titiler.application cannot be installed: {done.stderr[-300:]}")
    return CACHE / "titiler"


def run(output: Path, *words: str) -> tuple[int, dict]:
    command = [
        sys.executable, "-m", "benchmarks.peers", "--json", str(output), "--size", "600",
        "--tiles", "2", "--rounds", "1", "--cache", str(output.parent), *words,
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert output.exists(), done.stderr
    return done.returncode, json.loads(output.read_text())


@pytest.mark.slow
def test_a_case_gives_figures_of_both_servers(titiler: Path, tmp_path: Path):
    status, found = run(tmp_path / "out.json", "--cases", "rgb8_png", "--titiler", str(titiler))
    assert (status, found["failed"]) == (0, {})
    assert found["machine"]["cores"] >= 1
    assert set(found["versions"]) | set(found["skipped"]) == {"titiler", "mapserver"}
    entries = {entry["peer"]: entry for entry in found["cases"]}
    assert set(entries) == set(found["versions"])
    entry = entries["titiler"]
    assert entry["case"] == "rgb8_png"
    assert 1 <= entry["tiles"] <= 2
    assert entry["ours_cpu_ms"] > 0
    assert entry["peer_cpu_ms"] > 0
    assert entry["ratio"] == pytest.approx(entry["peer_cpu_ms"] / entry["ours_cpu_ms"], abs=0.01)
    assert entry["peer_cold_cpu_ms"] == entry["peer_cpu_ms"]
    low, high = entry["spread"]
    assert low - 0.01 <= entry["ratio"] <= high + 0.01
    assert entry["bytes_fair"] == (entry["bytes"] <= 1.3 * entry["peer_bytes"])
    assert entry["pictures"]["mean_difference"] < 2.0
    for figures in entry["detail"].values():
        assert figures["p50_ms"] <= figures["p95_ms"]
        assert figures["rss_mb"] > 10


@pytest.mark.slow
def test_a_peer_that_is_not_there_is_named_with_the_reason(tmp_path: Path):
    nowhere = str(tmp_path / "none")
    _, found = run(tmp_path / "out.json", "--cases", "rgb8_png", "--titiler", nowhere)
    assert "not installed" in found["skipped"]["titiler"]
    assert "titiler" not in {entry["peer"] for entry in found["cases"]}
