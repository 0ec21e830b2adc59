"""Indexes that are completed after the first answer, see `Reader.open`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from cache.memory import SizedLru
from renderers.errors import SourceError, SourceUnavailableError
from renderers.partial import ReadableFile
from renderers.readers.base import RasterIndex

F = TypeVar("F", bound=ReadableFile)

_log = logging.getLogger(__name__)

#: Files completed at the same time: each reads by a few small requests at once, for seconds.
AT_ONCE = 2
#: Files remembered for being of another kind than their beginning says.
_REFUSED = 1000


class Completions(Generic[F]):
    """Completes the indexes of open files, each once. For one event loop."""

    def __init__(self, done: Callable[[F, RasterIndex | None], Awaitable[F | None]]) -> None:
        """Begin with nothing to do.

        Args:
            done: Called with a file and its complete index, None where there is none; returns the
                file that takes its place.
        """
        self._done = done
        self._tasks: dict[RasterIndex, asyncio.Task[None]] = {}
        self._then: WeakKeyDictionary[RasterIndex, dict[Hashable, Callable[[F], None]]]
        self._then = WeakKeyDictionary()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._refused: SizedLru[Hashable, bool] = SizedLru(_REFUSED, lambda _: 1)

    def refused(self, key: Hashable) -> bool:
        """Tell whether a file (by its key) is to be opened with a complete index only."""
        return self._refused.get(key) is not None

    def start(self, file: F) -> None:
        """Begin to complete the index of a file, if nobody has."""
        index = file.index
        if index.complete or index in self._tasks or self.refused(file.key):
            return
        task = asyncio.ensure_future(self._complete(file))
        self._tasks[index] = task
        task.add_done_callback(lambda _: self._tasks.pop(index, None))

    def then(self, file: F, name: Hashable, call: Callable[[F], None]) -> None:
        """Have `call` called with the file once its index is complete; never where that fails.

        Args:
            file: The file; one that is complete is passed on at once.
            name: Of who asks; it replaces a call that waits under the same name.
            call: What to do.
        """
        if file.index.complete:
            call(file)
        else:
            self._then.setdefault(file.index, {})[name] = call

    async def refuse(self, file: F, error: SourceError) -> None:
        """Note that a file is not what its beginning says; everything known of it is dropped."""
        _log.warning("the index of a file could not be completed: %s (%s)", error, error.detail)
        self._refused.set(file.key, True)
        self._then.pop(file.index, None)
        await self._done(file, None)

    async def settled(self) -> None:
        """Wait for all that is being completed."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """Cancel what is being completed."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _complete(self, file: F) -> None:
        try:
            async with self._turn:
                index = await file.reader.complete(file.source, file.index)
            new = await self._done(file, index)
            if new is not None:
                for call in self._then.pop(file.index, {}).values():
                    call(new)
        except SourceUnavailableError as error:
            _log.info("an index is completed later: %s (%s)", error, error.detail)
        except SourceError as error:
            await self.refuse(file, error)
        except Exception:
            _log.exception("completing an index failed")
