"""Work that nobody waits for: when it is done, when not, and who may take it over."""

import asyncio
import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from renderers.background import MAX_BYTES, MAX_WAITING, Background
from renderers.errors import SourceCorruptError


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as threads:
        yield threads


class Harness:
    """A background whose idleness is set by the test."""

    def __init__(self) -> None:
        self.idle = True
        self.results: dict[str, object] = {}
        self.background = Background(lambda: self.idle, self.results.__setitem__)

    async def until(self, key: str) -> object:
        async with asyncio.timeout(5):
            while key not in self.results:
                await asyncio.sleep(0.001)
        return self.results[key]


@pytest.fixture
def harness():
    made = Harness()
    yield made
    made.background.close()


async def test_work_waits_until_others_are_idle(harness) -> None:
    harness.idle = False
    harness.background.put("a", lambda: 1, 10)
    await asyncio.sleep(0.01)
    assert harness.results == {}
    assert harness.background.has("a")
    assert harness.background.stats()["bytes"] == 10
    harness.idle = True
    harness.background.kick()
    assert await harness.until("a") == 1
    assert not harness.background.has("a")
    assert harness.background.stats() == {"waiting": 0, "bytes": 0, "finished": 1, "dropped": 0}


async def test_newest_first_and_the_oldest_is_dropped(harness) -> None:
    harness.idle = False
    order = []
    for number in range(MAX_WAITING + 2):
        harness.background.put(str(number), lambda n=number: order.append(n), 1)
    assert not harness.background.has("1")
    assert harness.background.has("2")
    assert harness.background.stats()["dropped"] == 2
    harness.idle = True
    harness.background.kick()
    await harness.until("2")
    assert order == list(range(MAX_WAITING + 1, 1, -1))


async def test_bytes_that_wait_are_bounded(harness) -> None:
    harness.idle = False
    harness.background.put("a", int, MAX_BYTES // 2)
    harness.background.put("b", int, MAX_BYTES // 2)
    harness.background.put("c", int, 1)
    assert [harness.background.has(key) for key in "abc"] == [False, True, True]
    harness.background.put("d", int, MAX_BYTES + 1)
    assert harness.background.stats()["waiting"] == 0


async def test_what_waits_can_be_taken_and_runs_at_once(harness, pool) -> None:
    harness.idle = False
    harness.background.put("a", threading.current_thread, 1)
    thread = await harness.background.take("a", pool)
    assert not thread.name.startswith("background")
    assert harness.background.take("a", pool) is None
    assert harness.results == {}


async def test_what_runs_is_waited_for_and_survives_who_goes_away(harness, pool) -> None:
    go = threading.Event()

    def work() -> int:
        assert go.wait(5)
        return 7

    harness.background.put("a", work, 1)
    first, second = (asyncio.ensure_future(harness.background.take("a", pool)) for _ in "12")
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == 7
    assert harness.results == {"a": 7}


async def test_failures_are_told_to_who_waits_and_stop_nothing(harness, pool, caplog) -> None:
    go = threading.Event()

    def broken() -> int:
        assert go.wait(5)
        raise SourceCorruptError("no pixels here")

    harness.background.put("a", broken, 1)
    taken = harness.background.take("a", pool)
    harness.background.put("b", lambda: 2, 1)
    with caplog.at_level("INFO", "renderers.background"):
        go.set()
        with pytest.raises(SourceCorruptError):
            await taken
        assert await harness.until("b") == 2
    assert "no pixels here" in caplog.text
    assert "a" not in harness.results


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
async def test_its_thread_yields_to_others(harness) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    harness.background.put("a", niceness, 1)
    assert await harness.until("a") == min(niceness() + 10, 19) or niceness() >= 10
    assert harness.results["a"] > niceness() or niceness() == 19


async def test_nothing_begins_after_the_end(harness) -> None:
    harness.background.close()
    harness.background.put("a", lambda: 1, 1)
    await asyncio.sleep(0.01)
    assert harness.results == {}


def test_a_loop_that_ended_is_no_error() -> None:
    background = Background(lambda: True, lambda key, value: None)
    go = threading.Event()

    async def begin() -> None:
        background.put("a", lambda: go.wait(5), 1)

    asyncio.run(begin())
    with contextlib.suppress(RuntimeError):
        go.set()
    background.close()
    assert background.finished == 0
