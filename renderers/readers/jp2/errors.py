"""Errors that several parts of this reader raise."""

from renderers.errors import SourceCorruptError


def truncated() -> SourceCorruptError:
    """Return the error of a file that ends before its own headers say."""
    return SourceCorruptError("the JPEG 2000 file is truncated")


def corrupt(what: str) -> SourceCorruptError:
    """Return the error of headers that break the standard, naming which."""
    return SourceCorruptError(f"the JPEG 2000 file is damaged: {what}")
