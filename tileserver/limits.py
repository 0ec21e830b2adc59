"""How much one request and all requests together may cost."""

import asyncio
import os

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


#: From this many pixels on a picture is a large one: a screen's tile is far below, a map of a
#: whole screen above.
LARGE_PIXELS = 1024 * 1024


class Admission:
    """A bounded queue in front of the renderer: past it, requests are refused at once.

    Large pictures take up to 1 GB while they are drawn and hold a core for seconds, so that only a
    quarter of the places are for them: one per core.
    """

    def __init__(self, running: int, queue: int) -> None:
        self._gate = asyncio.Semaphore(running)
        self._large = asyncio.Semaphore(max(running // 4, 1))
        self._limit = running + queue
        self.inside = 0
        self.refused = 0

    def admit(self, pixels: int = 0) -> "Place":
        """Return a place to be entered with `async with`, which waits for it.

        Args:
            pixels: Of the picture.

        Raises:
            OverloadedError: On entering, where the queue is full.
        """
        # The large ones' gate first: one that waits for its turn keeps no small one out.
        gates = (self._large, self._gate) if pixels >= LARGE_PIXELS else (self._gate,)
        return Place(self, gates)

    def enter(self) -> None:
        """Count one more inside.

        Raises:
            OverloadedError: The queue is full.
        """
        if self.inside >= self._limit:
            self.refused += 1
            raise OverloadedError("too many pictures are waiting to be drawn; try again soon")
        self.inside += 1


class Place:
    """One place behind the queue, of `Admission.admit`."""

    __slots__ = ("_admission", "_gates", "_passed")

    def __init__(self, admission: Admission, gates: tuple[asyncio.Semaphore, ...]) -> None:
        self._admission = admission
        self._gates = gates
        self._passed = 0

    async def __aenter__(self) -> None:
        """Wait for the place.

        Raises:
            OverloadedError: The queue is full.
        """
        self._admission.enter()
        try:
            for gate in self._gates:
                await gate.acquire()
                self._passed += 1
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give the place up."""
        self._leave()

    def _leave(self) -> None:
        for gate in self._gates[: self._passed]:
            gate.release()
        self._admission.inside -= 1
