import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from renderers.kernels import options
from styles import opcodes

CODE = """
from renderers.kernels import png
kernel = png.extremes
print(list(kernel.stats.cache_hits.values()), list(kernel.stats.cache_misses.values()))
"""


def test_kernel_runs_only_its_signatures():
    @options.kernel("float32(float32)")
    def twice(value):
        return value * np.float32(2.0)

    assert twice(np.float32(1.5)) == 3.0
    with pytest.raises(TypeError):
        twice("text")


def test_division_by_zero_is_infinite():
    @options.kernel("float32(float32, float32)")
    def divide(a, b):
        return a / b

    assert np.isposinf(divide(np.float32(1), np.float32(0)))


def test_helpers_compile_into_kernels():
    @options.inlined
    def half(value):
        return value / np.float32(2.0)

    @options.kernel("float32(float32)")
    def quarter(value):
        return half(half(value))

    assert quarter(np.float32(2)) == 0.5


def test_other_users_of_numba_keep_their_folder():
    before = config.CACHE_DIR

    @options.kernel("float32(float32)")
    def same(value):
        return value

    assert before == config.CACHE_DIR


def test_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path))
    assert options.cache_root() == tmp_path / "kernels"
    monkeypatch.delenv("TILESERVER_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert options.cache_root() == tmp_path / "tileserver" / "kernels"


def test_folder_that_cannot_be_made_is_a_warning(tmp_path, caplog):
    file = tmp_path / "file"
    file.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert options._prepare(file, "renderers.kernels.png") is None
    assert "cannot be written" in caplog.text


def test_folders_that_nothing_uses_are_removed(tmp_path):
    old, new = tmp_path / "png-old", tmp_path / "png-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    made = options._prepare(tmp_path, "renderers.kernels.png")
    assert sorted(tmp_path.iterdir()) == sorted([made, new])


def test_digest_sees_what_a_module_imports_and_nothing_else(monkeypatch, tmp_path):
    uses, does_not = (options.sources_digest(f"renderers.kernels.{n}") for n in ("vm", "png"))
    changed = tmp_path / "opcodes.py"
    changed.write_bytes(Path(opcodes.__file__).read_bytes() + b"\n")
    monkeypatch.setattr(opcodes, "__file__", str(changed))
    assert options.sources_digest("renderers.kernels.vm") != uses
    assert options.sources_digest("renderers.kernels.png") == does_not


def test_second_process_loads_what_the_first_compiled(tmp_path):
    environment = {**os.environ, "TILESERVER_CACHE_DIR": str(tmp_path)}
    root = Path(options.__file__).parents[2]
    printed = [
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", CODE],
            env=environment,
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert printed == ["[] [1]", "[1] []"]
