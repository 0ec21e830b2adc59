"""Work that nobody waits for yet: done when nothing else is to do, dropped when there is too much.

One thread of the lowest useful priority takes one piece at a time and only while no request waits
for blocks. So the most that a request can meet is one decode that had begun before it came, on a
thread to which the operating system gives a tenth of a core beside busy ones.
"""

import asyncio
import logging
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from renderers.errors import SourceError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_log = logging.getLogger(__name__)

#: Pieces that wait, and bytes they may hold: JPEG 2000 tiles of about 1 MB, so two pictures of
#: three bands where four tiles meet. The oldest is dropped first: its neighbours were not asked for
#: while many others were.
MAX_WAITING = 24
MAX_BYTES = 32 * 1024 * 1024
#: Niceness of the thread. Unprivileged processes can lower a priority but never raise it again.
_NICENESS = 10


@dataclass(frozen=True, slots=True)
class _Piece(Generic[V]):
    """Something to do; `size` is the bytes it holds while it waits."""

    work: Callable[[], V]
    size: int


def yield_to_others() -> None:
    """Give the calling thread the priority of work that nobody waits for."""
    if sys.platform == "linux":  # elsewhere this would slow down the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Background(Generic[K, V]):
    """Runs pieces of work by key, newest first, on one quiet thread. For one event loop."""

    def __init__(self, idle: Callable[[], bool], done: Callable[[K, V], None]) -> None:
        """Begin with nothing to do.

        Args:
            idle: Tells whether a piece may be begun now.
            done: Called on the event loop with each result.
        """
        self._idle = idle
        self._done = done
        self._waiting: OrderedDict[K, _Piece[V]] = OrderedDict()
        self._running: tuple[K, asyncio.Future[V]] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False
        self.finished = 0
        self.dropped = 0

    def put(self, key: K, work: Callable[[], V], size: int) -> None:
        """Do something later, or never.

        Args:
            key: A piece that waits under the same key is replaced.
            work: Runs in a thread; a `SourceError` is logged and forgotten, as whoever needs the
                result will meet it too.
            size: Bytes that `work` holds.
        """
        self._waiting.pop(key, None)
        self._waiting[key] = _Piece(work, size)
        while len(self._waiting) > MAX_WAITING or self._held > MAX_BYTES:
            self._waiting.popitem(last=False)
            self.dropped += 1
        self.kick()

    def has(self, key: K) -> bool:
        """Tell whether a piece waits or runs."""
        return key in self._waiting or (self._running is not None and self._running[0] == key)

    def take(self, key: K, pool: Executor) -> "asyncio.Future[V] | None":
        """Return the result of a piece that is needed now, None where there is no such piece.

        A piece that waits is run in `pool` at once, one that runs is only waited for.
        """
        if self._running is not None and self._running[0] == key:
            return asyncio.shield(self._running[1])
        piece = self._waiting.pop(key, None)
        if piece is None:
            return None
        return asyncio.get_running_loop().run_in_executor(pool, piece.work)

    def kick(self) -> None:
        """Begin the newest piece if nothing runs and others are idle."""
        if self._closed or self._running is not None or not self._waiting or not self._idle():
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "background", yield_to_others)
        loop = asyncio.get_running_loop()
        key, piece = self._waiting.popitem()
        future: asyncio.Future[V] = loop.create_future()
        self._running = key, future
        job = self._thread.submit(piece.work)

        def finished(ended: "Future[V]") -> None:
            try:
                loop.call_soon_threadsafe(self._finish, key, future, ended)
            except RuntimeError:  # the loop was closed meanwhile: nobody is there any more
                _log.debug("a background result came too late")

        job.add_done_callback(finished)

    def close(self) -> None:
        """Forget what waits, wait for what runs, and begin nothing more."""
        self._closed = True
        self._waiting.clear()
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)

    def stats(self) -> dict[str, int]:
        """Return `waiting`, `bytes`, `finished` and `dropped`."""
        return {
            "waiting": len(self._waiting),
            "bytes": self._held,
            "finished": self.finished,
            "dropped": self.dropped,
        }

    @property
    def _held(self) -> int:
        return sum(piece.size for piece in self._waiting.values())

    def _finish(self, key: K, future: "asyncio.Future[V]", ended: "Future[V]") -> None:
        self._running = None
        error = None if ended.cancelled() else ended.exception()
        if ended.cancelled():
            future.cancel()
        elif error is None:
            self.finished += 1
            self._done(key, ended.result())
            future.set_result(ended.result())
        else:
            future.set_exception(error)
            future.exception()  # retrieved, so that it is not warned about
            level = logging.INFO if isinstance(error, SourceError) else logging.ERROR
            _log.log(level, "background work failed: %s", error)
        self.kick()
