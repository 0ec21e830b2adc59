"""Errors of reading and drawing: no HTTP here, and messages never name a store, path or key."""


class RenderError(Exception):
    """Base of every error that drawing can raise on purpose."""


class BudgetExceededError(RenderError):
    """The job would cost more pixels, blocks, scenes or seconds than its budget allows."""


class SourceError(RenderError):
    """Base of errors of one source file; `detail` may name the object and is for logs only."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class SourceMissingError(SourceError):
    """The object does not exist."""


class SourceForbiddenError(SourceError):
    """The store refused the credential, or the location is outside the allowed ones."""


class SourceUnavailableError(SourceError):
    """The store did not answer, or not in time; trying again later may help."""


class SourceChangedError(SourceError):
    """The object is no longer the one that was indexed (its ETag changed)."""


class SourceCorruptError(SourceError):
    """The bytes are not what the format promises."""


class SourceUnsupportedError(SourceError):
    """The file is valid as far as we can see, but no reader here can decode it exactly."""
