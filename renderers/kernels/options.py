"""The one place for Numba's options, and for the folder where compiled kernels are kept.

Compiling costs seconds and loading a compiled kernel costs milliseconds, so all kernels have
explicit signatures (they compile or load when their module is imported, never inside a request)
and are cached on disk. Numba's own cache notices a change of the kernel's file but not of a
constant or function that it takes from another file; therefore each module of kernels has a cache
folder whose name holds a digest of its source and of all sources that it imports from here.
"""

import ast
import contextlib
import functools
import hashlib
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba.core import config as numba_config

_log = logging.getLogger(__name__)

#: As text, or made of `numba.types` where an array must be allowed to be read-only.
Signature = str | numba.core.typing.templates.Signature
#: Where our packages lie side by side.
_HOME: Final = Path(__file__).parents[2]
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
        with _cache_folder(function.__module__) as cached:
            return cast(Function, numba.njit(signatures, cache=cached, **_OPTIONS)(function))

    return decorate


def inlined(function: Function) -> Function:
    """Make a scalar helper that kernels call; it is compiled into each of them.

    It keeps no cache of its own: the digest of all sources covers it.
    """
    return cast(Function, numba.njit(**_OPTIONS)(function))


def sources_digest(module: str) -> str:
    """Return a digest of all that the compiled kernels of a module depend on, 24 hex digits.

    The target CPU is not in it, as Numba's own index keys on that.

    Args:
        module: Name of the module that holds the kernels.
    """
    digest = hashlib.blake2b(digest_size=12)
    for version in (numba.__version__, np.__version__, platform.python_version()):
        digest.update(version.encode() + b"\0")
    for name, content in sorted(_sources(module).items()):
        digest.update(f"{name}:{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(module: str) -> dict[str, bytes]:
    """Return the sources of a module and of those it imports from kernels and styles, by name."""
    found: dict[str, bytes] = {}
    open_names = [module, __name__]
    while open_names:
        name = open_names.pop()
        path = _file(name)
        if name not in found and path is not None:
            found[name] = path.read_bytes()
            open_names += [n for n in _imported(found[name]) if _ours(n)]
    return found


def _file(name: str) -> Path | None:
    """Return the source of a module; None for a name inside a module, or one without a file."""
    known = getattr(sys.modules.get(name), "__file__", None)
    path = Path(known or _HOME.joinpath(*name.split(".")).with_suffix(".py"))
    return path if path.is_file() else None


def _ours(name: str) -> bool:
    return name.startswith(("renderers.kernels.", "styles."))


def _imported(source: bytes) -> Iterator[str]:
    """Give the names that a source imports: modules, or members that may be modules."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cache_root() -> Path:
    """Return the folder for compiled kernels: TILESERVER_CACHE_DIR, else the user's cache."""
    if own := os.environ.get("TILESERVER_CACHE_DIR"):
        return Path(own) / "kernels"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "tileserver" / "kernels"


#: Seconds after which a folder that nothing has used is removed.
_KEPT = 30 * 86400.0


def _prepare(root: Path, module: str) -> Path | None:
    """Make a module's folder below `root`; None, with a warning, where nothing can be kept."""
    name = module.rpartition(".")[2]
    folder = root / f"{name}-{sources_digest(module)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        os.utime(folder)
        for other in root.glob(f"{name}-*"):
            if other.stat().st_mtime < time.time() - _KEPT:
                shutil.rmtree(other, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        _log.warning(
            "kernels are compiled at every start, as their cache folder cannot be written: %s",
            error,
        )
        return None
    return folder


@functools.cache
def _folder(module: str) -> Path | None:
    return _prepare(cache_root(), module)


#: Typed as a plain module, as Numba fills in its settings when it is imported.
_config: Final[Any] = numba_config


@contextlib.contextmanager
def _cache_folder(module: str) -> Iterator[bool]:
    """Point Numba at our folder while one kernel is made, and leave other users of Numba alone."""
    folder = _folder(module)
    if folder is None:
        yield False
        return
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        _config.CACHE_DIR = before
