"""Clients that go away before their answer: what is done for them alone ends too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

#: Seconds before the connection is watched: ready tiles are answered long before, for free.
PATIENCE = 0.05


class ClientGoneError(Exception):
    """The client has closed the connection; there is nobody to answer."""


@asynccontextmanager
async def while_client_waits(request: Request) -> AsyncIterator[None]:
    """Cancel what runs inside when the client closes the connection.

    The server tells an application of it only when asked. A map that is panned gives up most of its
    tiles, and without this they held the queue until each was drawn (measured: 72 abandoned
    pictures kept everyone else out for minutes).

    Raises:
        ClientGoneError: It did.
    """
    task, watcher, gone = asyncio.current_task(), None, False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    timer = asyncio.get_running_loop().call_later(PATIENCE, begin)
    try:
        yield
    except asyncio.CancelledError as error:
        if not gone or task is None or task.uncancel() > 0:
            raise
        raise ClientGoneError from error
    finally:
        # Ending the watch here means that it cannot cancel the task once the work is done.
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
