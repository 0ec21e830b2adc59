"""How this process and its workers take memory from the system."""

import ctypes
import logging
import os
import platform

_log = logging.getLogger(__name__)

#: glibc's `mallopt(3)`: parameter, the variable that sets the same, value. Decoded blocks have
#: memory of their own (`renderers.room`); what is left are buffers that live for one request: bytes
#: that were fetched, codecs' own, answers.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_CHOICES = (
    # Each thread that decodes or draws otherwise fills an arena of its own.
    (_ARENA_MAX, "MALLOC_ARENA_MAX", 2),
    # Smaller buffers are cut from memory that is there. From a mapping of its own each page of a
    # buffer is a fault when it is written, a third of a cold tile's time.
    (_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 16 * 1024 * 1024),
    (_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 32 * 1024 * 1024),
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
