"""Reads style files: YAML with a list `styles` of definitions, see `styles.definition`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styles.definition import parse_definition
from styles.errors import DefinitionError, StyleError
from styles.inheritance import inherited
from styles.model import Style
from styles.yamltext import Lines, Where, line_of, read_yaml

#: Largest style file: far beyond any sensible one.
MAX_BYTES = 4 * 1024 * 1024


def load_file(
    path: Path, bases: Mapping[str, Style] | None = None, *, trusted: bool = False
) -> tuple[Style, ...]:
    """Read the styles of one file.

    Args:
        path: The file.
        bases: Styles that those of the file may extend, beside one another.
        trusted: It is a file of our own.

    Raises:
        StyleError: Not YAML, or a definition is wrong; the message has file, line and key.
        OSError: The file cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise StyleError(f"{path.name}: style files have at most {MAX_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StyleError(f"{path.name}: not a text in UTF-8") from error
    return load_text(text, path.name, bases, trusted=trusted)


def load_text(
    text: str, name: str, bases: Mapping[str, Style] | None = None, *, trusted: bool = False
) -> tuple[Style, ...]:
    """Read the styles of a YAML text; `name` stands for the file in messages.

    See `load_file` for the other arguments.

    Raises:
        StyleError: Not YAML, or a definition is wrong; the message has name, line and key.
    """
    document, lines = read_yaml(text, name, trusted=trusted)
    return _styles(document, lines, name, dict(bases or {}))


def _styles(document: Any, lines: Lines, name: str, bases: dict[str, Style]) -> tuple[Style, ...]:
    if not isinstance(document, dict) or set(document) != {"styles"}:
        raise StyleError(f"{name}, line 1: the only key is styles")
    if not isinstance(document["styles"], list):
        raise StyleError(f"{name}, line {lines['styles',]}: styles: must be a list")
    styles: dict[str, Style] = {}
    for index, definition in enumerate(document["styles"]):
        top: Where = ("styles", index)
        try:
            style = parse_definition(inherited(definition, bases))
        except DefinitionError as error:
            raise StyleError(
                f"{name}, line {line_of(lines, (*top, *error.path))}: {error}"
            ) from error
        if style.id in styles:
            raise StyleError(f"{name}, line {line_of(lines, top)}: the id {style.id} is used twice")
        styles[style.id] = bases[style.id] = style
    return tuple(styles.values())
