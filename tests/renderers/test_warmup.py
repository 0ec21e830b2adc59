import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from renderers.kernels import colour, deflate, fused, output, png, stored, vm
from renderers.warmup import warm_up

TESTS = Path(__file__).parents[1]
ROOT, KERNELS = TESTS.parent, TESTS / "renderers" / "kernels"
#: Draws scenes of all types in all ways, after warming up, in a process of its own.
DRAWS = """
import numpy as np
from numba.core import event
from renderers.warmup import warm_up
from guard_child import run

warm_up()
with event.install_recorder("numba:compile") as compiled, np.errstate(all="ignore"):
    drawn = sum(run(seed) for seed in range(30))
assert drawn > 10_000
print(f"compiled:{len(compiled.buffer)}")
"""
WAYS = (output.VALUES, output.RGB, output.RAMP, output.CLASSES)


def test_warming_up_leaves_every_kernel_compiled():
    assert warm_up() > 0
    for kernel in (
        vm.run,
        colour.rgb,
        colour.ramp,
        png.filter_rgb,
        deflate.deflate_rows,
        fused.draw,
        stored.copy_stored,
    ):
        assert kernel.signatures


def test_warming_up_draws_in_every_way_that_requests_do(monkeypatch: pytest.MonkeyPatch):
    seen, draw = set(), fused.draw

    def recorded(*arguments):
        seen.add((arguments[7], arguments[8]))
        draw(*arguments)

    monkeypatch.setattr(fused, "draw", recorded)
    warm_up()
    by_table = {(fused.TABLE_RGB, False), (fused.TABLE_INDEX, False)}
    assert seen == set(itertools.product(WAYS, (False, True))) | by_table


def test_nothing_is_compiled_once_it_is_warm():
    """A helper that Python calls, or a kernel without signatures, would be compiled here."""
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", DRAWS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(KERNELS), str(TESTS), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.split()[-1] == "compiled:0"
