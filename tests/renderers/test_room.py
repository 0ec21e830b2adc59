"""Memory that is used again: never by two at once, and never more of it kept than told."""

import gc
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.room import SMALLEST, Room, size_class

SHAPE = (512, 512)
BYTES = 2 * 512 * 512


def place(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


@given(st.integers(SMALLEST, 1 << 36))
def test_a_class_holds_its_sizes_with_at_most_a_quarter_more(size) -> None:
    assert size <= size_class(size) <= size * 1.25
    assert size_class(size_class(size)) == size_class(size)


@pytest.mark.parametrize("size", [512 * 512, 512 * 512 * 2, 512 * 512 * 3, 1024 * 1024 * 2])
def test_the_sizes_of_usual_blocks_are_classes(size) -> None:
    assert size_class(size) == size


def test_arrays_are_as_asked() -> None:
    room = Room()
    array = room.empty((3, 400, 300), np.float32)
    assert (array.shape, array.dtype) == ((3, 400, 300), np.float32)
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.flags.aligned
    assert (room.full(SHAPE, -1, np.int16) == -1).all()
    source = np.arange(BYTES, dtype=np.uint8).reshape(1024, -1)[:, ::2]
    np.testing.assert_array_equal(room.copied(source), source)
    assert room.copied(source, np.float64).dtype == np.float64


def test_small_arrays_leave_it_alone() -> None:
    room = Room()
    array = room.empty((10,), np.uint8)
    del array
    assert room.waiting == 0


def test_memory_is_used_again() -> None:
    room = Room()
    array = room.empty(SHAPE, np.uint16)
    first = place(array)
    del array
    assert room.waiting == BYTES
    again = room.empty((1024, 512), np.uint8)
    assert place(again) == first
    assert room.waiting == 0


def test_memory_that_a_view_shows_is_not_lent_again() -> None:
    room = Room()
    array = room.empty(SHAPE, np.uint16)
    array[:] = 7
    views = [array[3:, ::2], array.view(np.uint8)[5], array.reshape(-1)[4:].T, memoryview(array)]
    del array
    others = []
    while views:
        assert room.waiting == 0
        others.append(room.full(SHAPE, 9, np.uint16))
        assert np.asarray(views.pop()).ravel()[0] == 7
    gc.collect()
    assert room.waiting == BYTES


def test_no_more_is_kept_than_told() -> None:
    room = Room(3 * BYTES)
    arrays = [room.empty(SHAPE, np.uint16) for _ in range(5)] + [room.empty(SHAPE, np.float64)]
    del arrays
    gc.collect()
    assert room.waiting == 3 * BYTES


def test_what_comes_back_while_the_room_is_locked_is_not_lost() -> None:
    room = Room()
    array = room.empty(SHAPE, np.uint16)
    with room._lock:  # a destructor may run in the thread that holds it
        del array
    assert room.waiting == BYTES


def test_threads_never_share_memory() -> None:
    room = Room(4 * BYTES)
    wrong = []

    def work(number: int) -> None:
        random = np.random.default_rng(number)
        held: list[np.ndarray] = []
        for _ in range(300):
            array = room.empty(SHAPE, np.uint16)
            array[:] = number
            held.append(array)
            if len(held) > random.integers(4):
                oldest = held.pop(0)
                if not (oldest == number).all():
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    gc.collect()
    assert 0 < room.waiting <= 4 * BYTES
