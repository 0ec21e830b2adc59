"""Looks at settings, stores, drivers and versions, and says what is wrong and what to do."""

import asyncio
import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import rasterio

from renderers.errors import SourceError
from renderers.kernels.options import cache_root
from tileserver.catalogue.base import Catalogue
from tileserver.limits import cores
from tileserver.services import open_stores, open_tools
from tileserver.settings import Settings
from tileserver.web.page import PAGE_DIR

_PACKAGES = ("numba", "numpy", "pyproj", "obstore", "imagecodecs", "rasterio", "fastapi", "uvicorn")

#: GDAL drivers that the fallback reader uses.
_DRIVERS = ("GTiff", "JP2OpenJPEG", "PNG", "JPEG")

#: Codecs of imagecodecs without which whole families of files cannot be read.
_CODECS = ("JPEG2K", "DEFLATE", "LZW", "ZSTD", "WEBP", "LERC", "PACKBITS")

_SHORT_TOKEN = 16


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        state: `ok`, `warning` or `wrong`.
        what: What was looked at.
        text: What was found, and what to do.
    """

    state: str
    what: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Return findings, the most basic first."""
    return [
        *_versions(),
        *_codecs(),
        *_folders(settings),
        *_catalogue(settings),
        *asyncio.run(_stores(settings)),
        *_safety(settings),
        _page(),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()}, {cores()} cores")
    for package in _PACKAGES:
        try:
            yield Finding("ok", package, version(package))
        except PackageNotFoundError:
            yield Finding("wrong", package, "not installed; install tileserver anew")


def _codecs() -> Iterator[Finding]:
    with rasterio.Env() as env:
        drivers = env.drivers()
    missing = [name for name in _DRIVERS if name not in drivers]
    text = f"GDAL {rasterio.__gdal_version__}"
    if missing:
        yield Finding("wrong", "gdal", f"{text} lacks the drivers {', '.join(missing)}")
    else:
        yield Finding("ok", "gdal", text)
    absent = [c for c in _CODECS if not getattr(imagecodecs, c).available]
    if absent:
        yield Finding("wrong", "codecs", f"imagecodecs lacks {', '.join(absent)}")
    else:
        yield Finding("ok", "codecs", ", ".join(c.lower() for c in _CODECS))


def _folders(settings: Settings) -> Iterator[Finding]:
    for what, folder in (
        ("data_dir", settings.data_dir),
        ("cache_dir", settings.cache_dir),
        ("kernel cache", cache_root()),
    ):
        if _writable(folder):
            yield Finding("ok", what, str(folder))
        else:
            state = "wrong" if what == "data_dir" else "warning"
            yield Finding(state, what, f"{folder} cannot be written by this user")
    for root in settings.file_roots:
        if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
            yield Finding("ok", "file_roots", str(root))
        else:
            yield Finding("wrong", "file_roots", f"{root} is no folder that this user can read")


def _writable(folder: Path) -> bool:
    """Tell whether a folder, or the nearest one above that exists, can be written."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _catalogue(settings: Settings) -> Iterator[Finding]:
    if not _writable(settings.data_dir):
        return
    try:
        tools = open_tools(settings)
    except Exception as error:
        yield Finding("wrong", "catalogue", f"{type(error).__name__}: {error}")
        return
    try:
        collections = asyncio.run(_collections(tools.catalogue))
    finally:
        tools.catalogue.close()
    if collections:
        yield Finding(
            "ok", "catalogue", f"{len(collections)} collections: {', '.join(collections)}"
        )
    else:
        yield Finding("warning", "catalogue", "empty; add products with `tileserver catalogue add`")


async def _stores(settings: Settings) -> list[Finding]:
    stores, findings = open_stores(settings), []
    for store in settings.stores:
        access = "anonymous" if store.anonymous else "keys" if store.access_key_id else "default"
        try:
            ref = stores.resolve(store.prefix.rstrip("/") + "/doctor-probe")
            await stores.open(ref).head()
        except SourceError as error:
            findings.append(_probe(store.prefix, access, error))
        else:
            findings.append(Finding("ok", "store", f"{store.prefix} answers ({access})"))
    return findings


def _probe(prefix: str, access: str, error: SourceError) -> Finding:
    """Tell what an error for an object that need not exist says of the store."""
    name = type(error).__name__
    if name == "SourceMissingError":
        return Finding("ok", "store", f"{prefix} answers ({access})")
    if name == "SourceForbiddenError":
        text = f"{prefix} refuses the access ({access}); some stores also say so of missing objects"
        return Finding("warning", "store", text)
    return Finding("wrong", "store", f"{prefix} does not answer: {error}")


def _safety(settings: Settings) -> Iterator[Finding]:
    token = settings.admin_token
    if token is None:
        yield Finding("ok", "admin_token", "none: routes that write are off")
    elif len(token.get_secret_value()) < _SHORT_TOKEN:
        yield Finding("wrong", "admin_token", f"shorter than {_SHORT_TOKEN} characters")
    else:
        yield Finding("ok", "admin_token", "set")
    if settings.public_url is None and settings.host not in ("127.0.0.1", "localhost", "::1"):
        text = "not set: documents name the address each client used; set it behind a proxy"
        yield Finding("warning", "public_url", text)


def _page() -> Finding:
    if (PAGE_DIR / "index.html").is_file():
        return Finding("ok", "page", "built")
    return Finding("warning", "page", "not built; run scripts/serve or `npm run build` in frontend")


async def _collections(catalogue: Catalogue) -> list[str]:
    return [c.id for c in await catalogue.collections()]
