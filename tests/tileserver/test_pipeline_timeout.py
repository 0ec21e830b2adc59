import asyncio

from support.inhand import Hand, Large

from cache.singleflight import SingleFlight
from tileserver.errors import TimedOutError
from tileserver.pipeline import _timed


async def test_what_a_timed_out_picture_had_in_hand_goes_with_its_error():
    flights: SingleFlight[str, None] = SingleFlight()
    hand = Hand()

    async def slow() -> None:
        large = Large()
        hand.hold(large)
        await asyncio.Event().wait()

    async def drawing() -> None:
        with _timed():
            async with asyncio.timeout(0.01):
                await slow()

    await hand.is_empty_after(flights.run("a", drawing), TimedOutError)
