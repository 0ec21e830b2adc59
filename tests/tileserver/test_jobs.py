"""Jobs as they are told of, by the process that works on them and by others."""

import asyncio
import json
import subprocess
import sys
import threading

import pytest

from tileserver import jobs as module
from tileserver.errors import InvalidParameterError, UnknownResourceError
from tileserver.jobs import Jobs

#: A process that begins a job and is killed in it.
KILLED = """
import asyncio, sys
from pathlib import Path
from tileserver.jobs import Jobs

async def work(tell):
    tell(({"href": "a"},), 2, 1)
    await asyncio.sleep(0.6)
    tell((), 2, 1)
    await asyncio.sleep(600)

jobs = Jobs(Path(sys.argv[1]))
print(jobs.start("test", "c", work).id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "jobs"


@pytest.fixture
def jobs(folder):
    found = Jobs(folder)
    yield found
    found.close()


async def until_ended(jobs, job):
    for _ in range(400):
        found = jobs.job(job.id)
        if found.state not in ("queued", "running"):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def test_what_a_job_did_is_told(jobs, folder):
    async def work(tell):
        tell((), 2, 0)
        tell(({"href": "a"},), 2, 1)
        tell(({"href": "b"},), 2, 2)
        return True

    ended = await until_ended(jobs, jobs.start("add", "c", work))
    assert (ended.state, ended.kind, ended.collection) == ("done", "add", "c")
    assert (ended.found, ended.done) == (2, 2)
    assert ended.outcomes == ({"href": "a"}, {"href": "b"})
    assert ended.ended >= ended.created
    assert Jobs(folder).job(ended.id) == ended  # any process reads the same


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidParameterError("a word for people"), "a word for people"),
        (RuntimeError("/secret/path"), "internal error; the log has it"),
    ],
)
async def test_a_failure_is_told_without_its_inside(jobs, error, reason):
    async def fails(tell):
        raise error

    async def nothing(tell):
        return False

    first, second = jobs.start("add", "c", fails), jobs.start("add", "c", nothing)
    ended = await until_ended(jobs, first)
    assert (ended.state, ended.reason) == ("failed", reason)
    assert (await until_ended(jobs, second)).state == "failed"  # and the next one is done


async def test_closing_interrupts(folder):
    jobs, begun = Jobs(folder), threading.Event()

    async def long(tell):
        begun.set()
        await asyncio.sleep(600)
        return True

    running, waiting = jobs.start("add", "c", long), jobs.start("add", "c", long)
    await asyncio.to_thread(begun.wait, 10)
    assert jobs.job(running.id).state == "running"
    jobs.close()
    after = Jobs(folder)
    assert {after.job(job.id).state for job in (running, waiting)} == {"interrupted"}


def test_jobs_of_a_process_that_was_killed_are_interrupted(folder):
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", KILLED, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        job_id = process.stdout.readline().decode().strip()
        other = Jobs(folder)
        assert other.job(job_id).state in ("queued", "running")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    found = other.job(job_id)
    assert (found.state, found.reason) == ("interrupted", "the server was stopped")


async def test_ended_jobs_are_forgotten_and_outcomes_bounded(jobs, folder, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    monkeypatch.setattr(module, "MOST_OUTCOMES", 2)

    async def work(tell):
        tell(tuple({"href": str(k)} for k in range(5)), 5, 5)
        return True

    for _ in range(6):
        last = await until_ended(jobs, jobs.start("add", "c", work))
        await asyncio.sleep(0.03)
    assert len(last.outcomes) == 2
    assert last.done == 5
    assert len(jobs.jobs()) <= 4
    assert jobs.jobs()[0].id == last.id


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "0" * 24, "0" * 23 + "G"])
def test_other_names_are_no_jobs(jobs, folder, name):
    folder.mkdir()
    (folder.parent / "x.json").write_text(json.dumps({}))
    with pytest.raises(UnknownResourceError):
        jobs.job(name)
