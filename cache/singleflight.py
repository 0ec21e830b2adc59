"""One computation per key, however many ask at once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Shares the running computation of a key between all who ask for it meanwhile.

    The computation is a task of its own: a caller that goes away does not take it from the others;
    when the last caller goes away it is cancelled. An error reaches every caller; nothing is kept.
    """

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}
        self._waiting: dict[K, int] = {}

    def __len__(self) -> int:
        """Return how many computations are running."""
        return len(self._tasks)

    async def run(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """Return the result of `compute`, joining one already running for the key."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(self._call(compute))
            self._tasks[key] = task
            self._waiting[key] = 0
            task.add_done_callback(lambda done: self._forget(key, done))
        self._waiting[key] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._tasks.get(key) is task:
                self._waiting[key] -= 1
                if self._waiting[key] == 0 and not task.done():
                    # Nobody can be answered any more; a later caller begins anew.
                    self._forget(key, task)
                    task.cancel()
            # A task holds its error, which holds this frame: left to the garbage collector, all
            # that the computation had in hand stays for minutes (measured: 5 GB).
            del task

    @staticmethod
    async def _call(compute: Callable[[], Awaitable[V]]) -> V:
        return await compute()

    def _forget(self, key: K, task: "asyncio.Task[V]") -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key], self._waiting[key]
        if task.done() and not task.cancelled():
            task.exception()  # retrieved here, so that an abandoned error is not warned about
