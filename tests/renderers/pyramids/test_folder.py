"""Names, quota and what other processes may do to the folder."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from renderers.pyramids.folder import ABANDONED, PyramidFolder
from renderers.pyramids.levels import Candidate
from renderers.pyramids.sidecar import LevelShape, pack
from renderers.readers.base import Block

KEY = ("s3:bucket:0123", "secret/path/B04.jp2", "etag")
SHAPE = LevelShape(40, 30, 16.0, 16.0, "uint16", (1,))
LEVEL = Candidate(SHAPE, 4, 1)
DEEPER = Candidate(LevelShape(20, 15, 32.0, 32.0, "uint16", (1,)), 4, 2)
DATA = pack(SHAPE, [Block(np.arange(1200, dtype=np.uint16).reshape(1, 30, 40))])


@pytest.fixture
def folder(tmp_path) -> PyramidFolder:
    return PyramidFolder(tmp_path / "pyramids", 10 * len(DATA))


def key(number: int) -> tuple[str, str, str]:
    return ("file", f"{number}.jp2", "etag")


def put(folder: PyramidFolder, number: int, used: float | None = None) -> None:
    path = folder.path(key(number), LEVEL, None)
    assert folder.write(path, DATA)
    if used is not None:
        os.utime(path, (used, used))


def test_names_tell_nothing_and_differ(folder) -> None:
    names = {
        str(folder.path(*arguments))
        for arguments in [
            (KEY, LEVEL, None),
            (("s3:bucket:9999", *KEY[1:]), LEVEL, None),
            ((KEY[0], "secret/path/B03.jp2", KEY[2]), LEVEL, None),
            ((*KEY[:2], "other"), LEVEL, None),
            (KEY, DEEPER, None),
            (KEY, DEEPER, 0.0),
        ]
    }
    assert len(names) == 6
    assert not any(word in name for name in names for word in ("secret", "B04", "bucket", "etag"))
    # The file's own level is the same whatever is taken for nodata.
    assert folder.path(KEY, LEVEL, None) == folder.path(KEY, LEVEL, 0.0)


def test_what_was_written_is_opened(folder) -> None:
    assert folder.open(KEY, LEVEL, None) is None
    folder.write(folder.path(KEY, LEVEL, None), DATA)
    assert folder.open(KEY, LEVEL, None) is not None
    assert folder.open(key(1), LEVEL, None) is None
    assert folder.stats() == {"files": 1, "bytes": len(DATA), "capacity": 10 * len(DATA)}


def test_the_least_recently_used_go_first(folder) -> None:
    now = time.time()
    for number in range(10):
        put(folder, number, now - 1000 + number)
    assert folder.open(key(0), LEVEL, None) is not None  # used just now
    put(folder, 10)
    there = [n for n in range(11) if folder.path(key(n), LEVEL, None).exists()]
    assert there == [0, *range(2, 11)]
    assert folder.stats()["bytes"] <= folder.stats()["capacity"]


def test_a_level_above_the_quota_is_not_kept(tmp_path) -> None:
    folder = PyramidFolder(tmp_path, len(DATA) - 1)
    assert not folder.write(folder.path(KEY, LEVEL, None), DATA)
    assert folder.stats()["files"] == 0


def test_damaged_files_are_deleted(folder) -> None:
    path = folder.path(KEY, LEVEL, None)
    folder.write(path, DATA[:-1])
    assert folder.open(KEY, LEVEL, None) is None
    assert not path.exists()


def test_parts_left_behind_go_after_a_while(folder, tmp_path) -> None:
    put(folder, 0)
    old, fresh = tmp_path / "pyramids/part-old", tmp_path / "pyramids/part-new"
    for part in (old, fresh):
        part.write_bytes(b"unfinished")
    os.utime(old, (time.time() - ABANDONED - 1,) * 2)
    put(folder, 1)
    assert not old.exists()
    assert fresh.exists()


def test_a_failed_write_leaves_nothing(folder, tmp_path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        put(folder, 0)
    assert not [p for p in (tmp_path / "pyramids").rglob("*") if p.is_file()]


def test_several_writers_and_readers_at_once(folder) -> None:
    """Whatever is found under a name is whole."""

    def write(number: int) -> None:
        put(folder, number % 15)

    def read(number: int) -> bool:
        sidecar = folder.open(key(number % 15), LEVEL, None)
        return sidecar is None or sidecar.shape == SHAPE

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, n) for n in range(120)]
        reads = [pool.submit(read, n) for n in range(240)]
        assert all(r.result() for r in reads)
        for w in writes:
            w.result()
    assert folder.stats()["files"] > 0
    assert folder.stats()["bytes"] <= 14 * len(DATA)
