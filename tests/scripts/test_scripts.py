"""The scripts: digests, stamps, arguments, and what they say when something is missing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def bash(program: str, root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the library of a copy of scripts/ below `root`."""
    return subprocess.run(
        ["bash", "-c", f"source scripts/lib/common.sh\n{program}"],
        check=False,
        cwd=root,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with the scripts' library only, whose .venv is this Python."""
    root = tmp_path / "with space"
    library = root / "scripts" / "lib"
    library.mkdir(parents=True)
    for file in (REPOSITORY / "scripts" / "lib").glob("*.*"):
        (library / file.name).write_bytes(file.read_bytes())
    (root / ".venv").symlink_to(sys.prefix)
    return root


def digest(*paths: Path) -> str:
    program = REPOSITORY / "scripts" / "lib" / "digest.py"
    return subprocess.run(
        [sys.executable, program, *paths], check=True, capture_output=True, text=True
    ).stdout


def test_the_digest_follows_names_and_contents_and_ignores_installed_packages(tmp_path: Path):
    folder = tmp_path / "page"
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "a.ts").write_text("1")
    first = digest(folder)
    (folder / "node_modules" / "x" / "index.js").write_text("other")
    assert digest(folder) == first
    (folder / "a.ts").write_text("2")
    second = digest(folder)
    (folder / "a.ts").rename(folder / "b.ts")
    third = digest(folder)
    assert len({first, second, third}) == 3


def test_the_digest_of_a_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(subprocess.CalledProcessError):
        digest(tmp_path / "absent")


def test_a_stamp_is_fresh_for_its_digest_only(copy: Path):
    program = """
        fresh page abc && echo early
        stamp page abc
        fresh page abc && echo same
        fresh page abd && echo other
        fresh pages abc && echo "other step"
        true
    """
    done = bash(program, copy)
    assert (done.returncode, done.stdout.split()) == (0, ["same"]), done.stderr


def test_timed_gives_the_exit_code_and_tells_the_step(copy: Path):
    done = bash('code=0; timed "the step" bash -c "exit 7" || code=$?; echo "$code"', copy)
    assert done.stdout.strip() == "7"
    assert re.search(r"== the step: failed \(exit 7\) in \d+ s", done.stderr)


def test_a_python_that_is_too_old_is_named(copy: Path, tmp_path: Path):
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    program = "source scripts/lib/python.sh; find_python"
    done = bash(program, copy, PYTHON=str(old))
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert str(old) in done.stderr


def test_a_python_without_ensurepip_names_the_package(copy: Path, tmp_path: Path):
    bare = tmp_path / "bare-python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    program = f"""
        source scripts/lib/debian.sh
        source scripts/lib/python.sh
        can_apt() {{ false; }}
        dpkg-query() {{ false; }}
        make_venv "{bare}"
    """
    done = bash(program, copy)
    assert done.returncode == 1
    assert "install the package python3-venv" in done.stderr


def test_packages_that_are_there_are_not_installed_again(copy: Path):
    program = """
        source scripts/lib/debian.sh
        dpkg-query() { echo "install ok installed"; }
        apt_install() { echo "installs $*"; }
        debian_packages tests one two && echo fine
    """
    done = bash(program, copy)
    assert done.stdout.split() == ["fine"], done.stderr


def test_missing_packages_are_installed_where_that_is_possible(copy: Path):
    program = """
        source scripts/lib/debian.sh
        dpkg-query() { [[ ${*: -1} == one ]] && echo "install ok installed"; }
        can_apt() { true; }
        apt_install() { echo "installs $*"; }
        debian_packages tests one two
    """
    assert bash(program, copy).stdout.strip() == "installs two"


@pytest.mark.parametrize("name", ["serve", "test", "bench"])
def test_help_installs_nothing(name: str):
    done = subprocess.run(
        [REPOSITORY / "scripts" / name, "--help"],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"usage: scripts/{name}")
    assert done.stderr == ""


def test_bench_lists_names_and_refuses_others():
    script = REPOSITORY / "scripts" / "bench"
    listed = subprocess.run([script], check=True, capture_output=True, text=True).stdout
    names = {main.parent.name for main in REPOSITORY.glob("benchmarks/*/__main__.py")}
    assert names
    assert {line.strip() for line in listed.splitlines()[2:]} == names
    other = subprocess.run([script, "absent"], check=False, capture_output=True, text=True)
    assert other.returncode == 1
    assert "no benchmark 'absent'" in other.stderr
