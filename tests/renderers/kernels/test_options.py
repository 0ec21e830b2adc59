import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from renderers.kernels import options

CODE = """
from renderers.kernels import png
kernel = png.lowest_alpha
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
        assert options._prepare(file) is None
    assert "cannot be written" in caplog.text


def test_digest_sees_sources_of_kernels_and_op_codes(monkeypatch, tmp_path):
    first = options.sources_digest()
    assert first == options.sources_digest()
    changed = tmp_path / "opcodes.py"
    changed.write_bytes(Path(options.opcodes.__file__).read_bytes() + b"\n")
    monkeypatch.setattr(options.opcodes, "__file__", str(changed))
    assert options.sources_digest() != first


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
