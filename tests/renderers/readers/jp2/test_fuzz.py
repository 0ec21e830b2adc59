"""Damaged files give an error or a block of the right shape, and never end the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CHILD = Path(__file__).with_name("fuzz_child.py")
TESTS = Path(__file__).parents[3]


def fuzz(path: Path, times: int) -> dict[str, int]:
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(CHILD), str(path), str(times)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_written_files(pixels, write_jp2) -> None:
    array = pixels(300, 280, 3, 255).astype(np.uint8)
    options = {"BLOCKXSIZE": 128, "BLOCKYSIZE": 128, "RESOLUTIONS": 3}
    for name, more in (("a", {"PLT": "YES", "TLM": "YES"}), ("b", {"REVERSIBLE": "NO"})):
        counts = fuzz(write_jp2(array, f"{name}.jp2", **options, **more), 200)
        assert counts["block"] > 100
        assert counts["refused file"] > 20


@pytest.mark.parametrize("name", ["L1C_15bit_1830_T31_sparse.jp2", "byte_tlm_plt.jp2"])
def test_real_files(name, shared) -> None:
    counts = fuzz(next((shared / "data").rglob(name)), 200)
    assert counts["block"] > 50
    assert counts["refused file"] > 20
