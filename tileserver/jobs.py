"""Long work that a request starts: one after the other, behind a bounded queue, told of in files.

The files lie in the data folder, so that every process that serves it can tell of a job, whichever
works on it. A process holds a lock on a file of its own for as long as it lives: jobs of one that
is gone are told as interrupted.
"""

import asyncio
import fcntl
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Final, Literal, TextIO

from tileserver.errors import DOMAIN_ERRORS, OverloadedError, UnknownResourceError
from tileserver.timeaxis import iso

_log = logging.getLogger(__name__)

#: Jobs that wait in one process, and ended ones that are remembered by all of them.
WAITING: Final = 32
KEPT: Final = 200
#: Outcomes of one job that are kept; the numbers count all.
MOST_OUTCOMES: Final = 1000
#: Seconds between two notes of how far a job has come.
_PAUSE: Final = 0.5
#: Seconds that closing waits for a job to stop.
_STOPPING: Final = 10.0

_ID: Final = re.compile(r"[0-9a-f]{24}")

State = Literal["queued", "running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is told of a job.

    Attributes:
        id: 24 hexadecimal digits, which nobody can guess.
        kind: What it does.
        collection: Id of the collection it works on.
        state: `queued`, `running`; `done` when it came to its end, `failed` when it did not or when
            nothing of what was asked could be done; `interrupted` when the server went away.
        created: When it was asked for, UTC.
        ended: When it ended, None before.
        found: Products found so far.
        done: Those of them that are done.
        outcomes: What became of each, of the first `MOST_OUTCOMES`.
        reason: Why it failed, for people; never a path, key or traceback.
        owner: The process that works on it.
    """

    id: str
    kind: str
    collection: str
    state: State
    created: str
    ended: str | None = None
    found: int = 0
    done: int = 0
    outcomes: tuple[dict[str, Any], ...] = ()
    reason: str = ""
    owner: str = field(default="", repr=False)


#: Tells how far a job has come: what became of products since, how many were found and are done.
Tell = Callable[[tuple[dict[str, Any], ...], int, int], None]
#: Does the work, on an event loop of its own. Returns whether anything was done.
Work = Callable[[Tell], Awaitable[bool]]


class Jobs:
    """The queue of one process, in whose thread jobs run, and what is known of all jobs."""

    def __init__(self, folder: Path) -> None:
        """Begin; nothing is written before the first job.

        Args:
            folder: Where jobs are told of; shared by all processes of a server.
        """
        self._folder = folder
        self._owner = secrets.token_hex(8)
        self._lock: TextIO | None = None
        self._queue: Queue[tuple[Job, Work]] = Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def start(self, kind: str, collection: str, work: Work) -> Job:
        """Put work into the queue and return what is known of it.

        Raises:
            OverloadedError: Too much is waiting.
        """
        created = iso(datetime.now(UTC))
        job = Job(secrets.token_hex(12), kind, collection, "queued", created, owner=self._owner)
        self._open()
        self._write(job)
        try:
            self._queue.put_nowait((job, work))
        except Full as error:
            self._path(job.id).unlink(missing_ok=True)
            message = f"{WAITING} jobs are waiting already; try again later"
            raise OverloadedError(message) from error
        return job

    def job(self, job_id: str) -> Job:
        """Return what is known of a job.

        Raises:
            UnknownResourceError: There is none of that id, or it is forgotten by now.
        """
        found = self._read(self._path(job_id)) if _ID.fullmatch(job_id) else None
        if found is None:
            raise UnknownResourceError("there is no such job, or it ended long ago")
        return found

    def jobs(self) -> list[Job]:
        """Return all jobs that are known, the newest first."""
        found = [self._read(path) for path in self._folder.glob("*.json")]
        return sorted((j for j in found if j is not None), key=lambda j: j.created, reverse=True)

    def close(self) -> None:
        """Stop what is running, and forget what is waiting; both are told as interrupted."""
        self._stopped.set()
        if self._running is not None:
            loop, task = self._running
            with suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(_STOPPING)
        if self._lock is not None:
            self._lock.close()
            self._lock_path(self._owner).unlink(missing_ok=True)

    # -- the thread -------------------------------------------------------------------------

    def _open(self) -> None:
        if self._thread is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock_path(self._owner).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._thread = threading.Thread(target=self._serve, name="jobs", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                job, work = self._queue.get(timeout=_PAUSE)
            except Empty:
                continue
            try:
                asyncio.run(self._run(job, work))
            except Exception:
                # The thread must live on; `_run` has told all that can be told.
                _log.exception("job %s could not be told of", job.id)

    async def _run(self, job: Job, work: Work) -> None:
        note = _Note(self, replace(job, state="running"))
        task = asyncio.ensure_future(self._work(note, work))
        self._running = asyncio.get_running_loop(), task
        if self._stopped.is_set():
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            note.end("interrupted", "the server was stopped")
        finally:
            self._running = None
            self._forget_old()

    async def _work(self, note: "_Note", work: Work) -> None:
        note.write()
        try:
            anything = await work(note.tell)
        except DOMAIN_ERRORS as error:
            note.end("failed", str(error))
        except Exception:
            _log.exception("job %s failed", note.job.id)
            note.end("failed", "internal error; the log has it")
        else:
            note.end("done" if anything else "failed", "" if anything else "nothing could be done")

    # -- files ------------------------------------------------------------------------------

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _lock_path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _write(self, job: Job) -> None:
        """Write a job in one step: whoever reads meanwhile sees the state before."""
        path = self._path(job.id)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(job)), encoding="utf-8")
        fresh.replace(path)

    def _read(self, path: Path) -> Job | None:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        job = Job(**{**document, "outcomes": tuple(document["outcomes"])})
        if job.state in ("queued", "running") and not self._lives(job.owner):
            return replace(job, state="interrupted", reason="the server was stopped")
        return job

    def _lives(self, owner: str) -> bool:
        """Tell whether the process that works on a job is there: it holds its lock."""
        if owner == self._owner:
            return not self._stopped.is_set()
        try:
            with self._lock_path(owner).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _forget_old(self) -> None:
        """Forget the jobs that ended first, past `KEPT`, and the locks of processes long gone."""
        for job in self.jobs()[KEPT:]:
            if job.state not in ("queued", "running"):
                self._path(job.id).unlink(missing_ok=True)
        used = {job.owner for job in self.jobs()} | {self._owner}
        for lock in self._folder.glob("*.lock"):
            if lock.stem not in used and not self._lives(lock.stem):
                lock.unlink(missing_ok=True)


class _Note:
    """Writes down how far a job has come, not more often than anybody would look."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self._written = 0.0
        self.job = job

    def tell(self, outcomes: tuple[dict[str, Any], ...], found: int, done: int) -> None:
        have = (*self.job.outcomes, *outcomes)[:MOST_OUTCOMES]
        self.job = replace(self.job, outcomes=have, found=found, done=done)
        if time.monotonic() - self._written >= _PAUSE:
            self.write()

    def end(self, state: State, reason: str = "") -> None:
        ended = iso(datetime.now(UTC))
        self.job = replace(self.job, state=state, reason=reason, ended=ended)
        self.write()

    def write(self) -> None:
        self._written = time.monotonic()
        self._jobs._write(self.job)
