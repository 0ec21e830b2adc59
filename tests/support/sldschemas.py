"""The published schemas of SLD and SE, which libxml2 cannot load: GML's include one another."""

import functools
import os
from pathlib import Path

import pytest
import xmlschema

_MIRROR = Path(
    os.environ.get("TILESERVER_TEST_DATA_ROOT", Path(__file__).resolve().parents[3] / "shared")
) / "schemas"  # fmt: skip


def _offline(uri: str) -> str:
    for scheme in ("http://", "https://"):
        if uri.startswith(scheme):
            return (_MIRROR / uri.removeprefix(scheme)).as_uri()
    return uri


@functools.cache
def _schema(path: str) -> xmlschema.XMLSchema:
    if not _MIRROR.is_dir():
        pytest.skip("OGC schemas are absent: set TILESERVER_TEST_DATA_ROOT to their folder")
    # Lax: a type of GML 3.1.1 that no descriptor uses is an illegal restriction of another.
    address = f"http://schemas.opengis.net/{path}"
    return xmlschema.XMLSchema(address, uri_mapper=_offline, allow="local", validation="lax")


def faults(path: str, document: str | bytes) -> list[str]:
    """What is wrong with a document by a schema, such as `sld/1.0.0/StyledLayerDescriptor.xsd`."""
    text = document.decode() if isinstance(document, bytes) else document
    return [str(error.reason) for error in _schema(path).iter_errors(text)]
