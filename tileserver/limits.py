"""How much one request and all requests together may cost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from renderers.job import Budget
from tileserver.errors import OverloadedError
from tileserver.settings import Settings


def budget(settings: Settings) -> Budget:
    """Return what one request may cost."""
    return Budget(
        pixels=settings.max_width * settings.max_height,
        source_pixels=settings.max_source_pixels,
        blocks=settings.max_blocks,
        scenes=settings.max_scenes,
        seconds=settings.max_seconds,
    )


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Admission:
    """A bounded queue in front of the renderer: past it, requests are refused at once."""

    def __init__(self, running: int, queue: int) -> None:
        self._gate = asyncio.Semaphore(running)
        self._limit = running + queue
        self.inside = 0
        self.refused = 0

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait for a place.

        Raises:
            OverloadedError: The queue is full.
        """
        if self.inside >= self._limit:
            self.refused += 1
            raise OverloadedError("too many pictures are waiting to be drawn; try again soon")
        self.inside += 1
        try:
            async with self._gate:
                yield
        finally:
            self.inside -= 1
