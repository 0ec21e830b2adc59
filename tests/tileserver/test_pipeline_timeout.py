import asyncio
import contextlib
import gc
import weakref

from cache.singleflight import SingleFlight
from tileserver.errors import TimedOutError
from tileserver.pipeline import _timed


class Large:
    """Stands for a half-drawn picture."""


async def test_what_a_timed_out_picture_had_in_hand_goes_with_its_error():
    flights: SingleFlight[str, None] = SingleFlight()
    kept: list[weakref.ref[Large]] = []

    async def slow() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        await asyncio.Event().wait()

    async def drawing() -> None:
        with _timed():
            async with asyncio.timeout(0.01):
                await slow()

    gc.disable()  # a cycle of frames and errors would wait for it
    try:
        with contextlib.suppress(TimedOutError):
            await flights.run("a", drawing)
        await asyncio.sleep(0)
        assert kept[0]() is None
    finally:
        gc.enable()
