"""Several things at once, of which none outlives the others' failure."""

import asyncio
from collections.abc import Awaitable
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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
