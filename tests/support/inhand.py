"""What work has in hand goes with its error, at once and not when garbage is collected."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable


class Large:
    """Stands for the pictures that work has in hand."""


class Hand:
    """Watches what work has in hand."""

    def __init__(self) -> None:
        self._held: list[weakref.ref[Large]] = []

    def hold(self, large: Large) -> None:
        """Watch something that the caller's frame holds."""
        self._held.append(weakref.ref(large))

    async def is_empty_after(self, work: Awaitable[object], error: type[Exception]) -> None:
        """Wait for work that fails after it took something in hand; nothing of it may be left."""
        gc.disable()  # a cycle of frames and errors would wait for it
        failed = True
        try:
            with contextlib.suppress(error):
                await work
                failed = False
            await asyncio.sleep(0)
            assert failed
            assert len(self._held) == 1
            assert self._held[0]() is None
        finally:
            gc.enable()
