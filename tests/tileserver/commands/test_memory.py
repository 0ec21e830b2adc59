"""What the server tells the C library, told in a process of its own."""

import json
import platform
import subprocess
import sys

import pytest

from renderers.room import KEPT

PROGRAM = """
import json, os, threading
import numpy as np
from renderers import room
from tileserver.commands.memory import give_back_memory

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

chosen = give_back_memory()

def work():
    kept, small = [], []
    for _ in range(40):
        fetched = bytes(500_000)
        kept.append(room.full((65536 * 2,), 1.0, np.float64))
        small.append(bytearray(600))
        del fetched
    while kept:
        kept.pop(0)
        small.append(bytearray(600))

before = resident()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([chosen, os.environ.get("MALLOC_ARENA_MAX"), resident() - before]))
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc")


def told(**variables: str) -> list:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM],
        env={"PATH": "", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_freed_blocks_go_back():
    chosen, arenas, grown = told()
    assert len(chosen) == 3
    assert arenas == "2"
    # Of 320 MiB: what waits for the next blocks, and what glibc may keep.
    assert grown < KEPT + 32 * 1024 * 1024


def test_what_the_operator_set_stays():
    chosen, arenas, _ = told(MALLOC_ARENA_MAX="5")
    assert "MALLOC_ARENA_MAX" not in chosen
    assert arenas == "5"
