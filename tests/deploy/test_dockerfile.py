"""The Dockerfile as text: linted, and what its stages promise."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction, continuation lines joined."""
    lines = [
        line
        for line in (REPOSITORY / "Dockerfile").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined]


def test_hadolint_is_content():
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, "--format", "json", "Dockerfile"],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert json.loads(found.stdout) == []


def test_every_stage_stands_on_one_base_that_debootstrap_can_stand_in_for():
    found = instructions()
    assert ("ARG", "BASE=debian:bookworm-slim") in found
    stages = [arguments.split() for keyword, arguments in found if keyword == "FROM"]
    names = {"${BASE}"} | {stage[2] for stage in stages}
    assert {stage[0] for stage in stages} <= names


def test_the_image_runs_without_root_and_is_watched():
    last = dict(instructions())
    assert last["USER"] == "10001:10001"
    assert "/healthz" in last["HEALTHCHECK"]
    assert json.loads(last["CMD"]) == ["tileserver", "serve", "--host", "0.0.0.0"]
    assert json.loads(last["VOLUME"]) == ["/var/lib/tileserver", "/var/cache/tileserver"]


def test_what_the_dockerfile_copies_is_in_the_build_context():
    allowed = {
        line[1:]
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for keyword, arguments in instructions()
        if keyword == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    }
    assert {source.partition("/")[0] for source in copied} <= allowed
