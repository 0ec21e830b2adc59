"""The one place for Numba's options, and for the folder where compiled kernels are kept.

Compiling costs seconds and loading a compiled kernel costs milliseconds, so all kernels have
explicit signatures (they compile or load when their module is imported, never inside a request)
and are cached on disk. Numba's own cache notices a change of the kernel's file but not of a
constant or function that it takes from another file; therefore the cache folder's name holds a
digest of the sources of every kernel and of the op codes.
"""

import contextlib
import hashlib
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba.core import config as numba_config

from styles import opcodes

_log = logging.getLogger(__name__)

#: As text, or made of `numba.types` where an array must be allowed to be read-only.
Signature = str | numba.core.typing.templates.Signature
Function = TypeVar("Function", bound=Callable[..., Any])

#: No fast-math: contraction of multiply and add moves EVI by 1e5 ulp, and NaN must stay NaN.
#: `numpy` error model: division by zero gives inf or NaN instead of an exception.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "boundscheck": False,
}


def kernel(signatures: Signature | Sequence[Signature]) -> Callable[[Function], Function]:
    """Compile a function for exactly these signatures, without the GIL, cached on disk.

    Args:
        signatures: Numba signatures, for example `"void(float32[:,::1], uint8[::1])"`. Other
            argument types raise TypeError when called: nothing is ever compiled later.

    Returns:
        A decorator; the decorated function is ready to be called from any thread.
    """

    def decorate(function: Function) -> Function:
        with _cache_folder() as cached:
            return cast(Function, numba.njit(signatures, cache=cached, **_OPTIONS)(function))

    return decorate


def inlined(function: Function) -> Function:
    """Make a scalar helper that kernels call; it is compiled into each of them.

    It keeps no cache of its own: the digest of all sources covers it.
    """
    return cast(Function, numba.njit(**_OPTIONS)(function))


def sources_digest() -> str:
    """Return a digest of all that a compiled kernel depends on, 24 hexadecimal digits.

    The target CPU is not in it, as Numba's own index keys on that.
    """
    digest = hashlib.blake2b(digest_size=12)
    for version in (numba.__version__, np.__version__, platform.python_version()):
        digest.update(version.encode() + b"\0")
    for path in [*sorted(Path(__file__).parent.glob("*.py")), Path(opcodes.__file__)]:
        content = path.read_bytes()
        digest.update(f"{path.name}:{len(content)}\0".encode() + content)
    return digest.hexdigest()


def cache_root() -> Path:
    """Return the folder for compiled kernels: TILESERVER_CACHE_DIR, else the user's cache."""
    if own := os.environ.get("TILESERVER_CACHE_DIR"):
        return Path(own) / "kernels"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "tileserver" / "kernels"


def _prepare(root: Path) -> Path | None:
    """Make this version's folder below `root`; None, with a warning, where nothing can be kept."""
    folder = root / sources_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:
        _log.warning(
            "kernels are compiled at every start, as their cache folder cannot be written: %s",
            error,
        )
        return None


_folder: Path | None = _prepare(cache_root())
#: Typed as a plain module, as Numba fills in its settings when it is imported.
_config: Final[Any] = numba_config


@contextlib.contextmanager
def _cache_folder() -> Iterator[bool]:
    """Point Numba at our folder while one kernel is made, and leave other users of Numba alone."""
    if _folder is None:
        yield False
        return
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_folder)
    try:
        yield True
    finally:
        _config.CACHE_DIR = before
