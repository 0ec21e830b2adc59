import asyncio
from contextlib import AsyncExitStack

import pytest

from tileserver.errors import OverloadedError
from tileserver.limits import LARGE_PIXELS, Admission


class Guests:
    """Pictures that hold their place until they are let go."""

    def __init__(self, admission: Admission) -> None:
        self.admission, self.go, self.drawn = admission, asyncio.Event(), []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, name: str, pixels: int) -> None:
        async def draw() -> None:
            async with self.admission.admit(pixels):
                self.drawn.append(name)
                await self.go.wait()

        self.tasks.append(asyncio.ensure_future(draw()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_large_pictures_leave_most_places_to_small_ones():
    guests = Guests(Admission(4, 4))
    for name in ("large 1", "large 2", "large 3"):
        await guests.come(name, LARGE_PIXELS)
    for name in ("small 1", "small 2", "small 3"):
        await guests.come(name, LARGE_PIXELS - 1)
    assert guests.drawn == ["large 1", "small 1", "small 2", "small 3"]
    guests.go.set()
    await asyncio.gather(*guests.tasks)
    assert set(guests.drawn) >= {"large 2", "large 3"}
    assert guests.admission.inside == 0


async def test_past_the_queue_requests_are_refused_at_once():
    admission = Admission(1, 2)
    guests = Guests(admission)
    for number in range(3):
        await guests.come(str(number), 1)
    with pytest.raises(OverloadedError):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(admission.admit(1))
    assert (admission.inside, admission.refused) == (3, 1)
    guests.go.set()
    await asyncio.gather(*guests.tasks)


@pytest.mark.parametrize("pixels", [1, LARGE_PIXELS])
async def test_who_gives_up_waiting_leaves_no_trace(pixels):
    admission = Admission(1, 2)
    guests = Guests(admission)
    for number in range(3):
        await guests.come(str(number), pixels)
    for task in guests.tasks:
        task.cancel()
    await asyncio.gather(*guests.tasks, return_exceptions=True)
    assert admission.inside == 0
    async with asyncio.timeout(5), admission.admit(pixels):
        assert admission.inside == 1
