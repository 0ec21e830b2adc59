"""What is done within a time, and what a mask says of an area."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.rule import ClassMask
from tileserver.errors import TimedOutError, TooLargeError
from tileserver.zones import box_zone
from tileserver.zonework import Question, _in_time, cloudiness, series

FIELD = Question("field", box_zone((1, 2, 3, 4)))


async def test_what_is_done_in_time_is_kept_in_order():
    never = asyncio.Event()
    ended = []

    async def work(number: int) -> int:
        if number == 7:
            try:
                await never.wait()
            finally:
                ended.append(number)
        return number * number

    assert await _in_time(range(20), work, 0.2) == [0, 1, 4, 9, 16, 25]
    assert ended == [7], "what was cut off does not go on"


async def test_a_day_that_runs_out_of_its_own_time_ends_the_series():
    async def work(number: int) -> int:
        if number == 4:
            raise TimedOutError("too long")
        return number

    assert await _in_time(range(9), work, 60.0) == [0, 1, 2]


async def test_other_errors_are_not_swallowed():
    async def work(number: int) -> int:
        raise TooLargeError(str(number))

    with pytest.raises(TooLargeError):
        await _in_time(range(9), work, 60.0)


@pytest.mark.parametrize("limit", [0, -1, 367])
async def test_days_are_bounded_before_anything_is_asked(limit):
    with pytest.raises(TooLargeError):
        await series(None, FIELD, None, limit, 1.0)


@given(
    codes=st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 4)), min_size=1),
    classes=st.frozensets(st.integers(0, 20), min_size=1),
    bits=st.frozensets(st.integers(0, 4)),
)
def test_clouds_are_what_the_mask_leaves_out(codes, classes, bits):
    """Beside a count pixel by pixel."""
    mask = ClassMask("mask", tuple(classes), tuple(bits))
    values, valid, weights = (np.array(column) for column in zip(*codes, strict=True))
    found = cloudiness(values.astype(np.uint8), valid, weights / 4.0, mask)
    seen = sum(w for _, v, w in codes if v)
    out = sum(w for c, v, w in codes if v and (c in classes or any(c >> b & 1 for b in bits)))
    if not seen:
        assert found.cover is None
        assert found.seen == 0.0
        return
    assert found.cover == pytest.approx(100.0 * out / seen)
    assert found.seen == pytest.approx(seen / weights.sum())
