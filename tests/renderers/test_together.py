import asyncio
import contextlib
import gc
import weakref

import pytest

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


class Large:
    """Stands for the pictures that work has in hand."""


async def test_what_failed_work_had_in_hand_goes_with_its_error():
    kept: list[weakref.ref[Large]] = []

    async def broken() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        await asyncio.sleep(0)
        raise LookupError("gone")

    gc.disable()  # a cycle of frames and errors would wait for it
    try:
        with contextlib.suppress(LookupError):
            await together(broken(), number(1))
        await asyncio.sleep(0)
        assert kept[0]() is None
    finally:
        gc.enable()
