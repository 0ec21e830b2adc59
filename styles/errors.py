"""Errors of styles and formulas."""


class StyleError(Exception):
    """A style definition or formula that cannot be used; the message says what and where.

    Attributes:
        position: Column (from 0) in the formula, or -1.
    """

    def __init__(self, message: str, *, position: int = -1) -> None:
        super().__init__(message)
        self.position = position


class DefinitionError(StyleError):
    """A style definition that cannot be used.

    Attributes:
        path: Keys and list positions that lead to the fault, for example
            `("ramp", "stops", 2)`.
        reason: What is wrong there.
    """

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
        super().__init__(f"{where.lstrip('.')}: {reason}" if where else reason)
        self.path = path
        self.reason = reason
