"""Several things at once, of which none outlives the others' failure."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(*work: Awaitable[T]) -> list[T]:
    """Return all results in order; the first error, or being cancelled, cancels the rest.

    `asyncio.gather` leaves the rest running after an error: a request that was answered with it
    would go on reading and decoding outside of every limit.

    Args:
        work: Coroutines or futures.

    Raises:
        Exception: The first error as it is, once all others have ended.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        _cancel(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        # A task holds its error, which holds this frame and with it all that the work had in hand.
        tasks.clear()


def _cancel(tasks: Iterable[asyncio.Future[T]]) -> None:
    for task in tasks:
        task.cancel()
