import asyncio

import pytest
from support.inhand import Hand, Large

from cache.singleflight import SingleFlight


async def test_callers_at_the_same_time_share_one_computation():
    calls = 0
    gate = asyncio.Event()

    async def compute():
        nonlocal calls
        calls += 1
        await gate.wait()
        return calls

    flight = SingleFlight[str, int]()
    tasks = [asyncio.create_task(flight.run("k", compute)) for _ in range(10)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == [1] * 10
    assert len(flight) == 0
    assert await flight.run("k", compute) == 2


async def test_a_caller_that_leaves_does_not_take_the_result_from_the_others():
    gate = asyncio.Event()

    async def compute():
        await gate.wait()
        return "done"

    flight = SingleFlight[str, str]()
    first = asyncio.create_task(flight.run("k", compute))
    second = asyncio.create_task(flight.run("k", compute))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert await second == "done"


async def test_when_the_last_caller_leaves_the_computation_is_cancelled():
    cancelled = asyncio.Event()

    async def compute():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    flight = SingleFlight[str, None]()
    only = asyncio.create_task(flight.run("k", compute))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    await asyncio.wait_for(cancelled.wait(), 5)
    assert len(flight) == 0


async def test_an_error_reaches_every_caller_and_is_not_kept():
    outcomes = iter([ValueError("bad"), "good"])

    async def compute():
        await asyncio.sleep(0)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    flight = SingleFlight[str, str]()
    results = await asyncio.gather(
        flight.run("k", compute), flight.run("k", compute), return_exceptions=True
    )
    assert [str(r) for r in results] == ["bad", "bad"]
    assert await flight.run("k", compute) == "good"


async def test_what_a_failed_computation_had_in_hand_goes_with_its_error():
    flights: SingleFlight[str, int] = SingleFlight()
    hand = Hand()

    async def broken() -> int:
        large = Large()
        hand.hold(large)
        await asyncio.sleep(0)
        raise LookupError("gone")

    await hand.is_empty_after(flights.run("a", broken), LookupError)
