"""Clients that go away before their answer: what is done for them alone ends too."""

import asyncio
from types import TracebackType
from typing import Protocol

from starlette.types import Receive

#: Seconds before the connection is watched: ready tiles are answered long before, for free.
PATIENCE = 0.05


class ClientGoneError(Exception):
    """The client has closed the connection; there is nobody to answer."""


class Caller(Protocol):
    """Whoever sent a request."""

    @property
    def receive(self) -> Receive:
        """What the server tells of the connection, when asked."""


class while_client_waits:
    """Cancel what runs inside when the client closes the connection.

    The server tells an application of it only when asked. A map that is panned gives up most of its
    tiles, and without this they held the queue until each was drawn (measured: 72 abandoned
    pictures kept everyone else out for minutes).

    Raises:
        ClientGoneError: It did.
    """

    __slots__ = ("_gone", "_receive", "_task", "_timer", "_watcher")

    def __init__(self, caller: Caller) -> None:
        self._receive = caller.receive
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    async def __aenter__(self) -> None:
        """Begin to watch after a while."""
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._begin)

    async def __aexit__(
        self, _: object, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """End the watch; it cannot cancel the task once the work is done."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        # Not kept beyond: a task holds its error, and that the frames that hold this.
        task, self._task = self._task, None
        if not self._gone or task is None or not isinstance(error, asyncio.CancelledError):
            return
        if task.uncancel() == 0:
            raise ClientGoneError from error

    def _begin(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()
