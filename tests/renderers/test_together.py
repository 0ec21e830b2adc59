import asyncio

import pytest
from support.inhand import Hand, Large

from renderers.together import together


async def number(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_results_come_in_order():
    assert await together(number(3), number(1), number(2)) == [3, 1, 2]
    assert await together() == []


@pytest.mark.parametrize("how", ["error", "cancel"])
async def test_nothing_goes_on_after_a_failure(how):
    started, ended = asyncio.Event(), []

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async def broken() -> None:
        await started.wait()
        if how == "error":
            raise LookupError("gone")
        await asyncio.Event().wait()

    task = asyncio.ensure_future(together(forever(), broken()))
    await started.wait()
    if how == "cancel":
        task.cancel()
    with pytest.raises(LookupError if how == "error" else asyncio.CancelledError):
        await task
    assert ended == ["forever"]


async def test_what_failed_work_had_in_hand_goes_with_its_error():
    hand = Hand()

    async def broken() -> None:
        large = Large()
        hand.hold(large)
        await asyncio.sleep(0)
        raise LookupError("gone")

    await hand.is_empty_after(together(broken(), number(1)), LookupError)
