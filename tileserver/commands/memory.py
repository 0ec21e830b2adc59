"""How this process and its workers take memory from the system."""

import ctypes
import logging
import os
import platform

_log = logging.getLogger(__name__)

#: glibc's `mallopt(3)`: parameter, the variable that sets the same, value. Each thread that decodes
#: or draws otherwise fills an arena of its own, and blocks of half a megabyte and more lie in them
#: beside small objects, which keep the space of a freed block from going back.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_CHOICES = (
    (_ARENA_MAX, "MALLOC_ARENA_MAX", 2),
    # Set, it no longer grows with each large block that is freed (to 32 MB), which is how blocks
    # come to lie in arenas.
    (_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 256 * 1024),
    (_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 16 * 1024 * 1024),
)


def give_back_memory() -> list[str]:
    """Have freed blocks go back to the system, in this process and those it starts.

    Variables of glibc that are set already are left alone. Does nothing with another C library.

    Returns:
        The variables whose values were chosen here.
    """
    if platform.libc_ver()[0] != "glibc":
        return []
    mallopt = ctypes.CDLL(None).mallopt
    chosen = []
    for parameter, variable, value in _CHOICES:
        if variable in os.environ:
            continue
        if mallopt(parameter, value) != 1:
            _log.warning("glibc does not take %s=%d", variable, value)
            continue
        os.environ[variable] = str(value)
        chosen.append(variable)
    return chosen
