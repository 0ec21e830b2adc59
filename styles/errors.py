"""Errors of styles and formulas."""


class StyleError(Exception):
    """A style definition or formula that cannot be used; the message says what and where.

    Attributes:
        position: Column (from 0) in the formula, or -1.
    """

    def __init__(self, message: str, *, position: int = -1) -> None:
        super().__init__(message)
        self.position = position
