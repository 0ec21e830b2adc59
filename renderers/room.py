"""Memory for pixels that is used again.

Memory fresh from the system costs a page fault for every 4 kB when it is first written: 3 us each
on a virtual machine, 0.4 ms for a block of 512 x 512 values of 16 bits, almost half its decoding.
Blocks come and go all the time in a few sizes, so what the last owner leaves is given to the next.
Every piece is a mapping of its own, so that none keeps another one's memory from going back.
"""

import math
import mmap
import sys
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Smaller arrays come from the C library, which has them at hand.
SMALLEST: Final = 128 * 1024
#: Most bytes that wait for a new owner.
KEPT: Final = 64 * 1024 * 1024
#: From here on the system may back a piece by pages of 2 MB.
_HUGE: Final = 2 * 1024 * 1024


def size_class(size: int) -> int:
    """Return the bytes of the piece that serves `size` bytes: at most a quarter more."""
    step = 1 << max(size - 1, 1).bit_length() - 3
    return -(-size // step) * step


class _Loan:
    """A piece of memory in use; arrays on it hold it, and with the last of them it goes back."""

    def __init__(self, room: "Room", piece: NDArray[np.uint8], size: int) -> None:
        self._room = room
        self._piece = piece
        self.__array_interface__ = {**piece.__array_interface__, "shape": (size,)}

    def __del__(self) -> None:
        self._room.give_back(self._piece)


class Room:
    """Lends arrays on memory that was used before, and keeps what comes back up to a bound."""

    def __init__(self, most: int = KEPT) -> None:
        """Begin with nothing.

        Args:
            most: Bytes that wait for a new owner.
        """
        self._most = most
        self._free: dict[int, list[NDArray[np.uint8]]] = {}
        self._bytes = 0
        # What comes back is put here first: a destructor may run at any moment, even in the thread
        # that holds the lock, and `SimpleQueue.put` is made for that.
        self._returned: SimpleQueue[NDArray[np.uint8]] = SimpleQueue()
        self._lock = Lock()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of undefined content, C-contiguous; see `numpy.empty`."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if size < SMALLEST:
            return np.empty(shape, kind)
        loan = _Loan(self, self._piece(size_class(size)), size)
        array: NDArray[Any] = np.asarray(loan).view(kind).reshape(shape)
        return array

    def full(self, shape: tuple[int, ...], value: Any, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array that holds one value; see `numpy.full`."""
        out = self.empty(shape, dtype)
        out.fill(value)
        return out

    def copied(self, array: NDArray[Any], dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return a C-contiguous copy, as another type where one is given."""
        out = self.empty(array.shape, array.dtype if dtype is None else dtype)
        np.copyto(out, array)
        return out

    def give_back(self, piece: NDArray[np.uint8]) -> None:
        """Take a piece that nobody uses any more. Called by destructors."""
        self._returned.put(piece)
        if self._lock.acquire(blocking=False):  # who holds it, or comes next, sorts it otherwise
            try:
                self._sort()
            finally:
                self._lock.release()

    @property
    def waiting(self) -> int:
        """Bytes that wait for a new owner."""
        with self._lock:
            self._sort()
            return self._bytes

    def _piece(self, size: int) -> NDArray[np.uint8]:
        with self._lock:
            self._sort()
            pieces = self._free.get(size)
            if pieces:
                self._bytes -= size
                return pieces.pop()
        return _mapped(size)

    def _sort(self) -> None:
        """Put what came back to its size, and let go what is too much, the largest first."""
        while True:
            try:
                piece = self._returned.get_nowait()
            except Empty:
                break
            self._free.setdefault(piece.size, []).append(piece)
            self._bytes += piece.size
        while self._bytes > self._most:
            largest = max(size for size, pieces in self._free.items() if pieces)
            self._free[largest].pop()
            self._bytes -= largest


def _mapped(size: int) -> NDArray[np.uint8]:
    if sys.platform == "win32":
        return np.frombuffer(mmap.mmap(-1, size), np.uint8)
    # Private: Python's default would share it with forked processes.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8)


_shared = Room()

#: Arrays on the memory of this process; see `Room`.
empty = _shared.empty
full = _shared.full
copied = _shared.copied
